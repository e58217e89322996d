"""One-time codes by the clock (RFC 6238): each person's own secret, each code once. Knows nothing of sign-ins."""

import secrets
from base64 import b32encode
from collections.abc import Callable
from datetime import UTC, datetime

import pyotp

from ..refusals import Refused
from .people import Person

_STEP_SECONDS = 30
_SECRET_BYTES = 32  # 52 characters in base32, as Cognito gives out

_Key = tuple[str, str]


class TotpSecrets:
    """The secrets of everybody who has an authenticator app. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._secrets: dict[_Key, str] = {}
        self._pending: dict[_Key, str] = {}
        self._last_steps: dict[_Key, int] = {}

    def enrol(self, person: Person) -> str:
        """A new secret, in base32; it counts once `confirm` has seen a code made with it."""
        return self._pending.setdefault(
            _key(person), b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")
        )

    def keep(self, person: Person, secret: str) -> None:
        """Take `secret` as the person's from now on."""
        self._secrets[_key(person)] = secret
        self._last_steps.pop(_key(person), None)

    def confirm(self, person: Person, code: str) -> None:
        """Make the secret of `enrol` the person's, if `code` was made with it. Raises Refused."""
        key = _key(person)
        step = self._step(self._pending.get(key), code)
        if step is None:
            raise Refused("EnableSoftwareTokenMFAException", "Code mismatch")
        self.keep(person, self._pending.pop(key))
        self._last_steps[key] = step

    def check(self, person: Person, code: str) -> None:
        """Nothing, if `code` is the person's now, one step ago or one ahead, and was not used. Raises Refused."""
        key = _key(person)
        step = self._step(self._secrets.get(key), code)
        if step is None:
            raise Refused("CodeMismatchException", "Invalid code received for user")
        if step <= self._last_steps.get(key, -1):
            raise Refused("ExpiredCodeException", "Your software token has already been used once.")
        self._last_steps[key] = step

    def _step(self, secret: str | None, code: str) -> int | None:
        """The step of the clock that `code` belongs to, of those that count now."""
        if secret is None:
            return None
        this_step = int(self._now()) // _STEP_SECONDS
        otp = pyotp.TOTP(secret)
        steps = (step for step in (this_step - 1, this_step, this_step + 1) if otp.verify(code, for_time=_moment(step)))
        return next(steps, None)


def _moment(step: int) -> datetime:
    return datetime.fromtimestamp(step * _STEP_SECONDS, UTC)


def _key(person: Person) -> _Key:
    return person.pool_id, person.sub
