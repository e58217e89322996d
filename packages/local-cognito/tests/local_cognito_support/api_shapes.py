"""The members of AWS's responses, from botocore's service model."""

from collections.abc import Iterator
from typing import Any

import requests
from local_cognito import Emulator
from moto.core.utils import get_service_model


def call_operation(emulator: Emulator, operation: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """Return status and body of an operation, as they are sent over HTTP."""
    headers = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}"}
    response = requests.post(emulator.endpoint_url, json=parameters, headers=headers, timeout=30)
    return response.status_code, response.json()


def unknown_members(operation: str, body: Any) -> list[str]:
    """Return the members of a response that AWS's response does not have."""
    return list(_unknown(body, get_service_model("cognito-idp").operation_model(operation).output_shape, operation))


def _unknown(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "list":
        for item in value:
            yield from _unknown(item, shape.member, path)
    elif shape.type_name == "structure":
        for name, item in value.items():
            if name in shape.members:
                yield from _unknown(item, shape.members[name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif not isinstance(
        value, {"string": str, "boolean": bool, "integer": int, "timestamp": int | float}[shape.type_name]
    ):
        yield f"{path}: {value!r} is no {shape.type_name}"
