"""Let one run at a time synchronize a pool, by a row that a killed run releases after a minute.

No request locks that row, so a run never waits for requests to renew it: they lock `CognitoConfirmation`.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Self

from django.db import router
from django.db.models import Q, QuerySet

from ..authorization.confirmed_moments import get_confirmations
from ..core.clock import utc_now
from ..db.share_locks import lock_shared, update_shared
from ..db.transactions import retry_conflicts
from ..models import CognitoSync
from .errors import SyncError

HOLD_SECONDS = 60
_RENEW_SECONDS = 10


class SyncLock:
    """Hold a pool while the context lasts. `renew` often: after a minute without it another run may begin.

    Raises SyncError (code "sync_running") if another run holds the pool.
    """

    def __init__(self, user_pool_id: str) -> None:
        self._user_pool_id = user_pool_id
        self._run_id = uuid.uuid4()
        self._renewed_at = utc_now()

    def __enter__(self) -> Self:
        # Before the first `listed_digest` of the pool: a sign-in locks the confirmation of such a row.
        get_confirmations().get_or_create(user_pool_id=self._user_pool_id)
        self._rows.get_or_create(user_pool_id=self._user_pool_id)
        now = utc_now()
        is_free = Q(held_until=None) | Q(held_until__lt=now)
        lease = {"run_id": self._run_id, "held_until": now + timedelta(seconds=HOLD_SECONDS), "started_at": now}
        free = self._rows.filter(is_free, user_pool_id=self._user_pool_id)
        if not _update(free, **lease):
            raise SyncError(
                f"another run synchronizes {self._user_pool_id}; if it was killed, it releases the pool after"
                f" {HOLD_SECONDS} seconds",
                code="sync_running",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        completed = {} if error else {"completed_at": utc_now()}
        _update(self._own_rows, run_id=None, held_until=None, **completed)

    def renew(self) -> None:
        """Hold the pool for another minute. Raises SyncError (code "sync_lost") if another run took it over."""
        now = utc_now()
        if now < self._renewed_at + timedelta(seconds=_RENEW_SECONDS):
            return
        if not _update(self._own_rows, held_until=now + timedelta(seconds=HOLD_SECONDS)):
            raise self._create_error()
        self._renewed_at = now

    def store_confirmation(self, moment: datetime, before_retry: Callable[[], object]) -> None:
        """Store the moment of what a complete run has read, once open transactions that have locked it have ended.

        `before_retry` is called every few seconds, to call `renew`. Raises SyncError as `renew` does, and DatabaseError
        after ten minutes.
        """
        own = get_confirmations().filter(user_pool_id=self._user_pool_id)
        if not update_shared(own, begin=self.hold, before_retry=before_retry, confirmed_at=moment):
            raise self._create_error()

    def hold(self) -> None:
        """Hold the pool until the end of the current transaction. Raises SyncError as `renew` does."""
        if not lock_shared(self._own_rows):
            raise self._create_error()

    def _create_error(self) -> SyncError:
        return SyncError(f"another run took over {self._user_pool_id}", code="sync_lost")

    @property
    def _rows(self) -> QuerySet[CognitoSync]:
        return CognitoSync.objects.using(router.db_for_write(CognitoSync))

    @property
    def _own_rows(self) -> QuerySet[CognitoSync]:
        return self._rows.filter(user_pool_id=self._user_pool_id, run_id=self._run_id)


def _update(rows: QuerySet[CognitoSync], **values: object) -> int:
    return retry_conflicts(partial(rows.update, **values), CognitoSync)
