"""Errors of databases as Django raises them, and statements that fail by them."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, OperationalError, connection


class DriverError(Exception):
    """An error of a database's driver, with the attributes that tell one from another."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__()
        vars(self).update(attributes)


def error_of(cause: Exception | None = None, *args: Any) -> OperationalError:
    """Return an error as Django raises it for an error of a driver."""
    error = OperationalError(*args)
    error.__cause__ = cause
    return error


def conflict() -> OperationalError:
    """Return a conflict of transactions as the database of this run reports it."""
    if connection.vendor == "mysql":
        return error_of(None, 1213, "Deadlock found")
    attributes = {"sqlstate": "40P01"} if connection.vendor == "postgresql" else {"sqlite_errorcode": 5}
    return error_of(DriverError(**attributes))


class FailsAtFirst:
    """Makes the database refuse the first statements that begin with a text, each by an error from `errors`."""

    def __init__(self, begins_with: str, *errors: DatabaseError) -> None:
        self.begins_with = begins_with
        self.errors = list(errors)

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if self.errors and sql.replace("`", '"').startswith(self.begins_with):
            raise self.errors.pop()
        return execute(sql, *args)
