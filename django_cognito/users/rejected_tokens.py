"""Report rejected tokens: the signal and an INFO record for each, and a warning with a limited rate.

A warning has the received and the expected value, and the next step. Must not depend on requests.
"""

import logging
import time
from datetime import UTC, datetime
from typing import Any

from ..core.errors import ClaimError, TokenError
from ..signals import report_rejected_token

WINDOW_SECONDS = 60  # every client can send any number of bad tokens
_MAX_CHARS = 120  # of a value: an issuer has about 60
_MAX_EXPECTED_VALUES = 3
_HEADER = "the client must send one header `Authorization: Bearer <access token>`"
_CLOCK = "check the clock of this host (NTP); LEEWAY_SECONDS allows for a difference"
# The codes whose cause is a wrong setting or a wrong client, and the next step. An expired token is neither.
_NEXT_STEPS = {
    "scheme_missing": _HEADER,
    "scheme_repeated": _HEADER,
    "token_missing": _HEADER,
    "token_quoted": _HEADER,
    "several_tokens": _HEADER,
    "malformed_token": "the client must send the complete token, unchanged",
    "invalid_signature": "the client must send the complete token, unchanged",
    "refresh_token": "the client must send the access token",
    "wrong_issuer": "compare USER_POOL_ID and ISSUER with the user pool that the client signs in to",
    "wrong_client": "if the app client is yours, add it to CLIENT_IDS",
    "wrong_token_use": "the client must send the other token, or TOKEN_USE must accept both",
    "wrong_resource": "the client must request RESOURCE as `resource` at sign-in",
    "token_not_yet_valid": _CLOCK,
    "service_user_rejected": "correct SERVICE_USERS, or the user; `manage.py check --database default` checks both",
}
# Values that are not secret. They identify a pool, an app client and a moment, never a user.
_TIME_CLAIMS = frozenset({"exp", "iat", "nbf", "auth_time"})
_SHOWN_CLAIMS = _TIME_CLAIMS | {"iss", "client_id", "aud", "token_use"}

_logger = logging.getLogger(__name__)
# The code and the window of each warning. An entry is added by `setdefault`, which is atomic: no lock, so none to
# replace after a fork. Bounded by the number of codes.
_warned: dict[tuple[str, int], object] = {}


def report_rejection(error: TokenError) -> None:
    """Send `token_rejected`, log the code at INFO, and warn at most once per code, window and process."""
    report_rejected_token(error)
    if error.code in _NEXT_STEPS and _is_first_in_window(error.code):
        details = ": ".join(filter(None, (str(error.args[0]), describe_claim(error))))
        message = "token rejected: %s: %s. Next step: %s. (One warning for this code in %d s; all are logged at INFO.)"
        _logger.warning(
            message, error.code, details, _NEXT_STEPS[error.code], WINDOW_SECONDS, extra={"code": error.code}
        )


def describe_claim(error: TokenError) -> str:
    """Return the received and the expected value of the rejected claim; empty if its value may be secret.

    Values are escaped and shortened: before the signature is verified, any sender determines them.
    """
    if not isinstance(error, ClaimError) or error.claim not in _SHOWN_CLAIMS:
        return ""
    is_verified = error.unverified is None
    received = _format(error.claim, error.actual if is_verified else error.unverified)
    mark = "" if is_verified else " (not verified)"
    if error.claim in _TIME_CLAIMS:
        now = f"; this host's clock: {_format(error.claim, error.expected)}" if error.expected is not None else ""
        return f"{error.claim} received: {received}{mark}{now}"
    expected = error.expected if isinstance(error.expected, tuple | list) else [error.expected]
    shown = [_format(error.claim, value) for value in expected if value is not None]
    more = len(shown) - _MAX_EXPECTED_VALUES
    text = ", ".join(shown[:_MAX_EXPECTED_VALUES]) or "another value"
    return f"{error.claim} received: {received}{mark}; expected: {text}{f' and {more} more' if more > 0 else ''}"


def _format(claim: str, value: Any) -> str:
    """Return `value` without control characters and with at most _MAX_CHARS characters."""
    if value is None:
        return "none"
    if claim in _TIME_CLAIMS and isinstance(value, int | float) and 0 < value < 2**33:
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    text = repr(value[:_MAX_CHARS] if isinstance(value, str) else value)  # `repr` escapes what is not printable
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}..."


def _is_first_in_window(code: str) -> bool:
    window = int(time.monotonic() // WINDOW_SECONDS)
    if (code, window) in _warned:
        return False
    entry = object()
    is_first = _warned.setdefault((code, window), entry) is entry
    for key in [key for key in tuple(_warned) if key[0] == code and key[1] != window]:
        _warned.pop(key, None)
    return is_first
