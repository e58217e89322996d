"""What the keys of ATTRIBUTES name: a field of the user model, or of a model related to it one to one. No I/O."""

from functools import cache
from typing import Any, NamedTuple


class Relation(NamedTuple):
    """A one-to-one relation of the user model, by the name of its accessor, such as "profile"."""

    name: str
    model: Any  # the related model
    field: Any  # the OneToOneField, of either model
    end: Any  # the end of the relation at the user model, which caches the related row of a user
    is_forward: bool  # the user model has the field

    @property
    def user_key(self) -> str:
        """The attribute of a user that has the value of `row_key` of the related row."""
        return str(self.field.attname if self.is_forward else self.field.target_field.attname)

    @property
    def row_key(self) -> str:
        """The attribute of a related row that identifies its user."""
        return str(self.field.target_field.attname if self.is_forward else self.field.attname)


@cache
def find_relations(user_model: Any) -> dict[str, Relation]:
    """Return the one-to-one relations of a user model by the name of their accessor, without parents and children."""
    relations = {}
    for end in user_model._meta.get_fields():
        if not end.one_to_one:
            continue
        is_forward = end.concrete
        field = end if is_forward else end.field
        name = end.name if is_forward else end.get_accessor_name()
        if name is not None and not field.remote_field.parent_link:
            relations[name] = Relation(name, end.related_model, field, end, is_forward)
    return relations


def get_plain_field_names(model: Any) -> set[str]:
    """Return the names of the fields that a claim may set: no relations, no primary key."""
    return {field.name for field in model._meta.concrete_fields if not field.is_relation and not field.primary_key}


def needs_value(field: Any) -> bool:
    """Return whether a row cannot be inserted without a value, or a second one not: a unique empty string."""
    has_value = field.has_default() or field.has_db_default() or field.null or getattr(field, "generated", False)
    is_automatic = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    is_key = field.primary_key and (field.get_internal_type().endswith("AutoField") or field.remote_field is not None)
    if has_value or is_automatic or is_key:
        return False
    return field.get_default() is None or field.unique
