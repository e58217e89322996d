"""Constructs the core's objects from the settings, once each, under a lock. Only constructs; decides nothing."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .conf.loading import get_pool_registry, get_settings
from .conf.pool_registry import PoolRegistry
from .conf.schema import CognitoSettings
from .core import TokenVerifier
from .core.client_secret import ClientSecret
from .core.directory import Directory
from .core.forks import run_in_forked_child
from .core.hosted_ui import HostedUi
from .core.http.client import Http
from .core.identity_pool import IdentityPool
from .core.tokens.key_store import KeyStores
from .core.user_pool import is_loopback
from .signals import send_key_event

_T = TypeVar("_T")
_lock = threading.RLock()
_made: dict[tuple[Any, ...], Any] = {}


def get_verifier() -> TokenVerifier:
    """The verifier of the configured pools. No I/O; the first `verify` of a pool's token fetches the pool's keys."""
    return cached_instance(_verifier, get_pool_registry())


def get_hosted_ui(settings: CognitoSettings | None = None) -> HostedUi:
    """The hosted UI of a pool and of this site's app client there; by default of the first pool. No I/O.

    Raises ImproperlyConfigured where DOMAIN is not set.
    """
    return cached_instance(_hosted_ui, settings or get_settings())


def get_directory(settings: CognitoSettings | None = None) -> Directory:
    """A pool's users and groups, through boto3 (extra `aws`); by default the first pool's.

    The first call may take seconds where boto3 has to look for credentials: it asks the machine's metadata service too.
    """
    settings = settings or get_settings()
    key = (_directory, settings)
    # Not under the lock, for others do not wait for boto3; a directory too many is dropped.
    directory: Directory = _made.get(key) or _made.setdefault(key, _directory(settings))
    return directory


def get_identity_pool(settings: CognitoSettings | None = None) -> IdentityPool:
    """The identity pool beside a user pool; by default beside the first. No I/O.

    Raises ImproperlyConfigured where IDENTITY_POOL_ID is not set.
    """
    return cached_instance(_identity_pool, settings or get_settings())


def reset() -> None:
    """Discard all cached instances, with keys and cooldowns. For tests."""
    with _lock:
        _made.clear()


def _forget(*, setting: str, **_: Any) -> None:
    """Let go of what hung on settings that were replaced. What hangs on plain values stays, keys and cooldowns too."""
    if setting == "COGNITO":
        with _lock:
            for key in [key for key in _made if isinstance(key[1], CognitoSettings | PoolRegistry)]:
                del _made[key]


def cached_instance(make: Callable[..., _T], *values: Any) -> _T:
    """`make(*values)`, made once: settings and plain values hash, and what is made hangs on them, until `reset`."""
    key = (make, *values)
    try:
        return _made[key]  # type: ignore[no-any-return]
    except KeyError:
        with _lock:
            if key not in _made:
                _made[key] = make(*values)
            return _made[key]  # type: ignore[no-any-return]


def _verifier(pools: PoolRegistry) -> TokenVerifier:
    settings = pools.first  # what is said of tokens and keys is said for all pools
    return TokenVerifier(
        pools.user_pools,
        token_use=settings.token_use,
        leeway_seconds=settings.leeway_seconds,
        max_bytes=settings.token_max_bytes,
        cache_size=settings.token_cache_size,
        key_stores=cached_instance(
            _key_stores,
            settings.http_timeout_seconds,
            settings.jwks_max_age_seconds,
            settings.jwks_hard_max_age_seconds,
        ),
    )


def _key_stores(timeout_seconds: float, max_age_seconds: int, hard_max_age_seconds: int) -> KeyStores:
    return KeyStores(
        http=cached_instance(_http, timeout_seconds),
        max_age_seconds=max_age_seconds,
        hard_max_age_seconds=hard_max_age_seconds,
        on_event=send_key_event,
    )


def _hosted_ui(settings: CognitoSettings) -> HostedUi:
    if not settings.user_pool.domain:
        raise ImproperlyConfigured(
            "Logins need COGNITO['DOMAIN']: the user pool's domain, as the AWS console shows it."
        )
    secret = _client_secret(settings.client_secret)
    http = cached_instance(_http, settings.http_timeout_seconds)
    token_http = cached_instance(_http, settings.token_timeout_seconds)
    return HostedUi(settings.user_pool, settings.client_id, secret, http=http, token_http=token_http)


def _client_secret(value: str | Callable[[], str]) -> ClientSecret:
    """Return the secret behind CLIENT_SECRET, without reading it: a function or a lazy text is read on first use."""
    if callable(value) or type(value) is str:
        return ClientSecret(value)
    return ClientSecret(partial(str, value), may_be_empty=True)


def _identity_pool(settings: CognitoSettings) -> IdentityPool:
    if not settings.identity_pool_id:
        raise ImproperlyConfigured("AWS credentials need COGNITO['IDENTITY_POOL_ID'].")
    http = cached_instance(_http, settings.http_timeout_seconds)
    return IdentityPool(
        settings.identity_pool_id, logins_key=settings.logins_key, endpoint_url=settings.endpoint_url, http=http
    )


def _http(timeout_seconds: float) -> Http:
    return Http(timeout_seconds=timeout_seconds)


def _directory(settings: CognitoSettings) -> Directory:
    from boto3 import Session  # costs 0.1 s and 20 MB: only those pay who ask for the directory
    from botocore.config import Config

    pool = settings.user_pool
    config = Config(proxies={}) if is_loopback(pool.endpoint_url) else None  # as in core.http
    # A session of its own: the one that boto3 shares is not thread-safe.
    client = Session().client("cognito-idp", region_name=pool.region, endpoint_url=pool.endpoint_url, config=config)
    return Directory(client, pool.user_pool_id)


def _renew_after_fork() -> None:
    """Renew the lock, whose owner may not exist in the child, and forget the directories: they hold connections."""
    global _lock
    _lock = threading.RLock()
    for key in [key for key in _made if key[0] is _directory]:
        _made.pop(key).close_after_fork()


setting_changed.connect(_forget, dispatch_uid="django_cognito.factories")
run_in_forked_child(_renew_after_fork)
