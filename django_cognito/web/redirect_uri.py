"""The redirect URI of the callback, and its host. Must not depend on pending sign-ins."""

import logging
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest
from django.urls import reverse

from ..conf.schema import CognitoSettings
from ..core.user_pool import is_loopback

_log = logging.getLogger(__name__)
_TEST_HOST = "testserver"  # of Django's test client, which no browser opens
_reported: set[tuple[str, str]] = set()  # the warnings of this process, by alias and topic
_MOVED = "redirected"  # in the login URL's query: the browser was already redirected to the host of REDIRECT_URI


def redirect_uri_of(request: HttpRequest, settings: CognitoSettings) -> str:
    """Return REDIRECT_URI, or the callback's URL on the host of `request`."""
    return settings.redirect_uri or request.build_absolute_uri(reverse("cognito:callback"))


def is_elsewhere(request: Any, settings: CognitoSettings) -> bool:
    """Return whether the callback does not get the cookies that a response to `request` sets.

    That is so if REDIRECT_URI is on another host that SESSION_COOKIE_DOMAIN does not cover as well, or on https while
    this request is not: on https the cookies have other names.
    """
    target = urlsplit(settings.redirect_uri)
    if not target.hostname:
        return False
    host = (urlsplit(f"//{request.get_host()}").hostname or "").lower()
    is_same_host = host == target.hostname or (_is_covered(host) and _is_covered(target.hostname))
    return not is_same_host or (target.scheme == "https" and not request.is_secure())


def login_at_redirect_uri(request: HttpRequest, settings: CognitoSettings, next_url: str) -> str | None:
    """Return the URL of this login on the host of REDIRECT_URI, if the sign-in must start there; otherwise None.

    `next` becomes absolute; that host follows it if REDIRECT_HOSTS allows this one. A request that was sent there goes
    on whatever its Host: a proxy may have rewritten it.
    """
    if not is_elsewhere(request, settings):
        return None
    hosts = f"REDIRECT_URI is {settings.redirect_uri}, and this login is {request.build_absolute_uri(request.path)}."
    if _MOVED in request.GET:
        result = "The cookies of this host are not sent there, unless a proxy rewrites Host."
        _warn_once(settings, "host after the redirect", f"{hosts} {result}")
        return None
    result = "The login is redirected there first, and returns only to hosts in REDIRECT_HOSTS."
    _warn_once(settings, "host", f"{hosts} {result}")
    query = request.GET.copy()
    query.pop(REDIRECT_FIELD_NAME, None)
    if next_url:
        query[REDIRECT_FIELD_NAME] = request.build_absolute_uri(next_url)
    query[_MOVED] = "1"
    target = urlsplit(settings.redirect_uri)
    return f"{target.scheme}://{target.netloc}{request.path}?{query.urlencode()}"


def relative_next(request: HttpRequest, next_url: str) -> str:
    """Return `next_url` from the path on, if `login_at_redirect_uri` made it absolute with the Host of this request.

    That URL may not be the browser's: a proxy may rewrite the Host, or hide that the request is secure; or the login
    moved to https alone. The result is not checked.
    """
    for scheme in ("http", "https"):
        origin = f"{scheme}://{request.get_host()}"
        if _MOVED in request.GET and next_url.startswith(f"{origin}/"):
            return next_url.removeprefix(origin)
    return next_url


def report_plain_http(request: HttpRequest, settings: CognitoSettings) -> None:
    """Log once that Cognito will not accept the redirect URI of `request`, because it is plain http.

    Cognito requires https, except for localhost (AWS developer guide, "App client settings"). Usually a proxy that ends
    TLS does not report it, or Django does not trust its header.
    """
    uri = redirect_uri_of(request, settings)
    is_forwarded = request.headers.get("X-Forwarded-Proto", "").lower() == "https"
    is_test = urlsplit(uri).hostname == _TEST_HOST
    if not uri.startswith("http://") or ((is_loopback(uri) or is_test) and not is_forwarded):
        return
    forwarded = " The header X-Forwarded-Proto is https." if is_forwarded else ""
    _warn_once(
        settings,
        "plain http",
        f"The redirect URI sent is {uri}; expected https.{forwarded} Behind a proxy that ends TLS, set"
        " SECURE_PROXY_SSL_HEADER (the proxy must set its header, and remove it from requests), or set REDIRECT_URI.",
    )


def _warn_once(settings: CognitoSettings, topic: str, message: str) -> None:
    if (settings.alias, topic) not in _reported:
        _reported.add((settings.alias, topic))
        _log.warning("%s", message)


def has_own_redirect_uri(settings: CognitoSettings) -> bool:
    """Return whether POOLS sets REDIRECT_URI for this alias; a default for all aliases does not count."""
    pools: Any = django_settings.COGNITO.get("POOLS", {})
    return bool(pools.get(settings.alias, {}).get("REDIRECT_URI"))


def _is_covered(host: str) -> bool:
    """Return whether SESSION_COOKIE_DOMAIN covers `host`: the domain itself and its subdomains (RFC 6265 5.1.3)."""
    domain = (django_settings.SESSION_COOKIE_DOMAIN or "").lower().lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))
