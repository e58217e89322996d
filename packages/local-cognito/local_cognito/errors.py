"""The one error of the local Cognito. Knows nothing: all else here may import it."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):  # noqa: N818 - what is raised here is an answer of Cognito's, seldom a fault
    """Cognito says no. `code` is AWS's exception name or OAuth's error word, `message` the sentence that AWS gives."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message


def bad_credentials() -> Refused:
    """Wrong password, and an unknown person at a client that does not say which people exist."""
    return Refused("NotAuthorizedException", "Incorrect username or password.")


def required(parameters: Mapping[str, Any], name: str) -> str:
    """The parameter of that name. Raises Refused if it is missing or empty."""
    value = parameters.get(name)
    if not value or not isinstance(value, str):
        raise Refused("InvalidParameterException", f"Missing required parameter {name}")
    return value
