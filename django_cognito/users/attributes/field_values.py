"""Read the field values of a user or a related row, and compare them with earlier ones. Must not do I/O."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connections, router
from django.db.models import CharField, TextField

from ..save_protection import IMMUTABLE_TYPES, freeze_value

_DIGEST_LENGTH = 16  # hex digits: 64 bits, so that no user finds a claim with the digest of a value of the site
_encode_json = json.JSONEncoder(sort_keys=True).encode


def read_fields(user: Any) -> dict[str, Any]:
    """Return the loaded values of the fields that can be updated, by field name, without the password.

    Of a foreign key the value is the primary key; a file is its name. Values that can change in place are copied.
    """
    values, names = vars(user), _list_names(user._meta)
    return {
        name: value if type(value := values[attname]) in IMMUTABLE_TYPES else freeze_value(value)
        for name, attname in names
        if attname in values
    }


@cache
def _list_names(meta: Any) -> list[tuple[str, str]]:
    """Return the name and the attribute of each field that can be updated, without the password."""
    fields = [field for field in meta.concrete_fields if not field.primary_key and not field.generated]
    return [(field.name, field.attname) for field in fields if field.name != "password"]


def diff_fields(before: Mapping[str, Any], user: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields of `user` that differ from `before`: the old and the new value of each."""
    values, changes = vars(user), {}
    for name, attname in _list_names(user._meta):
        if name in before and attname in values and values[attname] is not before[name]:
            value = freeze_value(values[attname])
            if value != before[name]:
                changes[name] = before[name], value
    return changes


def hash_field(row: Any, name: str) -> str:
    """Return a digest of the value of a field, which is the same before the row is saved and after it is read again."""
    field, value = row._meta.get_field(name), getattr(row, name)
    if isinstance(field, CharField | TextField) and hasattr(field, "from_db_value"):
        connection = connections[row._state.db or router.db_for_write(type(row))]
        sent = field.get_db_prep_save(value, connection)
        # A driver returns text as it was sent; what it does with other types, `_to_json` undoes.
        value = field.from_db_value(sent, field.cached_col, connection) if isinstance(sent, str) else value
    # Without a key: a reader of the digest can guess the value, but the row of the user contains it as plain text. A
    # value that was replaced since can be guessed until the next claims of the user. With a key no value could be
    # recognized, and so none cleared, after a change of SECRET_KEY.
    return hashlib.sha256(_encode_json(_to_json(value)).encode()).hexdigest()[:_DIGEST_LENGTH]


def _to_json(value: Any) -> Any:
    """Return `value` as JSON, in one form of the several that a database and its driver may return."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float | Decimal):
        text = format(Decimal(str(value)) or Decimal(), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    return str(value)
