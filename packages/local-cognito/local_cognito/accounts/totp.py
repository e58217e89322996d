"""Time-based one-time passwords (RFC 6238): one secret per user, each code is accepted once."""

import secrets
from base64 import b32encode
from collections.abc import Callable
from datetime import UTC, datetime

import pyotp

from ..errors import ServiceError
from .users import User

STEP_SECONDS = 30
_SECRET_BYTES = 32  # 52 characters in base32, as Cognito gives out

_Key = tuple[str, str]


class TotpSecrets:
    """The TOTP secrets of all users. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._secrets: dict[_Key, str] = {}
        self._pending: dict[_Key, str] = {}
        self._last_steps: dict[_Key, int] = {}

    def enrol(self, user: User) -> str:
        """Return a new secret in base32. It is used after `confirm` has verified a code."""
        return self._pending.setdefault(_key(user), b32encode(secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("="))

    def keep(self, user: User, secret: str) -> None:
        """Set `secret` as the user's secret."""
        self._secrets[_key(user)] = secret
        self._last_steps.pop(_key(user), None)

    def confirm(self, user: User, code: str) -> None:
        """Activate the secret from `enrol` if `code` is valid for it. Raises ServiceError."""
        key = _key(user)
        step = self._step(self._pending.get(key), code)
        if step is None:
            raise ServiceError("EnableSoftwareTokenMFAException", "Code mismatch")
        self.keep(user, self._pending.pop(key))
        self._last_steps[key] = step

    def check(self, user: User, code: str) -> None:
        """Accept a code of the current, previous or next time step once. Raises ServiceError."""
        key = _key(user)
        step = self._step(self._secrets.get(key), code)
        if step is None:
            raise ServiceError("CodeMismatchException", "Invalid code received for user", fields=["code"])
        if step <= self._last_steps.get(key, -1):
            message = "Your software token has already been used once."
            raise ServiceError("ExpiredCodeException", message, fields=["code"])
        self._last_steps[key] = step

    def current_code(self, user: User) -> str:
        """Return the code of the current time step; empty if the user has no secret. It may have been used already."""
        secret = self._secrets.get(_key(user))
        return str(pyotp.TOTP(secret).at(int(self._now()))) if secret else ""

    def _step(self, secret: str | None, code: str) -> int | None:
        """Return the time step of `code`, if it is one of those accepted now."""
        if secret is None:
            return None
        this_step = int(self._now()) // STEP_SECONDS
        otp = pyotp.TOTP(secret)
        steps = (
            step
            for step in (this_step - 1, this_step, this_step + 1)
            if otp.verify(code, for_time=datetime.fromtimestamp(step * STEP_SECONDS, UTC))
        )
        return next(steps, None)


def _key(user: User) -> _Key:
    return user.pool_id, user.sub
