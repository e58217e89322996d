"""Checks for single values of a seed. Each error names the place and the expected value."""

import difflib
import re
from base64 import b32decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..accounts.client_secrets import SECRET_PATTERN
from ..urls import is_user_pool_id

# AWS API reference: ClientIdType.
_CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)
# AWS API reference: IdentityPoolId, roleNameType, accessKeyIdType (moto accepts only those of 20 characters).
_IDENTITY_POOL_ID = re.compile(r"[\w-]+:[0-9a-f-]+", re.ASCII)
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_ACCESS_KEY_ID = re.compile(r"AKIA[A-Z0-9]{16}")
# Amazon S3 user guide, "General purpose bucket naming rules".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_RESOURCE_SERVER = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,256}")
# AWS API reference: CustomAttributeNameType, without the prefix.
_CUSTOM_ATTRIBUTE = re.compile(r"(?!custom:)\S{1,20}")

Check = Callable[[Any], Any]


class SeedError(ValueError):
    """The seed is invalid. The message names the file, the place in it and the expected value."""


@dataclass(frozen=True)
class Path:
    """A place in a seed: the file and the keys down to the value."""

    file: str
    place: str = ""

    def __truediv__(self, step: str) -> "Path":
        return Path(self.file, f"{self.place}.{step}" if self.place else step)

    def error(self, complaint: str) -> SeedError:
        """Return a SeedError with the place before the message."""
        return SeedError(f"{self.file}: {self.place or 'the top level'}: {complaint}")


@dataclass(frozen=True)
class Table:
    """The required and optional keys of a mapping in a seed, each with its check."""

    required: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)

    @cached_property
    def _checks(self) -> dict[str, Check]:
        return {**self.required, **self.optional}

    def read(self, document: Any, path: Path) -> dict[str, Any]:
        """Return the checked values, without keys whose value is null. Raises SeedError."""
        if not isinstance(document, Mapping):
            raise path.error("must be a mapping of keys to values")
        checks = self._checks
        for key in document:
            if key not in checks:
                raise path.error(unknown_name_message("key", key, list(checks)))
        for key in self.required:
            if document.get(key) is None:
                raise path.error(f"{key} is missing")
        checked = {}
        for key, value in document.items():
            if value is not None:
                try:
                    checked[key] = checks[key](value)
                except (ValueError, TypeError) as error:
                    raise (path / key).error(str(error)) from error
        return checked


def unknown_name_message(kind: str, name: Any, names: Sequence[str]) -> str:
    """Return the message for an unknown name, with the most similar valid one."""
    nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"expected: {', '.join(names) or 'none'}"
    return f"unknown {kind} {name!r}; {hint}"


