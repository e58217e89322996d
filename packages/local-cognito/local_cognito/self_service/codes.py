"""Six-digit verification codes: generated, sent, limited in attempts, valid once.

Source: AWS developer guide, "Quotas in Amazon Cognito": lifetimes, and attempts per user and hour.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..errors import ServiceError
from .attempt_limits import AttemptLimits
from .destinations import Destination
from .mailbox import Mailbox, Message

_Key = tuple[str, str, str]


@dataclass(frozen=True)
class Purpose:
    """The use of a code: its lifetime, and how many are sent and tried per hour."""

    name: str
    subject: str
    lifetime_seconds: int
    sends: int = 5
    tries: int = 15


SIGN_UP = Purpose("sign-up", "confirms a new account; valid for 24 hours", 86_400)
# AWS allows 5 to 20 attempts for both operations together, by a risk score that is not computed here.
PASSWORD_RESET = Purpose("password-reset", "sets a new password; valid for 1 hour", 3_600)


def verification_of(attribute: str) -> Purpose:
    """Return the purpose of a code that verifies an attribute."""
    return Purpose(f"verification {attribute}", f"verifies the attribute {attribute}; valid for 24 hours", 86_400)


@dataclass(frozen=True)
class Holder:
    """The recipient of a code: a user's `sub`, or an unknown username, which must not be recognizable."""

    pool_id: str
    name: str
    username: str = ""


@dataclass(frozen=True)
class _Code:
    digits: str = field(repr=False)  # empty if no code was sent (`pretend`)
    expires_at: float
    address: str = ""
    is_spent: bool = False


def wrong_code() -> ServiceError:
    """Return the error for a wrong code, or for any code of a user that must not be recognizable."""
    message = "Invalid verification code provided, please try again."
    return ServiceError("CodeMismatchException", message, fields=["code"])


class Codes:
    """The most recent code of every user for every purpose. Not thread-safe: the caller locks."""

    def __init__(self, mailbox: Mailbox, now: Callable[[], float]) -> None:
        self._mailbox = mailbox
        self._now = now
        self._limits = AttemptLimits(now)
        self._codes: dict[_Key, _Code] = {}

    def send(self, purpose: Purpose, holder: Holder, to: Destination) -> None:
        """Deliver a new code to the mailbox; the previous one becomes invalid. Raises ServiceError if the limit is
        reached.
        """
        self._limits.count(("send", *_key(purpose, holder)), purpose.sends)
        digits = f"{secrets.randbelow(1_000_000):06}"
        self._keep(purpose, holder, digits, to.address)
        self._mailbox.deliver(
            Message(self._now(), holder.pool_id, holder.username, to.medium, to.address, purpose.subject, digits)
        )

    def pretend(self, purpose: Purpose, holder: Holder) -> None:
        """Behave like `send`, without a code, for a user that cannot receive one. Raises ServiceError."""
        self._limits.count(("send", *_key(purpose, holder)), purpose.sends)
        self._keep(purpose, holder, "", "")

    def check(self, purpose: Purpose, holder: Holder, digits: str) -> str:
        """Return the address that the code was sent to. The code stays valid. Every attempt counts. Raises
        ServiceError.
        """
        self._limits.count(("try", *_key(purpose, holder)), purpose.tries)
        code = self._codes.get(_key(purpose, holder))
        if code is None or code.is_spent or self._now() >= code.expires_at:
            message = "Invalid code provided, please request a code again."
            raise ServiceError("ExpiredCodeException", message, fields=["code"])
        if not code.digits or not hmac.compare_digest(code.digits.encode(), digits.encode()):
            raise wrong_code()
        return code.address

    def spend(self, purpose: Purpose, holder: Holder) -> None:
        """Mark the code as used."""
        key = _key(purpose, holder)
        self._codes[key] = replace(self._codes[key], is_spent=True)

    def has_spent(self, purpose: Purpose, holder: Holder, digits: str) -> bool:
        """Return whether `digits` is the user's code and was already used."""
        code = self._codes.get(_key(purpose, holder))
        return code is not None and code.is_spent and hmac.compare_digest(code.digits.encode(), digits.encode())

    def _keep(self, purpose: Purpose, holder: Holder, digits: str, address: str) -> None:
        self._codes = {key: code for key, code in self._codes.items() if self._now() < code.expires_at}
        self._codes[_key(purpose, holder)] = _Code(digits, self._now() + purpose.lifetime_seconds, address)


def _key(purpose: Purpose, holder: Holder) -> _Key:
    return purpose.name, holder.pool_id, holder.name
