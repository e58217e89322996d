"""The rules for usernames and attributes of a user pool: form, schema, uniqueness. No I/O.

Source: AWS developer guide, "Working with user attributes", "Customizing sign-in attributes"; AWS API reference,
SchemaAttributeType.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool, CognitoIdpUserPoolAttribute

from ..errors import ServiceError
from .address_forms import is_email, is_telephone
from .user_pool_backend import table_of

ADDRESSES = ("email", "phone_number")
_USERNAME_MOST_CHARACTERS = 128
_VALUE_MOST_CHARACTERS = 2048
_NOT_IN_SCHEMA = "Attribute does not exist in the schema."


def required_attributes(pool: CognitoIdpUserPool) -> list[str]:
    """Return the names of the attributes that the pool requires, without `sub`."""
    return [name for name, attribute in pool.schema_attributes.items() if attribute.required and name != "sub"]


def attribute_of_username(pool: CognitoIdpUserPool, username: str) -> dict[str, str]:
    """Return the attribute that the username of a new user is, in a pool with username attributes.

    Raises ServiceError for a username that the pool does not accept.
    """
    is_plain = username.isprintable() and not any(character.isspace() for character in username)
    if not username or len(username) > _USERNAME_MOST_CHARACTERS or not is_plain:
        message = "Username must be 1 to 128 characters without spaces."
        raise ServiceError("InvalidParameterException", message, fields=["username"])
    form = "email" if is_email(username) else "phone_number" if is_telephone(username) else ""
    wanted: Any = pool.extended_config.get("UsernameAttributes") or ()
    if not wanted:
        if form and form in (pool.extended_config.get("AliasAttributes") or ()):
            words = "email" if form == "email" else "phone number"
            raise ServiceError(
                "InvalidParameterException",
                f"Username cannot be of {words} format, since user pool is configured for {words} alias.",
                fields=["username"],
            )
        return {}
    if form not in wanted:
        listed = " or ".join({"email": "an email", "phone_number": "a phone number"}[name] for name in wanted)
        raise ServiceError("InvalidParameterException", f"Username should be {listed}.", fields=["username"])
    return {form: username}


def require_valid(pool: CognitoIdpUserPool, attributes: Mapping[str, str]) -> None:
    """Raise ServiceError unless a new user can have these attributes."""
    _require_address_forms(attributes)
    problems = _problems(pool, attributes)
    if problems:
        listed = "".join(f"{name}: {problem}\n" for name, problem in problems.items())
        message = f"Attributes did not conform to the schema: {listed}"
        raise ServiceError("InvalidParameterException", message, fields=problems)


def require_valid_changes(pool: CognitoIdpUserPool, user: CognitoIdpUser, changes: Mapping[str, str]) -> None:
    """Raise ServiceError unless these attributes of the user can be changed; an empty value deletes one.

    An address that others sign in with must be free.
    """
    _require_address_forms(changes)
    problems = _problems(pool, changes)
    for name, value in changes.items():
        attribute = pool.schema_attributes.get(name)
        if attribute is not None and not attribute.mutable:
            problems[name] = "Attribute cannot be updated."
        elif attribute is not None and attribute.required and not value:
            problems[name] = "The attribute is required"
    if problems:
        message = "".join(f"user.{name}: {problem}\n" for name, problem in problems.items())
        raise ServiceError("InvalidParameterException", message, fields=problems)
    require_free_addresses(pool, user, changes)


def require_free_addresses(pool: CognitoIdpUserPool, user: CognitoIdpUser | None, changes: Mapping[str, str]) -> None:
    """Raise ServiceError if another user than `user` signs in with an address of `changes`.

    In a pool with aliases this concerns verified addresses.
    """
    table, former = table_of(pool), user.attribute_lookup if user else {}
    for name in pool.extended_config.get("UsernameAttributes") or ():
        if changes.get(name) and table.find(changes[name]) not in (None, user):
            raise ServiceError("AliasExistsException", f"An account with the given {name} already exists.")
    for name in ADDRESSES:
        after = {**former, **changes}
        is_changed = name in changes or f"{name}_verified" in changes
        is_verified = after.get(f"{name}_verified", "").lower() == "true"
        if is_changed and is_verified and table.find_by_alias(name, after.get(name, "")) not in (None, user):
            raise ServiceError("AliasExistsException", f"An account with the given {name} already exists.")


def _require_address_forms(attributes: Mapping[str, str]) -> None:
    if attributes.get("email") and not is_email(attributes["email"]):
        raise ServiceError("InvalidParameterException", "Invalid email address format.", fields=["email"])
    if attributes.get("phone_number") and not is_telephone(attributes["phone_number"]):
        raise ServiceError("InvalidParameterException", "Invalid phone number format.", fields=["phone_number"])


def _problems(pool: CognitoIdpUserPool, attributes: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each attribute that the schema of the pool does not allow."""
    problems = {}
    for name, value in attributes.items():
        attribute = pool.schema_attributes.get(name)
        problem = _NOT_IN_SCHEMA if attribute is None else _problem_of_value(attribute, value) if value else ""
        if problem:
            problems[name] = problem
    return problems


def _problem_of_value(attribute: CognitoIdpUserPoolAttribute, value: str) -> str:
    """Return what is wrong with a value that is not empty. AWS does not document these texts."""
    if attribute.data_type == "Boolean":
        return "" if value.lower() in ("true", "false") else "The value must be true or false"
    if attribute.data_type == "Number":
        limits = attribute.number_constraints or {}
        try:
            number = Decimal(value)
            is_within = Decimal(limits.get("MinValue") or number) <= number <= Decimal(limits.get("MaxValue") or number)
        except InvalidOperation:
            return "The value must be a number"
        return "" if is_within else "The number is outside of the limits of the schema"
    lengths = attribute.string_constraints or {}
    most = min(int(lengths.get("MaxLength") or _VALUE_MOST_CHARACTERS), _VALUE_MOST_CHARACTERS)
    is_within = int(lengths.get("MinLength") or 0) <= len(value) <= most
    return "" if is_within else "The length of the value is outside of the limits of the schema"
