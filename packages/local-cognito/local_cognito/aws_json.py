"""The AWS JSON protocol of Cognito's two services: the operation is in a header, parameters and results are JSON."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from moto.core.request import Request

from .errors import ServiceError

Parameters = Mapping[str, Any]
Answer = dict[str, Any]

_NOT_IMPLEMENTED = 501


def read_target(request: Request) -> tuple[str, str]:
    """Return the service and the operation of the request; both are empty if `X-Amz-Target` is missing."""
    service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    return service, operation


def read_parameters(request: Request) -> Parameters:
    """Return the parameters of the operation. Raises ServiceError if the body is not a JSON object."""
    try:
        result = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", "The body is not JSON") from error
    if not isinstance(result, dict):
        raise ServiceError("SerializationException", "The body is not a JSON object")
    return result


def json_response(answer: Answer, status: int = 200) -> Response:
    """Return the result of an operation as a response."""
    return Response(json.dumps(answer), status, content_type="application/x-amz-json-1.1")


def run_operation(run: Callable[[], Response]) -> Response:
    """Return the response of `run`, or its ServiceError in the AWS JSON protocol, each with a request id."""
    try:
        result = run()
    except ServiceError as error:
        status = _NOT_IMPLEMENTED if error.code == "NotImplementedException" else 400
        result = json_response({"__type": error.code, "message": error.message}, status)
        result.headers["x-amzn-ErrorType"] = error.code
    result.headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
    return result
