"""The page that asks before a sign-out, and what leads to it. It ends no session and asks Cognito nothing."""

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
# The values of the field `where`; empty: this session, and the hosted UI's in this browser.
_WHERE = ("here", "everywhere")


class CsrfOrConfirmation(CsrfViewMiddleware):
    """Django's CSRF check for sign-out: a request that fails it is redirected to the page that asks.

    The page has a form with a new token. An open page may have the token of a session that has expired.
    """

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        _log.warning("a sign-out without a valid CSRF token is to be confirmed: %s", reason)
        where = request.POST.get("where", "")
        query = f"?where={where}" if where in _WHERE else ""
        return set_security_headers(HttpResponseRedirect(reverse("cognito:logout") + query))


def without_transaction(view: _View) -> _View:
    """Exempt a view from ATOMIC_REQUESTS, in every database.

    In a transaction, the error of a receiver of `user_logged_out` would bring session and login back, and their rows
    would be locked while Cognito is asked.
    """
    for alias in connections:
        view = transaction.non_atomic_requests(using=alias)(view)
    return view


def settings_at_sign_out(request: HttpRequest) -> CognitoSettings | None:
    """Return the settings for `request`; None also if POOL_RESOLVER raises, which must not prevent a sign-out."""
    try:
        return find_settings_for_request(request)
    except Exception:  # noqa: BLE001 the function is the site's, and may raise Http404 for a tenant that is gone
        _log.exception("POOL_RESOLVER failed at a sign-out, which stays on the site unless the login names its pool")
        return None


def ends_at_cognito(settings: CognitoSettings | None, local_user: Any, where: str) -> bool:
    """Return whether a sign-out goes through Cognito's `/logout`: also after the session of this site has expired.

    `settings` are the pool's, None if POOL_RESOLVER names none; `local_user` is the user of a local password, or None.
    """
    return settings is not None and bool(settings.user_pool.domain) and local_user is None and where != "here"


def sign_out_page(request: HttpRequest, here: CognitoSettings | None, local_user: Any) -> HttpResponse:
    """Return the page that asks, and says what will end."""
    where = request.GET.get("where", "")
    ours = store.find_settings_of_session(request.session)
    context = {
        "home": get_script_prefix(),
        "where": where if where in _WHERE else "",
        "at_cognito": ends_at_cognito(ours or here, local_user, where),
        "is_signed_in": local_user is not None or store.has_login(request.session),
    }
    page = render(request, "django_cognito/logout.html", context)
    # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check refuses.
    return set_security_headers(page, ours, here, referrer_policy="same-origin")
