"""Lock rows so that several transactions may read them and none may change them. Must not depend on a model."""

from functools import partial
from typing import TypeVar

from django.db import DatabaseError, connections, transaction
from django.db.models import Model, QuerySet

from .transactions import is_conflict, retry_conflicts

_M = TypeVar("_M", bound=Model)
# Django has no method for it. SQLite needs none: it has one writer at a time.
_CLAUSES = {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}
_MAX_WAIT = "100ms"  # for this time at most, later transactions wait for `update_shared`


def lock_shared(rows: QuerySet[_M]) -> list[_M]:
    """Return the rows as they are now, which no other transaction changes before the end of this one. One query."""
    sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    clause = _CLAUSES.get(connections[rows.db].vendor, "")
    return list(rows.model._base_manager.using(rows.db).raw(sql + clause, parameters))


def update_shared(rows: QuerySet[_M], **values: object) -> int:
    """Update rows that other transactions lock with `lock_shared`, once these have ended; return how many rows.

    PostgreSQL also grants a shared lock of a row while an UPDATE waits for it, so that transactions that overlap could
    delay the UPDATE without end. Locks of a table are granted in turn: later transactions wait for this one, but not
    for long. If a transaction lasts longer, the UPDATE waits without such a lock. MariaDB grants locks of rows in turn.
    """
    connection = connections[rows.db]

    def update_in_turn() -> int:
        table = connection.ops.quote_name(rows.model._meta.db_table)
        with transaction.atomic(using=rows.db), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_MAX_WAIT}'")
            cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            return rows.update(**values)

    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        try:
            return retry_conflicts(update_in_turn, rows.model)
        except DatabaseError as error:
            if not is_conflict(error, connection.vendor):
                raise
    return retry_conflicts(partial(rows.update, **values), rows.model)
