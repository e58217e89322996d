"""The headers of the login's pages: no caching, framing, referrers or third-party content."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseRedirectBase
from django.shortcuts import resolve_url
from django.templatetags.static import static

from ..conf.schema import CognitoSettings

_STYLESHEET = "django_cognito/login.css"
_NOTHING: Mapping[str, Sequence[str]] = {
    "default-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
}


def set_security_headers(
    response: HttpResponse,
    *pools: CognitoSettings | None,
    referrer_policy: str = "no-referrer",
    resubmits_form: bool = False,
) -> HttpResponse:
    """Return `response` with headers that keep codes and states out of caches and Referer headers (RFC 9700 4.2, 4.16).

    The forms of a page may redirect to the hosted UIs of `pools`. With `resubmits_form`, the script of the page sends
    a form of the site, whose view may redirect to any URL.
    """
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = referrer_policy
    response["X-Frame-Options"] = "DENY"
    response["X-Content-Type-Options"] = "nosniff"
    directives = dict(_NOTHING)
    if not isinstance(response, HttpResponseRedirectBase):
        # A site's own `page.html` may load a logo and fonts from the origin of its static files.
        static_files = list(_origins([static(_STYLESHEET)])) or ["'self'"]
        directives |= {"style-src": static_files, "img-src": static_files, "font-src": static_files}
        # Browsers apply `form-action` to the redirects of a form's response, too: without the hosted UI's origin the
        # browser blocks the sign-out without a message. The later redirect by Cognito is checked in the same way.
        targets = [url for pool in pools if pool is not None for url in (pool.user_pool.domain, pool.logout_uri)]
        if settings.LOGOUT_REDIRECT_URL:
            targets.append(resolve_url(settings.LOGOUT_REDIRECT_URL))
        directives["form-action"] = ["'self'", *dict.fromkeys(_origins(targets))]
    if resubmits_form:
        directives |= {"script-src": directives["style-src"], "connect-src": ["'self'"]}
        del directives["form-action"]
    # Django's own middleware does not replace a policy that a view has set.
    policy = "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
    response["Content-Security-Policy"] = policy
    return response


def _origins(addresses: Iterable[str]) -> Iterator[str]:
    """Return the origins of `addresses`; a URL without a scheme has the page's own."""
    for parts in map(urlsplit, addresses):
        if parts.netloc:
            yield f"{parts.scheme}://{parts.netloc}" if parts.scheme else parts.netloc
