"""AWS's JSON protocol, as Cognito's two services speak it: an operation in a header, JSON in, JSON or a refusal out."""

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from moto.core.request import Request

from .refusals import Refused

Parameters = Mapping[str, Any]
Answer = dict[str, Any]

_NOT_IMPLEMENTED = 501


def target(request: Request) -> tuple[str, str]:
    """The service and the operation that the request is for; both empty where it names none."""
    service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    return service, operation


def parameters(request: Request) -> Parameters:
    """What the operation is given. Raises Refused if the body is no JSON object."""
    try:
        found = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise Refused("SerializationException", "The body is not JSON") from error
    if not isinstance(found, dict):
        raise Refused("SerializationException", "The body is not a JSON object")
    return found


def response(answer: Answer, status: int = 200) -> Response:
    """The answer of an operation."""
    return Response(json.dumps(answer), status, content_type="application/x-amz-json-1.1")


def answered(run: Callable[[], Response]) -> Response:
    """What `run` answers, or its refusal as AWS writes one; with a request id either way."""
    try:
        found = run()
    except Refused as error:
        status = _NOT_IMPLEMENTED if error.code == "NotImplementedException" else 400
        found = response({"__type": error.code, "message": error.message}, status)
        found.headers["x-amzn-ErrorType"] = error.code
    found.headers.setdefault("x-amzn-RequestId", str(uuid.uuid4()))
    return found
