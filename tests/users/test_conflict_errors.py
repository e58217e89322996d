"""The errors of each database that report a conflict with another transaction."""

import sqlite3
from typing import Any

import pytest

from django_cognito.db.transactions import is_conflict
from tests.support.database_errors import DriverError, error_of


@pytest.mark.parametrize(
    ("vendor", "error", "expected"),
    [
        ("postgresql", error_of(DriverError(sqlstate="40P01")), True),
        ("postgresql", error_of(DriverError(sqlstate="40001")), True),
        ("postgresql", error_of(DriverError(sqlstate="55P03")), True),
        ("postgresql", error_of(DriverError(sqlstate="57014")), False),  # statement_timeout
        ("postgresql", error_of(None, 1213), False),
        ("mysql", error_of(None, 1213, "Deadlock found"), True),
        ("mysql", error_of(None, 1205, "Lock wait timeout exceeded"), True),
        ("mysql", error_of(None, 1020, "Record has changed since last read"), True),
        ("mysql", error_of(None, 2006, "Server has gone away"), False),
        ("mysql", error_of(), False),
        ("sqlite", error_of(DriverError(sqlite_errorcode=sqlite3.SQLITE_BUSY)), True),
        ("sqlite", error_of(DriverError(sqlite_errorcode=sqlite3.SQLITE_BUSY_SNAPSHOT)), True),
        ("sqlite", error_of(DriverError(sqlite_errorcode=sqlite3.SQLITE_LOCKED)), True),
        ("sqlite", error_of(DriverError(sqlite_errorcode=sqlite3.SQLITE_READONLY)), False),
        ("sqlite", error_of(None, "database is locked"), False),
    ],
)
def test_conflict_errors_of_each_database_can_be_retried(vendor: str, error: Any, expected: bool) -> None:
    assert is_conflict(error, vendor) is expected
