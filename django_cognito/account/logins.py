"""The views of a user's own logins: a page or JSON that lists them, and by POST the end of one or of all others.

A user sees and ends only logins of their own accounts; the id of another user's login has no effect.
"""

from typing import Any
from uuid import UUID

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render, resolve_url
from django.urls import get_script_prefix, reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST, require_safe

from ..decorators import session_required, user_required
from ..login.sign_out_page import without_transaction
from ..sessions import own_logins
from ..sessions.store import SESSION_KEY
from ..web.next_url import is_htmx, is_script, safe_url
from ..web.script_responses import let_htmx_redirect, sign_in_required
from ..web.security_headers import set_security_headers

_JSON = "application/json"
_VARY = ("Accept", "Sec-Fetch-Mode", "X-Requested-With", "HX-Request")


@session_required
@require_safe
@login_not_required
@never_cache
def show_logins(request: HttpRequest) -> HttpResponse:
    """Return the user's logins: the page, or JSON for a script and for `Accept: application/json`."""
    wants_json = _wants_json(request)
    if not isinstance(request.user, Model):
        is_page = not wants_json and not is_htmx(request)
        return redirect_to_login(request.get_full_path()) if is_page else sign_in_required(request)
    logins = own_logins.list_logins(request.user, _current_id(request))
    if wants_json:
        items = [
            {
                "id": str(login.id),
                "browser": login.browser,
                "device": login.device,
                "ip_address": login.ip_address,
                "signed_in_at": login.signed_in_at.isoformat(),
                "last_used_at": login.last_used_at.isoformat(),
                "is_current": login.is_current,
            }
            for login in logins
        ]
        return _json({"logins": items})
    has_others = any(not login.is_current for login in logins)
    context = {"logins": logins, "has_others": has_others, "home": get_script_prefix()}
    page = render(request, "django_cognito/logins.html", context)
    # "no-referrer" would make browsers post the forms with "Origin: null", which the CSRF check rejects.
    response = set_security_headers(page, referrer_policy="same-origin")
    patch_vary_headers(response, _VARY)
    return response


@without_transaction
@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def end_login(request: HttpRequest, login_id: UUID) -> HttpResponse:
    """End one of the user's logins. If it is the current one, the session ends with it.

    An id that is not the user's, or has ended, is no error: the response does not show whether it exists.
    """
    is_current = str(login_id) == _current_id(request)
    count = int(own_logins.end_login_of(request.user, login_id, request))
    if is_current:
        auth.logout(request)
    return _respond(request, count, is_signed_out=is_current)


@without_transaction
@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def end_other_logins(request: HttpRequest) -> HttpResponse:
    """End all logins of the user but the current one."""
    return _respond(request, own_logins.end_other_logins(request.user, _current_id(request), request))


def _respond(request: HttpRequest, count: int, *, is_signed_out: bool = False) -> HttpResponse:
    """Return the number of ended logins to a script; redirect a browser to `next`, or to the page of the logins."""
    if _wants_json(request):
        return _json({"ended": count})
    default = resolve_url(django_settings.LOGOUT_REDIRECT_URL or get_script_prefix())
    page = default if is_signed_out else reverse("cognito:logins")
    url = safe_url(request, request.POST.get(auth.REDIRECT_FIELD_NAME, "")) or page
    return let_htmx_redirect(request, set_security_headers(HttpResponseRedirect(url)))


def _wants_json(request: HttpRequest) -> bool:
    return not is_htmx(request) and (is_script(request) or request.get_preferred_type(("text/html", _JSON)) == _JSON)


def _json(body: dict[str, Any]) -> JsonResponse:
    response = JsonResponse(body)
    response["Cache-Control"] = "no-store"
    patch_vary_headers(response, _VARY)
    return response


def _current_id(request: HttpRequest) -> str:
    return str(request.session.get(SESSION_KEY, ""))
