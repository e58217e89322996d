"""A login's tokens: keep, read, drop. They rest encrypted in `CognitoLogin`; the session holds its id.

The Django session is last-write-wins: a concurrent request would bring an old refresh token back.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import DatabaseError, router
from django.http import HttpRequest

from ..conf.loading import CognitoSettings, get_pools, get_settings
from ..core import AccessToken, IdToken
from ..core.clock import utc_now
from ..core.errors import CognitoError, SignInError
from ..core.hosted_ui import TokenSet
from ..core.tokens.jws import decode_jws
from ..core.tracebacks import clear_frame_locals
from ..db.transactions import retry_conflicts, write_transaction
from ..encryption import DecryptionError, decrypt, encrypt
from ..factories import get_hosted_ui
from ..models import CognitoLogin, CognitoUser
from ..signals import tell_of_sign_out
from .revocation import RevocableLogin, revoke_logins
from .session_user import flush_session_of_another_user

_T = TypeVar("_T")
logger = logging.getLogger(__name__)
SESSION_KEY = "_cognito_login"
SET_ASIDE_KEY = "_cognito_logins_set_aside"  # of contrib.hijack: pairs of a hijacker's primary key and login id
_BACKEND = "django_cognito.backends.CognitoBackend"


def start(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Sign `user` in by Django's own login, and store the tokens. The session's earlier login, if any, is ended.

    The session and `request.cognito` have the new login before `user_logged_in` is sent.
    Raises SignInError (code "link_interrupted") if the account was unlinked or deleted meanwhile; nothing has changed.
    """
    login = retry_conflicts(partial(_insert, token, tokens))
    drop(request.session)
    key = request.session.session_key
    flush_session_of_another_user(request.session, user)
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


