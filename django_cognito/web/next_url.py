"""Check of redirect targets, and detection of scripts. Must not depend on views."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from ..conf.loading import get_settings


def safe_url(request: HttpRequest, url: str) -> str:
    """Return `url` if it is on this site or on a host of REDIRECT_HOSTS; otherwise an empty string."""
    # Not relative to the current path: a browser would resolve that against the callback URL.
    if not url.startswith(("/", "https://", "http://")):
        return ""
    hosts = {request.get_host(), *get_settings().redirect_hosts}
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=request.is_secure()) else ""


def is_script(request: HttpRequest) -> bool:
    """Return whether a script sent `request`: scripts cannot follow a redirect to Cognito."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode != "navigate" or request.headers.get("X-Requested-With") == "XMLHttpRequest" or is_htmx(request)


def is_htmx(request: HttpRequest) -> bool:
    """Return whether htmx sent `request`."""
    return request.headers.get("HX-Request") == "true"
