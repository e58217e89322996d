"""The error response of an OAuth endpoint. Does not depend on the endpoint that raises it."""

from flask import Response, jsonify

from ..pages.explanations import Explanation

# AWS developer guide, "Revoke endpoint": 401. The token endpoint returns 400 for the same error.
_STATUS = {("/oauth2/revoke", "invalid_client"): 401}


class OAuthError(Exception):
    """The endpoint rejects the request with an error code of RFC 6749 5.2 or RFC 7009 2.2.1.

    The response has the code alone, as that of Cognito. The explanation is for the developer.
    """

    def __init__(self, error: str, explanation: Explanation) -> None:
        super().__init__(error)
        self.error = error
        self.explanation = explanation

    def answer(self, path: str) -> Response:
        """Return the response of the endpoint at `path`."""
        response = jsonify(error=self.error)
        response.status_code = _STATUS.get((path, self.error), 400)
        return response
