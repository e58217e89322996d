"""A login's tokens: keep, read, drop. They rest encrypted in `CognitoLogin`; the session holds its id.

The Django session is last-write-wins: a concurrent request would bring an old refresh token back.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import router
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from ..conf import CognitoSettings, get_pools
from ..core import AccessToken, IdToken
from ..core.compact import take_apart
from ..core.errors import CognitoError, SignInError
from ..core.hosted_ui import TokenSet
from ..encryption import DecryptionError, decrypt, encrypt
from ..models import CognitoLogin, CognitoUser
from ..people.rights import drop_permission_caches
from ..runtime import get_hosted_ui
from ..tracebacks import without_locals
from . import pending

logger = logging.getLogger(__name__)
SESSION_KEY = "_cognito_login"
SET_ASIDE_KEY = "_cognito_logins_set_aside"  # of contrib.hijack: pairs of a hijacker's primary key and login id
_BACKEND = "django_cognito.backends.CognitoBackend"


def start(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Sign `user` in by Django's own login, and store the tokens. The session's earlier login, if any, is ended.

    The session and `request.cognito` have the new login before `user_logged_in` is sent.
    """
    drop(request.session)
    key = request.session.session_key
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))  # it may have been written a moment ago
    login = CognitoLogin(
        cognito_user=links.get(user_pool_id=token.user_pool_id, sub=token.sub), expires_at=end_of(token, tokens)
    )
    login.tokens = sealed(login.id, tokens)
    login.save(force_insert=True)
    with pending.kept(request):
        _flush_session_of_another_user(request, user)
        request.session[SESSION_KEY] = str(login.id)
        if (cognito := getattr(request, "cognito", None)) is not None:
            cognito.set_login(user, token, login)
        try:
            auth.login(request, user, backend=_BACKEND)
        except Exception:  # of a receiver: no session will name the login
            revoke(login)
            CognitoLogin.objects.filter(pk=login.pk).delete()
            raise
    if request.session.session_key == key:
        request.session.cycle_key()  # Django keeps the key of a user who signs in again
    return login


def _flush_session_of_another_user(request: HttpRequest, user: Any) -> None:
    """Do first what Django's `login()` would do: it would take the new login along."""
    session = request.session
    if auth.SESSION_KEY not in session:
        return
    is_same = session[auth.SESSION_KEY] == user._meta.pk.value_to_string(user)
    if not is_same or not _has_hash(session, [user.get_session_auth_hash()]):
        session.flush()


def load(session: SessionBase) -> CognitoLogin:
    """Return the login that the session names, with its link row. One query.

    Raises SignInError (code "login_ended") if it is gone, or belongs to another user than the session.
    """
    return row_of(session.get(SESSION_KEY), cognito_user__user_id=session.get(auth.SESSION_KEY))


def reload_user(session: SessionBase, user: Any) -> None:
    """Refresh the user object in place from the database that was written to: other code may hold it too. One query.

    Raises SignInError (code "login_ended") if the session is not this user's any more: the account is gone or
    disabled, or its password has changed.
    """
    try:
        user.refresh_from_db(using=router.db_for_write(type(user)))
    except type(user).DoesNotExist as error:
        raise SignInError("the user was deleted", code="login_ended") from error
    drop_permission_caches(user)
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    if not user.is_active or not _has_hash(session, hashes):
        raise SignInError("the account was disabled, or its password has changed", code="login_ended")


def _has_hash(session: SessionBase, hashes: Iterable[str]) -> bool:
    stored = session.get(auth.HASH_SESSION_KEY, "")
    return any(constant_time_compare(stored, each) for each in hashes)


@without_locals
def tokens_of(login: CognitoLogin) -> TokenSet:
    """The login's tokens.

    Raises SignInError (code "login_unreadable") where SECRET_KEY changed without a fallback.
    """
    try:
        opened = json.loads(decrypt(bytes(login.tokens), associated_data=_associated_data(login.id)))
    except DecryptionError as error:
        raise SignInError("the login's tokens cannot be opened", code="login_unreadable") from error
    return TokenSet(**opened)


@without_locals
def access_token_of(login: CognitoLogin) -> AccessToken:
    """The login's access token. It was verified before it was kept, and the encryption proves that it is the same."""
    return AccessToken(login.cognito_user.user_pool_id, _claims(tokens_of(login).access_token))


