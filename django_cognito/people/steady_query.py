"""The one query of a steady request: a link row and its user, by SQL that is written once a database.

Django takes longer to write that SQL than PostgreSQL to answer it. Knows no tokens, and decides nothing.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Model

from ..models import CognitoUser

_POOL, _SUB = "the pool", "the sub"  # stand for the values while the SQL is written


class PersonRow:
    """A link row and its user as the database gave them. What is made of it is new each time, as if just read."""

    __slots__ = ("_query", "_values")

    def __init__(self, query: "_Query", values: Sequence[Any]) -> None:
        self._query = query
        self._values = values

    @property
    def using(self) -> str:
        """The alias of the database that it is from."""
        return self._query.using

    def link(self) -> CognitoUser:
        """The link row, with its user."""
        link: CognitoUser = self._query.link.instance(self._values, self.using)
        link.user = self.user()
        return link

    def user(self) -> Any:
        """The user alone."""
        return self._query.user.instance(self._values, self.using)


def find(user_pool_id: str, sub: str) -> PersonRow | None:
    """The row of whom the pool calls `sub`; None where nobody here is. One query."""
    query = _query(database())
    with connections[query.using].cursor() as cursor:
        cursor.execute(query.sql, [sub if stands_for == _SUB else user_pool_id for stands_for in query.parameters])
        values = cursor.fetchone()
    return None if values is None else PersonRow(query, values)


def database() -> str:
    """The alias of the database that is asked now: the site's routers may name another one each time."""
    return router.db_for_read(CognitoUser)


class _Query:
    """The SQL, as the ORM writes it for this database, and where in its rows the two models stand."""

    def __init__(self, using: str) -> None:
        links, users = (_attributes(model) for model in (CognitoUser, _user_model()))
        rows = CognitoUser.objects.filter(user_pool_id=_POOL, sub=_SUB)
        compiler = rows.values_list(*links, *(f"user__{name}" for name in users)).query.get_compiler(using)
        self.using = using
        self.sql, self.parameters = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        self.link = _Part(CognitoUser, slice(0, len(links)), columns, using)
        self.user = _Part(_user_model(), slice(len(links), None), columns, using)


class _Part:
    """The columns of one model: all of them, so that nothing is left to be read later."""

    def __init__(self, model: Any, place: slice, columns: Sequence[Expression], using: str) -> None:
        self._model, self._names, self._place = model, _attributes(model), place
        # Which columns are converted is the database's to say; by whom, the connection's of whoever reads.
        self._converted = [
            (at, column) for at, column in enumerate(columns[place]) if _converters(column, connections[using])
        ]

    def instance(self, row: Sequence[Any], using: str) -> Any:
        """The model's own object of a row, made as the ORM makes it."""
        values = list(row[self._place])
        for at, column in self._converted:
            connection = connections[using]
            for convert in _converters(column, connection):
                values[at] = convert(values[at], column, connection)
        return self._model.from_db(using, self._names, values)


_query = cache(_Query)


def _converters(column: Expression, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
    """From the driver's value to the field's: the database's converters, then the field's."""
    return [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]


def _user_model() -> type[Model]:
    return CognitoUser._meta.get_field("user").related_model  # type: ignore[return-value]


def _attributes(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
