"""The number of queries and writes of a call."""

from collections.abc import Callable
from typing import Any


def count_queries(call: Callable[[Any], object], argument: Any) -> tuple[int, int]:
    """Return queries and writes of `call(argument)`, without the statements that begin and end transactions."""
    from django.db import connection

    statements: list[str] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(record):
        call(argument)
    return len(statements), sum(not sql.lstrip().upper().startswith("SELECT") for sql in statements)
