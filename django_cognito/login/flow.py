"""The sign-in flow of a browser: the authorization request, and the callback that starts the session.

Must not depend on pages or cookies: the views render errors and set cookies.
"""

import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.http import HttpRequest, QueryDict

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError
from ..core.hosted_ui import HostedUi
from ..core.tracebacks import clear_frame_locals
from ..factories import get_hosted_ui
from ..sessions import store
from ..users.authentication import get_or_create_user, verify
from ..users.linking import link
from ..web.pool_selection import find_settings_for_request
from ..web.redirect_uri import has_own_redirect_uri, redirect_uri_of
from .state import PendingSignIn, digest_session_key, new_secret, seal_state

Page = Callable[..., str]
# The pages of the hosted UI at which a sign-in can start, by name.
PAGES: Mapping[str, Page] = {
    "login": HostedUi.authorize_url,
    "sign_up": HostedUi.sign_up_url,
    "forgot_password": HostedUi.forgot_password_url,
}
# RFC 6749 4.1.2.1, as Cognito uses it: an identity provider that fails is reported as `invalid_request`.
_PROVIDER_ERRORS = frozenset({"server_error", "temporarily_unavailable", "invalid_request"})
_CLIENT_ERRORS = frozenset({"unauthorized_client", "invalid_scope", "unsupported_response_type"})
_ALREADY_LINKED = "Already found an entry for username"  # from public reports; AWS does not document it
_COMPLETED = "_cognito_completed"  # in the session: the ids of the sign-ins that it completed
_MAX_COMPLETED = 10


def begin_sign_in(
    request: HttpRequest,
    settings: CognitoSettings,
    page: str,
    *,
    next_url: str,
    authorize_params: Mapping[str, str],
    attempt: int = 1,
    links_to: str = "",
) -> tuple[str, str, bytes]:
    """Return the hosted UI's URL for the sign-in, the id of the sign-in, and the secret for its cookie.

    `links_to` is the primary key of the user to whom the account is to be linked. No I/O.

    Raises ImproperlyConfigured if the pool has no DOMAIN; SignInError (code "invalid_parameter") if the parameters are
    too long.
    """
    hosted_ui, secret = get_hosted_ui(settings), new_secret()
    pending = PendingSignIn(
        alias=settings.alias,
        client_id=settings.client_id,
        next_url=next_url,
        authorize_params=dict(authorize_params),
        attempt=attempt,
        links_to=links_to,
        session_digest=_session_digest(request, secret) if links_to else "",
    )
    redirect_uri, secrets = redirect_uri_of(request, settings), seal_state(pending, secret)
    url = PAGES[page](hosted_ui, secrets, redirect_uri=redirect_uri, scopes=settings.scopes, **authorize_params)
    return url, pending.id, secret


def is_completed(request: HttpRequest, pending: PendingSignIn) -> bool:
    """Return whether this session completed `pending` before, and its user is still signed in. Reads the session."""
    return pending.id in request.session.get(_COMPLETED, ()) and request.user.is_authenticated


def is_worth_retrying(request: HttpRequest, pending: PendingSignIn, error: CognitoError) -> bool:
    """Return whether the failed first attempt should be repeated, because the same sign-in succeeds the next time.

    Cognito fails the first federated sign-in of a user whom a pre sign-up trigger links to an existing one. A link is
    never retried: the user starts it with a POST request.
    """
    is_passing = request.GET.get("error_description", "").startswith(_ALREADY_LINKED)
    return error.code == "provider_trouble" and is_passing and pending.attempt == 1 and not pending.links_to


