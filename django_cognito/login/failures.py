"""Texts of the sign-in error page, from the error catalogue. Must not depend on a request."""

from typing import Any, NamedTuple

from ..core.errors import CognitoError, CognitoUnavailableError
from ..users import UserRefusedError
from ..web.error_catalogue import CATALOGUE, FAILED_SIGN_IN, UNAVAILABLE, RetryMode


class FailureMessage(NamedTuple):
    """The texts of a failed sign-in: `sentence` and `remedy` for the user, `hint` for the operator's log."""

    sentence: Any
    remedy: Any
    hint: str
    retry_mode: RetryMode


def describe_failure(error: CognitoError) -> FailureMessage:
    """Return the texts of the error's code; the texts of its class if the code has no text for a page.

    The error of a USER_ADAPTER has its own texts.
    """
    if isinstance(error, UserRefusedError):
        remedy = error.remedy or CATALOGUE["user_unknown"].remedy
        return FailureMessage(error.sentence, remedy, "refused by USER_ADAPTER", RetryMode.SWITCH_ACCOUNT)
    entry = CATALOGUE.get(error.code)
    if entry is None or not entry.heading:
        entry = UNAVAILABLE if isinstance(error, CognitoUnavailableError) else FAILED_SIGN_IN
    return FailureMessage(entry.heading, entry.remedy, entry.hint, entry.retry_mode)
