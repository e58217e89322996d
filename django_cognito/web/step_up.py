"""Step-up authentication at the entry points: check the request's sign-in, and send the user to a new one.

The rule is in `sessions.step_up`. Must not depend on the login's views: the browser is redirected to their URL.
"""

import logging
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import urlencode

from ..conf.loading import get_settings
from ..core.clock import unix_time
from ..sessions.step_up import SignInRequirement
from .bearer import find_token, is_api_client
from .error_catalogue import CATALOGUE
from .login_url import find_login_url
from .next_url import is_script, safe_url
from .pool_selection import find_settings_for_request
from .responses import ErrorResponse, forbidden_response, insufficient_authentication, json_response, not_authenticated
from .resubmission import mark_interrupted
from .script_responses import step_up_required

_log = logging.getLogger(__name__)


def find_problem(request: Any, requirement: SignInRequirement) -> str:
    """Return the error code if the sign-in of the request's user is not sufficient; otherwise an empty string.

    In an async view no I/O, after `await request.auser()`. A user without a token of Cognito is not sufficient.
    Raises CognitoUnavailableError if the session's tokens have expired and cannot be refreshed.
    """
    cognito = getattr(request, "cognito", None)
    token = None if cognito is None else cognito.token
    id_token = cognito.id_token if cognito is not None and requirement.acr_values else None
    leeway_seconds = get_settings().leeway_seconds
    return requirement.find_problem(token, id_token, now=unix_time(), leeway_seconds=leeway_seconds)


def get_refusal(requirement: SignInRequirement, problem: str) -> ErrorResponse:
    """Return the response of an API: 401 with a challenge (RFC 9470), or 403 for a machine-to-machine client."""
    return forbidden_response(problem) if problem == "user_required" else insufficient_authentication(requirement)


def require_middleware(request: Any) -> None:
    """Raise ImproperlyConfigured without `request.cognito`: no user would ever be accepted."""
    if not hasattr(request, "cognito"):
        raise ImproperlyConfigured(
            "A view that requires a recent sign-in, MFA or a live check requires CognitoMiddleware. Add"
            " 'django_cognito.middleware.CognitoMiddleware' to MIDDLEWARE after AuthenticationMiddleware."
        )


def refuse_sign_in(request: HttpRequest, requirement: SignInRequirement, problem: str) -> HttpResponse:
    """Return the response to a user whose sign-in is not sufficient. May call POOL_RESOLVER; no other I/O.

    A page is redirected to the step-up URL; a script and an API client get 401, a machine-to-machine client 403.
    Raises PermissionDenied if the user cannot sign in again here: without DOMAIN, or if a load balancer signs users in.
    """
    if is_api_client(request):
        return json_response(get_refusal(requirement, problem))
    entry = CATALOGUE[problem]
    if find_token(request) is not None:  # of a load balancer, which alone can sign the user in again
        raise PermissionDenied(str(entry.heading or entry.sentence))
    if is_script(request):
        return step_up_required(request, requirement, find_next_url(request))
    pool = find_settings_for_request(request)
    query = urlencode({**requirement.params, REDIRECT_FIELD_NAME: find_next_url(request)})
    url = find_login_url(query, "step_up")
    if pool is None or not pool.user_pool.domain or not url:
        _log.warning(
            "A page requires a new sign-in (%s), but the user cannot sign in: it needs DOMAIN, a pool for this host,"
            " and the URLs of django_cognito.urls.",
            problem,
        )
        raise PermissionDenied(str(entry.heading))
    return mark_interrupted(HttpResponseRedirect(url), requirement)


def ask_to_sign_in(request: HttpRequest, requirement: SignInRequirement) -> HttpResponse:
    """Return the response to an anonymous user: the login with the parameters of the requirement, or 401.

    So one sign-in is sufficient.
    """
    if is_api_client(request):
        return json_response(not_authenticated(request))
    if is_script(request):
        return step_up_required(request, requirement, find_next_url(request))
    login_url = resolve_url(django_settings.LOGIN_URL)
    separator = "&" if "?" in login_url else "?"
    login_url = f"{login_url}{separator}{urlencode(requirement.params)}"
    return mark_interrupted(redirect_to_login(find_next_url(request), login_url), requirement)


def find_next_url(request: HttpRequest) -> str:
    """Return the page to return to: the page itself; for a form's request its `next`, or the page of the form."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    candidates = (request.POST.get(REDIRECT_FIELD_NAME, ""), request.headers.get("Referer", ""))
    safe_urls = (safe_url(request, url) for url in candidates)
    return next(filter(None, safe_urls), "") or resolve_url(django_settings.LOGIN_REDIRECT_URL)
