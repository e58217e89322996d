"""django-hijack: the hijacker's Cognito login is set aside during a hijack and restored at the release.

During the hijack `request.cognito` is empty: the hijacked user has no tokens in this browser. The session ends with the
hijacker's login: see `web.session_user_loader`.
"""

from contextlib import suppress
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest
from hijack.signals import hijack_ended, hijack_started

from ..core.errors import SignInError
from ..sessions.ending.sign_out import revoke_login
from ..sessions.store import SESSION_KEY, SET_ASIDE_KEY, get_login


@receiver(hijack_started, dispatch_uid="django_cognito.contrib.hijack.started")
def _set_login_aside(*, request: HttpRequest, hijacker: Any, **_: Any) -> None:
    """Store the hijacker's login id in the hijacked user's session, bound to the hijacker's primary key.

    Django's `login()` has flushed the session. `request.cognito` still has the ids from before.
    """
    cognito = getattr(request, "cognito", None)
    if cognito is not None:
        login_id = cognito.session_login_id if cognito.session_user_id == _key(hijacker) else ""
        request.session[SET_ASIDE_KEY] = [*cognito.logins_set_aside, [_key(hijacker), login_id]]


@receiver(hijack_ended, dispatch_uid="django_cognito.contrib.hijack.ended")
def _restore_login(*, request: HttpRequest, hijacker: Any, **_: Any) -> None:
    """Restore the login that was set aside, if it is the hijacker's."""
    cognito = getattr(request, "cognito", None)
    if cognito is None or not cognito.logins_set_aside:
        return
    *others, (user_id, login_id) = cognito.logins_set_aside
    if user_id == _key(hijacker):
        if others:
            request.session[SET_ASIDE_KEY] = others
        if login_id:
            request.session[SESSION_KEY] = login_id


@receiver(user_logged_out, dispatch_uid="django_cognito.contrib.hijack.logged_out")
def _end_logins_set_aside(*, request: HttpRequest | None = None, **_: Any) -> None:
    """End the hijacker's logins with the session: a release can no longer restore them."""
    for user_id, login_id in getattr(request, "session", {}).pop(SET_ASIDE_KEY, ()):
        with suppress(SignInError):
            revoke_login(get_login(login_id, cognito_user__user_id=user_id), request, reason="sign_out")


def _key(user: Any) -> str:
    return str(user._meta.pk.value_to_string(user))