@clear_frame_locals
def complete_sign_in(request: HttpRequest, pending: PendingSignIn, secret: bytes | None) -> None:
    """Complete the sign-in `pending` at the callback. Writes the session and the user's claims.

    `secret` comes from the browser's cookie; it is None without a cookie. The code is exchanged for tokens only after
    the whole callback was checked.
    Raises CognitoError. The session is then unchanged: a user who was signed in stays signed in. The user's claims
    may have been written if the code is "link_interrupted".
    """
    if secret is None:
        raise SignInError("this browser has no cookie for the state", code="state_unknown")
    if pending.is_expired:
        raise SignInError("the sign-in started too long ago", code="state_expired")
    settings = get_pool_registry().by_alias.get(pending.alias)
    if settings is None or settings.client_id != pending.client_id:
        raise SignInError("the sign-in started with an app client that is no longer configured", code="state_unknown")
    # POOL_RESOLVER selects the tenant of the callback unless the alias has its own REDIRECT_URI.
    if not has_own_redirect_uri(settings) and find_settings_for_request(request) is not settings:
        raise SignInError(f"the callback of alias {pending.alias!r} belongs to another tenant", code="state_unknown")

    code, hosted_ui = _read_code(request.GET, settings), get_hosted_ui(settings)
    redirect_uri = redirect_uri_of(request, settings)
    tokens = hosted_ui.exchange_code(code, redirect_uri=redirect_uri, code_verifier=pending.code_verifier(secret))

    nonce, client_ids = pending.nonce(secret), (settings.client_id,)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, nonce=nonce, client_ids=client_ids
    )
    if not isinstance(token, AccessToken) or token.user_pool_id != settings.user_pool_id:
        message = "the token endpoint returned a token of a machine-to-machine client or of another user pool"
        raise SignInError(message, code="malformed_response")
    _check_auth_time(token, pending, settings)
    user_info = hosted_ui.user_info(tokens.access_token) if settings.profile_source == "userinfo" else None
    if user_info is not None and user_info.get("sub") != token.sub:  # OpenID Connect Core 5.3.2
        raise SignInError("`sub` in userInfo does not match the ID token", code="user_info_mismatch")

    if pending.links_to:
        link(_get_linking_user(request, pending, secret), token, profile)  # the first write of this function
    user, _ = get_or_create_user(token, profile, user_info)
    store.start_login(request, user, token, tokens)
    request.session[_COMPLETED] = [*request.session.get(_COMPLETED, ()), pending.id][-_MAX_COMPLETED:]


def _get_linking_user(request: HttpRequest, pending: PendingSignIn, secret: bytes) -> Any:
    """Return the user who started the link, if still signed in with the same session. Raises SignInError if not."""
    user: Any = request.user
    is_same_session = hmac.compare_digest(_session_digest(request, secret), pending.session_digest)
    if not user.is_authenticated or str(user.pk) != pending.links_to or not is_same_session:
        raise SignInError("the user who started to link an account is no longer signed in", code="link_interrupted")
    return user


def _session_digest(request: HttpRequest, secret: bytes) -> str:
    # The key of a session in a signed cookie is its content: it changes with each write and identifies no session.
    is_in_cookie = isinstance(request.session, CookieSession)
    return digest_session_key(secret, "" if is_in_cookie else request.session.session_key or "")


def _read_code(query: QueryDict, settings: CognitoSettings) -> str:
    """Return the authorization code of the callback.

    Raises SignInError for another issuer, for an error response or if there is not exactly one code;
    CognitoUnavailableError if the identity provider is not available.
    """
    # RFC 9207 2.4: the `iss` parameter, if present, is the pool's issuer. Cognito does not send it.
    issuers = query.getlist("iss")
    if issuers and (len(issuers) > 1 or issuers[0] not in settings.user_pool.issuers):
        raise SignInError("the `iss` parameter of the callback is not the pool's issuer", code="wrong_issuer")
    if "error" not in query:
        return require_single_value(query, "code")
    oauth_error = query.get("error", "")[:64]
    message = f"the hosted UI returned the error {oauth_error!r}: {query.get('error_description', '')[:200]!r}"
    if oauth_error in _PROVIDER_ERRORS:
        raise CognitoUnavailableError(message, code="provider_trouble")
    if oauth_error in _CLIENT_ERRORS:
        raise SignInError(message, oauth_error=oauth_error, code="client_refused")
    raise SignInError(message, oauth_error=oauth_error, code="refused_by_provider")


def require_single_value(query: QueryDict, name: str) -> str:
    """Return the single value of a callback parameter. Raises SignInError if there is none, or more than one."""
    values = query.getlist(name)
    if len(values) == 1 and values[0]:
        return values[0]
    # IdP-initiated SAML: the callback has a code, but this site sent no authorization request.
    is_idp_initiated = name == "state" and not values and "code" in query
    code = "state_missing" if is_idp_initiated else "state_unknown"
    raise SignInError(f"the callback has {len(values)} values of {name}", code=code)


def _check_auth_time(token: AccessToken, pending: PendingSignIn, settings: CognitoSettings) -> None:
    """Check `auth_time` if `max_age` was sent (OpenID Connect Core 3.1.2.1). Raises SignInError if it is too old.

    To link an account, the user must have signed in after the request: a hosted UI without managed login ignores
    `prompt`, and its session may belong to another user.
    """
    signed_in_at: Any = token.claims.get("auth_time", 0)
    is_stale = bool(pending.links_to) and signed_in_at < pending.started_at - settings.leeway_seconds
    if "max_age" in pending.authorize_params:
        is_stale |= time.time() - signed_in_at > int(pending.authorize_params["max_age"]) + settings.leeway_seconds
    if is_stale:
        raise SignInError("the user signed in longer ago than allowed", code="sign_in_too_old")
