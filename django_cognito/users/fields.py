"""Mapped claims into the fields of a user: what fits is put there, what does not stays out. Saves nothing."""

import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import router
from django.db.models import BooleanField, EmailField, F, Field, JSONField, UniqueConstraint, URLField

# The claims that Cognito verifies, and the claim that says whether it has: AWS developer guide, "User attributes".
CONTACT_CLAIMS = {"email": "email_verified", "phone_number": "phone_number_verified"}
_TRUTH = {"true": True, "false": False}

logger = logging.getLogger(__name__)


def put(user: Any, name: str, value: Any) -> bool:
    """Put a mapped claim into its field; whether that changed anything.

    A claim that the field refuses, or that is somebody else's where only one may have it, is left out with a warning
    that does not repeat it. A name that is too long is shortened.
    """
    try:
        value = _fitting(user._meta.get_field(name), value, user)
    except ValidationError:
        logger.warning("the claim for %s does not fit the field; it stays as it is", name)
        return False
    if value == getattr(user, name):
        return False
    if take(user, name, value):
        return True
    logger.warning("the claim for %s is somebody else's already; it stays as it is", name)
    return False


def holds(user: Any, name: str, value: Any) -> bool:
    """Return whether the field `name` has this claim's value, as `put` would write it."""
    try:
        return bool(_fitting(user._meta.get_field(name), value, user) == getattr(user, name))
    except ValidationError:
        return False


def take(user: Any, name: str, value: Any) -> bool:
    """Set the field `name` to this value if the model's unique fields and constraints allow it; return whether they do.

    One query for each of them, in the database that is written to.
    """
    before = getattr(user, name)
    others = {field.name for field in user._meta.fields} - {name}
    setattr(user, name, value)
    # `validate_unique` asks the database that is read from: a replica that lags.
    using = router.db_for_write(type(user), instance=user)
    is_read_elsewhere = router.db_for_read(type(user)) != using
    try:
        user.validate_unique(exclude={*others, name} if is_read_elsewhere else others)
        user.validate_constraints(exclude=others)
    except ValidationError:
        is_free = False
    else:
        is_free = not (is_read_elsewhere and _is_taken(user, name, using))
    if not is_free:
        setattr(user, name, before)
    return is_free


def _is_taken(user: Any, name: str, using: str) -> bool:
    """Return whether another row has the value that only one may have in the field `name`."""
    field = user._meta.get_field(name)
    if not field.unique and (name,) not in field.model._meta.unique_together:
        return False
    rows = field.model._base_manager.using(using).filter(**{name: getattr(user, name)})
    return bool(rows.exclude(pk=user.pk).exists())


def email_field(user: Any) -> "Field[Any, Any] | None":
    """The e-mail field of a user or of their model, where it has one."""
    try:
        field: Field[Any, Any] = user._meta.get_field(user.get_email_field_name())
    except FieldDoesNotExist:
        return None
    return field


def needs_its_own(user: Any, field: "Field[Any, Any]") -> bool:
    """Whether every user must have a value of their own in `field`, by the field itself or by a constraint."""
    return not field.null and (field.unique or any(names == {field.name} for names in _unique_together(user)))


def _unique_together(user: Any) -> Iterator[set[str]]:
    for constraint in user._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None:
            yield {*constraint.fields, *(name for each in constraint.expressions for name in _fields_in(each))}


def _fields_in(expression: Any) -> list[str]:
    nodes = [expression] if isinstance(expression, F) else expression.flatten()
    return [node.name for node in nodes if isinstance(node, F)]  # type: ignore[attr-defined]  # of the stubs


def _fitting(field: "Field[Any, Any]", value: Any, user: Any) -> Any:
    if isinstance(value, dict | list) and not isinstance(field, JSONField):
        raise ValidationError("text fields would take its repr")
    if isinstance(field, BooleanField) and isinstance(value, str):
        # Attributes are strings in Cognito, and so are truth values in userInfo.
        value = _TRUTH.get(value.lower(), value)
    # A shortened address is somebody else's address.
    if isinstance(value, str) and field.max_length and not isinstance(field, EmailField | URLField):
        value = value[: field.max_length]
    return field.clean(value, user)
