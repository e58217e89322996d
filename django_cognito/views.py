"""The browser's way in and out: login, callback, logout. They translate; `login` and `people` decide."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import get_script_prefix, reverse
from django.utils.decorators import decorator_from_middleware
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from .answers import answer_to, json_response, not_authenticated
from .causes import WayOn, cause_of
from .conf import CognitoSettings, get_pools, get_settings
from .core.errors import CognitoError, SignInError, TokenError
from .decorators import session_required, user_required
from .login import attempts, pending, session, sign_in, silence
from .login.asked import asked_of_cognito
from .login.attempts import Attempt
from .login.pending import PendingSignIn
from .login.tenant import settings_here, settings_of_request
from .next_url import is_script, safe_url
from .page_headers import protected
from .people import linking
from .runtime import get_hosted_ui
from .sign_out_page import (
    CsrfOrConfirmation,
    ends_at_cognito,
    settings_at_sign_out,
    sign_out_page,
    without_transaction,
)
from .signals import tell_of_failed_sign_in
from .tracebacks import without_locals

logger = logging.getLogger(__name__)


@session_required
@require_safe
@login_not_required
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """Send the browser to the hosted UI; `next` says where it goes once it is back. Writes the session.

    The query may hold what Cognito is asked beyond that: `identity_provider`, `idp_identifier`, `login_hint`, `lang`,
    `prompt`, `acr_values`, `max_age`.
    """
    return _begin(request, "login")


@session_required
@require_safe
@login_not_required
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    """As `login`, for whoever has no account yet: at the hosted UI's page where one is made."""
    return _begin(request, "sign_up")


@session_required
@require_safe
@login_not_required
@never_cache
def forgot_password(request: HttpRequest) -> HttpResponse:
    """As `login`, for whoever has forgotten the password: at the hosted UI's page where a new one is set."""
    return _begin(request, "forgot_password")


@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def link(request: HttpRequest) -> HttpResponse:
    """As `login`, for a user who has a further account in Cognito: it is linked to the same user from then on.

    By POST, and Cognito asks for the password: otherwise an attacker could make a user link an account of the attacker.
    """
    if refusal := _too_old(request):
        return refusal
    return _begin(request, "login", links_to=str(request.user.pk))


@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def unlink(request: HttpRequest, link_id: int) -> HttpResponse:
    """Remove one of the user's links to accounts in Cognito; not the last way in."""
    if refusal := _too_old(request):
        return refusal
    try:
        linking.unlink(request.user, link_id)
    except CognitoError as error:
        logger.info("an account was not unlinked: %s", error.code)
        return _explained(request, error)
    return _on(request, request.POST.get(auth.REDIRECT_FIELD_NAME, ""))


def _too_old(request: HttpRequest) -> HttpResponse | None:
    """The page that asks for a new sign-in if the session's is older than LINKING_MAX_AGE_SECONDS; None if it is not.

    A session with a local password has no sign-in at Cognito, and is too old.
    """
    settings = get_settings()
    seconds, cognito = settings.linking_max_age_seconds, getattr(request, "cognito", None)
    if seconds is None:
        return None
    try:
        signed_in_at = cognito.token.auth_time if cognito is not None and cognito.token is not None else None
        if signed_in_at is None or time.time() - signed_in_at.timestamp() > seconds + settings.leeway_seconds:
            raise SignInError("the user signed in too long ago to link or unlink an account", code="sign_in_too_old")
    except CognitoError as error:
        logger.info("an account was not linked or unlinked: %s", error.code)
        next_url = safe_url(request, request.POST.get(auth.REDIRECT_FIELD_NAME, ""))
        return _explained(request, error, next_url=next_url, asked={"max_age": str(int(seconds))})
    return None


@session_required
@require_safe
@login_not_required
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """The hosted UI's answer: sign the person in and go on to where they wanted; or say what went wrong.

    A sign-in that fails changes nothing: who was signed in still is.
    """
    return attempts.forget(request, _come_back(request), request.GET.get("state", ""))


@without_locals
def _come_back(request: HttpRequest) -> HttpResponse:
    attempt = begun = None
    try:
        # The state comes first: without it nothing is believed.
        state = sign_in.single(request.GET, "state")
        attempt = attempts.kept(request, state)
        begun = pending.finish(request, state)
        sign_in.complete(request, begun)
    except CognitoError as error:
        if begun is None:
            return _once_more(request, error, attempt)
        if not silence.is_nobody(begun.asked, error):
            return _failed(request, error, begun)
        silence.remember(request)
    return _on(request, begun.next_url)


def _once_more(request: HttpRequest, error: CognitoError, attempt: Attempt | None) -> HttpResponse:
    """The answer to a state that this browser's session does not hold.

    Where the browser itself says that it began it, another tab's session has taken the place of that one: it begins
    once more, with new secrets, and no third time.
    """
    if attempt is None:
        return _failed(request, error, None)
    settings = get_pools().by_alias.get(attempt.alias)
    if settings is not None and not attempt.is_second:
        return _sent(request, settings, "login", replace(attempt, is_second=True))
    if silence.is_silent(attempt.asked):
        silence.remember(request)
        return _on(request, attempt.next_url)
    return _failed(request, error, attempt)


