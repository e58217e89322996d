"""Store, read and end Cognito logins. Must not depend on views or on `request.cognito`.

The tokens are stored encrypted in `CognitoLogin`; the Django session holds the id of that row only. In the session,
the last write wins: a concurrent request could write an old refresh token back.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db import DatabaseError, router
from django.dispatch import receiver
from django.http import HttpRequest

from ..conf.loading import get_pool_registry, get_settings
from ..conf.schema import CognitoSettings
from ..core import AccessToken
from ..core.clock import utc_now
from ..core.errors import CognitoError, SignInError
from ..core.hosted_ui import TokenSet
from ..core.tracebacks import clear_frame_locals
from ..db.transactions import retry_conflicts, write_transaction
from ..factories import get_token_endpoints
from ..models import CognitoLogin, CognitoUser
from ..signals import send_signed_in, send_signed_out
from .lookup import fetch_login
from .revocation import RevocableLogin, revoke_logins
from .session_user import flush_session_of_another_user
from .stored_tokens import decrypt_tokens, encrypt_tokens, get_access_token, read_claims, read_verified_id_token

_T = TypeVar("_T")
logger = logging.getLogger(__name__)
SESSION_KEY = "_cognito_login"
SET_ASIDE_KEY = "_cognito_logins_set_aside"  # of contrib.hijack: pairs of a hijacker's primary key and login id
_BACKEND = "django_cognito.backends.CognitoBackend"


def start_login(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Store the tokens, sign `user` in with Django's `login()`, and return the new login.

    An earlier login of the session is ended. The session and `request.cognito` refer to the new login before
    `user_logged_in` is sent.
    Raises SignInError (code "link_interrupted") if the account was unlinked or deleted meanwhile; nothing is changed.
    """
    login = retry_conflicts(partial(_insert_login, token, tokens))
    end_login(request.session, request=request)
    key = request.session.session_key
    flush_session_of_another_user(request.session, user)
    request.session[SESSION_KEY] = str(login.id)
    if (cognito := getattr(request, "cognito", None)) is not None:
        cognito.set_login(user, token, login)
    try:
        auth.login(request, user, backend=_BACKEND)
    except Exception:  # raised by a receiver: no session will refer to the login
        revoke_refresh_tokens(login)
        CognitoLogin.objects.filter(pk=login.pk).delete()
        raise
    if request.session.session_key == key:
        request.session.cycle_key()  # Django keeps the key of a user who signs in again
    send_signed_in(user, login.cognito_user, request, router.db_for_write(CognitoLogin))
    return login


def _insert_login(token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Store a new login for the link row of `token` and return it.

    The link row is locked: if it were deleted in the meantime, the login could not be stored.

    Raises SignInError (code "link_interrupted") if there is no link row.
    """
    # A replica may not have the row yet: it can be as new as this request.
    links = CognitoUser.objects.using(router.db_for_write(CognitoUser))
    with write_transaction():
        link = links.select_for_update().filter(user_pool_id=token.user_pool_id, sub=token.sub).first()
        if link is None:
            raise SignInError("the account was unlinked or deleted during the sign-in", code="link_interrupted")
        origin_jti = token.claims.get("origin_jti")
        login = CognitoLogin(cognito_user=link, expires_at=get_expiry(token, tokens))
        login.origin_jti = origin_jti if isinstance(origin_jti, str) and len(origin_jti) <= 255 else ""
        login.tokens = encrypt_tokens(login.id, tokens)
        login.save(force_insert=True)
    return login


def load_login(session: SessionBase) -> CognitoLogin:
    """Return the session's login, with its link row and its user. One query.

    Raises SignInError (code "login_ended") if the login does not exist, or belongs to another user than the session.
    """
    return fetch_login(session.get(SESSION_KEY), session.get(auth.SESSION_KEY))


def is_expired(login: CognitoLogin) -> bool:
    """Return whether the login's access token or ID token has expired."""
    return login.expires_at <= utc_now()


@clear_frame_locals
def end_login(
    session: SessionBase, *, everywhere: bool = False, user: Any = None, request: HttpRequest | None = None
) -> CognitoSettings | None:
    """End the session's login, and return the settings of its app client.

    Delete the row, send `signed_out`, and revoke the refresh token at Cognito. With `everywhere`, do so for every login
    of every account that is linked to the same Django user; `user` is the user of a session without a login. A step
    that fails is logged and does not prevent the others.

    Return None if there was no login, or if its settings cannot be determined.
    """
    login = _run_step(partial(_find_login, session))
    session.pop(SESSION_KEY, None)
    links = [login.cognito_user] if login is not None else []
    if login is not None and str(login.cognito_user.user_id) != session.get(auth.SESSION_KEY):
        everywhere = False  # the account was linked to another user meanwhile
    if everywhere:
        user_id: Any = login.cognito_user.user_id if login is not None else getattr(user, "pk", None)
        rows = CognitoUser.objects.using(router.db_for_write(CognitoLogin)).select_related("user")
        links = _run_step(partial(list, rows.filter(user_id=user_id))) or links
    if not links:
        return None
    logins = _run_step(partial(retry_conflicts, partial(_delete_logins, links, None if everywhere else login)))
    if logins is None:
        logins = [login] if login is not None else []
    send_signed_out(links, request, everywhere=everywhere)
    logins.sort(key=lambda item: item != login)  # this session's login first: the deadline may not allow all requests
    revoke_refresh_tokens(*logins, everywhere=everywhere)
    return _settings_or_none(login) if login is not None else None


def _delete_logins(links: list[CognitoUser], login: CognitoLogin | None) -> list[CognitoLogin]:
    """Delete the logins of `links`, or only `login`, and return them.

    The rows are locked: otherwise a refresh between the two queries would issue a refresh token that no row holds.
    """
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin))
    rows = rows.filter(cognito_user__in=links) if login is None else rows.filter(pk=login.pk)
    with write_transaction():
        logins = list(rows.select_for_update().order_by("pk"))
        rows.delete()  # not login.delete(): it clears the instance's id, which is needed to decrypt the tokens
    by_id = {link.pk: link for link in links}
    for deleted in logins:
        deleted.cognito_user = by_id[deleted.cognito_user_id]
    return logins


