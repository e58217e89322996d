"""Set the fields of a user, or of a related row, from mapped claims, if the fields accept the values.

Must not save or depend on tokens.
"""

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.base_user import BaseUserManager
from django.core.exceptions import FieldDoesNotExist, MultipleObjectsReturned, ObjectDoesNotExist, ValidationError
from django.db import router
from django.db.models import (
    BooleanField,
    DateTimeField,
    EmailField,
    F,
    Field,
    JSONField,
    Model,
    UniqueConstraint,
    URLField,
    UUIDField,
)

# The claims that Cognito verifies, and the claim with the result: AWS developer guide, "User attributes".
CONTACT_CLAIMS = {"email": "email_verified", "phone_number": "phone_number_verified"}
_TRUTH = {"true": True, "false": False}

logger = logging.getLogger(__name__)


def set_field_from_claim(user: Any, name: str, value: Any) -> bool:
    """Set the field `name` from a mapped claim and return whether its value changed.

    A value that is invalid, or that another user has in a unique field, is ignored with a warning that does not contain
    it. Text that is too long is truncated, except email addresses and URLs. Email address and username are normalized
    by the rules of the user model.
    """
    try:
        value = _clean_value(user._meta.get_field(name), value, user)
    except ValidationError:
        logger.warning("the claim for %s is not a valid value of the field; the field is unchanged", name)
        return False
    if value == getattr(user, name):
        return False
    if try_set_unique(user, name, value):
        return True
    logger.warning("the claim for %s is the value of another user in a unique field; the field is unchanged", name)
    return False


def clear_field(user: Any, name: str) -> bool:
    """Set the field `name` to the value that it has in a new user, and return whether it has that value.

    The username, and a field that needs another value for each user or a value at all, are unchanged, with a warning.
    """
    field = user._meta.get_field(name)
    value = None if field.has_db_default() else field.get_default()
    is_required, username = value is None and not field.null, getattr(user, "USERNAME_FIELD", None)
    may_be_empty = not (is_required or field.name == username or requires_unique_value(user, field))
    if may_be_empty and (value == getattr(user, name) or try_set_unique(user, name, value)):
        return True
    logger.warning("the claim for %s is missing and its field needs a value; the field is unchanged", name)
    return False


def has_claim_value(user: Any, name: str, value: Any) -> bool:
    """Return whether the field `name` has the value that `set_field_from_claim` would set."""
    try:
        return bool(_clean_value(user._meta.get_field(name), value, user) == getattr(user, name))
    except ValidationError:
        return False


def try_set_unique(user: Any, name: str, value: Any) -> bool:
    """Set the field `name` to this value if the model's unique fields and constraints allow it; return whether they do.

    One query for each of them, in the database that is written to. A username must also be free by the model's own
    `get_by_natural_key`, which may ignore case: otherwise a local login would find two users.
    """
    if not _may_be_refused(user, name):
        setattr(user, name, value)
        return True
    before = getattr(user, name)
    others = {field.name for field in user._meta.fields} - {name}
    setattr(user, name, value)
    # `validate_unique` queries the database for reads, which may be a replica that lags.
    using = router.db_for_write(type(user), instance=user)
    is_read_elsewhere = router.db_for_read(type(user)) != using
    try:
        user.validate_unique(exclude={*others, name} if is_read_elsewhere else others)
        user.validate_constraints(exclude=others)
    except ValidationError:
        is_free = False
    else:
        field = user._meta.get_field(name)
        is_unique = field.unique or (name,) in field.model._meta.unique_together
        is_free = True
        if is_read_elsewhere and is_unique:
            rows = field.model._base_manager.using(using).filter(**{name: getattr(user, name)})
            is_free = not rows.exclude(pk=user.pk).exists()
    if is_free and name == getattr(user, "USERNAME_FIELD", None):
        is_free = not _has_namesake(user, using)
    if not is_free:
        setattr(user, name, before)
    return is_free


