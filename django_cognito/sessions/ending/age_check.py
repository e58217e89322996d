"""Check the age of a session's login in a request, and record that it is used. Must not depend on views.

The rules are in `login_age`. Without a limit, a request writes at most once in five minutes.
"""

from asgiref.sync import sync_to_async

from ...core.clock import utc_now
from ...core.errors import SignInError
from ...models import CognitoLogin
from .login_age import EXPIRED, AgeLimits, is_too_old, is_use_record_due, record_use
from .sign_out import arevoke_login, revoke_login

_MESSAGE = "the login has reached SESSION_IDLE_SECONDS or SESSION_MAX_SECONDS"


def check_age(login: CognitoLogin) -> None:
    """Record the use of `login`, if that is due. End it if it is too old, and revoke its refresh token.

    No I/O, if neither is necessary.
    Raises SignInError (code "session_expired") if the login is too old.
    """
    limits, now = AgeLimits.from_settings(), utc_now()
    if is_too_old(login, limits, now):
        revoke_login(login, reason=EXPIRED)
        raise SignInError(_MESSAGE, code="session_expired")
    if is_use_record_due(login, limits, now):
        record_use(login, now)


async def acheck_age(login: CognitoLogin) -> None:
    """Async version of `check_age`. The requests to Cognito run in another thread than the ORM."""
    limits, now = AgeLimits.from_settings(), utc_now()
    if is_too_old(login, limits, now):
        await arevoke_login(login, reason=EXPIRED)
        raise SignInError(_MESSAGE, code="session_expired")
    if is_use_record_due(login, limits, now):
        await sync_to_async(record_use)(login, now)
