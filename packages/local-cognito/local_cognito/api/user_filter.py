"""The filter of ListUsers. Does not depend on HTTP.

Source: AWS API reference, "ListUsers", Filter.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from moto.cognitoidp.models import CognitoIdpUser

from ..accounts.user_table import UserTable
from ..errors import ServiceError

_MOST_CHARACTERS = 256
_EXPRESSION = re.compile(r'\s*([^\s=^"]+)\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*', re.DOTALL)
_ATTRIBUTES = frozenset({"email", "phone_number", "name", "given_name", "family_name", "preferred_username", "sub"})
_READERS: dict[str, Callable[[CognitoIdpUser], str]] = {
    "username": lambda user: user.username,
    # The only value that is compared without case.
    "cognito:user_status": lambda user: str(getattr(user.status, "value", user.status)).lower(),
    "status": lambda user: "Enabled" if user.enabled else "Disabled",
}
_INDEXED = frozenset({"username", "sub", "email", "phone_number", "preferred_username"})


@dataclass(frozen=True)
class UserFilter:
    """A condition on one attribute. Without an attribute, all users match."""

    attribute: str = ""
    value: str = ""
    is_prefix: bool = False

    def matches(self, user: CognitoIdpUser) -> bool:
        """Return whether the user matches. A missing attribute never does."""
        if not self.attribute:
            return True
        read = _READERS.get(self.attribute)
        value = read(user) if read else user.attribute_lookup.get(self.attribute)
        if value is None:
            return False
        return value.startswith(self.value) if self.is_prefix else value == self.value

    def candidates(self, users: UserTable) -> Collection[CognitoIdpUser] | None:
        """Return the only users that can match, from an index; None if there is none."""
        if self.is_prefix or self.attribute not in _INDEXED:
            return None
        return users.find_all(self.attribute, self.value)


def read_filter(text: str) -> UserFilter:
    """Return the filter. Raises ServiceError if it is not valid."""
    if len(text) > _MOST_CHARACTERS:
        raise ServiceError("InvalidParameterException", f"Filter must have at most {_MOST_CHARACTERS} characters")
    if not text.strip():
        return UserFilter()
    expression = _EXPRESSION.fullmatch(text)
    if expression is None:
        raise ServiceError("InvalidParameterException", "Error while parsing filter")
    attribute, operator, value = expression.groups()
    if attribute not in _ATTRIBUTES and attribute not in _READERS:
        raise ServiceError("InvalidParameterException", f"Invalid search attribute: {attribute}")
    value = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    return UserFilter(attribute, value.lower() if attribute == "cognito:user_status" else value, operator == "^=")
