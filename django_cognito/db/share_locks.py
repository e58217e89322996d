"""Lock rows so that several transactions may read them and none may change them. Must not depend on a model."""

from typing import TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

_M = TypeVar("_M", bound=Model)
# Django has no method for it. SQLite needs none: it has one writer at a time.
_CLAUSES = {"postgresql": " FOR SHARE", "mysql": " LOCK IN SHARE MODE"}


def lock_shared(rows: QuerySet[_M]) -> list[_M]:
    """Return the rows as they are now, which no other transaction changes before the end of this one. One query."""
    sql, parameters = rows.query.get_compiler(rows.db).as_sql()
    clause = _CLAUSES.get(connections[rows.db].vendor, "")
    return list(rows.model._base_manager.using(rows.db).raw(sql + clause, parameters))
