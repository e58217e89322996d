"""Checks of what a login through the hosted UI needs: a domain, cookies, time for a refresh, redirects."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.core import checks
from django.http.request import validate_host

from ..conf.pool_registry import PoolRegistry
from ..conf.schema import CognitoSettings
from . import site_parts

_CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"
_DEBUG_HOSTS = [".localhost", "127.0.0.1", "[::1]"]  # Django's own, for an empty ALLOWED_HOSTS with DEBUG


def find_login_aliases(registry: PoolRegistry) -> list[CognitoSettings]:
    """Return the aliases that a login may use: all with a POOL_RESOLVER, otherwise the first."""
    return list(registry.by_alias.values()) if registry.first.pool_resolver else [registry.first]


def check_domain(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the login URLs have a hosted UI to redirect to."""
    if site_parts.find_callback_path() is None or any(alias.domain for alias in find_login_aliases(registry)):
        return
    message = "COGNITO['DOMAIN'] is not set, and the login URLs are installed: a sign-in ends with an error 500."
    hint = (
        "Set it to the user pool's domain, such as 'notes.auth.eu-west-1.amazoncognito.com'; the AWS console shows it"
        " on the page Branding, Domain. For an API without a login, remove include('django_cognito.urls')."
    )
    yield checks.Error(message, hint=hint, id="django_cognito.E024")


def check_same_site(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the browser sends the session cookie when it returns from Cognito."""
    if _find_domains(registry) and settings.SESSION_COOKIE_SAMESITE == "Strict":
        message = "SESSION_COOKIE_SAMESITE = 'Strict': the page after a sign-in gets no session cookie."
        yield checks.Warning(message, hint="Set it to 'Lax', Django's default.", id="django_cognito.W105")


def check_sessions(_: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that sessions are stored on the server, in a place that all workers share."""
    if site_parts.find_callback_path() is None:
        return
    engine: Any = import_module(settings.SESSION_ENGINE)
    cache = settings.CACHES.get(settings.SESSION_CACHE_ALIAS, {}).get("BACKEND", "")
    is_lost = cache.endswith(".DummyCache") or (cache.endswith(".LocMemCache") and not settings.DEBUG)
    if issubclass(engine.SessionStore, SignedCookies):
        message = (
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}, and the login URLs are installed: a copy of the cookie"
            " stays signed in after the user has signed out."
        )
        hint = (
            "Use an engine that stores sessions on the server: 'django.contrib.sessions.backends.db', '.cached_db' or"
            " '.cache'."
        )
        yield checks.Error(message, hint=hint, id="django_cognito.E025")
    elif is_lost and settings.SESSION_ENGINE == "django.contrib.sessions.backends.cache":
        message = (
            f"Sessions are stored in CACHES[{settings.SESSION_CACHE_ALIAS!r}], {cache!r}, which other workers do not"
            " read: a user who has signed in is anonymous on most requests."
        )
        hint = "Use a cache on a server, such as Redis, or SESSION_ENGINE = 'django.contrib.sessions.backends.db'."
        yield checks.Warning(message, hint=hint, id="django_cognito.W135")


def check_refresh_grace(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that a rotated refresh token is still accepted when the next worker takes over."""
    grace, lease = registry.first.refresh_grace_seconds, registry.first.refresh_lease_seconds
    if _find_domains(registry) and grace <= lease:
        message = (
            f"COGNITO['REFRESH_GRACE_SECONDS'] is {grace:g}; expected more than {lease:g} (TOKEN_TIMEOUT_SECONDS + 5):"
            " with refresh token rotation, a worker that is killed during a refresh signs its user out."
        )
        hint = (
            "Raise RetryGracePeriodSeconds of the app client (at most 60) and REFRESH_GRACE_SECONDS with it, or lower"
            " TOKEN_TIMEOUT_SECONDS. Without rotation, leave REFRESH_GRACE_SECONDS at 60."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W114")


def check_content_security_policy(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check Django's own policy (6.0): browsers apply `form-action` to the redirects of a form as well."""
    policy = getattr(settings, "SECURE_CSP", None) if _CSP in settings.MIDDLEWARE else None
    allowed = (policy or {}).get("form-action") or ()
    sources = [allowed] if isinstance(allowed, str) else list(map(str, allowed))
    for origin in _find_domains(registry) if sources else ():
        # CSP 3, 6.7.2.8: a source matches by scheme, by host, or by `*.` and the end of the host.
        scheme, _, host = origin.partition("://")
        hosts = [source.removeprefix(f"{scheme}://").rstrip("/") for source in sources]
        is_subdomain = any(pattern.startswith("*.") and host.endswith(pattern[1:]) for pattern in hosts)
        if not is_subdomain and host not in hosts and {"*", f"{scheme}:"}.isdisjoint(sources):
            message = f"SECURE_CSP's form-action does not include {origin}: a click on sign-out does nothing."
            yield checks.Warning(message, hint="Add the origin of the hosted UI.", id="django_cognito.W106")


def check_redirect_uri(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that REDIRECT_URI is a URL of the callback, on a host that the site serves and that gets its cookies."""
    path = site_parts.find_callback_path()
    uris = dict.fromkeys(alias.redirect_uri for alias in registry.by_alias.values() if alias.redirect_uri)
    for uri in uris if path is not None else ():
        host, uri_path = (urlsplit(uri).hostname or "").lower(), urlsplit(uri).path
        view = site_parts.find_view(uri_path)
        # Perhaps below a prefix of the server, or another URL of the same view.
        is_callback = uri_path.endswith(str(path)) or (view is not None and view == site_parts.find_view(str(path)))
        cookie_domain = (settings.SESSION_COOKIE_DOMAIN or host).lower().lstrip(".")
        if not is_callback:
            problem, hint = f"its path is not the callback's, {path!r}", f"Set it to the callback's URL, on {host!r}."
        elif not validate_host(host, settings.ALLOWED_HOSTS or _DEBUG_HOSTS):
            problem, hint = "ALLOWED_HOSTS does not contain its host", f"Add {host!r} to ALLOWED_HOSTS."
        elif not f".{host}".endswith(f".{cookie_domain}"):  # RFC 6265 5.1.3: the domain itself and its subdomains
            problem = f"its host gets no cookie of SESSION_COOKIE_DOMAIN {settings.SESSION_COOKIE_DOMAIN!r}"
            hint = "Set SESSION_COOKIE_DOMAIN to a domain of that host, or to None."
        else:
            continue
        message = f"COGNITO['REDIRECT_URI'] is {uri!r}, and {problem}: every sign-in fails when the user comes back."
        hint = f"{hint} If a proxy changes paths or hosts, silence this check."
        yield checks.Warning(message, hint=hint, id="django_cognito.W129")


def _find_domains(registry: PoolRegistry) -> Iterable[str]:
    return dict.fromkeys(alias.user_pool.domain for alias in registry.by_alias.values() if alias.domain)
