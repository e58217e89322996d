"""How many queries a call makes, and how many of them write."""

from collections.abc import Callable
from typing import Any


def count_queries(call: Callable[[Any], object], given: Any) -> tuple[int, int]:
    """Queries and writes of `call(given)`; transactions begin and end uncounted."""
    from django.db import connection

    seen: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        call(given)
    return len(seen), sum(not sql.lstrip().upper().startswith("SELECT") for sql in seen)
