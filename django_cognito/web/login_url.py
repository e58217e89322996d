"""The URL of the login, for responses of APIs and scripts. Must not depend on the setting `COGNITO`."""

from contextlib import suppress
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, QueryDict
from django.shortcuts import resolve_url
from django.urls import NoReverseMatch, reverse


def find_login_url(query: str = "", page: str = "login") -> str:
    """Return the path of the login with `query`; empty if the site does not include the login URLs.

    `page` is the name of the URL: "login" or "step_up".
    """
    try:
        path = reverse(f"cognito:{page}")
    except NoReverseMatch:
        return ""
    return f"{path}?{query}" if query else path


def replace_next(login_url: str, next_url: str) -> str:
    """Return `login_url` with another URL to return to after the sign-in."""
    parts = urlsplit(login_url)
    query = QueryDict(parts.query, mutable=True)
    query[REDIRECT_FIELD_NAME] = next_url
    return urlunsplit(parts._replace(query=query.urlencode(safe="/")))


def is_login_url(request: HttpRequest, url: str) -> bool:
    """Return whether `url` is LOGIN_URL, the login of the package, or that of the admin site of `request`.

    False for a URL that is not valid.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.netloc not in ("", request.get_host()):
        return False
    match, admin_url = request.resolver_match, ""
    if match and "admin" in match.app_names:
        with suppress(NoReverseMatch):  # a URLconf of the site has the same `app_name`
            admin_url = reverse("admin:login", current_app=match.namespace)
    return parts.path in filter(None, (urlsplit(resolve_url(settings.LOGIN_URL)).path, find_login_url(), admin_url))
