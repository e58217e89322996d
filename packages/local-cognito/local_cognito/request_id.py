"""The request id in the responses of Cognito's domain."""

import uuid

from flask import Response


def add_request_id(response: Response) -> Response:
    """Set the header `x-amz-cognito-request-id` to a new id and return the response."""
    response.headers["x-amz-cognito-request-id"] = str(uuid.uuid4())
    return response