def _may_be_refused(user: Any, name: str) -> bool:
    """Return whether a unique field or a constraint may forbid a value of the field, or whether it is the username."""
    meta, model = user._meta, type(user)
    if meta.get_field(name).unique or name == getattr(user, "USERNAME_FIELD", None):
        return True
    if model.validate_unique is not Model.validate_unique:
        return True
    if model.validate_constraints is not Model.validate_constraints:
        return True
    tables = [meta, *(parent._meta for parent in meta.all_parents)]
    return any(table.constraints or table.unique_together for table in tables)


def _has_namesake(user: Any, using: str) -> bool:
    """Return whether the model's `get_by_natural_key` returns another user for the username. No query for Django's."""
    manager = type(user)._default_manager.db_manager(using)
    get_user = getattr(type(manager), "get_by_natural_key", BaseUserManager.get_by_natural_key)
    if get_user is BaseUserManager.get_by_natural_key:  # equality in the database, as the unique field
        return False
    try:
        return bool(manager.get_by_natural_key(user.get_username()).pk != user.pk)
    except ObjectDoesNotExist:
        return False
    except MultipleObjectsReturned:
        return True


def normalize_email(user: Any, value: str) -> str:
    """Return an email address as the manager of the user model stores it; `user` may be the model."""
    manager = user._meta.default_manager
    normalized: str = getattr(manager, "normalize_email", BaseUserManager.normalize_email)(value)
    return normalized


def get_email_field(user: Any) -> "Field[Any, Any] | None":
    """Return the email field of a user or a user model; None if it has none."""
    try:
        field: Field[Any, Any] = user._meta.get_field(user.get_email_field_name())
    except FieldDoesNotExist:
        return None
    return field


def requires_unique_value(user: Any, field: "Field[Any, Any]") -> bool:
    """Return whether `field` needs another value for each user, by its own definition or by a constraint."""
    if field.null or field.unique:
        return not field.null
    for constraint in user._meta.constraints:
        if isinstance(constraint, UniqueConstraint) and constraint.condition is None:
            expressions: list[Any] = [*constraint.expressions]
            nodes = [node for item in expressions for node in ([item] if isinstance(item, F) else item.flatten())]
            names = [node.name for node in nodes if isinstance(node, F)]  # type: ignore[attr-defined]  # of the stubs
            if {*constraint.fields, *names} == {field.name}:
                return True
    return False


def _clean_value(field: "Field[Any, Any]", value: Any, user: Any) -> Any:
    if isinstance(value, dict | list) and not isinstance(field, JSONField):
        raise ValidationError("a text field would store the repr of the value")
    # Cognito's attributes are strings, and so are the booleans in userInfo.
    if isinstance(field, BooleanField) and isinstance(value, str):
        value = _TRUTH.get(value.lower(), value)
    elif isinstance(field, DateTimeField):
        value = _read_numeric_date(value)
    elif isinstance(field, JSONField) and isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if isinstance(value, str) and hasattr(user, "normalize_username"):  # a user, and no related row
        value = normalize_email(user, value) if field.name == user.get_email_field_name() else value
        value = user.normalize_username(value) if field.name == user.USERNAME_FIELD else value
    # A truncated email address may be the address of another user. The length of a UUIDField is without hyphens.
    if isinstance(value, str) and field.max_length and not isinstance(field, EmailField | URLField | UUIDField):
        value = value[: field.max_length]
    if isinstance(value, str) and value == vars(user).get(field.attname):  # the field has it: validators take long
        return value
    try:
        return field.clean(value, user)
    except (TypeError, ValueError, OverflowError) as error:
        # Django expects the values of forms: a date field raises TypeError for a number, an integer for infinity.
        raise ValidationError("not a value of the field's type") from error


def _read_numeric_date(value: Any) -> Any:
    """Return the datetime of a NumericDate (RFC 7519 2), which an attribute has as a string; other values as they are.

    `updated_at` is one.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and value.isdecimal()):
        return value
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValidationError("not a moment") from error
