"""Send many values to PostgreSQL as one parameter: the driver takes longer for each value than all else takes.

Must not depend on a model.
"""

import re
from collections.abc import Collection, Iterable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup, Q

# Of values whose text PostgreSQL reads as the same value.
_TEXT_TYPES = frozenset({str, int, bool, float, Decimal, date, datetime, time, UUID})


def find_array_type(field: Any, connection: BaseDatabaseWrapper) -> str | None:
    """Return the type of an array of values of a field; None if there is none, as on other databases."""
    if connection.vendor != "postgresql":
        return None
    # Without the length: a cast would cut a text that is too long, where an assignment is refused.
    name = re.sub(r"^(varchar|numeric)[(].*?[)]", r"\1", str(field.cast_db_type(connection)))
    # As char(2), integer[]. As a timestamp without time zone, a text would lose its offset, which a parameter keeps.
    has_no_array = "(" in name or "[" in name or (name.startswith("timestamp") and "with time zone" not in name)
    return None if has_no_array else f"{name}[]"


def build_array(values: Iterable[Any]) -> str | None:
    """Return the text of an array of values as a field prepares them; None if the text of one is not known."""
    items = []
    for value in values:
        if value is None:
            items.append("NULL")
            continue
        if type(value) in _TEXT_TYPES:
            text = str(value)
        elif hasattr(value, "obj") and callable(getattr(value, "dumps", None)):  # psycopg's Jsonb, as Django creates it
            text = value.dumps(value.obj)
        else:
            return None
        items.append('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return "{" + ",".join(items) + "}"


class _EqualsAny(Lookup):
    """A column is equal to one of the items of an array; the right side is the text of the array and its type."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        sql, parameters = self.process_lhs(compiler, connection)
        array, kind = self.rhs
        return f"{sql} = ANY (%s::{kind})", [*parameters, array]


def match_any(field: Any, values: Collection[Any], using: str) -> "Q | _EqualsAny":
    """Return the condition that a field has one of these values: one parameter if the database has arrays."""
    connection = connections[using]
    kind = find_array_type(field, connection) if values else None
    array = build_array([field.get_db_prep_value(value, connection) for value in values]) if kind else None
    return Q((f"{field.name}__in", values)) if array is None else _EqualsAny(F(field.name), (array, kind))
