"""Revokes the refresh tokens of logins at Cognito. It must not depend on the database, a request or a session.

Source: AWS developer guide, "Revoking access": GlobalSignOut ends every refresh token of a user, revocation one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..core import AccessToken
from ..core.clock import unix_time
from ..core.errors import CognitoError
from ..core.hosted_ui import HostedUi, TokenSet

_log = logging.getLogger(__name__)
_GLOBAL_SIGN_OUT_SCOPE = "aws.cognito.signin.user.admin"


@dataclass(frozen=True, slots=True)
class RevocableLogin:
    """The tokens of a login, and the hosted UI of its app client, whose requests share the deadline of a sign-out.

    `refresh_token` is None if there is none, or if another app client would have to revoke it.
    """

    hosted_ui: HostedUi
    token: AccessToken
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)

    @property
    def account(self) -> tuple[str, str]:
        """Return the account in Cognito: the user pool and the `sub`."""
        return self.token.user_pool_id, self.token.sub

    @property
    def suitability(self) -> tuple[bool, float]:
        """Return how well the access token suits GlobalSignOut: with the scope for it, and the longest to live."""
        return _GLOBAL_SIGN_OUT_SCOPE in self.token.scopes, self.token.expires_at.timestamp()


def revoke_logins(
    logins: Sequence[RevocableLogin], *, everywhere: bool = False, now: Callable[[], float] = unix_time
) -> None:
    """Revoke the refresh tokens of `logins`; with `everywhere` all refresh tokens of their accounts.

    Every step is tried, whatever came of the others. GlobalSignOut makes the revocation of single tokens needless; if
    it fails, they are revoked one by one. What fails is logged.
    """
    left = list(logins)
    if everywhere:
        for account in dict.fromkeys(login.account for login in logins):
            same = [login for login in left if login.account == account]
            left = [login for login in left if login.account != account] + _sign_out_globally(same, now())
    failures = Counter(code for login in left if (code := _revoke(login)))
    if failures:
        counts = ", ".join(f"{code} ({count})" for code, count in failures.items())
        _log.warning("signed out here, but the refresh token was not revoked: %s", counts)


def _sign_out_globally(logins: list[RevocableLogin], now: float) -> list[RevocableLogin]:
    """Sign one account out by GlobalSignOut; return the logins whose refresh tokens are still to be revoked."""
    login = max(logins, key=lambda each: each.suitability)
    try:
        if login.token.expires_at.timestamp() <= now and login.refresh_token is not None:
            others = [each for each in logins if each is not login]
            login = _refresh(login, login.refresh_token)
            logins = [login, *others]  # the refresh token may have been replaced: the new one is to be revoked
        login.hosted_ui.sign_out_everywhere(login.access_token)
    except CognitoError as error:
        _log.warning("GlobalSignOut failed, so that refresh tokens are revoked one by one: %s: %s", error.code, error)
        return logins
    return []


def _refresh(login: RevocableLogin, refresh_token: str) -> RevocableLogin:
    tokens: TokenSet = login.hosted_ui.refresh(refresh_token)
    return replace(login, access_token=tokens.access_token, refresh_token=tokens.refresh_token or refresh_token)


def _revoke(login: RevocableLogin) -> str:
    """Revoke one refresh token, if there is one; return the code of the error if that fails."""
    try:
        if login.refresh_token is not None:
            login.hosted_ui.revoke(login.refresh_token)
    except CognitoError as error:
        return error.code
    return ""
