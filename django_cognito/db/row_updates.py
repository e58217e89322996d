"""Write fields of many rows with one statement for each set of fields. Must not depend on a model."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import (
    AutoField,
    BigAutoField,
    BigIntegerField,
    CharField,
    EmailField,
    IntegerField,
    Model,
    TextField,
)

from .arrays import build_array, find_array_type

# Fields whose values need no preparation, if all are of this type. Not for subclasses, which may prepare them.
_SENT_AS_IT_IS: dict[Any, type] = {
    **dict.fromkeys((CharField, TextField, EmailField), str),
    **dict.fromkeys((AutoField, BigAutoField, IntegerField, BigIntegerField), int),
}


def update_rows(using: str, changes: Iterable[tuple[Model, Collection[str]]]) -> None:
    """Write the named fields of each instance, which have changed. Sends no signals. Call it inside a transaction.

    Django's `bulk_update` compiles a CASE expression for each field of each row, which takes several times as long as
    the database does. This sends one UPDATE with the values of all rows; to a database other than PostgreSQL, and for
    values that have no plain text (bytes, lists), one for each row.
    """
    by_names: defaultdict[tuple[Any, ...], list[Model]] = defaultdict(list)
    for instance, names in changes:
        by_names[type(instance), *sorted(names)].append(instance)
    for (model, *names), instances in by_names.items():
        by_model: defaultdict[Any, list[Any]] = defaultdict(list)  # a model's parent may have the column
        for name in names:
            field = model._meta.get_field(name)
            by_model[field.model].append(field)
        for owner, fields in by_model.items():
            _update_columns(connections[using], owner, fields, instances)


def _update_columns(
    connection: BaseDatabaseWrapper, model: Any, fields: Sequence[Any], instances: Sequence[Model]
) -> None:
    """Write the values of these fields, which are columns of the table of `model`."""
    values = [[field.pre_save(instance, False) for instance in instances] for field in fields]
    has_own_sql = any(hasattr(field, "get_placeholder") or hasattr(field, "get_placeholder_sql") for field in fields)
    kinds = {type(value) for column in values for value in column}
    if has_own_sql or any(hasattr(kind, "resolve_expression") for kind in kinds):
        # The SQL depends on the value.
        rows = type(instances[0])._base_manager.using(connection.alias)
        rows.bulk_update(instances, [field.name for field in fields])
        return
    columns, keys = [*fields, model._meta.pk], [getattr(instance, model._meta.pk.attname) for instance in instances]
    prepared = [
        column
        if {*map(type, column)} == {_SENT_AS_IT_IS.get(type(field))}
        else [field.get_db_prep_save(value, connection) for value in column]
        for field, column in zip(columns, [*values, keys], strict=True)
    ]
    quote = connection.ops.quote_name
    names, table = [quote(field.column) for field in columns], quote(model._meta.db_table)
    types = [find_array_type(field, connection) for field in columns]
    arrays = [None] if None in types else [*map(build_array, prepared)]
    with connection.cursor() as cursor:
        if None in arrays:
            assignments = ", ".join(f"{name} = %s" for name in names[:-1])
            sql = f"UPDATE {table} SET {assignments} WHERE {names[-1]} = %s"  # noqa: S608 - quoted
            cursor.executemany(sql, [*zip(*prepared, strict=True)])
        else:
            assignments = ", ".join(f"{name} = new_values.{name}" for name in names[:-1])
            new = f"unnest({', '.join(f'%s::{name}' for name in types)}) AS new_values ({', '.join(names)})"
            sql = f"UPDATE {table} SET {assignments} FROM {new} WHERE {table}.{names[-1]} = new_values.{names[-1]}"  # noqa: S608 - quoted
            cursor.execute(sql, arrays)
