"""boto3 sessions that sign with the credentials of one user, never with those of the server or its environment.

This is the only module that imports botocore. Import it inside the function that needs it: the import takes 0.1 s
and 20 MB.
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

from ..conf.loading import get_settings
from ..core.forks import run_in_forked_child
from ..core.user_pool import bypasses_proxies
from .credentials import UserCredentials


def create_user_session(credentials: UserCredentials, region: str) -> Any:
    """Return a new `boto3.Session` that signs each request with the current credentials of the user. No I/O.

    Sessions are not thread-safe; their clients are.
    """
    import boto3

    session = _UserSession(event_hooks=copy(_HOOKS), include_builtin_handlers=False)
    session.register_component("data_loader", _loader())
    session.register_component("credential_provider", _UserCredentialProvider(credentials))
    session.register_component("token_provider", _NoBearerTokens())
    return boto3.Session(botocore_session=session, region_name=region)


class _UserSession(Session):  # type: ignore[misc]
    """A session that reads no configuration file and no profile, and uses no proxy for endpoints on this machine.

    A profile on the server may name another role, process, region or endpoint, or may not exist. Environment variables
    such as AWS_ENDPOINT_URL and AWS_CA_BUNDLE are still read.
    """

    @property
    def full_config(self) -> dict[str, Any]:
        """Return an empty configuration: no file is read."""
        return {"profiles": {}}

    def get_scoped_config(self) -> dict[str, Any]:
        """Return an empty configuration: no profile is used."""
        return {}

    def create_client(self, service_name: str, *args: Any, config: Config | None = None, **options: Any) -> Any:
        """Return a client that ignores the environment's proxies if its endpoint is loopback or of INSECURE_HOSTS."""
        client = super().create_client(service_name, *args, config=config, **options)
        endpoint = client.meta.endpoint_url
        is_direct = bypasses_proxies(endpoint, get_settings().insecure_hosts)
        if not is_direct or not get_environ_proxies(endpoint) or (config and config.proxies is not None):
            return client
        direct = Config(proxies={})
        config = config.merge(direct) if config else direct
        return super().create_client(service_name, *args, config=config, **options)


class _UserCredentialProvider:
    """botocore's credential provider; it replaces the environment, files and instance metadata."""

    def __init__(self, credentials: UserCredentials) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Credentials:
        return _CurrentCredentials(self._credentials)


class _NoBearerTokens:
    """botocore's token provider without tokens: those of the site (AWS_BEARER_TOKEN_..., SSO) are not the user's."""

    def load_token(self, **_: Any) -> None:
        return None


class _CurrentCredentials(Credentials):  # type: ignore[misc]
    """The credentials of a user, read by botocore for every signature.

    botocore's RefreshableCredentials are not used: they decide by their own clock when to refresh, and their stack
    frames hold secrets when they raise.
    """

    def __init__(self, credentials: UserCredentials) -> None:
        self.method = "cognito-identity"
        self.account_id = None
        self._credentials = credentials

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the credentials for one signature."""
        current = self._credentials.get_current()
        return _Frozen(current.access_key_id, current.secret_access_key, current.session_token)

    @property
    def access_key(self) -> str:
        """The current access key id, if botocore reads it alone."""
        return self._credentials.get_current().access_key_id

    @property
    def secret_key(self) -> str:
        """The current secret access key, if botocore reads it alone."""
        return self._credentials.get_current().secret_access_key

    @property
    def token(self) -> str:
        """The current session token, if botocore reads it alone."""
        return self._credentials.get_current().session_token


class _Frozen(ReadOnlyCredentials):  # type: ignore[misc]
    """botocore's tuple of secrets; its repr shows only the access key id."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<credentials {self.access_key}>"


class _SharedLoader(Loader):  # type: ignore[misc]
    """A loader of AWS's service models, shared by all users: loading the models is the slow part of a new session."""

    def __init__(self, directories: list[str]) -> None:
        super().__init__(extra_search_paths=directories)
        self._lock = threading.RLock()

    @property
    def search_paths(self) -> list[str]:
        """A copy: each boto3.Session appends its own directory, and a shared list would grow with every user."""
        return list(super().search_paths)

    def reset_lock(self) -> bool:
        """Replace the lock in a forked child. Return whether it was free; if not, a model may be partly changed."""
        was_free = self._lock.acquire(blocking=False)
        self._lock = threading.RLock()
        return was_free

    def load_service_model(self, *args: Any, **kwargs: Any) -> Any:
        """Return a service model. One thread at a time: botocore changes a loaded model in place."""
        with self._lock:
            return super().load_service_model(*args, **kwargs)


@cache
def _loader() -> _SharedLoader:
    import boto3

    return _SharedLoader([os.path.join(os.path.dirname(boto3.__file__), "data")])


@run_in_forked_child
def _reset_loader() -> None:
    if _loader.cache_info().currsize and not _loader().reset_lock():
        _loader.cache_clear()


def _remove_traceback(exception: Exception, **_: Any) -> None:
    """Remove the traceback of a botocore error.

    If AWS cannot be reached, botocore's frames hold the signed request, and debug pages would show its token.
    """
    if isinstance(exception, BotoCoreError):
        exception.__traceback__ = exception.__context__ = exception.__cause__ = None


# botocore's built-in event handlers, which each session copies. Registering them takes half of the time of a new
# session; copying them takes a tenth.
_HOOKS = HierarchicalEmitter()
Session(event_hooks=_HOOKS)
_HOOKS.register("after-call-error", _remove_traceback)
