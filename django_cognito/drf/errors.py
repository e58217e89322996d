"""Error responses as DRF exceptions with their own status, and an exception handler that adds `code` to DRF's own.

DRF's AuthenticationFailed is not used: it becomes 403 if the first authentication class has no challenge.
"""

import logging
from collections.abc import Callable
from typing import Any

from rest_framework.exceptions import APIException

from ..core.errors import CognitoUnavailableError, CredentialsError
from ..web.login_url import find_login_url
from ..web.responses import ErrorResponse, error_response_for

_logger = logging.getLogger(__name__)
_Handler = Callable[[Exception, dict[str, Any]], Any]


class CognitoAPIException(APIException):
    """An error response: `status_code` 401, 403 or 503; the body has `detail` and a stable `code`."""

    def __init__(self, answer: ErrorResponse) -> None:
        super().__init__(answer.body, code=answer.code)
        members: Any = self.detail
        self.detail = {**members, **answer.details}  # DRF makes strings of all values
        self.status_code = answer.status
        # DRF's exception handler makes WWW-Authenticate and Retry-After of these two.
        if "WWW-Authenticate" in answer.headers:
            self.auth_header = answer.headers["WWW-Authenticate"]
        if "Retry-After" in answer.headers:
            self.wait = int(answer.headers["Retry-After"])


def exception_handler(exc: Exception, context: dict[str, Any], *, handler: _Handler | None = None) -> Any:
    """Return the response of `handler`, by default DRF's, with a `code` beside `detail`. For EXCEPTION_HANDLER.

    The code of DRF's own errors is DRF's: `not_authenticated`, `permission_denied`, `parse_error`, `throttled`. A 401
    also has `login_url`, the path of the login, if the site includes the login URLs. A response without a plain
    `detail`, such as that of a ValidationError, is not changed. If Cognito cannot be reached inside a view, or AWS
    refuses credentials, the response is 503 with Retry-After, or 403.
    """
    # Not at import time: this module imports the default authentication classes, and thus this package.
    from rest_framework.views import exception_handler as drf_handler

    if isinstance(exc, CognitoUnavailableError | CredentialsError):
        # The response has only the code; the message is for the operator.
        _logger.warning("%s: %s", exc.code, exc)
        exc = CognitoAPIException(error_response_for(exc))
    response: Any = (handler or drf_handler)(exc, context)
    data = None if response is None else response.data
    code = getattr(data.get("detail"), "code", None) if isinstance(data, dict) else None
    if isinstance(data, dict) and code:
        data.setdefault("code", code)
        if response.status_code == 401 and (login_url := find_login_url()):
            data.setdefault("login_url", login_url)
    return response
