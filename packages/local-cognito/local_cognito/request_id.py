"""The id that Cognito's domain gives each of its answers, for logs. Knows nothing of the answer."""

import uuid

from flask import Response


def add_request_id(response: Response) -> Response:
    """`response` with an id of its own, in the header of that name."""
    response.headers["x-amz-cognito-request-id"] = str(uuid.uuid4())
    return response
