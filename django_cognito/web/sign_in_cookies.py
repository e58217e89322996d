"""The cookies of sign-ins: the secret of each pending sign-in, and the mark of one that was just completed.

Must not depend on the state parameter, on sessions, or on how a sign-in is completed.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from posixpath import commonpath
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import NoReverseMatch, reverse

from ..core.base64url import decode_base64url, encode_base64url

LIFETIME_SECONDS = 900  # Cognito expires a sign-in after 5 minutes of password, and 8 of reset
_PREFIX = "cognito_sign_in_"
_MAX_COOKIES = 50  # of 81 bytes each in a Cookie header: 4 KB of the 8 KB that servers accept
_SIGNED_IN = "cognito_signed_in_"  # and the name of the session cookie: cookies ignore ports, as of two local sites
_SIGNED_IN_SECONDS = 30  # a browser in a redirect loop returns sooner
_USED = "_cognito_used_cookies"  # an attribute of the request


def set_secret(request: HttpRequest, response: HttpResponseBase, sign_in_id: str, secret: bytes) -> None:
    """Set the cookie with the secret of a sign-in that starts. A callback needs it beside the state."""
    response.set_cookie(
        _name(request, sign_in_id), encode_base64url(secret), max_age=LIFETIME_SECONDS, httponly=True, **_scope(request)
    )


def take_secret(request: HttpRequest, sign_in_id: str, is_secret: Callable[[bytes], bool]) -> bytes | None:
    """Return the secret of a pending sign-in from its cookie; None if this browser did not start the sign-in.

    The cookie is marked, so that `delete_used` deletes it with any response. The secret is removed from
    `request.COOKIES`, which error reports show.
    """
    name = _name(request, sign_in_id)
    try:
        secret = decode_base64url(request.COOKIES.pop(name, ""))
    except ValueError:
        return None
    # Django strips Unicode white space from the names in `request.COOKIES`. To a browser, a name that begins with it
    # does not begin with `__Host-`, and a subdomain can set it: the Cookie header must have exactly this name.
    sent_names = [pair.partition("=")[0].strip(" ") for pair in request.META.get("HTTP_COOKIE", "").split(";")]
    if name not in sent_names or not is_secret(secret):
        return None
    _mark(request, name)
    return secret


def delete_used(request: HttpRequest, response: HttpResponseBase) -> None:
    """Delete the cookies that the view marked. For CognitoMiddleware: it has the response also if the view failed."""
    for name in getattr(request, _USED, ()):
        with suppress(NoReverseMatch):  # the site does not include the login URLs: an API with the admin only
            _delete(request, response, name)


def delete_oldest(request: HttpRequest, response: HttpResponseBase) -> None:
    """Delete the oldest cookies of pending sign-ins if the request has more than 50."""
    for name in _pending(request)[:-_MAX_COOKIES]:
        _delete(request, response, name)


def mark_signed_in(request: HttpRequest, response: HttpResponseBase, next_url: str) -> None:
    """Set a cookie for 30 seconds: how often in a row this browser signed in without a session, and to `next_url`.

    See `is_session_cookie_lost` and `is_returned_by_page`.
    """
    mark, has_session = request.COOKIES.get(_signed_in(), ""), _has_session_cookie(request)
    without_session = 2 if mark and not has_session else 1
    to_page = min(_count_to_page(mark, next_url), 8) + 1 if has_session else 1
    value = f"{without_session}{to_page}{_digest(next_url)}"
    response.set_cookie(_signed_in(), value, max_age=_SIGNED_IN_SECONDS, httponly=True, **_scope(request))


def is_session_cookie_lost(request: HttpRequest) -> bool:
    """Return whether this browser has just signed in twice and did not send the session cookie.

    Another redirect to Cognito would be a redirect loop: Cognito has its own session and shows no page. A single
    sign-in without the cookie is no error: the session may have ended.
    """
    return request.COOKIES.get(_signed_in(), "").startswith("2") and not _has_session_cookie(request)


def is_returned_by_page(request: HttpRequest, next_url: str) -> bool:
    """Return whether `next_url` has redirected this browser to the login after each of three sign-ins in a row.

    Django's `permission_required` does so if the user lacks the permission: a redirect loop, as above.
    """
    count = _count_to_page(request.COOKIES.get(_signed_in(), ""), next_url)
    return bool(next_url) and count >= 3 and _has_session_cookie(request)


def _count_to_page(mark: str, next_url: str) -> int:
    """Return the number of sign-ins in a row to this page; 0 if the last one was to another page."""
    is_count = mark[1:2].isascii() and mark[1:2].isdigit()
    return int(mark[1]) if is_count and mark[2:] == _digest(next_url) else 0


def _digest(next_url: str) -> str:
    return hashlib.sha256(next_url.encode(errors="replace")).hexdigest()[:16]


def forget_signed_in(request: HttpRequest) -> None:
    """Have `delete_used` delete the mark of a completed sign-in."""
    _mark(request, _signed_in())


@receiver(user_logged_out, dispatch_uid="django_cognito.web.sign_in_cookies")
def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Delete the cookies of all sign-ins on any Django sign-out, including the admin's."""
    if request is not None:
        request = getattr(request, "_request", request)  # DRF's wraps Django's
        _mark(request, _signed_in(), *_pending(request))


def _pending(request: HttpRequest) -> list[str]:
    """Return the names of the cookies of pending sign-ins, oldest first: their ids begin with the time."""
    prefix = _name(request, "")
    return sorted(name for name, value in request.COOKIES.items() if value and name.startswith(prefix))


def _mark(request: HttpRequest, *names: str) -> None:
    setattr(request, _USED, [*getattr(request, _USED, ()), *names])


def _delete(request: HttpRequest, response: HttpResponseBase, name: str) -> None:
    scope = _scope(request)
    response.delete_cookie(name, path=scope["path"], domain=scope["domain"], samesite=scope["samesite"])
    response.cookies[name]["secure"] = scope["secure"]  # browsers ignore a cookie named __Host- without it


def _has_session_cookie(request: HttpRequest) -> bool:
    return bool(request.COOKIES.get(settings.SESSION_COOKIE_NAME))


def _signed_in() -> str:
    return f"{_SIGNED_IN}{settings.SESSION_COOKIE_NAME}"


def _name(request: HttpRequest, sign_in_id: str) -> str:
    prefix = "__Host-" if _is_host_only(request) else ""
    return f"{prefix}{_PREFIX}{sign_in_id}"


def _scope(request: HttpRequest) -> dict[str, Any]:
    """Return the scope of the cookies. With SameSite=Lax, pages of other sites send them only in navigations."""
    if _is_host_only(request):
        return {"path": "/", "domain": None, "secure": True, "samesite": "Lax"}
    path = commonpath([reverse("cognito:login"), reverse("cognito:callback")])
    secure = settings.SESSION_COOKIE_SECURE
    return {"path": path, "domain": settings.SESSION_COOKIE_DOMAIN, "secure": secure, "samesite": "Lax"}


def _is_host_only(request: HttpRequest) -> bool:
    """Return whether the prefix `__Host-` is possible: then no subdomain can set or replace such a cookie.

    Source: RFC 6265bis 4.1.3.2.
    """
    return request.is_secure() and not settings.SESSION_COOKIE_DOMAIN
