"""The browser's way in and out: login, callback, logout. They translate; `login` and `people` decide."""

import logging
from typing import Any

from django.conf import settings as django_settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_deny
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_safe

from .answers import answer_to
from .conf import get_settings
from .core import AccessToken
from .core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from .core.hosted_ui import HostedUi
from .login import pending, session
from .people.authenticate import authenticate
from .runtime import get_hosted_ui

logger = logging.getLogger(__name__)

# What went wrong, and what the person can do, by the error's code.
_STALE = (
    _("This sign-in is no longer open."),
    _("It may have been used already, or begun in another browser. Start again."),
)
_CAUSES: dict[str, tuple[Any, Any]] = {
    "state_unknown": _STALE,
    "state_expired": _STALE,
    "invalid_grant": _STALE,
    "refused_by_provider": (
        _("The sign-in was refused or cancelled."),
        _("Start again, perhaps with another account."),
    ),
    "user_inactive": (_("This account is disabled."), _("Ask the people who run this site.")),
    "user_unknown": (_("This account is not known here."), _("Ask the people who run this site to let you in.")),
    "cognito_unavailable": (_("The sign-in service does not answer."), _("Nothing is lost; try again in a moment.")),
}
_OTHER = (_("The sign-in did not succeed."), _("Start again; if it happens twice, tell the people who run this site."))


@require_safe
@login_not_required
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """Send the browser to the hosted UI; `next` says where it goes once it is back. Writes the session."""
    settings, hosted_ui = get_settings(), _hosted_ui()
    begun = pending.begin(
        request,
        redirect_uri=settings.redirect_uri or request.build_absolute_uri(reverse("cognito:callback")),
        next_url=_safe(request, request.GET.get(auth.REDIRECT_FIELD_NAME, "")),
    )
    url = hosted_ui.authorize_url(begun.secrets, redirect_uri=begun.redirect_uri, scopes=settings.scopes)
    return _private(HttpResponseRedirect(url))


@require_safe
@login_not_required
@never_cache
@sensitive_variables()  # reports of server errors show what frames hold, down to the request for tokens
def callback(request: HttpRequest) -> HttpResponse:
    """The hosted UI's answer: sign the person in and go on to where they wanted; or say what went wrong.

    A sign-in that fails changes nothing: who was signed in still is.
    """
    next_url = ""
    try:
        # The state comes first: without it nothing is believed.
        begun = pending.finish(request, _single(request, "state"))
        next_url = begun.next_url
        _check_issuer(request)
        tokens = _hosted_ui().exchange_code(
            _code(request), redirect_uri=begun.redirect_uri, code_verifier=begun.secrets.code_verifier
        )
        user, token = authenticate(
            tokens.access_token,
            token_use="access",
            id_token=tokens.id_token,
            nonce=begun.secrets.nonce,
            client_ids=(get_settings().client_id,),
        )
        if not isinstance(token, AccessToken):
            raise SignInError("the token endpoint gave a machine's token", code="malformed_response")
    except CognitoError as error:
        return _failed(request, error, next_url)
    session.start(request, user, token, tokens)
    return _private(HttpResponseRedirect(_safe(request, next_url) or resolve_url(django_settings.LOGIN_REDIRECT_URL)))


@require_http_methods(["GET", "HEAD", "POST"])
@login_not_required
@never_cache
@csrf_protect
@xframe_options_deny
def logout(request: HttpRequest) -> HttpResponse:
    """By POST: revoke the refresh token, end the session, and go through Cognito's own logout. By GET: ask first."""
    if request.method != "POST":
        # "no-referrer" would make browsers post the form with "Origin: null", which the CSRF check refuses.
        return _private(render(request, "django_cognito/logout.html"), referrer_policy="same-origin")
    settings, is_ours = get_settings(), session.SESSION_KEY in request.session
    session.drop(request.session)  # first: else Django's logout, which asks who it is, renews tokens for nobody
    auth.logout(request)
    after = settings.logout_uri or request.build_absolute_uri(resolve_url(django_settings.LOGOUT_REDIRECT_URL or "/"))
    through_cognito = is_ours and settings.user_pool.domain
    return _private(HttpResponseRedirect(get_hosted_ui().logout_url(after) if through_cognito else after))


def _hosted_ui() -> HostedUi:
    if not get_settings().user_pool.domain:
        raise ImproperlyConfigured(
            "Logins need COGNITO['DOMAIN']: the user pool's domain, as the AWS console shows it."
        )
    return get_hosted_ui()


def _check_issuer(request: HttpRequest) -> None:
    """RFC 9207 2.4: an issuer beside the code or the error is the pool's. Cognito names none; others may mix it up.

    Raises SignInError.
    """
    named = request.GET.getlist("iss")
    if named and (len(named) > 1 or named[0] not in get_settings().user_pool.issuers):
        raise SignInError("the callback names another issuer than the pool", code="wrong_issuer")


def _code(request: HttpRequest) -> str:
    """The code that the hosted UI gave. Raises SignInError where it gave an error, or not one code."""
    if "error" in request.GET:
        oauth_error = request.GET["error"][:64]
        raise SignInError(
            f"the hosted UI answered {oauth_error!r}", oauth_error=oauth_error, code="refused_by_provider"
        )
    return _single(request, "code")


def _single(request: HttpRequest, name: str) -> str:
    values = request.GET.getlist(name)
    if len(values) != 1 or not values[0]:
        raise SignInError(f"the callback has {len(values)} values of {name}", code="state_unknown")
    return values[0]


def _safe(request: HttpRequest, url: str) -> str:
    """`url` where it leads to this site, or to a host of REDIRECT_HOSTS; else an empty string."""
    # From the root on: what is relative would be so to the callback.
    if not url.startswith(("/", "https://", "http://")):
        return ""
    hosts = {request.get_host(), *get_settings().redirect_hosts}
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=hosts, require_https=request.is_secure()) else ""


def _failed(request: HttpRequest, error: CognitoError, next_url: str) -> HttpResponse:
    logger.warning("a sign-in failed: %s: %s", error.code, error)
    answer = answer_to(error)
    code = "cognito_unavailable" if isinstance(error, CognitoUnavailableError) else error.code
    sentence, remedy = _CAUSES.get(code, _OTHER)
    context = {"code": error.code, "sentence": sentence, "remedy": remedy, "next": next_url}
    # A page is for a person: 401 would ask their browser for credentials that it does not have.
    status = 403 if isinstance(error, TokenError) else answer.status
    response = render(request, "django_cognito/login_failed.html", context, status=status)
    if "Retry-After" in answer.headers:
        response["Retry-After"] = answer.headers["Retry-After"]
    return _private(response)


def _private(response: HttpResponse, *, referrer_policy: str = "no-referrer") -> HttpResponse:
    """Codes and states stay out of caches and Referer headers (RFC 9700 4.2)."""
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = referrer_policy
    return response
