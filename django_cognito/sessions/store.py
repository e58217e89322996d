"""Store and read Cognito logins. Must not depend on views or on `request.cognito`.

The tokens are stored encrypted in `CognitoLogin`; the Django session holds the id of that row only. In the session,
the last write wins: a concurrent request could write an old refresh token back.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import auth
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import router
from django.http import HttpRequest

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.clock import utc_now
from ..core.errors import SignInError
from ..core.hosted_ui import TokenSet
from ..core.tokens.jws import decode_jws
from ..core.tracebacks import clear_frame_locals
from ..encryption import DecryptionError, decrypt, encrypt, encrypt_again
from ..models import CognitoLogin

SESSION_KEY = "_cognito_login"
SET_ASIDE_KEY = "_cognito_logins_set_aside"  # of contrib.hijack: pairs of a hijacker's primary key and login id


def load_login(session: SessionBase) -> CognitoLogin:
    """Return the session's login, with its link row. One query.

    Raises SignInError (code "login_ended") if the login does not exist, or belongs to another user than the session.
    """
    return get_login(session.get(SESSION_KEY), cognito_user__user_id=session.get(auth.SESSION_KEY))


@clear_frame_locals
def decrypt_tokens(login: CognitoLogin) -> TokenSet:
    """Return the login's tokens, decrypted.

    Raises SignInError (code "login_unreadable") if SECRET_KEY changed without a fallback, or the row was changed.
    """
    tokens = None
    with suppress(DecryptionError, ValueError, TypeError):  # cannot be decrypted, not JSON, or other members
        tokens = TokenSet(**json.loads(decrypt(bytes(login.tokens), associated_data=_associated_data(login.id))))
    if tokens is None:
        # Not chained: a JSONDecodeError holds the plaintext.
        raise SignInError("the login's tokens cannot be decrypted", code="login_unreadable")
    return tokens


@clear_frame_locals
def get_access_token(login: CognitoLogin) -> AccessToken:
    """Return the login's access token. It was verified before it was stored, and AES-GCM detects any change."""
    return AccessToken(login.cognito_user.user_pool_id, _read_claims(decrypt_tokens(login).access_token))


@clear_frame_locals
def read_verified_id_token(user_pool_id: str, raw: str) -> IdToken:
    """Return the ID token of a raw string that was verified when it arrived. Its expiry is not checked again."""
    return IdToken(user_pool_id, _read_claims(raw))


def _read_claims(raw: str) -> Mapping[str, Any]:
    return decode_jws(raw, max_bytes=len(raw))[1]


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


def get_refresh_token(login: CognitoLogin) -> str | None:
    """Return the login's refresh token; None without a hosted UI or for another app client (RFC 6749 6)."""
    settings, tokens = get_settings_for_login(login), decrypt_tokens(login)
    is_same_client = _read_claims(tokens.access_token)["client_id"] == settings.client_id
    return tokens.refresh_token if is_same_client and settings.user_pool.domain else None


def get_expiry(token: AccessToken, tokens: TokenSet) -> datetime:
    """Return when the first of a login's two tokens expires.

    The identity pool needs a valid ID token, and an app client can have a shorter lifetime for it.
    """
    return min(token.expires_at, read_verified_id_token(token.user_pool_id, tokens.id_token).expires_at)


@clear_frame_locals
def encrypt_tokens(login_id: UUID, tokens: TokenSet) -> bytes:
    """Return the tokens encrypted for the login's row. They can be decrypted only with the id of that row."""
    return encrypt(json.dumps(asdict(tokens)).encode(), associated_data=_associated_data(login_id))


def reencrypt_tokens(login: CognitoLogin) -> bytes | None:
    """Return the tokens of the row encrypted under the current SECRET_KEY.

    None if they are, or if no key decrypts them. No I/O.
    """
    with suppress(DecryptionError):
        return encrypt_again(bytes(login.tokens), associated_data=_associated_data(login.pk))
    return None


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()
