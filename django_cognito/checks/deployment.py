"""Checks of `check --deploy`: URLs and settings that are for development, and those that a deployed site needs."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks

from ..conf.pool_registry import PoolRegistry
from . import site_parts


def check_plain_http(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that no URL is plain http."""
    pools = [alias.user_pool for alias in registry.by_alias.values()]
    urls = [url for pool in pools for url in (*pool.issuers, pool.jwks_uri, pool.endpoint_url, pool.domain)]
    for url in dict.fromkeys(url for url in urls if url.startswith("http://")):
        yield checks.Warning(f"COGNITO uses {url} with plain http.", id="django_cognito.W101")


def check_insecure_hosts(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that INSECURE_HOSTS is not set. It counts with DEBUG only, so it is read from the setting itself."""
    hosts: Any = settings.COGNITO.get("INSECURE_HOSTS")
    if hosts:
        message = (
            f"COGNITO['INSECURE_HOSTS'] is {list(hosts)}: with DEBUG, tokens and the client secret are sent there with"
            " plain http."
        )
        hint = "Remove it from the settings of a deployed site. It is for a local Cognito in a network of containers."
        yield checks.Warning(message, hint=hint, id="django_cognito.W126")


def check_logout_uri(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that Cognito's logout returns to a fixed URL."""
    hint = (
        "Without it Cognito's logout returns to the host of each request; Cognito shows an error instead if the app"
        " client does not have that URL among its sign-out URLs."
    )
    for alias in registry.by_alias.values():
        if alias.domain and not alias.logout_uri:
            message = f"COGNITO has a DOMAIN and no LOGOUT_URI (alias {alias.alias!r})."
            yield checks.Warning(message, hint=hint, id="django_cognito.W111")


def check_proxy_header(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the callback's URL is https behind a proxy that terminates TLS.

    With SECURE_SSL_REDIRECT no request without https reaches the login.
    """
    is_secure = settings.SECURE_PROXY_SSL_HEADER or settings.SECURE_SSL_REDIRECT
    has_default_uri = any(alias.domain and not alias.redirect_uri for alias in registry.by_alias.values())
    if is_secure or not has_default_uri or site_parts.find_callback_path() is None:
        return
    message = (
        "SECURE_PROXY_SSL_HEADER is not set: behind a proxy that terminates TLS, the callback's URL is http://..., and"
        " Cognito refuses every sign-in (redirect_mismatch)."
    )
    hint = (
        "Set SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https') if the proxy always sets or removes that"
        " header; or set COGNITO['REDIRECT_URI']. If the server itself terminates TLS, silence this check."
    )
    yield checks.Warning(message, hint=hint, id="django_cognito.W128")


# Django's caches that other processes, or other hosts, do not read.
_UNSHARED = {
    "DummyCache": "stores nothing",
    "LocMemCache": "belongs to one process",
    "FileBasedCache": "belongs to one host, unless its directory is shared",
}


def check_revocation_cache(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that all processes of the site share the cache of revoked sign-ins."""
    alias = registry.first.cache
    backend = settings.CACHES.get(alias, {}).get("BACKEND", "")
    reason = _UNSHARED.get(backend.rpartition(".")[2])
    if reason is None:
        return
    message = (
        f"COGNITO['CACHE'] is CACHES[{alias!r}], and {backend!r} {reason}: after a sign-out, other processes accept the"
        " bearer tokens of that sign-in until they expire. Sessions, and users who signed out everywhere, are rejected"
        " by the database."
    )
    hint = (
        "Use a cache on a server, such as Redis. If the site has one process, or no bearer tokens, silence this check."
    )
    yield checks.Warning(message, hint=hint, id="django_cognito.W140")
