"""The confirmation page of a sign-out, and when it is shown. Must not end sessions or send requests to Cognito."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import render
from django.urls import get_script_prefix, reverse

from ..conf.schema import CognitoSettings
from ..sessions import store
from ..web.pool_selection import find_settings_for_request
from ..web.security_headers import set_security_headers

_View = TypeVar("_View", bound=Callable[..., Any])
_log = logging.getLogger(__name__)
# The values of the field `where`. Empty means this session and the hosted UI's session in this browser.
_WHERE = ("here", "everywhere")


class CsrfOrConfirmation(CsrfViewMiddleware):
    """Django's CSRF check for sign-out: a request that fails it is redirected to the confirmation page.

    That page has a form with a new token: an open page may still have the token of an expired session.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        _log.warning("a sign-out without a valid CSRF token must be confirmed: %s", reason)
        where = request.POST.get("where", "")
        query = f"?where={where}" if where in _WHERE else ""
        return set_security_headers(HttpResponseRedirect(reverse("cognito:logout") + query))


def without_transaction(view: _View) -> _View:
    """Exempt a view from ATOMIC_REQUESTS, in every database.

    In a transaction, an error in a receiver of `user_logged_out` would restore the session and the login, and their
    rows would be locked during the requests to Cognito.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def settings_at_sign_out(request: HttpRequest) -> CognitoSettings | None:
    """Return the settings for `request`; None also if POOL_RESOLVER raises: that must not prevent a sign-out."""
    try:
        return find_settings_for_request(request)
    except Exception:  # noqa: BLE001 the function is the site's, and may raise Http404 for a tenant that is gone
        _log.exception("POOL_RESOLVER failed at a sign-out, which stays on the site unless the login names its pool")
        return None


def ends_at_cognito(settings: CognitoSettings | None, local_user: Any, where: str) -> bool:
    """Return whether a sign-out redirects to Cognito's `/logout`, even if the session of this site has expired.

    `settings` are the pool's, None if POOL_RESOLVER names none; `local_user` is the user of a local password, or None.
    """
    return settings is not None and bool(settings.user_pool.domain) and local_user is None and where != "here"


def sign_out_page(request: HttpRequest, settings: CognitoSettings | None, local_user: Any) -> HttpResponse:
    """Return the confirmation page, which lists the sessions that will end. `settings` are those of the request."""
    where = request.GET.get("where", "")
    session_settings = store.find_settings_of_session(request.session)
    context = {
        "home": get_script_prefix(),
        "where": where if where in _WHERE else "",
        "at_cognito": ends_at_cognito(session_settings or settings, local_user, where),
        "is_signed_in": local_user is not None or store.has_login(request.session),
    }
    page = render(request, "django_cognito/logout.html", context)
    # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check rejects.
    return set_security_headers(page, session_settings, settings, referrer_policy="same-origin")
