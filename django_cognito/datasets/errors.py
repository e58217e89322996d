"""The error of a refused read or write. Must not depend on requests."""

from ..core.errors import CognitoError


class DatasetError(CognitoError):
    """A dataset was not read or written; nothing was changed. `code` is in the error catalogue.

    The message has no key and no value. `retry_after` is in seconds; 0 if a retry has the same result.
    """

    code = "records_invalid"

    def __init__(self, message: str, *, code: str, retry_after: int = 0) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
