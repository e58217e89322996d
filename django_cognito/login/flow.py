"""The sign-in flow of a browser: the authorization request, and the callback that starts the session.

Must not depend on pages or cookies: the views render errors and set cookies.
"""

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings as django_settings
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.http import HttpRequest, QueryDict

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.error_responses import ALREADY_LINKED
from ..core.errors import CognitoError, RevokedTokenError, SignInError, TokenError
from ..core.hosted_ui import HostedUi, TokenSet
from ..core.tracebacks import clear_frame_locals
from ..factories import get_hosted_ui
from ..sessions.ending.sign_out import retry_due_revocation
from ..sessions.remember_me import set_session_expiry
from ..sessions.sign_in import start_login
from ..users.authentication import get_or_create_user, verify
from ..users.linking import link
from ..users.revocation import DISABLED_CODE, check_token
from ..web.pool_selection import find_settings_for_request
from ..web.redirect_uri import has_own_redirect_uri, redirect_uri_of
from ..web.silent import is_login_required_error, is_silent
from . import step_up
from .authorize_params import get_language_params
from .error_response import create_error
from .state import PendingSignIn, digest_session_key, new_secret, seal_state

logger = logging.getLogger(__name__)
Page = Callable[..., str]
# The pages of the hosted UI at which a sign-in can start, by name.
PAGES: Mapping[str, Page] = {
    "login": HostedUi.authorize_url,
    "sign_up": HostedUi.sign_up_url,
    "forgot_password": HostedUi.forgot_password_url,
    step_up.PAGE: HostedUi.authorize_url,
}
_COMPLETED = "_cognito_completed"  # in the session: the ids of the sign-ins that it completed
_MAX_COMPLETED = 10
_BACKEND = "django_cognito.backends.CognitoBackend"
# The token endpoint reports a redirect URI that differs, or is not registered, with one of these.
_REDIRECT_URI_ERRORS = ("invalid_grant", "unauthorized_client", "invalid_request")


@dataclass(frozen=True, slots=True)
class RedeemedSignIn:
    """A sign-in whose code was exchanged for tokens, which are verified. No session was started and no row written."""

    settings: CognitoSettings
    pending: PendingSignIn
    secret: bytes = field(repr=False)
    tokens: TokenSet
    token: AccessToken
    profile: IdToken | None

    @property
    def needs_confirmation(self) -> bool:
        """Whether the user must confirm the account before the session starts.

        Also if the clocks do not show that the user signed in after the request: the unsolicited assertion, which may
        be an attacker's, opened its session at Cognito a moment before.
        """
        signed_in_at: Any = self.token.claims.get("auth_time", 0)
        is_certainly_new = signed_in_at > self.pending.started_at + self.settings.leeway_seconds
        return self.pending.needs_confirmation or (self.pending.is_idp_initiated and not is_certainly_new)


def begin_sign_in(request: HttpRequest, settings: CognitoSettings, pending: PendingSignIn) -> tuple[str, bytes]:
    """Return the hosted UI's URL for the sign-in `pending`, and the secret for its cookie. No I/O.

    Without a requested language, the hosted UI gets the active one.
    Raises ImproperlyConfigured if the pool has no DOMAIN; SignInError (code "invalid_parameter") if the parameters are
    too long.
    """
    hosted_ui, secret = get_hosted_ui(settings), new_secret()
    if pending.links_to:
        pending = replace(pending, session_digest=_session_digest(request, secret))
    redirect_uri, secrets = redirect_uri_of(request, settings), seal_state(pending, secret)
    extras = {**get_language_params(), **pending.authorize_params}
    url = PAGES[pending.page](hosted_ui, secrets, redirect_uri=redirect_uri, scopes=settings.scopes, **extras)
    return url, secret


def is_completed(request: HttpRequest, pending: PendingSignIn) -> bool:
    """Return whether this session completed `pending` before, and its user is still signed in. Reads the session."""
    return pending.id in request.session.get(_COMPLETED, ()) and request.user.is_authenticated


