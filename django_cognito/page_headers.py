"""The headers of the login's pages: nobody stores, frames or is told of them, and they load nothing from elsewhere."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.templatetags.static import static

from .conf import get_pools

_STYLESHEET = "django_cognito/login.css"


def protected(response: HttpResponse, *, referrer_policy: str = "no-referrer") -> HttpResponse:
    """`response` with headers that keep codes and states out of caches and Referer headers (RFC 9700 4.2, 4.16)."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = referrer_policy
    response["X-Frame-Options"] = "DENY"
    response["X-Content-Type-Options"] = "nosniff"
    # Django's own middleware leaves a policy alone that a view has set.
    response["Content-Security-Policy"] = content_security_policy()
    return response


def content_security_policy() -> str:
    """The policy of the login's pages: a stylesheet, and forms that may be sent on to the pools' hosted UIs.

    Browsers hold `form-action` against the redirects that a form is answered with, too: without the hosted UI's origin
    a sign-out ends in silence. Where it goes on from there is Cognito's redirect, and checked in the same way.
    """
    every = get_pools().by_alias.values()
    forms = _origins(address for each in every for address in (each.user_pool.domain, each.logout_uri))
    style = _origins([static(_STYLESHEET)]) or ["'self'"]
    directives = {
        "default-src": ["'none'"],
        "style-src": style,
        "form-action": ["'self'", *forms],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


def _origins(addresses: Iterable[str]) -> list[str]:
    """The origins of those addresses that are whole, each once."""
    parts = (urlsplit(address) for address in addresses)
    return list(dict.fromkeys(f"{each.scheme}://{each.netloc}" for each in parts if each.scheme and each.netloc))
