"""Write fields of many rows with one statement for each set of fields. Must not depend on a model."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model


def update_rows(using: str, changes: Iterable[tuple[Model, Collection[str]]]) -> None:
    """Write the named fields of each instance, which have changed. Sends no signals. Call it inside a transaction.

    Django's `bulk_update` compiles a CASE expression for each field of each row, which takes several times as long as
    the database does. This sends one UPDATE with the values of all rows; to a database other than PostgreSQL, one for
    each row.
    """
    by_fields: defaultdict[tuple[Any, ...], list[Model]] = defaultdict(list)
    for instance, names in changes:
        by_model: defaultdict[Any, list[Any]] = defaultdict(list)  # a model's parent may have the column
        for name in sorted(names):
            field = instance._meta.get_field(name)
            by_model[field.model].append(field)
        for model, fields in by_model.items():
            by_fields[model, *fields].append(instance)
    for (model, *fields), instances in by_fields.items():
        values = [[field.pre_save(instance, False) for field in fields] for instance in instances]
        has_own_sql = any(
            hasattr(field, "get_placeholder") or hasattr(field, "get_placeholder_sql") for field in fields
        )
        if has_own_sql or any(hasattr(value, "resolve_expression") for row in values for value in row):
            # The SQL depends on the value.
            type(instances[0])._base_manager.using(using).bulk_update(instances, [field.name for field in fields])
            continue
        columns = [*fields, model._meta.pk]
        keys = [getattr(instance, model._meta.pk.attname) for instance in instances]
        _update(connections[using], model, columns, [[*row, key] for row, key in zip(values, keys, strict=True)])


def _update(connection: BaseDatabaseWrapper, model: Any, columns: Sequence[Any], rows: Sequence[Sequence[Any]]) -> None:
    """Write rows of values of these columns, of which the last one is the primary key."""
    quote = connection.ops.quote_name
    prepare = [partial(field.get_db_prep_save, connection=connection) for field in columns]
    values = [[convert(value) for convert, value in zip(prepare, row, strict=True)] for row in rows]
    names, table = [quote(field.column) for field in columns], quote(model._meta.db_table)
    with connection.cursor() as cursor:
        # Without the length: a cast would cut a text that is too long, where an assignment is refused.
        types = [str(field.cast_db_type(connection)) for field in columns]
        types = [re.sub(r"^(varchar|numeric)[(].*?[)]", r"\1", name) for name in types]
        if connection.vendor == "postgresql" and not any("(" in name for name in types):  # as in char(2)
            assignments = ", ".join(f"{name} = new_values.{name}" for name in names[:-1])
            casts = ", ".join(f"%s::{name}" for name in types)
            others = f", ({', '.join(['%s'] * len(columns))})" * (len(rows) - 1)
            new = f"(VALUES ({casts}){others}) AS new_values ({', '.join(names)})"
            sql = f"UPDATE {table} SET {assignments} FROM {new} WHERE {table}.{names[-1]} = new_values.{names[-1]}"  # noqa: S608 - quoted
            cursor.execute(sql, [*chain.from_iterable(values)])
        else:
            assignments = ", ".join(f"{name} = %s" for name in names[:-1])
            cursor.executemany(f"UPDATE {table} SET {assignments} WHERE {names[-1]} = %s", values)  # noqa: S608 - quoted
