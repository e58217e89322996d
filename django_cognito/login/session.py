"""A login's tokens: keep, read, refresh, drop. They rest encrypted in `CognitoLogin`; the session holds its id.

The Django session is last-write-wins: a concurrent request would bring an old refresh token back. Here a refresh is
one conditional UPDATE, so that of many workers one asks Cognito and the others see what it got.
"""

import json
import logging
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from ..conf import get_settings
from ..core import AccessToken, IdToken
from ..core.compact import take_apart
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from ..core.hosted_ui import TokenSet
from ..encryption import DecryptionError, decrypt, encrypt
from ..models import CognitoLogin, CognitoUser
from ..people.authenticate import person, verify
from ..runtime import get_hosted_ui

logger = logging.getLogger(__name__)
SESSION_KEY = "_cognito_login"
_BACKEND = "django_cognito.backends.CognitoBackend"
_WAIT_SECONDS = 3.0  # past the tokens' end the others wait this long for the one that refreshes
_POLL_SECONDS = 0.05
# Reports of server errors show what frames hold: here and in what is called from here, nothing.
_without_secrets = sensitive_variables()


def start(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Sign `user` in: Django's own login, and the tokens kept. The session's earlier login, if any, is ended."""
    drop(request.session)
    key = request.session.session_key
    auth.login(request, user, backend=_BACKEND)
    if request.session.session_key == key:
        request.session.cycle_key()  # Django keeps the key of a person who signs in again
    link = CognitoUser.objects.get(user_pool_id=token.user_pool_id, sub=token.sub)
    login = CognitoLogin(cognito_user=link, expires_at=_end_of(token, tokens))
    login.tokens = _sealed(login.id, tokens)
    login.save(force_insert=True)
    request.session[SESSION_KEY] = str(login.id)
    return login


def load(session: SessionBase, user_id: Any) -> CognitoLogin:
    """The login that the session names, with its link row. One query.

    Raises SignInError (code "login_ended") where it is gone, or is not this user's.
    """
    return _row(session.get(SESSION_KEY), cognito_user__user_id=user_id)


def tokens_of(login: CognitoLogin) -> TokenSet:
    """The login's tokens.

    Raises SignInError (code "login_unreadable") where SECRET_KEY changed without a fallback.
    """
    try:
        opened = json.loads(decrypt(bytes(login.tokens), associated_data=_associated_data(login.id)))
    except DecryptionError as error:
        raise SignInError("the login's tokens cannot be opened", code="login_unreadable") from error
    return TokenSet(**opened)


def access_token_of(login: CognitoLogin) -> AccessToken:
    """The login's access token. It was verified before it was kept, and the encryption proves that it is the same."""
    return AccessToken(login.cognito_user.user_pool_id, _claims(tokens_of(login).access_token))


def _claims(verified: str) -> Mapping[str, Any]:
    return take_apart(verified, max_bytes=len(verified))[1]


def is_over(login: CognitoLogin) -> bool:
    """Whether a token of the login has ended."""
    return login.expires_at <= timezone.now()


def current(login: CognitoLogin) -> CognitoLogin:
    """The login with tokens that are good: as it is, or refreshed.

    Inside the margin whoever finds somebody else at it goes on with what there is; past the end it waits for them.
    Raises SignInError where Cognito refused (the login is gone then), CognitoUnavailableError where it could not be
    asked and the tokens have ended.
    """
    steps = _renewal(login)
    try:
        step = next(steps)
        while True:
            try:
                done = step.call()
            except CognitoError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def acurrent(login: CognitoLogin) -> CognitoLogin:
    """As `current`; Cognito is asked in a thread of its own, the database in the one that the ORM lives in."""
    steps = _renewal(login)
    try:
        step = next(steps)
        while True:
            try:
                done = await sync_to_async(step.call, thread_sensitive=step.is_orm)()
            except CognitoError as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def drop(session: SessionBase) -> None:
    """End the session's login: forget its tokens, and have Cognito revoke them where it can be asked."""
    login_id = session.pop(SESSION_KEY, None)
    login = CognitoLogin.objects.filter(pk=login_id).first() if login_id else None
    if login is None:
        return
    # Not login.delete(): it clears the instance's id, without which the tokens cannot be opened.
    CognitoLogin.objects.filter(pk=login.pk).delete()
    _revoke(login)


@dataclass(frozen=True, slots=True)
class _Step:
    call: Callable[[], Any]
    is_orm: bool = True


def _renewal(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """The steps of `current` and `acurrent`: one logic, two drivers."""
    if not _is_due(login):
        return login
    deadline = time.monotonic() + _WAIT_SECONDS
    while not (yield _Step(partial(_claim, login))):
        if not is_over(login):
            return login
        if time.monotonic() >= deadline:
            raise CognitoUnavailableError("another request is still renewing this login", code="refresh_in_progress")
        yield _Step(partial(time.sleep, _POLL_SECONDS), is_orm=False)
        login = yield _Step(partial(_row, login.pk))
        if not is_over(login):
            return login
    try:
        renewed = yield _Step(partial(_ask, login), is_orm=False)
        login = yield _Step(partial(_store, login, *renewed))
    except CognitoUnavailableError as error:
        login = yield _Step(partial(_postpone, login, error.retry_after))
        if is_over(login):
            raise
    except (SignInError, TokenError) as error:
        login = yield _Step(partial(_end, login, error))
    return login


def _is_due(login: CognitoLogin) -> bool:
    """Whether the login's tokens have ended, or are about to and can be renewed."""
    if is_over(login):
        return True
    margin = timedelta(seconds=get_settings().refresh_margin_seconds)
    return login.expires_at - margin <= timezone.now() and _refresh_token(tokens_of(login)) is not None


def _claim(login: CognitoLogin) -> bool:
    """Whether this worker is the one to refresh: one conditional UPDATE, so that there is only one."""
    now = timezone.now()
    # Longer than two calls to Cognito may take; a worker that dies at it blocks nobody for longer.
    until = now + timedelta(seconds=2 * get_settings().http_timeout_seconds + 5)
    free = _unchanged(login).filter(Q(refreshing_until=None) | Q(refreshing_until__lt=now))
    return free.update(refreshing_until=until) == 1


def _row(login_id: Any, **conditions: Any) -> CognitoLogin:
    try:
        return CognitoLogin.objects.select_related("cognito_user").get(pk=login_id, **conditions)
    except (CognitoLogin.DoesNotExist, ValidationError) as error:
        raise SignInError("the login was ended", code="login_ended") from error


@_without_secrets
def _ask(login: CognitoLogin) -> tuple[TokenSet, AccessToken, IdToken | None]:
    """New tokens from Cognito, verified, and of the very same person and client. No database."""
    before, refresh_token = access_token_of(login), _refresh_token(tokens_of(login))
    if refresh_token is None:
        raise SignInError("there is no refresh token, or no hosted UI to take it to", code="login_ended")
    new = _refreshed(refresh_token)
    tokens = TokenSet(new.access_token, new.id_token, new.refresh_token or refresh_token, new.expires_in)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, client_ids=(before.client_id,)
    )
    if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
        raise SignInError("the refresh gave another person's tokens", code="token_mismatch")
    return tokens, token, profile


def _refreshed(refresh_token: str) -> TokenSet:
    """The hosted UI's answer. Only `invalid_grant` speaks of the person; to refuse the app client signs nobody out."""
    try:
        return get_hosted_ui().refresh(refresh_token)
    except SignInError as error:
        if error.oauth_error in (None, "invalid_grant"):
            raise
        logger.exception("no login can be renewed: is the app client, with its secret, as the pool has it?")
        raise CognitoUnavailableError(
            f"the app client was refused: {error.oauth_error}", code="client_refused"
        ) from error


def _store(login: CognitoLogin, tokens: TokenSet, token: AccessToken, profile: IdToken | None) -> CognitoLogin:
    person(token, profile)
    sealed = _sealed(login.pk, tokens)
    _unchanged(login).update(
        tokens=sealed, expires_at=_end_of(token, tokens), version=F("version") + 1, refreshing_until=None
    )
    try:
        return _row(login.pk)
    except SignInError:
        # Signed out meanwhile. A rotated refresh token is known to nobody but us.
        login.tokens = sealed
        _revoke(login)
        raise


def _postpone(login: CognitoLogin, seconds: float) -> CognitoLogin:
    """Let the next one ask after `seconds`, so that an outage does not slow every page down; past the end, at once."""
    until = None if is_over(login) else timezone.now() + timedelta(seconds=seconds)
    _unchanged(login).update(refreshing_until=until)
    return _row(login.pk)


def _end(login: CognitoLogin, error: CognitoError) -> CognitoLogin:
    """Forget a login that was refused; unless somebody else, after this worker's lease, was faster and got tokens."""
    if _unchanged(login).delete()[0]:
        raise SignInError(f"the login was not renewed: {error.code}", code="login_ended") from error
    return _row(login.pk)


def _unchanged(login: CognitoLogin) -> QuerySet[CognitoLogin]:
    """The login's row, unless somebody has refreshed it since `login` was read."""
    return CognitoLogin.objects.filter(pk=login.pk, version=login.version)


@_without_secrets
def _revoke(login: CognitoLogin) -> None:
    """Have Cognito end the refresh token, and with it what came of it; best effort."""
    try:
        refresh_token = _refresh_token(tokens_of(login))
        if refresh_token is not None:
            get_hosted_ui().revoke(refresh_token)
    except CognitoError as error:
        logger.warning("signed out here, but the refresh token was not revoked: %s", error.code)


def _refresh_token(tokens: TokenSet) -> str | None:
    """The refresh token, where there is one, and a hosted UI to take it to."""
    return tokens.refresh_token if get_settings().user_pool.domain else None


def _end_of(token: AccessToken, tokens: TokenSet) -> datetime:
    """When the first of a login's two tokens ends: AWS wants the ID token, and a client may give it a shorter life."""
    return min(token.expires_at, IdToken(token.user_pool_id, _claims(tokens.id_token)).expires_at)


def _sealed(login_id: UUID, tokens: TokenSet) -> bytes:
    return encrypt(json.dumps(asdict(tokens)).encode(), associated_data=_associated_data(login_id))


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()


def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Whoever signs out, by whichever door (the admin's too), ends the login with it."""
    if request is not None and hasattr(request, "session"):
        drop(request.session)


user_logged_out.connect(_on_logged_out, dispatch_uid="django_cognito.login.session")
