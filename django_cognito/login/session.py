"""A login's tokens: keep, read, refresh, drop. They rest encrypted in `CognitoLogin`; the session holds its id.

The Django session is last-write-wins: a concurrent request would bring an old refresh token back. Here a refresh is
one conditional UPDATE, so that of many workers one asks Cognito and the others see what it got.
"""

import json
import logging
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone

from ..conf import get_settings
from ..core import AccessToken, IdToken
from ..core.errors import CognitoError, CognitoUnavailableError, SignInError, TokenError
from ..core.hosted_ui import TokenSet
from ..core.token import read_unverified
from ..encryption import DecryptionError, decrypt, encrypt
from ..models import CognitoLogin, CognitoUser
from ..people.authenticate import verify
from ..people.users import user_for
from ..runtime import get_hosted_ui

logger = logging.getLogger(__name__)
SESSION_KEY = "_cognito_login"
_BACKEND = "django_cognito.backends.CognitoBackend"
_WAIT_SECONDS = 3.0  # past the tokens' end the others wait this long for the one that refreshes
_POLL_SECONDS = 0.05


def start(request: HttpRequest, user: Any, token: AccessToken, tokens: TokenSet) -> CognitoLogin:
    """Sign `user` in: Django's own login, and the tokens kept. The session's earlier login, if any, is ended."""
    drop(request.session)
    auth.login(request, user, backend=_BACKEND)
    link = CognitoUser.objects.get(user_pool_id=token.user_pool_id, sub=token.sub)
    login = CognitoLogin(cognito_user=link, expires_at=token.expires_at)
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
    return AccessToken(login.cognito_user.user_pool_id, read_unverified(tokens_of(login).access_token))


def is_over(login: CognitoLogin) -> bool:
    """Whether the login's access token has ended."""
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
    try:
        refresh_token = tokens_of(login).refresh_token
        if refresh_token:
            get_hosted_ui().revoke(refresh_token)
    except CognitoError as error:
        logger.warning("signed out here, but the refresh token was not revoked: %s", error.code)


@dataclass(frozen=True, slots=True)
class _Step:
    call: Callable[[], Any]
    is_orm: bool = True


def _renewal(login: CognitoLogin) -> Generator[_Step, Any, CognitoLogin]:
    """The steps of `current` and `acurrent`: one logic, two drivers."""
    if timezone.now() < login.expires_at - timedelta(seconds=get_settings().refresh_margin_seconds):
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
        return (yield _Step(partial(_store, login, *renewed)))
    except CognitoUnavailableError:
        yield _Step(partial(_release, login))
        if is_over(login):
            raise
        return login
    except (SignInError, TokenError) as error:
        yield _Step(login.delete)
        raise SignInError(f"the login was not renewed: {error.code}", code="login_ended") from error


def _claim(login: CognitoLogin) -> bool:
    """Whether this worker is the one to refresh: one conditional UPDATE, so that there is only one."""
    now = timezone.now()
    # Longer than two calls to Cognito may take; a worker that dies at it blocks nobody for longer.
    until = now + timedelta(seconds=2 * get_settings().http_timeout_seconds + 5)
    rows = CognitoLogin.objects.filter(pk=login.pk, version=login.version)
    return rows.filter(Q(refreshing_until=None) | Q(refreshing_until__lt=now)).update(refreshing_until=until) == 1


def _row(login_id: Any, **conditions: Any) -> CognitoLogin:
    try:
        return CognitoLogin.objects.select_related("cognito_user").get(pk=login_id, **conditions)
    except (CognitoLogin.DoesNotExist, ValidationError) as error:
        raise SignInError("the login was ended", code="login_ended") from error


def _ask(login: CognitoLogin) -> tuple[TokenSet, AccessToken, IdToken | None]:
    """New tokens from Cognito, verified, and of the very same person and client. No database."""
    before, old = access_token_of(login), tokens_of(login)
    if not old.refresh_token:
        raise SignInError("the login came without a refresh token", code="login_ended")
    new = get_hosted_ui().refresh(old.refresh_token)
    tokens = TokenSet(new.access_token, new.id_token, new.refresh_token or old.refresh_token, new.expires_in)
    token, profile = verify(
        tokens.access_token, token_use="access", id_token=tokens.id_token, client_ids=(before.client_id,)
    )
    if not isinstance(token, AccessToken) or (token.sub, token.user_pool_id) != (before.sub, before.user_pool_id):
        raise SignInError("the refresh gave another person's tokens", code="token_mismatch")
    return tokens, token, profile


def _store(login: CognitoLogin, tokens: TokenSet, token: AccessToken, profile: IdToken | None) -> CognitoLogin:
    user_for(token, profile)
    CognitoLogin.objects.filter(pk=login.pk, version=login.version).update(
        tokens=_sealed(login.pk, tokens), expires_at=token.expires_at, version=F("version") + 1, refreshing_until=None
    )
    return _row(login.pk)


def _release(login: CognitoLogin) -> None:
    CognitoLogin.objects.filter(pk=login.pk, version=login.version).update(refreshing_until=None)


def _sealed(login_id: UUID, tokens: TokenSet) -> bytes:
    return encrypt(json.dumps(asdict(tokens)).encode(), associated_data=_associated_data(login_id))


def _associated_data(login_id: UUID) -> bytes:
    return f"django_cognito.CognitoLogin:{login_id}".encode()


def _on_logged_out(*, request: HttpRequest | None = None, **_: Any) -> None:
    """Whoever signs out, by whichever door (the admin's too), ends the login with it."""
    if request is not None and hasattr(request, "session"):
        drop(request.session)


user_logged_out.connect(_on_logged_out, dispatch_uid="django_cognito.login.session")