def _insert(token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Store a new login of the link of `token`, which is locked: a row of a link that is deleted could not be stored.

    Raises SignInError (code "link_interrupted") if there is no link.
    """
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))  # it may have been written a moment ago
    with write_transaction():
        link = links.select_for_update().filter(user_pool_id=token.user_pool_id, sub=token.sub).first()
        if link is None:
            raise SignInError("the account was unlinked or deleted during the sign-in", code="link_interrupted")
        login = CognitoLogin(cognito_user=link, expires_at=end_of(token, tokens))
        login.tokens = sealed(login.id, tokens)
        login.save(force_insert=True)
    return login


def load(session: SessionBase) -> CognitoLogin:
    """Return the login that the session names, with its link row. One query.

    Raises SignInError (code "login_ended") if it is gone, or belongs to another user than the session.
    """
    return row_of(session.get(SESSION_KEY), cognito_user__user_id=session.get(auth.SESSION_KEY))


@clear_frame_locals
def tokens_of(login: CognitoLogin) -> TokenSet:
    """Return the login's tokens.

    Raises SignInError (code "login_unreadable") if SECRET_KEY changed without a fallback, or the row was changed.
    """
    tokens = None
    with suppress(DecryptionError, ValueError, TypeError):  # not decrypted, no JSON, or not these members
        tokens = TokenSet(**json.loads(decrypt(bytes(login.tokens), associated_data=_associated_data(login.id))))
    if tokens is None:
        # Not chained: a JSONDecodeError holds the plaintext.
        raise SignInError("the login's tokens cannot be opened", code="login_unreadable")
    return tokens


@clear_frame_locals
def access_token_of(login: CognitoLogin) -> AccessToken:
    """The login's access token. It was verified before it was kept, and the encryption proves that it is the same."""
    return AccessToken(login.cognito_user.user_pool_id, _claims(tokens_of(login).access_token))


def _claims(verified: str) -> Mapping[str, Any]:
    return decode_jws(verified, max_bytes=len(verified))[1]


def is_over(login: CognitoLogin) -> bool:
    """Whether a token of the login has ended."""
    return login.expires_at <= utc_now()


@clear_frame_locals
def drop(session: SessionBase, *, everywhere: bool = False, user: Any = None) -> CognitoSettings | None:
    """End the session's login: delete its row, send `signed_out`, and revoke its refresh token at Cognito.

    With `everywhere`, end every login of every account that is linked to the same Django user; `user` is the user of
    a session without a login. A step that fails is logged and does not prevent the others.

    Return the settings of the login's app client; None if there was no login, or they cannot be determined.
    """
    login = _try(partial(_named_by, session))
    session.pop(SESSION_KEY, None)
    links = [login.cognito_user] if login is not None else []
    if login is not None and str(login.cognito_user.user_id) != session.get(auth.SESSION_KEY):
        everywhere = False  # the link was given to another user meanwhile
    if everywhere:
        user_id = login.cognito_user.user_id if login is not None else getattr(user, "pk", None)
        links = _try(partial(_links_of, user_id)) or links
    if not links:
        return None
    logins = _try(partial(retry_conflicts, partial(_take, links, None if everywhere else login)))
    if logins is None:
        logins = [login] if login is not None else []
    tell_of_sign_out(links, everywhere=everywhere)
    revoke(*sorted(logins, key=lambda each: each != login), everywhere=everywhere)  # its own first: time may run out
    return _settings_or_none(login) if login is not None else None


def _links_of(user_id: Any) -> list[CognitoUser]:
    return list(CognitoUser.objects.using(_database()).select_related("user").filter(user_id=user_id))


def _take(links: list[CognitoUser], login: CognitoLogin | None) -> list[CognitoLogin]:
    """Delete the logins of `links`, or `login` alone, and return them.

    The rows are locked: else a refresh between the two queries would leave a refresh token that no row has.
    """
    rows = CognitoLogin.objects.using(_database())
    rows = rows.filter(cognito_user__in=links) if login is None else rows.filter(pk=login.pk)
    with write_transaction():
        logins = list(rows.select_for_update().order_by("pk"))
        rows.delete()  # not login.delete(): it clears the instance's id, without which the tokens cannot be opened
    by_id = {link.pk: link for link in links}
    for each in logins:
        each.cognito_user = by_id[each.cognito_user_id]
    return logins


def _database() -> str:
    return router.db_for_write(CognitoLogin)


def _try(step: Callable[[], _T]) -> _T | None:
    """Return what a step of a sign-out returns; None if the database fails, which is logged."""
    try:
        return step()
    except DatabaseError as error:
        logger.error("a step of a sign-out failed in the database: %s", type(error).__name__)  # noqa: TRY400
        return None


def has_login(session: SessionBase) -> bool:
    """Return whether the login that the session names still exists. At most one query."""
    return _named_by(session) is not None


def local_user(request: HttpRequest) -> Any:
    """Return the user of a session that has no login of Cognito: a local password; else None. At most one query."""
    if SESSION_KEY in request.session:
        return None
    user = auth.get_user(request)  # of the session alone: `request.user` may be another's, by a bearer token
    return user if user.is_authenticated else None


def settings_of_session(session: SessionBase) -> CognitoSettings | None:
    """What holds for the app client that the session has a login at; None where it has none. At most one query."""
    login = _named_by(session)
    return None if login is None else _settings_or_none(login)


def _named_by(session: SessionBase) -> CognitoLogin | None:
    login_id = session.get(SESSION_KEY)
    rows = CognitoLogin.objects.using(_database()).select_related("cognito_user__user")
    return rows.filter(pk=login_id).first() if login_id else None


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


@clear_frame_locals
def revoke(*logins: CognitoLogin, everywhere: bool = False) -> None:
    """Revoke the refresh tokens of `logins` at Cognito; with `everywhere` all refresh tokens of their accounts.

    All requests together take twice `HTTP_TIMEOUT_SECONDS` at most. Failures are logged.
    """
    ends_at = time.monotonic() + 2 * get_settings().http_timeout_seconds
    revocable = [found for login in logins if (found := _revocable(login, ends_at)) is not None]
    revoke_logins(revocable, everywhere=everywhere)


def _revocable(login: CognitoLogin, ends_at: float) -> RevocableLogin | None:
    """Return the login's tokens with the hosted UI that may revoke them; None without a hosted UI."""
    try:
        settings, refresh_token = settings_for(login), refresh_token_of(login)
        token, access_token = access_token_of(login), tokens_of(login).access_token
    except CognitoError as error:
        logger.warning("signed out here, but the refresh token was not revoked: %s", error.code)
        return None
    if not settings.user_pool.domain:
        return None
    return RevocableLogin(get_hosted_ui(settings).until(ends_at), token, access_token, refresh_token)


def refresh_token_of(login: CognitoLogin) -> str | None:
    """The refresh token, where there is one, and a hosted UI to take it to as the client that it was given to."""
    settings, tokens = settings_for(login), tokens_of(login)
    is_ours = _claims(tokens.access_token)["client_id"] == settings.client_id
    return tokens.refresh_token if is_ours and settings.user_pool.domain else None


def end_of(token: AccessToken, tokens: TokenSet) -> datetime:
    """When the first of a login's two tokens ends: AWS wants the ID token, and a client may give it a shorter life."""
    return min(token.expires_at, IdToken(token.user_pool_id, _claims(tokens.id_token)).expires_at)


@clear_frame_locals
def sealed(login_id: UUID, tokens: TokenSet) -> bytes:
    """The tokens as the login's row keeps them: nobody opens them but as that row's."""
    return encrypt(json.dumps(asdict(tokens)).encode(), associated_data=_associated_data(login_id))


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()


def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """End the Cognito login on any Django sign-out, including the admin's."""
    if request is not None and hasattr(request, "session"):
        drop(request.session)


user_logged_out.connect(_on_logged_out, dispatch_uid="django_cognito.sessions.store")
