"""How long the session of a sign-in lasts: until the browser ends, or longer if the user chose that.

Must not depend on how the user chooses.
"""

from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase

from ..conf.loading import get_settings
from ..core.clock import utc_now

_REMEMBERED = "_cognito_remembered"  # in the session: its user chose to be remembered


def set_session_expiry(session: SessionBase, *, is_remembered: bool) -> None:
    """Set the expiry of the session of a user who has just signed in. No effect without REMEMBER_ME_SECONDS.

    A session that is remembered stays so at the next sign-in of its user, as at a step-up. The session of another user
    has been flushed.
    """
    settings = get_settings()
    if settings.remember_me_seconds is None:
        return
    if is_remembered:
        seconds = min(settings.remember_me_seconds, settings.session_max_seconds or settings.remember_me_seconds)
        session[_REMEMBERED] = True
        session.set_expiry(utc_now() + timedelta(seconds=seconds))
    elif _REMEMBERED not in session:
        session.set_expiry(0)
