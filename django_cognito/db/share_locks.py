"""Lock rows so that several transactions may read them and none may change them. Must not depend on a model."""

from collections.abc import Callable
from random import uniform
from time import monotonic, sleep
from typing import TypeVar

from django.db import DatabaseError, connections
from django.db.models import Model, QuerySet

from .transactions import is_conflict, write_transaction

_M = TypeVar("_M", bound=Model)
# Django has no method for it. SQLite needs none: it has one writer at a time.
_CLAUSES = {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}
_FIRST_WAIT_MS, _MAX_WAIT_MS = 100, 2_000  # of one attempt; for this time, later transactions wait for the table
_MAX_SECONDS = 600.0
_MAX_PAUSE_SECONDS = 0.1


def lock_shared(rows: QuerySet[_M]) -> list[_M]:
    """Return the rows as they are now, which no other transaction changes before the end of this one. One query."""
    sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    clause = _CLAUSES.get(connections[rows.db].vendor, "")
    return list(rows.model._base_manager.using(rows.db).raw(sql + clause, parameters))


def update_shared(
    rows: QuerySet[_M], begin: Callable[[], object], before_retry: Callable[[], object], **values: object
) -> None:
    """Update rows that other transactions lock with `lock_shared`, once these have ended.

    `begin` is called at the beginning of each transaction, `before_retry` between them: after two seconds at most on
    PostgreSQL, and after the lock timeout of other databases. An exception of theirs ends the attempts.

    PostgreSQL also grants a shared lock of a row while an UPDATE waits for it, so that transactions that overlap could
    delay the UPDATE without end. Locks of a table are granted in turn: later transactions wait for this one, so each
    second attempt has none, for the case that one transaction lasts. MariaDB grants locks of rows in turn.

    Raises the DatabaseError of the last attempt, after ten minutes.
    """
    connection, model = connections[rows.db], rows.model
    is_nested = connection.in_atomic_block  # a failed attempt would end the transaction of the caller
    has_timeout = connection.vendor == "postgresql" and not is_nested
    table = connection.ops.quote_name(model._meta.db_table)
    ends_at, wait_ms, is_in_turn = monotonic() + _MAX_SECONDS, _FIRST_WAIT_MS, True
    while True:
        try:
            with write_transaction(model), connection.cursor() as cursor:
                begin()
                if has_timeout:
                    cursor.execute(f"SET LOCAL lock_timeout = '{wait_ms}ms'")
                    if is_in_turn:
                        cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
                rows.update(**values)
                return
        except DatabaseError as error:
            if is_nested or not is_conflict(error, connection.vendor) or monotonic() > ends_at:
                raise
        sleep(uniform(0, _MAX_PAUSE_SECONDS))  # noqa: S311 - so that the same transactions do not meet again
        wait_ms, is_in_turn = min(2 * wait_ms, _MAX_WAIT_MS), not is_in_turn
        before_retry()