def is_sign_in_before_sign_out(error: CognitoError) -> bool:
    """Return whether the tokens were rejected because the user signed out everywhere after signing in at Cognito.

    Cognito's own session is still good then: it issues tokens without asking for the password.
    """
    return isinstance(error, RevokedTokenError) and error.reason == "not_before"


def needs_new_sign_in(error: CognitoError) -> bool:
    """Return whether the tokens were rejected because of the time of the sign-in at Cognito: a new one may be accepted.

    The user signed out everywhere after it, or was disabled in Cognito and may be enabled again.
    """
    return is_sign_in_before_sign_out(error) or (isinstance(error, TokenError) and error.code == DISABLED_CODE)


def ends_silently(pending: PendingSignIn, error: CognitoError) -> bool:
    """Return whether a silent sign-in failed because the user would have to interact: that is no error."""
    is_too_old = is_silent(pending.authorize_params) and needs_new_sign_in(error)
    return is_too_old or is_login_required_error(pending.authorize_params, error)


def find_next_attempt(request: HttpRequest, pending: PendingSignIn, error: CognitoError) -> PendingSignIn | None:
    """Return the sign-in that repeats a failed first attempt; None if a repetition cannot succeed.

    Cognito fails the first federated sign-in of a user whom a pre sign-up trigger links to an existing one. A sign-in
    before the user's sign-out everywhere, or before the user was disabled in Cognito, is repeated with the password. A
    link is never repeated: the user starts it with a POST request.
    """
    if pending.attempt != 1 or pending.links_to:
        return None
    if needs_new_sign_in(error):
        logger.info("a sign-in at Cognito that is too old is repeated with the password: %s", error.code)
        authorize_params = {**pending.authorize_params, "prompt": "login"}
        return replace(pending.next_attempt(), authorize_params=authorize_params, page="login")
    if error.code == "provider_trouble" and request.GET.get("error_description", "").startswith(ALREADY_LINKED):
        logger.info("the first sign-in of a linked user failed and is retried: %s", error)
        return pending.next_attempt()
    return None


@clear_frame_locals
def redeem_code(request: HttpRequest, pending: PendingSignIn, secret: bytes | None) -> RedeemedSignIn:
    """Check the callback of the sign-in `pending`, and exchange its code for verified tokens. Writes nothing.

    `secret` comes from the browser's cookie; it is None without a cookie. The code is exchanged for tokens only after
    the whole callback was checked.
    Raises CognitoError.
    """
    if secret is None:
        is_never_stored = django_settings.SESSION_COOKIE_SECURE and not request.is_secure()
        cause = ": SESSION_COOKIE_SECURE is on, and this request is plain http" if is_never_stored else ""
        raise SignInError(f"this browser has no cookie for the state{cause}", code="state_unknown")
    if pending.is_expired:
        raise SignInError("the sign-in started too long ago", code="state_expired")
    settings = find_settings(request, pending)
    code, hosted_ui = _read_code(request.GET, settings), get_hosted_ui(settings)
    if _BACKEND not in django_settings.AUTHENTICATION_BACKENDS:
        # Without it Django would not load the session's user, and each page would start the next sign-in.
        raise SignInError(f"AUTHENTICATION_BACKENDS does not contain {_BACKEND!r}", code="backend_missing")
    redirect_uri = redirect_uri_of(request, settings)
    try:
        tokens = hosted_ui.exchange_code(code, redirect_uri=redirect_uri, code_verifier=pending.code_verifier(secret))
    except SignInError as error:
        if error.code not in _REDIRECT_URI_ERRORS:
            raise
        message = f"{error} (redirect URI sent: {redirect_uri}; it must be a callback URL of the app client)"
        raise SignInError(message, oauth_error=error.oauth_error, code=error.code) from error
    return verify_tokens(settings, pending, secret, tokens)


def find_settings(request: HttpRequest, pending: PendingSignIn) -> CognitoSettings:
    """Return the settings with which `pending` started. Raises SignInError if they are not those of `request`."""
    settings = get_pool_registry().by_alias.get(pending.alias)
    if settings is None or settings.client_id != pending.client_id:
        raise SignInError("the sign-in started with an app client that is no longer configured", code="state_unknown")
    # POOL_RESOLVER selects the tenant of the callback unless the alias has its own REDIRECT_URI.
    if not has_own_redirect_uri(settings) and find_settings_for_request(request) is not settings:
        raise SignInError(f"the callback of alias {pending.alias!r} belongs to another tenant", code="state_unknown")
    return settings


