"""Revoke the refresh tokens of logins at Cognito. Must not depend on the database, a request or a session.

Source: AWS developer guide, "Ending user sessions with token revocation": GlobalSignOut revokes every refresh token of
a user, the revocation endpoint one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from uuid import UUID

from ...core import AccessToken
from ...core.clock import unix_time
from ...core.errors import CognitoError
from ...core.token_endpoints import TokenEndpoints

_log = logging.getLogger(__name__)
# Final answers: the app client's token revocation is off, or the token is none that can be revoked.
_IRREVOCABLE = ("revocation_disabled", "unsupported_token_type")
_GLOBAL_SIGN_OUT_SCOPE = "aws.cognito.signin.user.admin"


@dataclass(frozen=True, slots=True)
class RevocableLogin:
    """The tokens of a login, and the endpoints of its app client. All requests share the deadline of the sign-out.

    `refresh_token` is None if there is none, or if only another app client can revoke it (`is_of_other_client`).
    """

    login_id: UUID
    endpoints: TokenEndpoints
    token: AccessToken
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    device_key: str = field(default="", repr=False)
    is_of_other_client: bool = False
    is_irrevocable: bool = False  # Cognito has answered so

    @property
    def account(self) -> tuple[str, str]:
        """The account in Cognito: the user pool id and the `sub`."""
        return self.token.user_pool_id, self.token.sub

    @property
    def suitability(self) -> tuple[bool, float]:
        """The sort key for GlobalSignOut: whether the access token has the scope for it, and when it expires."""
        return _GLOBAL_SIGN_OUT_SCOPE in self.token.scopes, self.token.expires_at.timestamp()


def revoke_logins(
    logins: Sequence[RevocableLogin], *, everywhere: bool = False, now: Callable[[], float] = unix_time
) -> list[RevocableLogin]:
    """Revoke the refresh tokens of `logins`; with `everywhere` all refresh tokens of their accounts.

    Every step is tried, also after a failed one. After GlobalSignOut, the single tokens need no revocation; if it
    fails, they are revoked one by one. Failures are logged.

    Return the logins whose refresh tokens were not revoked, with the token that Cognito issued last, and whether it is
    irrevocable.
    """
    remaining = list(logins)
    if everywhere:
        for account in dict.fromkeys(login.account for login in logins):
            of_account = [login for login in remaining if login.account == account]
            remaining = [login for login in remaining if login.account != account]
            remaining += _sign_out_globally(of_account, now())
    failures: Counter[str] = Counter()
    failed = [login for login in remaining if login.is_of_other_client]
    for login in remaining:
        try:
            if login.refresh_token is not None:
                login.endpoints.revoke(login.refresh_token)
        except CognitoError as error:
            is_irrevocable = error.code in _IRREVOCABLE
            if is_irrevocable:
                warn_of_irrevocable_tokens(login.endpoints.client_id, error.code)
            else:
                failures[error.code] += 1
            failed.append(replace(login, is_irrevocable=is_irrevocable))
    if failures:
        counts = ", ".join(f"{code} ({count})" for code, count in failures.items())
        _log.warning("Signed out of this site, but the refresh token was not revoked: %s", counts)
    return failed


def _sign_out_globally(logins: list[RevocableLogin], now: float) -> list[RevocableLogin]:
    """Sign one account out with GlobalSignOut; return the logins whose refresh tokens must still be revoked.

    GlobalSignOut needs a valid access token: an expired one is refreshed first. Without a refresh token there is
    nothing to revoke: Cognito issues one at each sign-in, the test kit does not.
    """
    if not any(login.refresh_token or login.is_of_other_client for login in logins):
        return []
    login = max(logins, key=lambda item: item.suitability)
    try:
        if login.token.expires_at.timestamp() <= now and login.refresh_token is not None:
            others = [item for item in logins if item is not login]
            tokens = login.endpoints.refresh(login.refresh_token, device_key=login.device_key)
            refresh_token = tokens.refresh_token or login.refresh_token  # with rotation, Cognito issues a new one
            login = replace(login, access_token=tokens.access_token, refresh_token=refresh_token)
            logins = [login, *others]
        login.endpoints.sign_out_everywhere(login.access_token)
    except CognitoError as error:
        _log.warning("GlobalSignOut failed; the refresh tokens are revoked one by one: %s: %s", error.code, error)
        return logins
    return []


@cache
def warn_of_irrevocable_tokens(client_id: str, code: str) -> None:
    """Log that Cognito cannot revoke the refresh tokens of an app client, once in each process."""
    _log.warning(
        "Signed out of this site, but Cognito cannot revoke the refresh tokens of app client %s (%s). They are valid"
        " there until they expire. Switch on its token revocation (EnableTokenRevocation).",
        client_id,
        code,
    )
