"""A local Cognito from start to stop: its socket, its thread, its addresses."""

import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, make_server

from .accounts.keys import KeyRing, TokenUse
from .accounts.pools import Pools
from .aws.account import AccessKey, Account
from .aws.administrator import administrator_key
from .aws.services import Services
from .clock import unix_time
from .identity.identities import Identities
from .identity.operations import IdentityOperations
from .seeds.account_planting import identity_pools, plant_account
from .seeds.planting import plant
from .seeds.reading import default_seed, read_seed
from .seeds.seed import Seed
from .self_service.mailbox import Mailbox
from .server import QuietHandler, make_app
from .user_pool_service import Authority, IssuerForm

_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.05  # how soon a stop is noticed


class Emulator:
    """A Cognito on this machine: on the loopback interface only, in a thread of its own.

    `with Emulator(seed="pools.yaml") as emulator:` listens on a free port; `port` asks for one. `seed` is a file, a
    mapping of the same shape, or nothing for the default one. The keys live as long as the object, unless `state_dir`
    keeps them. `issuer="aws"` makes tokens name AWS as their issuer; the key document is served here all the same.

    Codes for people go to `mailbox` (`messages()`, the newest first), which is shown at `/mailbox`, and to `console`,
    a function that takes a line, if there is one.

    `admin_credentials` is the access key (`.id`, `.secret`) that may do everything in S3, DynamoDB, STS and IAM: the
    seed's, or one that is drawn and kept as the keys are.

    Raises SeedError for a seed that is wrong, OSError where the port is taken.
    """

    def __init__(
        self,
        *,
        seed: Path | str | Mapping[str, Any] | None = None,
        port: int = 0,
        issuer: IssuerForm = "localhost",
        state_dir: Path | None = None,
        now: Callable[[], float] = unix_time,
        console: Callable[[str], None] | None = None,
    ) -> None:
        self.seed: Seed = default_seed() if seed is None else read_seed(seed)
        listener = socket.create_server((_LOOPBACK, port))
        with listener:
            self.port: int = listener.getsockname()[1]
            # Addresses say localhost: a browser keeps its cookies apart from those of 127.0.0.1.
            self.url = f"http://localhost:{self.port}"
            self.mailbox = Mailbox(console)
            self.authority = Authority(
                Pools(), KeyRing(state_dir), origin=self.url, issuer_form=issuer, now=now, mailbox=self.mailbox
            )
            self._account = Account(now)
            self.admin_credentials = _admin_credentials(self.seed, state_dir)
            plant_account(self.seed, self._account, self.admin_credentials)
            plant(self.seed, self.authority, self._account)
            self._server = _server(listener, self._app(now))
        self._thread: threading.Thread | None = None

    @property
    def domain(self) -> str:
        """The origin of the hosted UI: the setting DOMAIN."""
        return self.url

    @property
    def endpoint_url(self) -> str:
        """The address of the AWS API: boto3's `endpoint_url`, the setting ENDPOINT_URL."""
        return self.url

    def role_arn(self, name: str) -> str:
        """The ARN of the seed's role of that name."""
        return self._account.role_arn(name)

    def issuer(self, pool_id: str) -> str:
        """The issuer that the pool's tokens name: the setting ISSUER."""
        return self.authority.issuer(pool_id)

    def jwks_uri(self, pool_id: str) -> str:
        """The address of the pool's keys, whatever the issuer: the setting JWKS_URI."""
        return f"{self.url}/{pool_id}/.well-known/jwks.json"

    def sign(self, pool_id: str, claims: Mapping[str, Any], use: TokenUse = "access") -> str:
        """A token with exactly these claims and a good signature of the pool: for tokens that no sign-in gives."""
        return self.authority.sign(pool_id, claims, use)

    def replace_client_secret(self, client_id: str, secret: str, *, keep_former_seconds: float = 0) -> None:
        """Give a confidential client another secret, valid at once.

        The present secret stays valid for `keep_former_seconds` of real time, whatever the emulator's clock says.
        The same over HTTP: `POST /_local/clients/{client_id}/secret`.

        Raises Refused for an unknown or public client, or a secret that Cognito would not have.
        """
        self.authority.replace_client_secret(client_id, secret, keep_former_seconds=keep_former_seconds)

    def start(self) -> Self:
        """Answer requests from now on, in a thread of its own."""
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(_POLL_SECONDS,), name="local Cognito", daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Answer requests in this thread, until Ctrl-C; werkzeug takes the KeyboardInterrupt and closes the socket."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stop answering, and give the port back."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._account.close()

    def _app(self, now: Callable[[], float]) -> Flask:
        identities = Identities(identity_pools(self.seed, self._account), self.authority, self._account)
        services = Services(self._account, self.authority.lock, now)
        return make_app(self.authority, IdentityOperations(identities, self.authority), services)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _admin_credentials(seed: Seed, state_dir: Path | None) -> AccessKey:
    if seed.account.admin:
        return AccessKey(seed.account.admin.access_key_id, seed.account.admin.secret_access_key)
    return administrator_key(state_dir)


def _server(listener: socket.socket, app: Flask) -> BaseWSGIServer:
    return make_server(
        _LOOPBACK,
        listener.getsockname()[1],
        app,
        threaded=True,
        request_handler=QuietHandler,
        fd=listener.fileno(),
    )
