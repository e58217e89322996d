"""The lifecycle of a local Cognito: its socket, its thread and its URLs."""

import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server, select_address_family

from .accounts.keys import KeyRing, TokenUse
from .accounts.pools import Pools
from .aws.account import AccessKey, Account
from .aws.administrator import administrator_key
from .aws.secrets_manager import OwnedSecrets
from .aws.services import Services
from .clock import unix_time
from .identity.identities import Identities
from .identity.operations import IdentityOperations
from .seeds.account_loading import identity_pools, load_account
from .seeds.loading import load_seed
from .seeds.reading import default_seed, read_seed
from .seeds.seed import Seed
from .self_service.mailbox import Mailbox
from .server import QuietHandler, make_app
from .urls import build_public_url, is_loopback_address, normalize_public_url
from .user_pool_service import IssuerForm, UserPoolService

LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05  # how soon a stop is noticed
_REMOTE = (
    "{host} is not a loopback address: every computer that reaches this port can read passwords and codes and "
    "administer the user pools. A container needs that, with its port published on 127.0.0.1 only: then allow it with "
    "--allow-remote (in Python: allow_remote=True)"
)


class Emulator:
    """A local Cognito. It listens on the loopback interface and runs in its own thread.

    `with Emulator(seed="pools.yaml") as emulator:` listens on a free port, or on `port` if it is given. `seed` is a
    file, a mapping of the same shape, or None for the default seed. The signing keys are lost when the process ends,
    unless `state_dir` is given. With `issuer="aws"` the tokens have the issuer of AWS; the JWKS is still served
    locally.

    Verification codes are delivered to `mailbox` (`messages()`, most recent first), which the page `/mailbox` shows,
    and to `console`, a function that takes a line, if it is given.

    `admin_credentials` is the access key (`.id`, `.secret`) of the administrator of S3, DynamoDB, Secrets Manager, STS
    and IAM. It comes from the seed, or is generated and stored like the signing keys.

    `host` is the address to listen on. An address that other computers reach, such as 0.0.0.0 in a container, needs
    `allow_remote=True`. `public_url` is the URL that browsers and programs use, if it is not that of the address:
    issuers and all other URLs contain it.

    Raises SeedError if the seed is invalid, OSError if the port is in use, ValueError for a host or URL that is not
    allowed.
    """

    def __init__(
        self,
        *,
        seed: Path | str | Mapping[str, Any] | None = None,
        port: int = 0,
        host: str = LOOPBACK,
        allow_remote: bool = False,
        public_url: str = "",
        issuer: IssuerForm = "localhost",
        state_dir: Path | None = None,
        now: Callable[[], float] = unix_time,
        console: Callable[[str], None] | None = None,
    ) -> None:
        self.seed: Seed = default_seed() if seed is None else read_seed(seed)
        with _listen(host, port, allow_remote=allow_remote) as listener:
            self.port: int = listener.getsockname()[1]
            self.url = normalize_public_url(public_url) if public_url else build_public_url(host, self.port)
            self.mailbox = Mailbox(console)
            self.service = UserPoolService(
                Pools(now), KeyRing(state_dir), origin=self.url, issuer_form=issuer, now=now, mailbox=self.mailbox
            )
            self._account = Account(now)
            admin = self.seed.account.admin
            self.admin_credentials = (
                AccessKey(admin.access_key_id, admin.secret_access_key) if admin else administrator_key(state_dir)
            )
            load_account(self.seed, self._account, self.admin_credentials)
            self.service.published_secrets.use(OwnedSecrets(self._account))
            load_seed(self.seed, self.service, self._account)
            identities = Identities(identity_pools(self.seed, self._account), self.service, self._account)
            app = make_app(
                self.service,
                IdentityOperations(identities, self.service),
                Services(self._account, self.service.lock, now, urlsplit(self.url).netloc),
                {(pool.id, user.sub): user.password for pool in self.seed.pools for user in pool.users},
            )
            self._server = _server(listener, app, host)
        self._thread: threading.Thread | None = None

    @property
    def domain(self) -> str:
        """The origin of the hosted UI: the setting DOMAIN."""
        return self.url

    @property
    def endpoint_url(self) -> str:
        """The URL of the AWS API: boto3's `endpoint_url`, the setting ENDPOINT_URL."""
        return self.url

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role of the seed."""
        return self._account.role_arn(name)

    def client_secret_arn(self, client_id: str) -> str:
        """Return the ARN of a published client secret: the setting CLIENT_SECRET_ARN. Empty if it is not published."""
        with self.service.lock:
            return self.service.published_secrets.find_arn(client_id) or ""

    def issuer(self, pool_id: str) -> str:
        """Return the `iss` claim of the pool's tokens: the setting ISSUER."""
        return self.service.issuer(pool_id)

    def jwks_uri(self, pool_id: str) -> str:
        """Return the local URL of the pool's JWKS, for any form of issuer: the setting JWKS_URI."""
        return f"{self.url}/{pool_id}/.well-known/jwks.json"

    def totp_code(self, pool_id: str, sub: str) -> str:
        """Return the current TOTP code of a user, as an authenticator app shows it; empty if the user has no TOTP."""
        user = self.service.find_user_by_sub(pool_id, sub)
        return self.service.totp.current_code(user) if user and user.has_totp else ""

    def sign(self, pool_id: str, claims: Mapping[str, Any], use: TokenUse = "access") -> str:
        """Return a token with exactly these claims and a valid signature of the pool, for tests of unusual tokens."""
        return self.service.sign(pool_id, claims, use)

    def replace_client_secret(self, client_id: str, secret: str, *, keep_former_seconds: float = 0) -> None:
        """Replace the secret of a confidential client. The new secret is valid immediately.

        The previous secret stays valid for `keep_former_seconds` seconds of real time, which do not depend on the
        emulator's clock. The same over HTTP: `POST /_local/clients/{client_id}/secret`.

        Raises ServiceError if the client does not exist or is public, or if Cognito would reject the secret.
        """
        self.service.replace_client_secret(client_id, secret, keep_former_seconds=keep_former_seconds)

    def set_faults(self, operation: str, **faults: float) -> None:
        """Replace the faults of a user pool operation, or of `*`: all operations that have none of their own.

        `set_faults("ListUsers", throttled=2)` rejects its next two requests. Without faults it works again. The faults
        are those of `OperationFaults`. The same over HTTP: `POST /_local/operations/{operation}/faults`.

        Raises ServiceError if the operation or a fault does not exist, or a value is not allowed.
        """
        self.service.faults.set(operation, faults)

    def clear_faults(self) -> None:
        """Remove the faults of all operations."""
        self.service.faults.clear()

    def start(self) -> Self:
        """Serve requests in a new thread."""
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_POLL_SECONDS,), name="local Cognito", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve requests in this thread until Ctrl-C. werkzeug handles the KeyboardInterrupt and closes the socket."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stop serving requests and release the port."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._account.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _listen(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a socket that listens. Raises OSError; ValueError if `host` needs `allow_remote`."""
    if not allow_remote and not is_loopback_address(host):
        raise ValueError(_REMOTE.format(host=host))
    return socket.create_server((host, port), family=select_address_family(host, port))


def _server(listener: socket.socket, app: Flask, host: str) -> BaseWSGIServer:
    return make_server(
        host,
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=QuietHandler,
        fd=listener.fileno(),
    )
