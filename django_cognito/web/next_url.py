"""Where a request may be sent on to, and whether it follows redirects as a page does. Must not depend on views."""

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from ..conf.loading import get_settings


def safe_url(request: HttpRequest, url: str) -> str:
    """Return `url` if it leads to this site or to a host of REDIRECT_HOSTS; else an empty string."""
    # From the root on: what is relative would be so to the callback.
    if not url.startswith(("/", "https://", "http://")):
        return ""
    hosts = {request.get_host(), *get_settings().redirect_hosts}
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=request.is_secure()) else ""


def is_script(request: HttpRequest) -> bool:
    """Return whether a script sent `request`: it cannot follow a redirect to Cognito."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return mode != "navigate" or request.headers.get("X-Requested-With") == "XMLHttpRequest"
