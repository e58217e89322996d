"""The views of sign-in, callback, sign-out and account linking. The rules are in `login.flow` and `users`."""

import logging

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import get_script_prefix
from django.utils.decorators import decorator_from_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..conf.loading import get_pool_registry, get_settings
from ..conf.schema import CognitoSettings
from ..core.errors import CognitoError, SignInError
from ..core.tracebacks import clear_frame_locals
from ..decorators import session_required, user_required
from ..factories import get_hosted_ui
from ..sessions.ending.sign_out import end_login
from ..sessions.step_up import SignInRequirement
from ..sessions.store import get_local_user
from ..signals import send_sign_in_failed
from ..users import linking
from ..web import sign_in_cookies, silent
from ..web.next_url import is_htmx, is_script, safe_url
from ..web.pool_selection import find_settings_for_request, get_settings_for_request
from ..web.redirect_uri import login_at_redirect_uri, relative_next, report_plain_http
from ..web.script_responses import let_htmx_redirect, sign_in_required
from ..web.security_headers import set_security_headers
from ..web.step_up import find_problem
from . import confirmation, flow, idp_initiated, step_up
from .authorize_params import chooses_to_be_remembered, read_authorize_params
from .error_response import log_error_response
from .failure_page import Restart, render_failure
from .failures import describe_failure
from .local_cognito import require_local_cognito
from .sign_out_page import CsrfOrConfirmation, ends_at_cognito, settings_at_sign_out, sign_out_page, without_transaction
from .state import PendingSignIn, open_state

logger = logging.getLogger(__name__)


@session_required
@require_safe
@login_not_required
@never_cache
def login(request: HttpRequest, page: str = "login") -> HttpResponse:
    """Send the browser to the hosted UI; `next` is the page after the sign-in. Sets a cookie; uses no session.

    `page` is a key of `flow.PAGES`, which the URL pattern sets. At "step_up" the user signs in again (`prompt=login`),
    and the result must be what `max_age` and `acr_values` require. The query may also have the authorization request
    parameters `identity_provider`, `idp_identifier`, `login_hint`, `lang`, `prompt`, `acr_values` and `max_age`.
    """
    return _start_sign_in(request, page)


@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def link(request: HttpRequest) -> HttpResponse:
    """Send the browser to the hosted UI to sign in with a further account, and link that account to the user.

    Requires POST and a new sign-in (`prompt=login`): otherwise an attacker could make a user link the attacker's
    account.
    """
    if refusal := _require_recent_sign_in(request):
        return refusal
    return let_htmx_redirect(request, _start_sign_in(request, "login", links_to=str(request.user.pk)))


@session_required
@require_POST
@login_not_required
@never_cache
@user_required
@csrf_protect
def unlink(request: HttpRequest, link_id: int) -> HttpResponse:
    """Remove one of the user's links to accounts in Cognito, unless it is the user's last sign-in method."""
    if refusal := _require_recent_sign_in(request):
        return refusal
    try:
        linking.unlink(request.user, link_id)
    except CognitoError as error:
        logger.info("an account was not unlinked: %s", error.code)
        return render_failure(request, error)
    return _redirect_to_next(request, request.POST.get(auth.REDIRECT_FIELD_NAME, ""))


def _require_recent_sign_in(request: HttpRequest) -> HttpResponse | None:
    """Return the page that requires a new sign-in if the last is older than LINKING_MAX_AGE_SECONDS; otherwise None.

    A session with a local password has no sign-in at Cognito and counts as too old.
    """
    seconds = get_settings().linking_max_age_seconds
    if seconds is None:
        return None
    try:
        if find_problem(request, SignInRequirement(seconds)):
            raise SignInError("the user signed in too long ago to link or unlink an account", code="sign_in_too_old")
    except CognitoError as error:
        logger.info("an account was not linked or unlinked: %s", error.code)
        next_url = safe_url(request, request.POST.get(auth.REDIRECT_FIELD_NAME, ""))
        return render_failure(request, error, Restart("login", next_url, {"max_age": str(int(seconds))}))
    return None


