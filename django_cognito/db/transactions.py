"""Retry a transaction after a conflict with another one: a deadlock, a lock timeout, a busy SQLite database.

Must not depend on what is written.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TypeVar

from django.db import DatabaseError, router, transaction
from django.db.models import Model

from ..models import CognitoUser

_T = TypeVar("_T")
_MAX_ATTEMPTS = 10
_MAX_SECONDS = 10.0  # after that time no further attempt is made: a database may wait for a lock for long by itself
_FIRST_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.01, 0.32
# PostgreSQL, appendix A: serialization_failure, deadlock_detected, lock_not_available.
_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
# MariaDB and MySQL: ER_LOCK_DEADLOCK, ER_LOCK_WAIT_TIMEOUT; with innodb_snapshot_isolation also ER_CHECKREAD.
_MYSQL_CODES = frozenset({1213, 1205, 1020})
_SQLITE_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

# OPTIONS["transaction_mode"] of SQLite, with which every transaction is a writer from its beginning.
_WRITING_MODES = ("IMMEDIATE", "EXCLUSIVE")


def is_conflict(error: DatabaseError, vendor: str) -> bool:
    """Return whether `error` is a conflict with another transaction, after which a retry may succeed.

    `vendor` is Django's name of the database: "postgresql", "mysql" (MariaDB too) or "sqlite".
    """
    if vendor == "mysql":
        return bool(error.args) and error.args[0] in _MYSQL_CODES
    if vendor == "sqlite":
        code = getattr(error.__cause__, "sqlite_errorcode", None)
        return code is not None and code & 0xFF in _SQLITE_CODES  # the low byte; the other bytes are the extended code
    return getattr(error.__cause__, "sqlstate", None) in _SQLSTATES


def retry_conflicts(write: Callable[[], _T], model: type[Model] = CognitoUser) -> _T:
    """Call `write`, which opens the transactions that it needs, and return its result; call it again after a conflict.

    `write` writes to the database of `model`. At most ten calls, and none begins later than ten seconds after the first
    one. Inside a transaction of the caller there is no second call: MySQL has rolled that transaction back too, and
    elsewhere it still has its locks.

    Raises the DatabaseError of the last call.
    """
    started, pause = monotonic(), _FIRST_PAUSE_SECONDS
    for _ in range(_MAX_ATTEMPTS - 1):
        try:
            return write()
        except DatabaseError as error:
            connection = transaction.get_connection(router.db_for_write(model))
            is_inside = connection.in_atomic_block or not connection.get_autocommit()
            if is_inside or not is_conflict(error, connection.vendor) or monotonic() - started > _MAX_SECONDS:
                raise
        sleep(random.uniform(0, pause))  # noqa: S311 - so that the same transactions do not meet again
        pause = min(2 * pause, _MAX_PAUSE_SECONDS)
    return write()


@contextmanager
def write_transaction(model: type[Model] = CognitoUser) -> Iterator[None]:
    """Open a transaction in the database that `model` is written to; a savepoint inside another transaction.

    On SQLite the transaction is a writer from its beginning, as with `transaction_mode` "IMMEDIATE": one that has read
    before it writes is refused at once while another one writes, however long `timeout` is. One statement more there.
    """
    using = router.db_for_write(model)
    connection = transaction.get_connection(using)
    mode = str(connection.settings_dict["OPTIONS"].get("transaction_mode", ""))
    is_reader = connection.vendor == "sqlite" and mode.upper() not in _WRITING_MODES
    is_outermost = not connection.in_atomic_block
    with transaction.atomic(using=using):
        if is_reader and is_outermost:
            table, column = map(connection.ops.quote_name, (model._meta.db_table, model._meta.pk.column))
            with connection.cursor() as cursor:
                cursor.execute(f"UPDATE {table} SET {column} = {column} WHERE 1 = 0")  # noqa: S608 - quoted; no row
        yield
