"""Read the field values of a user, and compare them with earlier ones. Must not do I/O."""

from collections.abc import Mapping
from typing import Any

from .save_protection import freeze_value


def read_fields(user: Any) -> dict[str, Any]:
    """Return the loaded values of the fields that can be updated, by field name, without the password.

    Of a foreign key the value is the primary key; a file is its name. Values that can change in place are copied.
    """
    fields = [field for field in user._meta.concrete_fields if not field.primary_key and not field.generated]
    values = {field.name: vars(user)[field.attname] for field in fields if field.attname in vars(user)}
    return {name: freeze_value(value) for name, value in values.items() if name != "password"}


def diff_fields(before: Mapping[str, Any], user: Any) -> dict[str, tuple[Any, Any]]:
    """Return the fields of `user` that differ from `before`: the old and the new value of each."""
    current = read_fields(user)
    return {name: (value, current[name]) for name, value in before.items() if current.get(name, value) != value}
