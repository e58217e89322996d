"""Lock rows so that several transactions may read them and none may change them. Must not depend on a model."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from math import ceil
from random import uniform
from time import monotonic, sleep
from typing import TypeVar

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model, QuerySet

from .transactions import is_conflict, write_transaction

_M = TypeVar("_M", bound=Model)
# Django has no method for it. SQLite needs none: it has one writer at a time.
_CLAUSES = {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}
_FIRST_WAIT_SECONDS, _MAX_WAIT_SECONDS = 0.1, 2.0  # of one attempt, during which later transactions wait too
_MAX_SECONDS = 600.0


def lock_shared(rows: QuerySet[_M]) -> list[_M]:
    """Return the rows as they are now, which no other transaction changes before the end of this one. One query."""
    sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    clause = _CLAUSES.get(connections[rows.db].vendor, "")
    return list(rows.model._base_manager.using(rows.db).raw(sql + clause, parameters))


def update_shared(
    rows: QuerySet[_M], begin: Callable[[], object], before_retry: Callable[[], object], **values: object
) -> int:
    """Update rows that other transactions lock with `lock_shared`, once these have ended; return how many rows.

    While an attempt waits, later transactions that lock the rows wait for it, so it waits for two seconds at most; then
    there is a pause of that length, in which they go on. PostgreSQL would grant their locks of a row meanwhile, so that
    transactions that overlap could delay the update without end: there, the attempt locks the table, in turn.

    `begin` is called at the beginning of each transaction, `before_retry` between them. An exception of theirs ends the
    attempts. Raises the DatabaseError of the last attempt, after ten minutes; inside a transaction, of the first one.
    """
    connection, model = connections[rows.db], rows.model
    # There a failed attempt has ended the transaction of the caller, or keeps its locks.
    is_inside = connection.in_atomic_block or not connection.get_autocommit()
    table = connection.ops.quote_name(model._meta.db_table)
    ends_at, seconds = monotonic() + _MAX_SECONDS, _FIRST_WAIT_SECONDS
    while True:
        try:
            with nullcontext() if is_inside else _limit_waits(connection, seconds), write_transaction(model):
                begin()
                if connection.vendor == "postgresql" and not is_inside:
                    with connection.cursor() as cursor:
                        cursor.execute(f"SET LOCAL lock_timeout = '{ceil(1000 * seconds)}ms'")
                        cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
                return rows.update(**values)
        except DatabaseError as error:
            if is_inside or not is_conflict(error, connection.vendor) or monotonic() > ends_at:
                raise
        sleep(uniform(seconds, 1.5 * seconds))  # noqa: S311 - so that the same transactions do not meet again
        seconds = min(2 * seconds, _MAX_WAIT_SECONDS)
        before_retry()


@contextmanager
def _limit_waits(connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
    """Let MariaDB and MySQL wait for a lock of a row no longer than this, in whole seconds."""
    if connection.vendor != "mysql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@SESSION.innodb_lock_wait_timeout")
        before = cursor.fetchone()[0]
        cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", [ceil(seconds)])
        try:
            yield
        finally:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", [before])
