"""boto3 sessions that sign as one person: never as this machine or this site, whatever its environment holds.

The one module that knows botocore. Import it in the function that needs it: it costs 0.1 s and 20 MB.
"""

import os.path
import threading
from copy import copy
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader
from botocore.session import Session
from botocore.utils import get_environ_proxies

from ..core.forks import run_in_forked_child
from ..core.user_pool import is_loopback
from .credentials import UserCredentials


def create_user_session(credentials: UserCredentials, region: str) -> Any:
    """A new `boto3.Session` that signs as this person, with what is current at each signature. No I/O.

    Sessions are not safe under threads; the clients made by them are.
    """
    import boto3

    session = _UserSession(event_hooks=copy(_hooks()), include_builtin_handlers=False)
    session.register_component("data_loader", _loader())
    session.register_component("credential_provider", _UserCredentialProvider(credentials))
    session.register_component("token_provider", _NoBearerTokens())
    return boto3.Session(botocore_session=session, region_name=region)


class _UserSession(Session):  # type: ignore[misc]
    """A session that reads no configuration file and no profile, and uses no proxy for loopback endpoints.

    A profile of this machine may name another role, process, region or endpoint, or may not exist. Of the environment,
    AWS_ENDPOINT_URL, AWS_CA_BUNDLE and the like are still read.
    """

    @property
    def full_config(self) -> dict[str, Any]:
        """Return the content of no configuration file."""
        return {"profiles": {}}

    def get_scoped_config(self) -> dict[str, Any]:
        """Return the configuration of no profile."""
        return {}

    def create_client(self, service_name: str, *args: Any, config: Config | None = None, **options: Any) -> Any:
        """Create a client, without the environment's proxies if its endpoint is loopback."""
        client = super().create_client(service_name, *args, config=config, **options)
        endpoint = client.meta.endpoint_url
        if not is_loopback(endpoint) or not get_environ_proxies(endpoint) or (config and config.proxies is not None):
            return client
        direct = Config(proxies={})
        config = config.merge(direct) if config else direct
        return super().create_client(service_name, *args, config=config, **options)


class _UserCredentialProvider:
    """The session's source of credentials, in place of environment, files and instance metadata."""

    def __init__(self, credentials: UserCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return _CurrentCredentials(self._credentials)


class _NoBearerTokens:
    """The session's source of bearer tokens: a site's own (AWS_BEARER_TOKEN_..., SSO) are not the person's."""

    def load_token(self, **_: Any) -> None:
        return None


class _CurrentCredentials(Credentials):  # type: ignore[misc]
    """A person's credentials as botocore asks for them, at every signature.

    Not botocore's own RefreshableCredentials: those decide for themselves when to renew, by their own clock, and hold
    the secrets in frames that raise.
    """

    def __init__(self, credentials: UserCredentials) -> None:
        self.method = "cognito-identity"
        self.account_id = None
        self._credentials = credentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """What to sign one request with."""
        current = self._credentials.get_current()
        return _Frozen(current.access_key_id, current.secret_access_key, current.session_token)

    @property
    def access_key(self) -> str:
        """For those who do not ask for all three at once."""
        return self._credentials.get_current().access_key_id

    @property
    def secret_key(self) -> str:
        """For those who do not ask for all three at once."""
        return self._credentials.get_current().secret_access_key

    @property
    def token(self) -> str:
        """For those who do not ask for all three at once."""
        return self._credentials.get_current().session_token


class _Frozen(ReadOnlyCredentials):  # type: ignore[misc]
    """botocore's tuple of secrets; the repr shows none of them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<credentials {self.access_key}>"


class _SharedLoader(Loader):  # type: ignore[misc]
    """AWS's models, read once for all people: reading them is what makes a new session slow."""

    def __init__(self, directories: list[str]) -> None:
        super().__init__(extra_search_paths=directories)
        self._lock = threading.RLock()

    @property
    def search_paths(self) -> list[str]:
        """A copy: each boto3.Session appends its own directory, and this list would grow with every person."""
        return list(super().search_paths)

    def reset_lock(self) -> bool:
        """Renew the lock in a forked child. Return whether it was free: otherwise a model may be half changed."""
        was_free = self._lock.acquire(blocking=False)
        self._lock = threading.RLock()
        return was_free

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        """One at a time: a model that has been read is then changed in place."""
        with self._lock:
            return super().load_service_model(*args, **kwargs)


@cache
def _loader() -> _SharedLoader:
    import boto3

    return _SharedLoader([os.path.join(os.path.dirname(boto3.__file__), "data")])


@cache
def _hooks() -> HierarchicalEmitter:
    """botocore's own event handlers: registering them is half of what a session costs, copying them a tenth."""
    hooks = HierarchicalEmitter()
    Session(event_hooks=hooks)
    hooks.register("after-call-error", _leave_frames_behind)
    return hooks


def _reset_loader() -> None:
    if _loader.cache_info().currsize and not _loader().reset_lock():
        _loader.cache_clear()


run_in_forked_child(_reset_loader)


def _leave_frames_behind(exception: Exception, **_: Any) -> None:
    """Where AWS cannot be reached, botocore's frames hold the signed request: debug pages would show its token."""
    if isinstance(exception, BotoCoreError):
        exception.__traceback__ = exception.__context__ = exception.__cause__ = None