@clear_frame_locals
def verify_tokens(settings: CognitoSettings, pending: PendingSignIn, secret: bytes, tokens: TokenSet) -> RedeemedSignIn:
    """Verify the tokens of the sign-in `pending`. May fetch the pool's JWKS. Raises CognitoError."""
    nonce, client_ids = pending.nonce(secret), (settings.client_id,)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, nonce=nonce, client_ids=client_ids
    )
    if not isinstance(token, AccessToken) or token.user_pool_id != settings.user_pool_id:
        message = "the token endpoint returned a token of a machine-to-machine client or of another user pool"
        raise SignInError(message, code="malformed_response")
    step_up.check_result(token, profile, pending, settings)
    return RedeemedSignIn(settings, pending, secret, tokens, token, profile)


@clear_frame_locals
def start_session(request: HttpRequest, sign_in: RedeemedSignIn) -> None:
    """Start the session of a redeemed sign-in. Writes the session and the user's claims.

    Raises CognitoError. The session is then unchanged: a user who was signed in stays signed in. The user's claims
    may have been written if the code is "link_interrupted".
    """
    settings, pending, tokens, token = sign_in.settings, sign_in.pending, sign_in.tokens, sign_in.token
    uses_user_info = settings.profile_source == "userinfo"
    user_info = get_hosted_ui(settings).user_info(tokens.access_token) if uses_user_info else None
    if user_info is not None and user_info.get("sub") != token.sub:  # OpenID Connect Core 5.3.2
        raise SignInError("`sub` in userInfo does not match the ID token", code="user_info_mismatch")

    check_token(token)  # before the first write
    if pending.links_to:
        linking_user: Any = request.user
        is_same_session = hmac.compare_digest(_session_digest(request, sign_in.secret), pending.session_digest)
        if not linking_user.is_authenticated or str(linking_user.pk) != pending.links_to or not is_same_session:
            message = "the user who started to link an account is no longer signed in"
            raise SignInError(message, code="link_interrupted")
        link(linking_user, token, sign_in.profile)  # the first write of this function
    user, _ = get_or_create_user(token, sign_in.profile, user_info)
    start_login(request, user, token, tokens)
    set_session_expiry(request.session, is_remembered=pending.is_remembered)
    request.session[_COMPLETED] = [*request.session.get(_COMPLETED, ()), pending.id][-_MAX_COMPLETED:]
    retry_due_revocation()  # Cognito has just responded


def _session_digest(request: HttpRequest, secret: bytes) -> str:
    # The key of a session in a signed cookie is its content: it changes with each write and identifies no session.
    is_in_cookie = isinstance(request.session, CookieSession)
    return digest_session_key(secret, "" if is_in_cookie else request.session.session_key or "")


def _read_code(query: QueryDict, settings: CognitoSettings) -> str:
    """Return the authorization code of the callback.

    Raises SignInError for another issuer or if there is not exactly one code; the error of an error response.
    """
    # RFC 9207 2.4: the `iss` parameter, if present, is the pool's issuer. Cognito does not send it.
    issuers = query.getlist("iss")
    if issuers and (len(issuers) > 1 or issuers[0] not in settings.user_pool.issuers):
        raise SignInError("the `iss` parameter of the callback is not the pool's issuer", code="wrong_issuer")
    if "error" in query:
        raise create_error(query, settings)
    return require_single_value(query, "code")


def require_single_value(query: QueryDict, name: str) -> str:
    """Return the single value of a callback parameter. Raises SignInError if there is none, or more than one."""
    values = query.getlist(name)
    if len(values) == 1 and values[0]:
        return values[0]
    # IdP-initiated SAML: the callback has a code, but this site sent no authorization request.
    is_idp_initiated = name == "state" and not values and "code" in query
    code = "state_missing" if is_idp_initiated else "state_unknown"
    raise SignInError(f"the callback has {len(values)} values of {name}", code=code)
