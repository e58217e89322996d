"""An app client's secret, which may rotate: a string, or a function that returns it. Must not depend on Django.

Source: AWS developer guide, "App client secret rotation": Secrets Manager may replace a client's secret at any time.
"""

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from typing import NoReturn

from .errors import CognitoError, CognitoUnavailableError
from .forks import run_in_forked_child

_log = logging.getLogger(__name__)
COOLDOWN_SECONDS = 60.0  # one read a minute: Secrets Manager bills each call, and throttles a whole account


class ClientSecret:
    """The secret of an app client, safe to use in threads. The repr and pickles do not show it.

    `source` is the secret (empty: a public client), or a function without arguments that reads it. The function is
    called on first use, and again if Cognito refused the secret: at most once per `cooldown_seconds` and process,
    failed calls included. It is called by one thread at a time; the others wait for its result. An empty string is a
    failure, unless it `may_be_empty`: then it is a public client.
    """

    def __init__(
        self,
        source: str | Callable[[], str] = "",
        *,
        may_be_empty: bool = False,
        cooldown_seconds: float = COOLDOWN_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._function = source if callable(source) else None
        self._value = None if callable(source) else source
        self._may_be_empty = may_be_empty
        self._cooldown_seconds = cooldown_seconds
        self._now = now
        self.reset_after_fork()
        _secrets.add(self)

    def __repr__(self) -> str:
        return f"<ClientSecret {'of a function' if self._function else 'of a text' if self._value else 'none'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client secret is not pickled")

    def reset_after_fork(self) -> None:
        """Replace the lock, and end the cooldown: a child does not have the thread that holds or waits for either."""
        self._lock = threading.RLock()  # a function that needs the secret itself fails, and does not wait forever
        self._next_call_at = -math.inf

    def read(self) -> str:
        """Return the secret; empty for a public client. On first use, call the function.

        Raises CognitoUnavailableError (code "client_secret_unavailable") if there is no secret yet and the function
        fails, or failed less than `cooldown_seconds` ago.
        """
        if self._value is None and self._function is not None:
            with self._lock:
                left = self._next_call_at - self._now()
                if self._value is None and left > 0:
                    raise _unavailable("the function failed a moment ago", left)
                if self._value is None:
                    self._call(self._function)
        return self._value or ""

    def read_again(self, refused: str) -> str | None:
        """Return a secret other than `refused`, which Cognito did not accept; None if there is none now.

        It is what another thread has read in the meantime, or what the function returns now. None means that the
        function returned the same secret, or was called less than `cooldown_seconds` ago.

        Raises CognitoUnavailableError (code "client_secret_unavailable") if the function fails. The secret then stays
        in use.
        """
        if self._function is None:
            return None
        with self._lock:
            if self._value == refused and self._now() >= self._next_call_at:
                self._call(self._function)
            return None if self._value == refused else self._value

    def _call(self, function: Callable[[], str]) -> None:
        """Replace the secret by what `function` returns. The caller holds the lock.

        The function's error is not propagated: its frames and its message may hold the secret; only the message of a
        CognitoError never does. So may a value that is not accepted, which must not stay in a variable of this frame.
        """
        self._next_call_at = self._now() + self._cooldown_seconds
        value: str | None
        try:
            value, problem = function(), ""
        except CognitoError as error:
            value, problem = None, str(error)
        except Exception as error:  # noqa: BLE001 the function is the site's: its errors must not become server errors
            value, problem = None, f"the function raised {type(error).__name__}"
        if not problem and not (isinstance(value, str) and (value or self._may_be_empty)):
            value, problem = None, "the function returned no string"
        if problem:
            _log.error("CLIENT_SECRET could not be read: %s", problem)
            raise _unavailable(problem, self._cooldown_seconds)
        self._value = value


def _unavailable(problem: str, seconds: float) -> CognitoUnavailableError:
    message = f"CLIENT_SECRET could not be read: {problem}"
    return CognitoUnavailableError(message, retry_after=math.ceil(seconds), code="client_secret_unavailable")


_secrets: weakref.WeakSet[ClientSecret] = weakref.WeakSet()


@run_in_forked_child
def _reset_after_fork() -> None:
    for secret in _secrets:
        secret.reset_after_fork()
