"""The error that all parts of the local Cognito raise. Imports nothing of the package."""

from collections.abc import Collection, Mapping
from typing import Any


class ServiceError(Exception):
    """Cognito rejects the request. `code` is the exception name of AWS or the error code of OAuth, `message` AWS's
    text.

    `fields` are the wrong values: `username`, `password`, `code` or names of attributes; empty if it is none of them.
    """

    def __init__(self, code: str, message: str = "", *, fields: Collection[str] = ()) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.message = message
        self.fields = frozenset(fields)


def bad_credentials() -> ServiceError:
    """Return the error for a wrong password, or for an unknown user if the client prevents user existence errors."""
    return ServiceError("NotAuthorizedException", "Incorrect username or password.", fields=("username", "password"))


def require_parameter(parameters: Mapping[str, Any], name: str) -> str:
    """Return the parameter. Raises ServiceError if it is missing or empty."""
    value = parameters.get(name)
    if not value or not isinstance(value, str):
        raise ServiceError("InvalidParameterException", f"Missing required parameter {name}")
    return value