@without_transaction
@csrf_exempt  # of Django's middleware alone: CsrfOrConfirmation makes the same check
@session_required
@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
@never_cache
@decorator_from_middleware(CsrfOrConfirmation)
def logout(request: HttpRequest) -> HttpResponse:
    """By POST: revoke the refresh token, end the session, and redirect to Cognito's `/logout`. By GET: ask first.

    `where=here` in the form does not end Cognito's own session; `where=everywhere` also ends all other logins of the
    user, at this site and at Cognito. The session of a local password is ended here alone.
    """
    here = settings_at_sign_out(request)  # before the session ends, by which POOL_RESOLVER may go
    local_user = session.local_user(request)
    if request.method != "POST":
        return sign_out_page(request, here, local_user)
    where = request.POST.get("where", "")
    # First: else Django's logout, which loads the user, refreshes tokens that nobody needs.
    ours = session.drop(request.session, everywhere=where == "everywhere", user=local_user)
    try:
        auth.logout(request)
    finally:
        request.session.flush()  # also if a receiver of `user_logged_out` fails
    if get_settings().silent_sign_in:
        silence.remember(request)  # who has just gone is not to come back unseen
    found = ours or here
    after = (found.logout_uri if found else "") or request.build_absolute_uri(
        resolve_url(django_settings.LOGOUT_REDIRECT_URL or get_script_prefix())
    )
    through_cognito = ends_at_cognito(found, local_user, where)
    gone = protected(HttpResponseRedirect(get_hosted_ui(found).logout_url(after) if through_cognito else after))
    return attempts.forget(request, gone)  # what was under way ends with the session that held it


def _begin(request: HttpRequest, page: str, *, links_to: str = "") -> HttpResponse:
    if is_script(request):
        return json_response(not_authenticated())
    given = request.POST if links_to else request.GET
    next_url = safe_url(request, given.get(auth.REDIRECT_FIELD_NAME, ""))
    if way_back := silence.in_vain(request, next_url):
        return protected(HttpResponseRedirect(way_back))
    try:
        settings = settings_of_request(request)
        asked = asked_of_cognito(given, settings)
        asked |= {"prompt": "login"} if links_to else {}
        return _sent(request, settings, page, Attempt(settings.alias, next_url, asked), links_to)
    except CognitoError as error:
        return _failed(request, error, None)


def _sent(
    request: HttpRequest, settings: CognitoSettings, page: str, attempt: Attempt, links_to: str = ""
) -> HttpResponse:
    """On the way to a page of the hosted UI, with what it takes to come back."""
    address, state = sign_in.begin(
        request,
        settings,
        page,
        redirect_uri=settings.redirect_uri or request.build_absolute_uri(reverse("cognito:callback")),
        next_url=attempt.next_url,
        asked=attempt.asked,
        links_to=links_to,
    )
    response = protected(HttpResponseRedirect(address))
    # Who links an account does so by POST, as who they are: not once more, unasked.
    return response if links_to else attempts.keep(request, response, state, attempt)


def _on(request: HttpRequest, next_url: str) -> HttpResponse:
    """On to `next_url` where it is safe, looked at once more; else to the site's own page after a login."""
    address = safe_url(request, next_url) or resolve_url(django_settings.LOGIN_REDIRECT_URL)
    return protected(HttpResponseRedirect(address))


def _failed(request: HttpRequest, error: CognitoError, begun: PendingSignIn | Attempt | None) -> HttpResponse:
    """The page that says why a sign-in failed; the log and the signal say so, too."""
    cause = cause_of(error)
    logger.warning("a sign-in failed: %s: %s%s", error.code, error, f" ({cause.hint})" if cause.hint else "")
    tell_of_failed_sign_in(error.code, begun.alias if begun else "")
    return _explained(request, error, next_url=begun.next_url if begun else "", asked=begun.asked if begun else {})


def _explained(
    request: HttpRequest, error: CognitoError, *, next_url: str = "", asked: Mapping[str, str] = MappingProxyType({})
) -> HttpResponse:
    cause, answer = cause_of(error), answer_to(error)
    context: dict[str, Any] = {
        "code": error.code,
        "sentence": cause.sentence,
        "remedy": cause.remedy,
        "next": next_url,
        "again": _again(cause.way_on, next_url, asked),
        "as_another": cause.way_on is WayOn.AS_ANOTHER,
        "home": get_script_prefix(),
    }
    # A page is for a person: 401 would ask their browser for credentials that it does not have.
    status = 403 if isinstance(error, TokenError) else answer.status
    response = render(request, "django_cognito/login_failed.html", context, status=status)
    if "Retry-After" in answer.headers:
        response["Retry-After"] = answer.headers["Retry-After"]
    return protected(response, settings_here(request))


def _again(way_on: WayOn, next_url: str, asked: Mapping[str, str]) -> str:
    """The address at which the person begins once more; empty where that leads nowhere."""
    if way_on is WayOn.NONE:
        return ""
    query = {"next": next_url} if next_url else {}
    if way_on is not WayOn.AGAIN:  # else Cognito, which knows them, sends them straight back
        query["prompt"] = "login"
    if way_on is WayOn.BY_PASSWORD and "max_age" in asked:
        query["max_age"] = asked["max_age"]
    return reverse("cognito:login") + (f"?{urlencode(query)}" if query else "")
