"""Read rows and create model instances from them, with SQL that is compiled once for each database.

Django takes longer to compile such SQL than PostgreSQL to run it. Must not depend on a model.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, QuerySet


class Part(NamedTuple):
    """Columns of a row: the fields `names` of `model`, which the relation `path` ("user__") leads to."""

    model: Any
    names: Sequence[str]
    path: str = ""

    @classmethod
    def of_all_fields(cls, model: Any, path: str = "") -> "Part":
        """Return the part with all fields of `model`: none is deferred."""
        return cls(model, [field.attname for field in model._meta.concrete_fields], path)


class CompiledQuery:
    """The SQL of `rows` as the ORM compiles it for one database, and the conversion of its rows.

    `parameters` are those of the SQL, in its order: the caller replaces its placeholders.
    """

    def __init__(self, using: str, rows: QuerySet[Any], *parts: Part) -> None:
        self.using = using
        self._parts = parts
        selected = rows.values_list(*(f"{part.path}{name}" for part in parts for name in part.names))
        compiler = selected.query.get_compiler(using)
        self._sql, self.parameters = compiler.as_sql()
        columns = iter([column for column, *_ in compiler.select])
        self._converted = []
        for part in parts:
            own = enumerate(islice(columns, len(part.names)))
            self._converted.append([item for item in own if _get_converters(item[1], connections[using])])

    def fetch_row(self, parameters: Sequence[Any]) -> Sequence[Any] | None:
        """Return the row as the database returns it; None if there is none. One query."""
        with connections[self.using].cursor() as cursor:
            cursor.execute(self._sql, parameters)
            row: Sequence[Any] | None = cursor.fetchone()
        return row

    def fetch_rows(self, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Return all rows as the database returns them. One query."""
        with connections[self.using].cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
        return rows

    def read_values(self, row: Sequence[Any], number: int) -> list[Any]:
        """Return the values of the part with this number, in the order of its names."""
        start = sum(len(part.names) for part in self._parts[:number])
        values = list(row[start : start + len(self._parts[number].names)])
        connection = connections[self.using]
        for index, column in self._converted[number]:
            for convert in _get_converters(column, connection):
                values[index] = convert(values[index], column, connection)
        return values

    def create_instance(self, row: Sequence[Any], number: int) -> Any:
        """Return the part with this number, created by the model's `from_db`, which a site may override."""
        part = self._parts[number]
        return part.model.from_db(self.using, part.names, self.read_values(row, number))


def _get_converters(column: Expression, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
    """Return the converters of the database, then of the field. They belong to a thread's connection: never cached."""
    return [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
