"""Constructs the core's objects from the settings, once each. Must not decide anything else."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.dispatch import receiver

from .conf.loading import get_pool_registry, get_settings
from .conf.pool_registry import PoolRegistry
from .conf.schema import CognitoSettings
from .core import TokenVerifier
from .core.auth_api.user_api import UserPoolApi
from .core.client_secret import ClientSecret
from .core.directory import Directory, read_timestamp
from .core.forks import run_in_forked_child
from .core.hosted_ui import HostedUi
from .core.http.client import Http
from .core.identity_pool import IdentityPool
from .core.published_secret import find_region, read_published_secret
from .core.token_endpoints import TokenEndpoints
from .core.tokens.key_store import KeyStores
from .core.user_pool import bypasses_proxies
from .signals import send_key_event

AWS_EXTRA_MISSING = "The extra `aws` is not installed: pip install 'django-aws-cognito[aws]'."

# A request of a user waits for the secret: botocore's own timeouts are 60 s, with five attempts.
_TIMEOUTS: dict[str, dict[str, Any]] = {
    "secretsmanager": {"connect_timeout": 2, "read_timeout": 2, "retries": {"total_max_attempts": 2}}
}

_T = TypeVar("_T")
_lock = threading.RLock()
# The `get_` functions use `setdefault`, which is atomic: if two threads construct an instance at the same time, both
# return the same one, and the other is dropped before its first use.
_instances: dict[tuple[Any, ...], Any] = {}


def get_verifier() -> TokenVerifier:
    """Return the verifier of the configured pools. No I/O; the first `verify` of a pool's token fetches its keys."""
    pools = get_pool_registry()
    verifier: TokenVerifier | None = _instances.get((TokenVerifier, pools))
    if verifier is None:
        settings = pools.first  # the settings for tokens and keys are the same for all pools
        key_stores = cached_instance(
            KeyStores,
            http=_get_http(settings, settings.http_timeout_seconds),
            max_age_seconds=settings.jwks_max_age_seconds,
            hard_max_age_seconds=settings.jwks_hard_max_age_seconds,
            on_event=send_key_event,
        )
        verifier = TokenVerifier(
            pools.user_pools,
            token_use=settings.token_use,
            leeway_seconds=settings.leeway_seconds,
            max_bytes=settings.token_max_bytes,
            cache_size=settings.token_cache_size,
            key_stores=key_stores,
        )
        verifier = _instances.setdefault((TokenVerifier, pools), verifier)
    return verifier


def get_hosted_ui(settings: CognitoSettings | None = None) -> HostedUi:
    """Return the hosted UI of a pool for this site's app client; by default of the first pool. No I/O.

    Raises ImproperlyConfigured if DOMAIN is not set.
    """
    settings = settings or get_settings()
    hosted_ui: HostedUi | None = _instances.get((HostedUi, settings))
    if hosted_ui is None:
        if not settings.user_pool.domain:
            raise ImproperlyConfigured(
                "Logins need COGNITO['DOMAIN']: the user pool's domain, as the AWS console shows it."
            )
        secret = _get_client_secret(settings)
        http = _get_http(settings, settings.http_timeout_seconds)
        token_http = _get_http(settings, settings.token_timeout_seconds)
        hosted_ui = HostedUi(settings.user_pool, settings.client_id, secret, http=http, token_http=token_http)
        hosted_ui = _instances.setdefault((HostedUi, settings), hosted_ui)
    return hosted_ui


def get_token_endpoints(settings: CognitoSettings, issued_by: str) -> TokenEndpoints:
    """Return the endpoints that refresh and revoke the tokens of a login: `issued_by` is that of the login. No I/O.

    A site without DOMAIN uses the user-pool API for all logins.
    """
    if issued_by == "hosted_ui" and settings.user_pool.domain:
        return get_hosted_ui(settings)
    return get_user_pool_api(settings)


def get_user_pool_api(settings: CognitoSettings) -> UserPoolApi:
    """Return the user-pool API of a pool for this site's app client. No I/O."""
    api: UserPoolApi | None = _instances.get((UserPoolApi, settings))
    if api is None:
        secret = _get_client_secret(settings)
        http = _get_http(settings, settings.http_timeout_seconds)
        token_http = _get_http(settings, settings.token_timeout_seconds)
        api = UserPoolApi(settings.user_pool, settings.client_id, secret, http=http, token_http=token_http)
        api = _instances.setdefault((UserPoolApi, settings), api)
    return api


def _get_client_secret(settings: CognitoSettings) -> ClientSecret:
    """Return the one client secret of an app client: its cooldown is that of all requests. It is read on first use."""
    secret: ClientSecret | None = _instances.get((ClientSecret, settings))
    if secret is None:
        source = partial(_read_secret_of_arn, settings) if settings.client_secret_arn else settings.client_secret
        is_lazy_string = not callable(source) and type(source) is not str
        secret = ClientSecret(partial(str, source), may_be_empty=True) if is_lazy_string else ClientSecret(source)
        secret = _instances.setdefault((ClientSecret, settings), secret)
    return secret