@session_required
@require_safe
@login_not_required
@never_cache
@clear_frame_locals
def callback(request: HttpRequest) -> HttpResponse:
    """Complete the sign-in and redirect to `next`, or return the error page.

    A failed sign-in changes nothing: a user who was signed in stays signed in. A silent sign-in that found no session
    at Cognito also redirects to `next`, and a sign-in that succeeds the next time is retried. A code without a state
    is never redeemed; with IDP_INITIATED it starts a sign-in of this site.
    """
    pending = None
    log_error_response(request.GET)  # before any check can fail
    try:
        # The state is checked first: without it no other parameter is trusted.
        pending = open_state(flow.require_single_value(request.GET, "state"))
        secret = sign_in_cookies.take_secret(request, pending.id, pending.has_secret)
        if flow.is_completed(request, pending):  # the back button, or a reload
            return _redirect_to_next(request, "")
        sign_in = flow.redeem_code(request, pending, secret)
        if sign_in.needs_confirmation:
            return confirmation.render_page(request, sign_in)
        flow.start_session(request, sign_in)
    except CognitoError as error:
        if pending is not None and (answer := _repeat_sign_in(request, error, pending)):
            return answer
        if error.code == "state_missing" and (answer := _restart_idp_initiated(request)):
            return answer
        return _sign_in_failed(request, step_up.explain_error(error, pending, request.GET), pending)
    response = _redirect_to_next(request, pending.next_url)
    sign_in_cookies.mark_signed_in(request, response, pending.next_url)
    return response


def _repeat_sign_in(request: HttpRequest, error: CognitoError, pending: PendingSignIn) -> HttpResponse | None:
    """Return the redirect after a callback that is no error for the user; None for the error page."""
    if flow.ends_silently(pending, error):
        response = _redirect_to_next(request, pending.next_url)
        silent.ATTEMPTED.set(request, response)
        return response
    if again := flow.find_next_attempt(request, pending, error):
        return _redirect_to_hosted_ui(request, get_pool_registry().by_alias[again.alias], again)
    return None


@session_required
@require_POST
@login_not_required
@never_cache
@csrf_protect
@clear_frame_locals
def confirm_sign_in(request: HttpRequest) -> HttpResponse:
    """Start the session of a sign-in that the identity provider caused, after the user has confirmed the account."""
    pending = None
    try:
        pending, secret, tokens = confirmation.open_form(request)
        if request.user.is_authenticated:  # signed in by another tab meanwhile
            return _redirect_to_next(request, "")
        settings = flow.find_settings(request, pending)
        flow.start_session(request, flow.verify_tokens(settings, pending, secret, tokens))
    except CognitoError as error:
        return _sign_in_failed(request, error, pending)
    response = _redirect_to_next(request, pending.next_url)
    sign_in_cookies.mark_signed_in(request, response, pending.next_url)
    return response


def _restart_idp_initiated(request: HttpRequest) -> HttpResponse | None:
    """Return the response to a code without a state if IDP_INITIATED has this host; None for the error page.

    A signed-in browser goes to the site's page, another one to a sign-in of this site at the provider, once a minute.
    """
    rule = idp_initiated.find_rule(request)
    if rule is None:
        return None
    if request.user.is_authenticated:
        return _redirect_to_next(request, "")
    settings = find_settings_for_request(request)
    if settings is None or is_script(request) or idp_initiated.RESTARTED.is_set(request):
        return None
    pending = PendingSignIn(
        settings.alias, settings.client_id, authorize_params=rule.authorize_params, is_idp_initiated=True
    )
    response = _redirect_to_hosted_ui(request, settings, pending)
    idp_initiated.RESTARTED.set(request, response)
    return response


@without_transaction
@csrf_exempt  # of Django's middleware alone: CsrfOrConfirmation makes the same check
@session_required
@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
@never_cache
@decorator_from_middleware(CsrfOrConfirmation)
def logout(request: HttpRequest) -> HttpResponse:
    """On POST, revoke the refresh token, end the session and redirect to Cognito's `/logout`.

    On GET, return the confirmation page.

    `where=here` in the form does not end Cognito's own session; `where=everywhere` also ends all other logins of the
    user, on this site and at Cognito. A session with a local password is ended on this site only.
    """
    request_settings = settings_at_sign_out(request)  # before the session ends: POOL_RESOLVER may read it
    local_user = get_local_user(request)
    if request.method != "POST":
        return sign_out_page(request, request_settings, local_user)
    where = request.POST.get("where", "")
    # Before Django's logout, which loads the user and would refresh tokens that are no longer needed.
    login_settings = end_login(request.session, everywhere=where == "everywhere", user=local_user, request=request)
    try:
        auth.logout(request)
    finally:
        request.session.flush()  # also if a receiver of `user_logged_out` fails
    settings = login_settings or request_settings
    page = resolve_url(django_settings.LOGOUT_REDIRECT_URL or get_script_prefix())
    after = (settings.logout_uri if settings else "") or request.build_absolute_uri(page)
    through_cognito = ends_at_cognito(settings, local_user, where)
    url = get_hosted_ui(settings).logout_url(after) if through_cognito else after
    response = set_security_headers(HttpResponseRedirect(url))
    if get_settings().silent_sign_in:
        silent.ATTEMPTED.set(request, response)  # a user who has just signed out must not be signed in silently
    return let_htmx_redirect(request, response)


