"""Error responses as DRF exceptions with their own status.

DRF's AuthenticationFailed is not used: it becomes 403 if the first authentication class has no challenge.
"""

from rest_framework.exceptions import APIException

from ..web.responses import ErrorResponse


class CognitoAPIException(APIException):
    """An error response: `status_code` 401, 403 or 503; the body has `detail` and a stable `code`."""

    def __init__(self, answer: ErrorResponse) -> None:
        super().__init__(answer.body, code=answer.code)
        self.status_code = answer.status
        # DRF's exception handler makes WWW-Authenticate and Retry-After of these two.
        if "WWW-Authenticate" in answer.headers:
            self.auth_header = answer.headers["WWW-Authenticate"]
        if "Retry-After" in answer.headers:
            self.wait = int(answer.headers["Retry-After"])