def _run_step(step: Callable[[], _T]) -> _T | None:
    """Run one step of a sign-out and return its result. Log a database error and return None."""
    try:
        return step()
    except DatabaseError as error:
        logger.error("A step of a sign-out failed with a database error: %s", type(error).__name__)  # noqa: TRY400
        return None


def has_login(session: SessionBase) -> bool:
    """Return whether the session's login still exists. At most one query."""
    return _find_login(session) is not None


def get_local_user(request: HttpRequest) -> Any:
    """Return the user of a session without a Cognito login (a local password); otherwise None. At most one query."""
    if SESSION_KEY in request.session:
        return None
    user = auth.get_user(request)  # from the session only: a bearer token may set `request.user`
    return user if user.is_authenticated else None


def find_settings_of_session(session: SessionBase) -> CognitoSettings | None:
    """Return the settings of the app client of the session's login; None if there is no login. At most one query."""
    login = _find_login(session)
    return None if login is None else _settings_or_none(login)


def _find_login(session: SessionBase) -> CognitoLogin | None:
    login_id = session.get(SESSION_KEY)
    rows = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).active().select_related("cognito_user__user")
    return rows.filter(pk=login_id).first() if login_id else None


def _settings_or_none(login: CognitoLogin) -> CognitoSettings | None:
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


@clear_frame_locals
def revoke_refresh_tokens(*logins: CognitoLogin, everywhere: bool = False) -> None:
    """Revoke the refresh tokens of `logins` at Cognito; with `everywhere` all refresh tokens of their accounts.

    All requests together take at most twice `HTTP_TIMEOUT_SECONDS`. Failures are logged.
    """
    deadline = time.monotonic() + 2 * get_settings().http_timeout_seconds
    revocable = []
    for login in logins:
        try:
            endpoints = get_token_endpoints(get_settings_for_login(login), login.issued_by).until(deadline)
            refresh_token, token, tokens = get_refresh_token(login), get_access_token(login), decrypt_tokens(login)
        except CognitoError as error:
            logger.warning("Signed out of this site, but the refresh token was not revoked: %s", error.code)
            continue
        revocable.append(RevocableLogin(endpoints, token, tokens.access_token, refresh_token, tokens.device_key))
    revoke_logins(revocable, everywhere=everywhere)


def get_refresh_token(login: CognitoLogin) -> str | None:
    """Return the login's refresh token; None if it is of another app client, which alone can use it (RFC 6749 6)."""
    settings, tokens = get_settings_for_login(login), decrypt_tokens(login)
    return tokens.refresh_token if read_claims(tokens.access_token)["client_id"] == settings.client_id else None


def get_expiry(token: AccessToken, tokens: TokenSet) -> datetime:
    """Return when the first of a login's two tokens expires.

    The identity pool needs a valid ID token, and an app client can have a shorter lifetime for it.
    """
    return min(token.expires_at, read_verified_id_token(token.user_pool_id, tokens.id_token).expires_at)


@receiver(user_logged_out, dispatch_uid="django_cognito.sessions.store")
def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """End the Cognito login on any Django sign-out, including the admin's."""
    if request is not None and hasattr(request, "session"):
        end_login(request.session, request=request)