def _start_sign_in(request: HttpRequest, page: str, *, links_to: str = "") -> HttpResponse:
    query = request.POST if links_to else request.GET
    next_url = safe_url(request, relative_next(request, query.get(auth.REDIRECT_FIELD_NAME, "")))
    if is_script(request) and not (links_to and is_htmx(request)):
        return sign_in_required(request, next_url)
    if way_back := silent.no_cookie_redirect(request, next_url):
        return set_security_headers(HttpResponseRedirect(way_back))
    authorize_params: dict[str, str] = {}
    is_remembered = chooses_to_be_remembered(request)
    try:
        settings = get_settings_for_request(request)
        is_forced = links_to or page == step_up.PAGE
        authorize_params = read_authorize_params(query, settings) | ({"prompt": "login"} if is_forced else {})
        if page == step_up.PAGE:
            step_up.check_start(request, SignInRequirement.from_params(authorize_params), next_url)
        if sign_in_cookies.is_session_cookie_lost(request):
            sign_in_cookies.forget_signed_in(request)
            raise SignInError("the browser did not send the session cookie back", code="session_cookie_lost")
        is_returned = not authorize_params and sign_in_cookies.is_returned_by_page(request, next_url)
        if is_returned and request.user.is_authenticated:
            raise PermissionDenied
        if not links_to and (moved := login_at_redirect_uri(request, settings, next_url)):
            return set_security_headers(HttpResponseRedirect(moved))
        report_plain_http(request, settings)
        require_local_cognito(settings)
        values = (settings.alias, settings.client_id, next_url, authorize_params, links_to)
        pending = PendingSignIn(*values, page=page, is_remembered=is_remembered)
        response = _redirect_to_hosted_ui(request, settings, pending)
    except CognitoError as error:
        page = "login" if error.code in step_up.CODES else page  # the step-up would have the same result
        valid_params = {} if error.code == "invalid_parameter" else authorize_params
        return _sign_in_failed(request, error, None, Restart(page, next_url, valid_params, links_to, is_remembered))
    sign_in_cookies.delete_oldest(request, response)
    return response


def _redirect_to_hosted_ui(request: HttpRequest, settings: CognitoSettings, pending: PendingSignIn) -> HttpResponse:
    """Return the redirect to a page of the hosted UI, with the cookie that the callback needs."""
    url, secret = flow.begin_sign_in(request, settings, pending)
    response = set_security_headers(HttpResponseRedirect(url))
    sign_in_cookies.set_secret(request, response, pending.id, secret)
    return response


def _redirect_to_next(request: HttpRequest, next_url: str) -> HttpResponse:
    """Redirect to `next_url` if it is safe, which is checked again; otherwise to LOGIN_REDIRECT_URL."""
    url = safe_url(request, next_url) or resolve_url(django_settings.LOGIN_REDIRECT_URL)
    return set_security_headers(HttpResponseRedirect(url))


def _sign_in_failed(
    request: HttpRequest, error: CognitoError, pending: PendingSignIn | None, restart: Restart | None = None
) -> HttpResponse:
    """Log the failed sign-in, send the signal and return the error page."""
    if flow.is_sign_in_before_sign_out(error):
        error = SignInError("the user has signed out everywhere since that sign-in", code="sign_in_too_old")
    cause = describe_failure(error)
    logger.warning("a sign-in failed: %s: %s%s", error.code, error, f" ({cause.hint})" if cause.hint else "")
    send_sign_in_failed(error.code, pending.alias if pending else "")
    return render_failure(request, error, Restart.of(pending) if pending else restart)
