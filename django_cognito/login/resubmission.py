"""The views behind the page of `web.resubmission`: the page of the sign-in's tab, and who is signed in now.

Neither of them reads the fields of the form.
"""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import get_script_prefix
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..decorators import session_required
from ..sessions.session_user import get_session_key
from ..sessions.step_up import SignInRequirement
from ..web.resubmission import FormOwner
from ..web.security_headers import set_security_headers
from ..web.step_up import find_problem


@session_required
@require_safe
@login_not_required
@never_cache
def show_signed_in(request: HttpRequest) -> HttpResponse:
    """Return the page after the sign-in in the second tab. Its script informs the tab with the form."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    context = {"home": get_script_prefix()}
    return set_security_headers(render(request, "django_cognito/signed_in.html", context), resubmits_form=True)


@session_required
@require_safe
@login_not_required
@never_cache
def check_user(request: HttpRequest) -> JsonResponse:
    """Return whether the owner of a form is signed in now, as JSON, and a CSRF token that the next sign-in replaces.

    `state` is "same", "other", "sign_in" (a sign-in is required), or "confirm" with the username if the form has no
    known owner. Only "same" and "confirm" have a token. For pages of this site alone.
    """
    owner = FormOwner.open(request.GET.get("owner", ""))
    if owner is None or request.headers.get("Sec-Fetch-Site") != "same-origin":
        return JsonResponse({"state": "failed"}, status=400)
    user: Any = request.user
    if user.is_authenticated and owner.user_id not in ("", get_session_key(user)):
        answer = {"state": "other"}
    elif not user.is_authenticated or find_problem(request, SignInRequirement.from_params(owner.params)):
        answer = {"state": "sign_in"}
    else:
        state = "same" if owner.user_id else "confirm"
        answer = {"state": state, "token": get_token(request), "name": user.get_username()}
    response = JsonResponse(answer)
    response["Cache-Control"] = "no-store"
    return response
