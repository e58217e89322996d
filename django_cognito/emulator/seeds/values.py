"""Reading a seed's values: each kind of value checks itself, each complaint says where and what. Knows no seed."""

import difflib
import re
from base64 import b32decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...core.pool import UserPool

# AWS API reference: ClientIdType, ClientSecretType.
_CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)
_CLIENT_SECRET = re.compile(r"[\w+]{24,64}", re.ASCII)

Check = Callable[[Any], Any]


class SeedError(ValueError):
    """The seed is wrong; the message says in which file, where in it, and what would be right."""


@dataclass(frozen=True)
class Path:
    """A place in a seed: the file, and the way down to the value."""

    file: str
    place: str = ""

    def __truediv__(self, step: str) -> "Path":
        return Path(self.file, f"{self.place}.{step}" if self.place else step)

    def error(self, complaint: str) -> SeedError:
        """The complaint, with the place before it."""
        return SeedError(f"{self.file}: {self.place or 'the top level'}: {complaint}")


@dataclass(frozen=True)
class Table:
    """The keys that a mapping in a seed must have, and those that it may, each with its check."""

    required: Mapping[str, Check] = field(default_factory=dict)
    optional: Mapping[str, Check] = field(default_factory=dict)

    def read(self, document: Any, path: Path) -> dict[str, Any]:
        """The checked values; keys without a value (null) are left out. Raises SeedError."""
        if not isinstance(document, Mapping):
            raise path.error("must be a mapping of keys to values")
        checks = {**self.required, **self.optional}
        for key in document:
            if key not in checks:
                raise path.error(unknown("key", key, list(checks)))
        for key in self.required:
            if document.get(key) is None:
                raise path.error(f"{key} is missing")
        return {key: _checked(checks[key], value, path / key) for key, value in document.items() if value is not None}


def unknown(kind: str, name: Any, names: Sequence[str]) -> str:
    """The complaint about a name that is not known, with the nearest that is."""
    nearest = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(names) or 'none'}"
    return f"unknown {kind} {name!r}; {hint}"


def items(document: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """Each item of a list, with its place. Raises SeedError."""
    if not isinstance(document, list):
        raise path.error("must be a list")
    for number, item in enumerate(document):
        yield item, Path(path.file, f"{path.place}[{number}]")


def require_unique(names: Sequence[str], path: Path, kind: str) -> None:
    """Nothing, if no name stands twice. Raises SeedError."""
    twice = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if twice is not None:
        raise path.error(f"the {kind} {twice!r} stands twice")


def anything(value: Any) -> Any:
    """Whatever it is: somebody else looks at it."""
    return value


def text(value: Any) -> str:
    """A non-empty string. YAML reads unquoted digits as a number, so that is said."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a non-empty string (quote it, if it looks like a number)")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list):
        raise TypeError("must be a list of strings")
    return tuple(text(item) for item in value)


def texts_by_name(value: Any) -> dict[str, str]:
    """A mapping of names to strings, as user attributes are."""
    if not isinstance(value, Mapping):
        raise TypeError("must be a mapping of names to strings")
    return {text(name): text(item) for name, item in value.items()}


def yes_or_no(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def whole_number(value: Any) -> int:
    """An integer from 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number, 0 or more")
    return value


def positive_number(value: Any) -> float:
    """A number above 0, fractions too."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError("must be a number above 0")
    return value


def one_of(*choices: str) -> Check:
    """One of the words."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"must be one of: {', '.join(choices)}")
        return str(value)

    return check


def some_of(*choices: str) -> Check:
    """A list of the words."""
    check = one_of(*choices)
    return lambda value: tuple(check(item) for item in texts(value))


def mfa(value: Any) -> str:
    """off, optional or on. YAML 1.1 reads bare on and off as booleans, so these count as well."""
    word = {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value
    return str(one_of("off", "optional", "on")(word))


def pool_id(value: Any) -> str:
    """A user pool id."""
    return UserPool(text(value)).user_pool_id


def client_id(value: Any) -> str:
    """An app client id."""
    if not _CLIENT_ID.fullmatch(text(value)):
        raise ValueError("must be letters, digits, _ and + only")
    return str(value)


def client_secret(value: Any) -> str:
    """An app client's secret."""
    if not _CLIENT_SECRET.fullmatch(text(value)):
        raise ValueError("must be 24 to 64 letters, digits, _ and +")
    return str(value)


def base32(value: Any) -> str:
    """A secret for one-time codes."""
    secret = text(value).replace(" ", "").upper().rstrip("=")
    try:
        b32decode(secret + "=" * (-len(secret) % 8))
    except ValueError as error:
        raise ValueError("must be base32: letters A to Z and digits 2 to 7") from error
    return secret


def _checked(check: Check, value: Any, path: Path) -> Any:
    try:
        return check(value)
    except (ValueError, TypeError) as error:
        raise path.error(str(error)) from error
