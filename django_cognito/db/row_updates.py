"""Write fields of many rows with one statement for each set of fields. Must not depend on a model."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from django.db import connections
from django.db.models import Model


def update_rows(using: str, changes: Iterable[tuple[Model, Collection[str]]]) -> None:
    """Write the named fields of each instance, which have changed. Sends no signals. Call it inside a transaction.

    Django's `bulk_update` compiles a CASE expression for each field of each row, which takes several times as long as
    the database does. This sends one UPDATE with the values of all rows; psycopg does so in one round trip.
    """
    by_fields: defaultdict[tuple[Any, ...], list[Model]] = defaultdict(list)
    for instance, names in changes:
        by_model: defaultdict[Any, list[Any]] = defaultdict(list)  # a model's parent may have the column
        for name in sorted(names):
            field = instance._meta.get_field(name)
            by_model[field.model].append(field)
        for model, fields in by_model.items():
            by_fields[model, *fields].append(instance)
    connection = connections[using]
    quote = connection.ops.quote_name
    for (model, *fields), instances in by_fields.items():
        values = [[field.pre_save(instance, False) for field in fields] for instance in instances]
        has_own_sql = any(
            hasattr(field, "get_placeholder") or hasattr(field, "get_placeholder_sql") for field in fields
        )
        if has_own_sql or any(hasattr(value, "resolve_expression") for row in values for value in row):
            # The SQL depends on the value.
            type(instances[0])._base_manager.using(using).bulk_update(instances, [field.name for field in fields])
            continue
        columns, pk = ", ".join(f"{quote(field.column)} = %s" for field in fields), model._meta.pk
        sql = f"UPDATE {quote(model._meta.db_table)} SET {columns} WHERE {quote(pk.column)} = %s"  # noqa: S608 - quoted
        keys = [pk.get_db_prep_save(getattr(instance, pk.attname), connection) for instance in instances]
        rows = [
            [*(field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)), key]
            for row, key in zip(values, keys, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)
