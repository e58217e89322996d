"""The one query of a steady request: a person's user and what is known of them, by SQL that is written once a database.

Django takes longer to write that SQL than PostgreSQL to answer it. Knows no tokens, and decides nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression

from ..models import DIGEST_FIELDS, CognitoUser

_KNOWN = ("id", "groups", "as_of", *DIGEST_FIELDS)
_POOL, _SUB = "the pool", "the sub"  # stand for the values while the SQL is written


class KnownPerson:
    """What a link row says to a token, by the row's own names, and the person's user.

    `new_user` makes the user once more, as if just read: it shares nothing with the first.
    """

    __slots__ = ("as_of", "groups", "new_user", "pk", "user", "using", *DIGEST_FIELDS)

    pk: int
    groups: list[str]
    as_of: datetime
    access_digest: str
    id_digest: str
    user_info_digest: str
    directory_digest: str
    user: Any

    def __init__(self, query: "_Query", row: Sequence[Any]) -> None:
        self.using = query.using
        self.pk, self.groups, self.as_of, *digests = query.known_of(row)
        self.access_digest, self.id_digest, self.user_info_digest, self.directory_digest = digests
        self.new_user = partial(query.user_of, row)
        self.user = self.new_user()


def find(user_pool_id: str, sub: str, using: str | None = None) -> KnownPerson | None:
    """Whom the pool calls `sub`; None where nobody here is. One query, by default to `database()`."""
    query = _query(using or database())
    with connections[query.using].cursor() as cursor:
        cursor.execute(query.sql, [sub if stands_for == _SUB else user_pool_id for stands_for in query.parameters])
        row = cursor.fetchone()
    return None if row is None else KnownPerson(query, row)


def database() -> str:
    """The alias of the database that is asked now: the site's routers may name another one each time."""
    return router.db_for_read(CognitoUser)


class _Query:
    """The SQL as the ORM writes it for this database, and what its rows become.

    All of the user is read: nothing is left to be read later.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self._user_model: Any = CognitoUser._meta.get_field("user").related_model
        self._user_fields = [field.attname for field in self._user_model._meta.concrete_fields]
        links = CognitoUser.objects.filter(user_pool_id=_POOL, sub=_SUB)
        rows = links.values_list(*_KNOWN, *(f"user__{name}" for name in self._user_fields))
        compiler = rows.query.get_compiler(using)
        self.sql, self.parameters = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        self._known_columns, self._user_columns = (
            [(at, column) for at, column in enumerate(part) if _converters(column, connections[using])]
            for part in (columns[: len(_KNOWN)], columns[len(_KNOWN) :])
        )

    def known_of(self, row: Sequence[Any]) -> list[Any]:
        """What is known, in the order of its names."""
        return self._converted(list(row[: len(_KNOWN)]), self._known_columns)

    def user_of(self, row: Sequence[Any]) -> Any:
        """The user, made as the ORM makes it: the model may have a say in it."""
        values = self._converted(list(row[len(_KNOWN) :]), self._user_columns)
        return self._user_model.from_db(self.using, self._user_fields, values)

    def _converted(self, values: list[Any], columns: Sequence[tuple[int, Expression]]) -> list[Any]:
        for at, column in columns:
            connection = connections[self.using]
            for convert in _converters(column, connection):
                values[at] = convert(values[at], column, connection)
        return values


_query = cache(_Query)


def _converters(column: Expression, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
    """The database's, then the field's. They are bound to the connection, which is the thread's own: never kept."""
    return [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