def _claims(verified: str) -> Mapping[str, Any]:
    return take_apart(verified, max_bytes=len(verified))[1]


def is_over(login: CognitoLogin) -> bool:
    """Whether a token of the login has ended."""
    return login.expires_at <= timezone.now()


def drop(session: SessionBase, *, everywhere: bool = False) -> CognitoSettings | None:
    """End the session's login: forget its tokens, and have Cognito revoke them where it can be asked.

    With `everywhere` all logins of the same person of Cognito end, here and at Cognito.
    What holds for the app client that it was a login at; None where there was no login, or its tokens are unreadable.
    """
    login = _named_by(session)
    session.pop(SESSION_KEY, None)
    if login is None:
        return None
    # Not login.delete(): it clears the instance's id, without which the tokens cannot be opened.
    others = {"cognito_user": login.cognito_user} if everywhere else {"pk": login.pk}
    CognitoLogin.objects.filter(**others).delete()
    revoke(login, everywhere=everywhere)
    return _settings_or_none(login)


def settings_of_session(session: SessionBase) -> CognitoSettings | None:
    """What holds for the app client that the session has a login at; None where it has none. At most one query."""
    login = _named_by(session)
    return None if login is None else _settings_or_none(login)


def _named_by(session: SessionBase) -> CognitoLogin | None:
    login_id = session.get(SESSION_KEY)
    if not login_id:
        return None
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).select_related("cognito_user")
    return rows.filter(pk=login_id).first()


def _settings_or_none(login: CognitoLogin) -> CognitoSettings | None:
    with suppress(SignInError):
        return settings_for(login)
    return None


def settings_for(login: CognitoLogin) -> CognitoSettings:
    """What holds for the pool and the app client of a login, and never what holds for another one's.

    Raises SignInError: code "login_ended" where no alias of POOLS has them any more, or "login_unreadable".
    """
    token = access_token_of(login)
    found = get_pools().accepting(token.user_pool_id, token.client_id)
    if found is None:
        raise SignInError("the login is of a pool or a client that is configured no longer", code="login_ended")
    return found


def row_of(login_id: Any, **conditions: Any) -> CognitoLogin:
    """Return the login of that id, with its link row. One query. Raises SignInError (code "login_ended") if it is gone.

    It is read where it is written: a replica that lags would end a login that has just begun.
    """
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).select_related("cognito_user")
    try:
        return rows.get(pk=login_id, **conditions)
    except (CognitoLogin.DoesNotExist, ValidationError, ValueError) as error:
        raise SignInError("the login was ended", code="login_ended") from error


@without_locals
def revoke(login: CognitoLogin, *, everywhere: bool = False) -> None:
    """Have Cognito end the refresh token, and with it what came of it; with `everywhere` all the person's. Best effort.

    That needs the scope `aws.cognito.signin.user.admin`.
    """
    try:
        if everywhere and settings_for(login).user_pool.domain:
            get_hosted_ui(settings_for(login)).sign_out_everywhere(tokens_of(login).access_token)
        refresh_token = refresh_token_of(login)
        if refresh_token is not None:
            get_hosted_ui(settings_for(login)).revoke(refresh_token)
    except CognitoError as error:
        logger.warning("signed out here, but the refresh token was not revoked: %s", error.code)


def refresh_token_of(login: CognitoLogin) -> str | None:
    """The refresh token, where there is one, and a hosted UI to take it to as the client that it was given to."""
    settings, tokens = settings_for(login), tokens_of(login)
    is_ours = _claims(tokens.access_token)["client_id"] == settings.client_id
    return tokens.refresh_token if is_ours and settings.user_pool.domain else None


def end_of(token: AccessToken, tokens: TokenSet) -> datetime:
    """When the first of a login's two tokens ends: AWS wants the ID token, and a client may give it a shorter life."""
    return min(token.expires_at, IdToken(token.user_pool_id, _claims(tokens.id_token)).expires_at)


def sealed(login_id: UUID, tokens: TokenSet) -> bytes:
    """The tokens as the login's row keeps them: nobody opens them but as that row's."""
    return encrypt(json.dumps(asdict(tokens)).encode(), associated_data=_associated_data(login_id))


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()


def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Whoever signs out, by whichever door (the admin's too), ends the login with it."""
    if request is not None and hasattr(request, "session"):
        drop(request.session)


user_logged_out.connect(_on_logged_out, dispatch_uid="django_cognito.login.session")
