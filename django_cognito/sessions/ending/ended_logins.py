"""The rows of logins that have ended: written at the sign-out, kept until Cognito has confirmed it, then deleted.

Must not depend on a session or send requests to Cognito.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID, uuid4

from django.db import DatabaseError, router

from ...core.clock import utc_now
from ...core.errors import SignInError
from ...core.tracebacks import clear_frame_locals
from ...db.transactions import retry_conflicts, write_transaction
from ...models import CognitoLogin, CognitoUser, LoginQuerySet
from ...users.revocation import get_sign_in_time, revoke_sign_ins
from ..stored_tokens import decrypt_tokens, get_access_token, set_tokens

_T = TypeVar("_T")
_logger = logging.getLogger(__name__)
_MIN_PAUSE, _MAX_PAUSE = timedelta(minutes=1), timedelta(days=1)  # between two attempts to revoke a refresh token


@dataclass(frozen=True, slots=True)
class Revocation:
    """What Cognito has answered about the refresh tokens of some logins, by their ids.

    `unconfirmed` are those that may still be valid, each with a refresh token that replaced the stored one meanwhile;
    None if the stored one is the last. `irrevocable` are those that Cognito cannot revoke.
    """

    unconfirmed: Mapping[UUID, str | None] = field(repr=False)
    irrevocable: Collection[UUID] = ()


def end_rows(
    links: Sequence[CognitoUser], login: CognitoLogin | None, *, pause: timedelta = _MIN_PAUSE
) -> list[CognitoLogin]:
    """Write `ended_at` to `login`, or to all logins of `links`, and return those that were active.

    For all logins, `not_before` of the links is set too. The rows are locked: otherwise a refresh between the two
    queries would issue a refresh token that no row holds. After `pause`, another request may revoke the tokens.
    """
    now, rows = utc_now(), get_login_rows().active()
    rows = rows.filter(cognito_user__in=[link.pk for link in links]) if login is None else rows.filter(pk=login.pk)
    with write_transaction():
        if login is None:  # in the order of all writers: a callback that stores a login at this moment waits
            link_rows = CognitoUser.objects.using(router.db_for_write(CognitoLogin)).select_for_update()
            locked = dict(
                link_rows.filter(pk__in=[link.pk for link in links]).order_by("pk").values_list("pk", "not_before")
            )
            for link in links:
                link.not_before = locked.get(link.pk, link.not_before)
        logins = list(rows.select_for_update().order_by("pk"))
        rows.update(ended_at=now, retry_at=now + pause)
        by_id = {link.pk: link for link in links}
        for ended in logins:
            ended.cognito_user, ended.ended_at, ended.retry_at = by_id[ended.cognito_user_id], now, now + pause
        if login is None:
            _set_not_before(links, logins, now)
    return logins


def _set_not_before(links: Iterable[CognitoUser], logins: Iterable[CognitoLogin], now: datetime) -> None:
    """Set `not_before` of `links`, which `logins` have, to now; later if Cognito's clock is ahead, never earlier."""
    for link in links:
        link.not_before = max(link.not_before or now, now)
    for login in logins:
        with suppress(SignInError):  # the tokens cannot be decrypted
            signed_in_at = get_sign_in_time(get_access_token(login))
            login.cognito_user.not_before = max(login.cognito_user.not_before or now, signed_in_at)
    for link in links:
        link.save(using=router.db_for_write(CognitoLogin), update_fields=["not_before"])


@clear_frame_locals
def store_results(logins: Sequence[CognitoLogin], result: Revocation) -> bool:
    """Delete the rows of refresh tokens that Cognito has revoked, or cannot; keep the others for the next attempt.

    Return whether no row is kept. Cognito may have refreshed the tokens until now: the cache is written again. A row
    that the cache has not stored is kept too, and one that cannot be deleted. A database error is logged.
    """
    unconfirmed = result.unconfirmed
    confirmed = [login for login in logins if login.pk not in unconfirmed]
    is_stored = bool(confirmed) and revoke_sign_ins(confirmed, utc_now())
    if not (is_stored and run_step(partial(retry_conflicts, partial(_delete_rows, confirmed)))):
        unconfirmed = {**dict.fromkeys((login.pk for login in confirmed), None), **unconfirmed}
    for login in logins:
        if login.pk in unconfirmed and (login.ended_at is None or unconfirmed[login.pk] is not None):
            run_step(partial(retry_conflicts, partial(_keep, login, unconfirmed[login.pk])))
    return not unconfirmed


def _delete_rows(logins: Sequence[CognitoLogin]) -> bool:
    """Delete the rows that have the tokens of `logins`. A row with other tokens ends: they are revoked later.

    Return True: `run_step` returns None after an error.
    """
    revoked_tokens = {login.pk: bytes(login.tokens) for login in logins}
    with write_transaction():
        rows = get_login_rows().filter(pk__in=revoked_tokens)
        stored_tokens = rows.select_for_update().order_by("pk").values_list("pk", "tokens")
        revoked = [pk for pk, tokens in stored_tokens if bytes(tokens) == revoked_tokens[pk]]
        rows.filter(pk__in=revoked).delete()
        rows.active().update(ended_at=utc_now(), retry_at=None)
    return True


@clear_frame_locals
def _keep(login: CognitoLogin, refresh_token: str | None) -> None:
    """Store a login that has ended for the next attempt; insert it if its row was deleted, but not its link.

    If the row has other tokens meanwhile, the login gets a row of its own: a sign-out during a refresh leaves two
    refresh tokens, and each row is deleted once its own is revoked.
    """
    row = copy(login)
    row.ended_at = login.ended_at or utc_now()
    row.retry_at = get_next_attempt(row)
    links = CognitoUser.objects.using(router.db_for_write(CognitoLogin)).select_for_update()
    with write_transaction():
        if not links.filter(pk=login.cognito_user_id).exists():
            return
        rows = get_login_rows().filter(pk=login.pk)
        stored_tokens = rows.select_for_update().values_list("tokens", flat=True).first()
        if stored_tokens is not None and bytes(stored_tokens) != bytes(login.tokens):
            rows.active().update(ended_at=row.ended_at, retry_at=None)
            row.pk, stored_tokens = uuid4(), None
        if refresh_token is not None or row.pk != login.pk:
            tokens = decrypt_tokens(login)
            set_tokens(row, replace(tokens, refresh_token=refresh_token or tokens.refresh_token))
        changed = None if stored_tokens is None else ("tokens", "ended_at", "retry_at")
        row.save(using=router.db_for_write(CognitoLogin), force_insert=changed is None, update_fields=changed)


def get_next_attempt(login: CognitoLogin) -> datetime:
    """Return when the next attempt is due: the pauses double, from a minute to a day."""
    now = utc_now()
    return now + min(max(now - (login.ended_at or now), _MIN_PAUSE), _MAX_PAUSE)


def get_login_rows() -> LoginQuerySet:
    """Return all logins, in the database for writes."""
    return CognitoLogin.objects.using(router.db_for_write(CognitoLogin))


def get_unconfirmed_logins() -> LoginQuerySet:
    """Return the logins that have ended and that Cognito has not confirmed, with their link rows."""
    return get_login_rows().exclude(ended_at=None).select_related("cognito_user")


def run_step(step: Callable[[], _T]) -> _T | None:
    """Run one step of a sign-out and return its result. Log a database error and return None."""
    try:
        return step()
    except DatabaseError as error:
        _logger.error("A step of a sign-out failed with a database error: %s", type(error).__name__)  # noqa: TRY400
        return None
