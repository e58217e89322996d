"""A browser's sign-in, from the address where it begins to the session that it ends in.

Begins and completes; which page a failure is shown on is for those above.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, QueryDict

from ..conf import CognitoSettings, get_pools
from ..core import AccessToken
from ..core.errors import CognitoUnavailableError, SignInError
from ..core.hosted_ui import HostedUi, TokenSet
from ..people.authenticate import person, verify
from ..people.linking import link
from ..runtime import get_hosted_ui
from . import pending, session
from .pending import PendingSignIn

Page = Callable[..., str]
# Where a sign-in may begin, by name: each is a page of the hosted UI.
PAGES: Mapping[str, Page] = {
    "login": HostedUi.authorize_url,
    "sign_up": HostedUi.sign_up_url,
    "forgot_password": HostedUi.forgot_password_url,
}
# RFC 6749 4.1.2.1, as Cognito uses it: trouble at the identity provider comes as `invalid_request`.
_TROUBLE = frozenset({"server_error", "temporarily_unavailable", "invalid_request"})
_OF_THE_CLIENT = frozenset({"unauthorized_client", "invalid_scope", "unsupported_response_type"})


def begin(
    request: HttpRequest,
    settings: CognitoSettings,
    page: str,
    *,
    redirect_uri: str,
    next_url: str,
    asked: Mapping[str, str],
    links_to: str = "",
) -> tuple[str, str]:
    """The address of the hosted UI at which the browser signs in, and the state that it has. Writes the session.

    `links_to` is the user, by primary key, to whom the person who comes back is to be linked.

    Raises ImproperlyConfigured where the pool has no DOMAIN.
    """
    hosted_ui = get_hosted_ui(settings)
    begun = pending.begin(
        request,
        redirect_uri=redirect_uri,
        next_url=next_url,
        alias=settings.alias,
        client_id=settings.client_id,
        asked=dict(asked),
        links_to=links_to,
    )
    address = PAGES[page](hosted_ui, begun.secrets, redirect_uri=redirect_uri, scopes=settings.scopes, **asked)
    return address, begun.secrets.state


def complete(request: HttpRequest, begun: PendingSignIn) -> None:
    """Sign in the person that the hosted UI sent back for `begun`. Writes the session, and what is new of the person.

    Everything is held to where the sign-in was begun: the pool, its issuer, the app client, the nonce. Frames of this
    hold codes and tokens: callers see to it that no report of a server error shows them.
    Raises CognitoError; then nothing has changed, and who was signed in still is.
    """
    if begun.is_over:
        raise SignInError("the sign-in was begun too long ago", code="state_expired")
    settings = get_pools().by_alias.get(begun.alias)
    if settings is None or settings.client_id != begun.client_id:
        raise SignInError("the sign-in was begun at a client that is configured no longer", code="state_unknown")
    _check_issuer(request.GET, settings)
    _signed_in(request, begun, settings, _code(request.GET))


def _signed_in(request: HttpRequest, begun: PendingSignIn, settings: CognitoSettings, code: str) -> None:
    hosted_ui = get_hosted_ui(settings)
    tokens = hosted_ui.exchange_code(code, redirect_uri=begun.redirect_uri, code_verifier=begun.secrets.code_verifier)
    token, profile = verify(
        tokens.access_token,
        token_use="access",
        id_token=tokens.id_token,
        nonce=begun.secrets.nonce,
        client_ids=(settings.client_id,),
    )
    if not isinstance(token, AccessToken) or token.user_pool_id != settings.user_pool_id:
        raise SignInError("the token endpoint gave a machine's token, or another pool's", code="malformed_response")
    _check_age(token, begun, settings)
    user_info = _user_info(hosted_ui, tokens, token) if settings.profile_source == "userinfo" else None
    if begun.links_to:
        link(_who_links(request, begun), token, profile)  # the first that is written
    user, _ = person(token, profile, user_info)
    session.start(request, user, token, tokens)


def _who_links(request: HttpRequest, begun: PendingSignIn) -> Any:
    """Who began to link a further account, and still is signed in. Raises SignInError."""
    user: Any = request.user
    if not user.is_authenticated or str(user.pk) != begun.links_to:
        raise SignInError("who began to link an account is signed in no longer", code="link_interrupted")
    return user


def _user_info(hosted_ui: HostedUi, tokens: TokenSet, token: AccessToken) -> Mapping[str, Any]:
    """What userInfo says of the very person who signs in (OpenID Connect Core 5.3.2). Raises CognitoError."""
    said = hosted_ui.user_info(tokens.access_token)
    if said.get("sub") != token.sub:
        raise SignInError("userInfo speaks of somebody else", code="user_info_mismatch")
    return said


def _check_issuer(query: QueryDict, settings: CognitoSettings) -> None:
    """RFC 9207 2.4: an issuer beside the code or the error is the pool's. Cognito names none; others may mix it up.

    Raises SignInError.
    """
    named = query.getlist("iss")
    if named and (len(named) > 1 or named[0] not in settings.user_pool.issuers):
        raise SignInError("the callback names another issuer than the pool", code="wrong_issuer")


def _code(query: QueryDict) -> str:
    """The code that the hosted UI gave.

    Raises SignInError where it gave an error, or not one code; CognitoUnavailableError where a provider has trouble.
    """
    if "error" not in query:
        return single(query, "code")
    oauth_error = query.get("error", "")[:64]
    said = f"the hosted UI answered {oauth_error!r}: {query.get('error_description', '')[:200]!r}"
    if oauth_error in _TROUBLE:
        raise CognitoUnavailableError(said, code="provider_trouble")
    if oauth_error in _OF_THE_CLIENT:
        raise SignInError(said, oauth_error=oauth_error, code="client_refused")
    raise SignInError(said, oauth_error=oauth_error, code="refused_by_provider")


def single(query: QueryDict, name: str) -> str:
    """The one value of a parameter of the callback. Raises SignInError where there is none, or more than one."""
    values = query.getlist(name)
    if len(values) == 1 and values[0]:
        return values[0]
    # IdP-initiated SAML ends so: a code that nobody here has asked for.
    is_uninvited = name == "state" and not values and "code" in query
    code = "state_missing" if is_uninvited else "state_unknown"
    raise SignInError(f"the callback has {len(values)} values of {name}", code=code)


def _check_age(token: AccessToken, begun: PendingSignIn, settings: CognitoSettings) -> None:
    """OpenID Connect Core 3.1.2.1: who asks for `max_age` looks whether it was heeded. Raises SignInError.

    Who links an account has signed in for that, and not before: a hosted UI without managed login overlooks `prompt`,
    and its session may be somebody else's.
    """
    signed_in_at: Any = token.claims.get("auth_time", 0)
    is_stale = bool(begun.links_to) and signed_in_at < begun.begun_at - settings.leeway_seconds
    if "max_age" in begun.asked:
        is_stale |= time.time() - signed_in_at > int(begun.asked["max_age"]) + settings.leeway_seconds
    if is_stale:
        raise SignInError("the person signed in longer ago than was asked for", code="sign_in_too_old")
