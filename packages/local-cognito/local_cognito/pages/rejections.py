"""The rejected requests of apps, for the developer: written to the log and stored for the index page.

An app only gets an OAuth error code, as from Cognito. The explanation stays here.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .explanations import Explanation

log = logging.getLogger("local_cognito")

_CAPACITY = 20


@dataclass(frozen=True)
class Rejection:
    """A rejected request. `rejected_at` is in seconds of Unix time, `error` is the code that the app or browser got."""

    rejected_at: float
    path: str
    error: str
    explanation: Explanation


class Rejections:
    """The most recent rejected requests. Thread-safe."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._rejections: deque[Rejection] = deque(maxlen=_CAPACITY)
        self._lock = threading.Lock()

    def add(self, path: str, error: str, explanation: Explanation) -> None:
        """Store the rejection of a request to `path` and log it as a warning."""
        log.warning("%s rejected: %s: %s", path, error, explanation)
        with self._lock:
            self._rejections.appendleft(Rejection(self._now(), path, error, explanation))

    def recent(self) -> tuple[Rejection, ...]:
        """Return the stored rejections, most recent first."""
        with self._lock:
            return tuple(self._rejections)