def _read_secret_of_arn(settings: CognitoSettings) -> str:
    """Return the current secret of CLIENT_SECRET_ARN. Raises CognitoError, or ImproperlyConfigured without the extra.

    The client is created each time: a secret is read once in some days, and the site's credentials may have changed.
    """
    arn, pool = settings.client_secret_arn, settings.user_pool
    # A local Cognito serves Secrets Manager too. Otherwise boto3's own configuration selects the URL.
    endpoint_url = pool.endpoint_url if bypasses_proxies(pool.endpoint_url, pool.insecure_hosts) else None
    client = _create_aws_client("secretsmanager", find_region(arn), endpoint_url, settings)
    return read_published_secret(client, arn, settings.client_id)


def _create_aws_client(
    service: str, region: str, endpoint_url: str | None, settings: CognitoSettings, **options: Any
) -> Any:
    """Return a boto3 client with the site's credentials, as boto3 finds them. `options` are botocore's.

    Raises ImproperlyConfigured if the extra `aws` is not installed.
    """
    try:
        from boto3 import Session  # imported here, because it takes 0.1 s and 20 MB
        from botocore.config import Config
        from botocore.session import get_session
    except ModuleNotFoundError as error:
        raise ImproperlyConfigured(AWS_EXTRA_MISSING) from error
    is_direct = endpoint_url and bypasses_proxies(endpoint_url, settings.insecure_hosts)  # as in core.http
    # A session of its own: boto3's default session is not thread-safe.
    core = get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=read_timestamp)
    config = Config(**({"proxies": {}} if is_direct else {}), **_TIMEOUTS.get(service, {}), **options)
    session = Session(botocore_session=core)
    return session.client(service, region_name=region, endpoint_url=endpoint_url, config=config)


def get_directory(settings: CognitoSettings | None = None) -> Directory:
    """Return the users and groups of a pool, through boto3 (extra `aws`); by default of the first pool.

    The first call may take seconds if boto3 must search for credentials: it also queries the instance metadata service.

    Raises ImproperlyConfigured if the extra is not installed.
    """
    settings = settings or get_settings()
    directory: Directory | None = _instances.get((Directory, settings))
    if directory is None:
        directory = _instances.setdefault((Directory, settings), create_directory(settings))
    return directory


def get_live_directory(settings: CognitoSettings) -> Directory:
    """Return the directory of a pool for checks in requests: one attempt, and at most HTTP_TIMEOUT_SECONDS for a wait.

    A user waits for it; see `get_directory`.
    """
    key = (Directory, settings, "live")
    directory: Directory | None = _instances.get(key)
    if directory is None:
        seconds = settings.http_timeout_seconds
        options: dict[str, Any] = {"connect_timeout": seconds, "read_timeout": seconds}
        directory = create_directory(settings, **options, retries={"total_max_attempts": 1})
        directory = _instances.setdefault(key, directory)
    return directory


def create_directory(settings: CognitoSettings, **options: Any) -> Directory:
    """Return a new directory, whose boto3 client has these `options` of `botocore.config.Config`."""
    pool = settings.user_pool
    client = _create_aws_client("cognito-idp", pool.region, pool.endpoint_url, settings, **options)
    return Directory(client, pool.user_pool_id)


def get_identity_pool(settings: CognitoSettings | None = None) -> IdentityPool:
    """Return the identity pool of a user pool; by default of the first user pool. No I/O.

    Raises ImproperlyConfigured if IDENTITY_POOL_ID is not set.
    """
    settings = settings or get_settings()
    identity_pool: IdentityPool | None = _instances.get((IdentityPool, settings))
    if identity_pool is None:
        if not settings.identity_pool_id:
            raise ImproperlyConfigured("AWS credentials need COGNITO['IDENTITY_POOL_ID'].")
        http = _get_http(settings, settings.http_timeout_seconds)
        identity_pool = IdentityPool(
            settings.identity_pool_id, logins_key=settings.logins_key, endpoint_url=settings.endpoint_url, http=http
        )
        identity_pool = _instances.setdefault((IdentityPool, settings), identity_pool)
    return identity_pool


def _get_http(settings: CognitoSettings, timeout_seconds: float) -> Http:
    return cached_instance(Http, timeout_seconds=timeout_seconds, insecure_hosts=settings.insecure_hosts)


def discard_instances() -> None:
    """Discard all cached instances, with keys and cooldowns. For tests."""
    with _lock:
        _instances.clear()


@receiver(setting_changed, dispatch_uid="django_cognito.factories")
def _discard_outdated(*, setting: str, **_: Any) -> None:
    """Discard the instances of replaced settings. Those of plain values stay, and so do keys and cooldowns."""
    if setting == "COGNITO":
        with _lock:
            for key in list(_instances):  # a copy, which is atomic: `setdefault` takes no lock
                if isinstance(key[1], CognitoSettings | PoolRegistry):
                    del _instances[key]


def cached_instance(make: Callable[..., _T], *values: Any, **keywords: Any) -> _T:
    """Return `make(*values, **keywords)`, called once for these values, which must be hashable.

    `discard_instances` discards the result.
    """
    key = (make, *values, *keywords.items())
    try:
        return _instances[key]  # type: ignore[no-any-return]
    except KeyError:
        with _lock:
            if key not in _instances:
                _instances[key] = make(*values, **keywords)
            return _instances[key]  # type: ignore[no-any-return]


@run_in_forked_child
def _reset_after_fork() -> None:
    """Replace the lock, whose owner may not exist in the child, and discard the directories: they hold connections."""
    global _lock
    _lock = threading.RLock()
    for key in [key for key in _instances if key[0] is Directory]:
        _instances.pop(key).close_after_fork()
