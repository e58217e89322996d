"""Reject the tokens of revoked sign-ins and of users who signed out everywhere or are disabled in Cognito.

The cache of `users.revocation_list` rejects them in every process of the site. A link row has the same for its user,
and a login that has ended for its sign-in, until Cognito has confirmed that its refresh token is revoked. Must not
depend on sessions or requests.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

from ..conf.loading import get_pool_registry
from ..core import AccessToken, ClientToken, IdToken
from ..core.clock import utc_now
from ..core.errors import RevokedTokenError, TokenError
from ..models import CognitoLogin
from .revocation_list import DISABLED, TOKEN, USER, Subject, get_revocation_list, get_sign_in, to_milliseconds

DISABLED_CODE = "user_disabled_in_cognito"


class LinkState(Protocol):
    """The fields of a link row that can reject a token."""

    enabled: bool
    gone_at: datetime | None
    not_before: datetime | None


def check_token(token: AccessToken | IdToken | ClientToken) -> None:
    """Raise an error if the sign-in or the user of a verified token was revoked. At most one `get_many`.

    Raises RevokedTokenError, TokenError (code "user_disabled_in_cognito") or CognitoUnavailableError (code
    "revocation_unavailable").
    """
    revocations = get_revocation_list()
    if isinstance(token, ClientToken) or revocations.is_accepted(token):
        return
    pool, sub, version = token.user_pool_id, token.sub, revocations.version
    subjects = [_get_revocable(token), Subject(USER, pool, sub), Subject(DISABLED, pool, sub)]
    moments = revocations.read(subjects)
    _reject(token, *moments)
    revocations.accept(token, subjects, version)


def is_accepted(token: AccessToken | IdToken | ClientToken) -> bool:
    """Return whether `check_token` accepts the token without I/O."""
    return isinstance(token, ClientToken) or get_revocation_list().is_accepted(token)


def check_login(login: CognitoLogin, get_token: Callable[[], AccessToken]) -> None:
    """Raise an error if the sign-in or the user of a login was revoked, by the cache or by its link row.

    `get_token` returns the login's token; it is called only if its time matters. Raises as `check_token` does.
    """
    link = login.cognito_user
    user = Subject(USER, link.user_pool_id, link.sub), Subject(DISABLED, link.user_pool_id, link.sub)
    moments = get_revocation_list().read((get_sign_in(link.user_pool_id, login.origin_jti, login.pk), *user))
    if any(moments):
        _reject(get_token(), *moments)
    if link.not_before is not None or is_disabled(link):
        check_link(link, get_token())


def check_link(link: LinkState, token: AccessToken | IdToken) -> None:
    """Raise an error if the link row of a verified token rejects it. No I/O.

    Raises RevokedTokenError, or TokenError (code "user_disabled_in_cognito") unless the token proves that Cognito has
    let the user in again.
    """
    if is_disabled(link) and not proves_enabled(link, token):
        raise _disabled_error()
    if link.not_before is not None and get_sign_in_time(token) <= link.not_before:
        raise _revoked_error("not_before")


def is_disabled(link: LinkState) -> bool:
    """Return whether Cognito reported the user of a link row as disabled or deleted."""
    return not link.enabled or link.gone_at is not None


def proves_enabled(link: LinkState, token: AccessToken | IdToken) -> bool:
    """Return whether the user of a disabled link signed in at Cognito after it was found to be disabled.

    The clocks may differ by LEEWAY_SECONDS. A refreshed token has the time of its sign-in.
    """
    marks = [moment for moment in (link.not_before, link.gone_at) if moment is not None]
    leeway = timedelta(seconds=get_pool_registry().first.leeway_seconds)
    return token.auth_time is not None and bool(marks) and token.auth_time > max(marks) + leeway


def get_sign_in_time(token: AccessToken | IdToken) -> datetime:
    """Return `auth_time`, or `iat` if the token has none."""
    return token.auth_time or token.issued_at


def revoke_sign_ins(logins: Iterable[CognitoLogin], moment: datetime) -> bool:
    """Reject the tokens of these logins in every process, and return whether the cache has stored that."""
    moments = {
        get_sign_in(login.cognito_user.user_pool_id, login.origin_jti, login.pk): to_milliseconds(moment)
        for login in logins
    }
    return get_revocation_list().add(moments)


def revoke_token(token: AccessToken | IdToken) -> None:
    """Reject the tokens of this token's sign-in in every process; without `origin_jti`, this token."""
    get_revocation_list().add({_get_revocable(token): to_milliseconds(utc_now())})


def revoke_users(links: Iterable[Any], *, are_disabled: bool = False) -> bool:
    """Reject the tokens of these link rows up to their `not_before` in every process.

    With `are_disabled`, reject them as those of users who are disabled in Cognito. Return as `revoke_sign_ins` does.
    """
    kinds = (USER, DISABLED) if are_disabled else (USER,)
    moments = {
        Subject(kind, link.user_pool_id, link.sub): to_milliseconds(link.not_before)
        for link in links
        if link.not_before is not None
        for kind in kinds
    }
    return get_revocation_list().add(moments)


def accept_enabled_user(user_pool_id: str, sub: str) -> None:
    """Let a user in again who was disabled in Cognito; tokens up to `not_before` are still rejected."""
    get_revocation_list().remove(Subject(DISABLED, user_pool_id, sub))


def build_rejection(code: str) -> TokenError:
    """Return the error of a user or a token that Cognito rejects with this code."""
    return _revoked_error("origin_jti") if code == RevokedTokenError.code else _disabled_error()


def _get_revocable(token: AccessToken | IdToken) -> Subject:
    """Return the sign-in of a token; without `origin_jti` the token itself, by a digest of its claims."""
    if token.origin_jti:
        return get_sign_in(token.user_pool_id, token.origin_jti, None)
    claims = json.dumps(token.claims, default=dict, sort_keys=True)  # a read-only mapping is no dict
    return Subject(TOKEN, token.user_pool_id, hashlib.sha256(claims.encode()).hexdigest())


def _reject(token: AccessToken | IdToken, sign_in: int, user: int, disabled: int) -> None:
    """Raise the error of a token that one of the moments rejects; 0 rejects none."""
    if not (sign_in or user or disabled):
        return
    signed_in_at = to_milliseconds(get_sign_in_time(token))
    leeway = int(get_pool_registry().first.leeway_seconds * 1_000)  # as in `proves_enabled`
    if disabled and signed_in_at <= disabled + leeway:
        raise _disabled_error()
    if sign_in:
        raise _revoked_error("origin_jti")
    if signed_in_at <= user:
        raise _revoked_error("not_before")


def _revoked_error(reason: str) -> RevokedTokenError:
    return RevokedTokenError("the user has signed out since the sign-in of this token", reason=reason)


def _disabled_error() -> TokenError:
    return TokenError("the user is disabled or deleted in Cognito", code=DISABLED_CODE)
