"""Store and read Cognito logins. Must not depend on views or on `request.cognito`.

The tokens are stored encrypted in `CognitoLogin`; the Django session holds the id of that row only. In the session,
the last write wins: a concurrent request could write an old refresh token back.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import router
from django.http import HttpRequest

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken
from ..core.clock import utc_now
from ..core.errors import SignInError
from ..core.hosted_ui import TokenSet
from ..models import CognitoLogin
from .lookup import fetch_login
from .stored_tokens import decrypt_tokens, get_access_token, read_claims, read_verified_id_token

SESSION_KEY = "_cognito_login"
SET_ASIDE_KEY = "_cognito_logins_set_aside"  # of contrib.hijack: pairs of a hijacker's primary key and login id


def load_login(session: SessionBase) -> CognitoLogin:
    """Return the session's login, with its link row and its user. One query.

    Raises SignInError (code "login_ended") if the login does not exist, or belongs to another user than the session.
    """
    return fetch_login(session.get(SESSION_KEY), session.get(auth.SESSION_KEY))


def is_expired(login: CognitoLogin) -> bool:
    """Return whether the login's access token or ID token has expired."""
    return login.expires_at <= utc_now()


def has_login(session: SessionBase) -> bool:
    """Return whether the session's login still exists. At most one query."""
    return find_login(session) is not None


def get_local_user(request: HttpRequest) -> Any:
    """Return the user of a session without a Cognito login (a local password); otherwise None. At most one query."""
    if SESSION_KEY in request.session:
        return None
    user = auth.get_user(request)  # from the session only: a bearer token may set `request.user`
    return user if user.is_authenticated else None


def find_settings_of_session(session: SessionBase) -> CognitoSettings | None:
    """Return the settings of the app client of the session's login; None if there is no login. At most one query."""
    login = find_login(session)
    return None if login is None else find_settings_for_login(login)


def find_login(session: SessionBase) -> CognitoLogin | None:
    """Return the session's login with its user; None if it has ended or there is none. At most one query."""
    login_id = session.get(SESSION_KEY)
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).active().select_related("cognito_user__user")
    return rows.filter(pk=login_id).first() if login_id else None


def find_settings_for_login(login: CognitoLogin) -> CognitoSettings | None:
    """Return the settings of `get_settings_for_login`; None if it raises SignInError."""
    with suppress(SignInError):
        return get_settings_for_login(login)
    return None


def get_settings_for_login(login: CognitoLogin) -> CognitoSettings:
    """Return the settings of the pool and the app client of `login`.

    Raises SignInError: code "login_ended" if they are not configured any more, or "login_unreadable".
    """
    token = get_access_token(login)
    return get_pool_registry().for_login(token.user_pool_id, token.client_id)


def get_login(login_id: Any, **conditions: Any) -> CognitoLogin:
    """Return the login with this id, with its link row. One query.

    The database for writes is read: a replica that lags does not have a new login yet, which would sign the user out.

    Raises SignInError (code "login_ended") if the row does not exist.
    """
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).active().select_related("cognito_user")
    try:
        return rows.get(pk=login_id, **conditions)
    except (CognitoLogin.DoesNotExist, ValidationError, ValueError) as error:
        raise SignInError("the login has ended", code="login_ended") from error


def reload_login(login: CognitoLogin) -> CognitoLogin:
    """Return the login as it is stored now. Tokens that have not changed are not decrypted again. One query.

    Raises SignInError as `get_login` does.
    """
    reloaded_login = get_login(login.pk)
    reloaded_login.opened_tokens = login.opened_tokens
    return reloaded_login


def is_readable(login: CognitoLogin) -> bool:
    """Return whether the login's tokens can be decrypted, and its user pool and app client are configured."""
    try:
        get_settings_for_login(login)
    except SignInError:
        return False
    return True


def get_refresh_token(login: CognitoLogin) -> str | None:
    """Return the login's refresh token; None if it is of another app client, which alone can use it (RFC 6749 6)."""
    settings, tokens = get_settings_for_login(login), decrypt_tokens(login)
    return tokens.refresh_token if read_claims(tokens.access_token)["client_id"] == settings.client_id else None


def get_sign_in_id(token: AccessToken) -> str:
    """Return the `origin_jti` for the row of a login; empty if the column is too short for it."""
    return token.origin_jti if len(token.origin_jti) <= 255 else ""


def get_expiry(token: AccessToken, tokens: TokenSet) -> datetime:
    """Return when the first of a login's two tokens expires.

    The identity pool needs a valid ID token, and an app client can have a shorter lifetime for it.
    """
    return min(token.expires_at, read_verified_id_token(token.user_pool_id, tokens.id_token).expires_at)
