"""Read a link row and its user with one query, whose SQL is compiled once for each database.

Django takes longer to compile that SQL than PostgreSQL to run it. Must not depend on tokens.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression

from ..models import DIGEST_FIELDS, CognitoUser

_LINK_FIELDS = ("id", "groups", "as_of", *DIGEST_FIELDS, "enabled", "gone_at", "not_before")
_POOL, _SUB = "the pool", "the sub"  # placeholders for the values while the SQL is compiled


class LinkSnapshot:
    """The fields of a link row that are compared with a token, and the Django user of the link.

    `new_user()` returns another instance of the user from the same row, which shares no value with the first.
    """

    __slots__ = (
        "as_of",
        "enabled",
        "gone_at",
        "groups",
        "new_user",
        "not_before",
        "pk",
        "user",
        "using",
        *DIGEST_FIELDS,
    )

    pk: int
    groups: list[str]
    as_of: datetime
    access_digest: str
    id_digest: str
    user_info_digest: str
    directory_digest: str
    enabled: bool
    gone_at: datetime | None
    not_before: datetime | None
    user: Any

    def __init__(self, query: "_Query", row: Sequence[Any]) -> None:
        self.using = query.using
        self.pk, self.groups, self.as_of, *digests, self.enabled, self.gone_at, self.not_before = query.read_link(row)
        self.access_digest, self.id_digest, self.user_info_digest, self.directory_digest = digests
        self.new_user = partial(query.create_user, row)
        self.user = self.new_user()


def fetch_link(user_pool_id: str, sub: str, using: str | None = None) -> LinkSnapshot | None:
    """Return the link of a Cognito user; None if there is none. One query, by default in `get_read_alias()`."""
    query = _get_query(using or get_read_alias())
    with connections[query.using].cursor() as cursor:
        cursor.execute(query.sql, [sub if stands_for == _SUB else user_pool_id for stands_for in query.parameters])
        row = cursor.fetchone()
    return None if row is None else LinkSnapshot(query, row)


def get_read_alias() -> str:
    """Return the alias of the database to read from now: a database router may choose another one each time."""
    return router.db_for_read(CognitoUser)


class _Query:
    """The SQL as the ORM compiles it for one database, and the conversion of its rows.

    All fields of the user are read: none is deferred.
    """

    def __init__(self, using: str) -> None:
        self.using = using
        self._user_model: Any = CognitoUser._meta.get_field("user").related_model
        self._user_fields = [field.attname for field in self._user_model._meta.concrete_fields]
        links = CognitoUser.objects.filter(user_pool_id=_POOL, sub=_SUB)
        rows = links.values_list(*_LINK_FIELDS, *(f"user__{name}" for name in self._user_fields))
        compiler = rows.query.get_compiler(using)
        self.sql, self.parameters = compiler.as_sql()
        columns = [column for column, *_ in compiler.select]
        self._link_columns, self._user_columns = (
            [(index, column) for index, column in enumerate(part) if _get_converters(column, connections[using])]
            for part in (columns[: len(_LINK_FIELDS)], columns[len(_LINK_FIELDS) :])
        )

    def read_link(self, row: Sequence[Any]) -> list[Any]:
        """Return the link's part of `row`, in the order of _LINK_FIELDS."""
        return self._convert(list(row[: len(_LINK_FIELDS)]), self._link_columns)

    def create_user(self, row: Sequence[Any]) -> Any:
        """Return the user, created by the model's `from_db`, which a site may override."""
        values = self._convert(list(row[len(_LINK_FIELDS) :]), self._user_columns)
        return self._user_model.from_db(self.using, self._user_fields, values)

    def _convert(self, values: list[Any], columns: Sequence[tuple[int, Expression]]) -> list[Any]:
        for index, column in columns:
            connection = connections[self.using]
            for convert in _get_converters(column, connection):
                values[index] = convert(values[index], column, connection)
        return values


_get_query = cache(_Query)


def _get_converters(column: Expression, connection: BaseDatabaseWrapper) -> list[Callable[..., Any]]:
    """Return the converters of the database, then of the field. They belong to a thread's connection: never cached."""
    return [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
