"""Checks of the tag `database`: the index that linking by email needs. Reads the catalogue of the database."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.core import checks
from django.db import connections, router

from ..conf.pool_registry import PoolRegistry


def check_email_index(registry: PoolRegistry, databases: Sequence[str]) -> Iterator[checks.CheckMessage]:
    """Check that LINK_BY_VERIFIED_EMAIL finds an account by an index; otherwise each first sign-in reads all users."""
    model: Any = get_user_model()
    alias, email = router.db_for_write(model), model.get_email_field_name()
    is_linked = any(settings.link_by_verified_email for settings in registry.by_alias.values())
    fields = {field.name: field.column for field in model._meta.concrete_fields}
    if not is_linked or alias not in databases or email not in fields:
        return
    table = model._meta.get_field(email).model._meta.db_table
    if connections[alias].vendor == "sqlite" or has_usable_index(connections[alias], table, fields[email]):
        return
    message = (
        f"COGNITO['LINK_BY_VERIFIED_EMAIL'] compares the email of {model._meta.label} regardless of case, and the table"
        " has no index for it: each first sign-in reads all users."
    )
    expression = f"models.Index(Upper({email!r}), name='user_upper_{email}')"
    hint = (
        f"Add {expression} to the indexes of the model's Meta and run makemigrations; for Django's own user model, add"
        " the migration of docs/deployment.md, 'At size'."
    )
    yield checks.Warning(message, hint=hint, id="django_cognito.W131")


def has_usable_index(connection: Any, table: str, column: str) -> bool:
    """Return whether `iexact` of this column can use an index; True if the table does not exist yet."""
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return True
        constraints = connection.introspection.get_constraints(cursor, table).values()
    indexes = [constraint for constraint in constraints if constraint["index"] or constraint["unique"]]
    return any(is_usable(connection.vendor, index, column) for index in indexes)


def is_usable(vendor: str, index: Mapping[str, Any], column: str) -> bool:
    """Return whether `iexact` of this column uses the index, as Django's introspection describes it.

    PostgreSQL compares UPPER(column); MySQL and MariaDB compare the column by its collation.
    """
    if vendor == "mysql":
        return bool(index["columns"][:1] == [column])
    definition = index.get("definition") or ""
    has_expression = re.search(rf'\(upper\(\(*"?{re.escape(column)}"?\)*(::text)?\)', definition, re.IGNORECASE)
    return has_expression is not None and " WHERE " not in definition
