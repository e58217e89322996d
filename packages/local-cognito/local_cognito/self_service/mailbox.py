"""The messages that Cognito would send by email or SMS, stored for the developer.

The only place that shows a code.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

# Limits the memory of a process that runs for weeks.
_CAPACITY = 500


@dataclass(frozen=True)
class Message:
    """A message with a code. `sent_at` is in seconds of Unix time, `medium` is EMAIL or SMS."""

    sent_at: float
    pool_id: str
    username: str
    medium: str
    address: str
    subject: str
    code: str = field(repr=False)

    def __str__(self) -> str:
        text = f"{self.medium} to {self.address} ({self.username}, {self.pool_id}): {self.code}  {self.subject}"
        # Users choose their names at sign-up: no name may contain terminal control characters.
        return "".join(character if character.isprintable() else "?" for character in text)


class Mailbox:
    """All sent messages; the oldest is removed first. Thread-safe."""

    def __init__(self, console: Callable[[str], None] | None = None) -> None:
        self._console = console
        self._messages: deque[Message] = deque(maxlen=_CAPACITY)
        self._lock = threading.Lock()

    def deliver(self, message: Message) -> None:
        """Store the message and write it to the console, if there is one."""
        with self._lock:
            self._messages.appendleft(message)
        if self._console:
            self._console(str(message))

    def messages(self) -> tuple[Message, ...]:
        """Return all messages, most recent first."""
        with self._lock:
            return tuple(self._messages)
