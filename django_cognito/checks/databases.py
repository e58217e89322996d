"""Checks of the tag `database`: the index that linking by email needs, and the users of SERVICE_USERS."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core import checks
from django.db import DatabaseError, connections, router, transaction
from django.utils.module_loading import import_string

from ..conf.pool_registry import PoolRegistry
from ..models import CognitoUser

_DESCRIBE_PROBLEM = "django_cognito.users.accounts.service_users.describe_problem"  # of a higher package


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


def check_service_users(registry: PoolRegistry, databases: Sequence[str]) -> Iterator[checks.CheckMessage]:
    """Check that the users of SERVICE_USERS can be used: otherwise the tokens of their clients are rejected."""
    using = router.db_for_write(CognitoUser)
    names = {item for alias in registry.by_alias.values() for item in alias.service_users.items()}
    for client_id, username in sorted(names) if using in databases else ():
        problem = ""
        # Before the first `migrate`, or one that adds a column to the user model, the users cannot be read.
        with suppress(DatabaseError), transaction.atomic(using=using):
            problem = import_string(_DESCRIBE_PROBLEM)(username, using)
        if problem:
            message = f"COGNITO['SERVICE_USERS'] maps the app client {client_id!r} to {username!r}: {problem}."
            hint = (
                "A service user is active, neither staff nor superuser, and not linked: otherwise its client gets 401."
            )
            yield checks.Warning(message, hint=hint, id="django_cognito.W137")


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