def iterate_items(document: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """Return each item of a list with its place. Raises SeedError."""
    if not isinstance(document, list):
        raise path.error("must be a list")
    for number, item in enumerate(document):
        yield item, Path(path.file, f"{path.place}[{number}]")


def require_unique(names: Sequence[str], path: Path, kind: str) -> None:
    """Raise SeedError if a name occurs twice."""
    if len(set(names)) < len(names):
        duplicate = next(name for name, count in Counter(names).items() if count > 1)
        raise path.error(f"the {kind} {duplicate!r} occurs twice")


def any_value(value: Any) -> Any:
    """Accept any value; it is checked later."""
    return value


def non_empty_string(value: Any) -> str:
    """Check a non-empty string. YAML reads unquoted digits as a number, so the message mentions quotes."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a non-empty string (quote it, if it looks like a number)")
    return value


def string_list(value: Any) -> tuple[str, ...]:
    """Check a list of strings."""
    if not isinstance(value, list):
        raise TypeError("must be a list of strings")
    return tuple(non_empty_string(item) for item in value)


def string_mapping(value: Any) -> dict[str, str]:
    """Check a mapping of names to strings, such as user attributes."""
    if not isinstance(value, Mapping):
        raise TypeError("must be a mapping of names to strings")
    return {non_empty_string(name): non_empty_string(item) for name, item in value.items()}


def boolean(value: Any) -> bool:
    """Check true or false."""
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def non_negative_int(value: Any) -> int:
    """Check an integer from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def grace_seconds(value: Any) -> int:
    """Check an integer from 0 to 60: RetryGracePeriodSeconds of the AWS API reference."""
    if non_negative_int(value) > 60:
        raise ValueError("must be a whole number from 0 to 60")
    return int(value)


def positive_int(value: Any) -> int:
    """Check an integer from 1."""
    if non_negative_int(value) == 0:
        raise ValueError("must be a whole number, 1 or more")
    return int(value)


def positive_number(value: Any) -> float:
    """Check a number above 0; fractions are accepted."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("must be a number above 0")
    return value


def one_of(*choices: str) -> Check:
    """Return a check for one of the words."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return str(value)

    return check


def some_of(*choices: str) -> Check:
    """Return a check for a list of the words."""
    check = one_of(*choices)
    return lambda value: tuple(check(item) for item in string_list(value))


def mfa_mode(value: Any) -> str:
    """Check off, optional or on. YAML 1.1 reads unquoted on and off as booleans: they are accepted too."""
    word = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    return str(one_of("off", "optional", "on")(word))


def pool_id(value: Any) -> str:
    """Check a user pool id."""
    if not is_user_pool_id(non_empty_string(value)):
        raise ValueError(f"{value!r} is not a user pool id; one looks like 'eu-west-1_AbCdEfGhI'")
    return str(value)


def client_id(value: Any) -> str:
    """Check an app client id."""
    if not _CLIENT_ID.fullmatch(non_empty_string(value)):
        raise ValueError("must be letters, digits, _ and + only")
    return str(value)


def client_secret(value: Any) -> str:
    """Check an app client secret."""
    if not SECRET_PATTERN.fullmatch(non_empty_string(value)):
        raise ValueError("must be 24 to 64 letters, digits, _ and +")
    return str(value)


def matching_pattern(pattern: re.Pattern[str], complaint: str) -> Check:
    """Return a check for strings that match the pattern."""

    def check(value: Any) -> str:
        if not pattern.fullmatch(non_empty_string(value)):
            raise ValueError(complaint)
        return str(value)

    return check


identity_pool_id = matching_pattern(_IDENTITY_POOL_ID, "must be a region, a colon and a UUID in lower case")
role_name = matching_pattern(_ROLE_NAME, "must be at most 64 letters, digits and _+=,.@-")
access_key_id = matching_pattern(_ACCESS_KEY_ID, "must be AKIA and 16 upper-case letters or digits")
bucket_name = matching_pattern(_BUCKET, "must be 3 to 63 lower-case letters, digits, dots and hyphens")
resource_server = matching_pattern(
    _RESOURCE_SERVER, "must be printable characters without spaces, quotes and backslashes"
)
custom_attribute = matching_pattern(
    _CUSTOM_ATTRIBUTE, "must be 1 to 20 characters without spaces and without the prefix custom:"
)


def bucket_names(value: Any) -> tuple[str, ...]:
    """Check a list of bucket names."""
    return tuple(bucket_name(name) for name in string_list(value))


def custom_attributes(value: Any) -> tuple[str, ...]:
    """Check a list of names of custom attributes."""
    return tuple(custom_attribute(name) for name in string_list(value))


def scope_names(value: Any) -> tuple[str, ...]:
    """Check the scope names of a resource server."""
    checked = string_list(value)
    if any("/" in name or " " in name for name in checked):
        raise ValueError("must be names without slashes and spaces")
    return checked


def table_keys(value: Any) -> dict[str, str]:
    """Check the one or two key attributes of a table with their types."""
    checked = string_mapping(value)
    if len(checked) not in (1, 2) or not set(checked.values()) <= {"S", "N", "B"}:
        raise ValueError("must be one or two attributes with their types (S, N or B), the partition key first")
    return checked


def iam_policy(value: Any) -> dict[str, Any]:
    """Check an identity-based IAM policy. The version is optional: only 2012-10-17 has policy variables."""
    statements = value.get("Statement") if isinstance(value, Mapping) else None
    if statements == []:
        raise ValueError("has no statement, so it would allow nothing")
    for statement in statements if isinstance(statements, list) else [statements]:
        if not _is_statement(statement):
            raise ValueError(
                "must be an IAM policy: a Statement, or a list of them, each with Effect (Allow or Deny), "
                "Action or NotAction, and Resource or NotResource"
            )
    return {"Version": "2012-10-17", **value}


def _is_statement(value: Any) -> bool:
    """Return whether `value` is a statement of an identity-based policy.

    Its elements are strings or lists of them that are not empty: IAM rejects an empty list.
    """
    if not isinstance(value, Mapping) or value.get("Effect") not in ("Allow", "Deny"):
        return False
    actions, resources = value.keys() & {"Action", "NotAction"}, value.keys() & {"Resource", "NotResource"}
    if len(actions) != 1 or len(resources) != 1:
        return False
    listed = [value[key] if isinstance(value[key], list) else [value[key]] for key in actions | resources]
    return all(items and all(isinstance(item, str) for item in items) for items in listed)


def base32_secret(value: Any) -> str:
    """Check a TOTP secret and return it without spaces and padding."""
    secret = non_empty_string(value).replace(" ", "").upper().rstrip("=")
    try:
        b32decode(secret + "=" * (-len(secret) % 8))
    except ValueError as error:
        raise ValueError("must be base32: letters A to Z and digits 2 to 7") from error
    return secret
