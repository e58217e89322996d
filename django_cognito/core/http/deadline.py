"""The total deadline of a call, and its limits. Must not depend on requests and responses.

`requests` limits the time of each read, not of the whole call: a server that sends a byte per second blocks a caller
for hours. So a watchdog thread shuts the socket down at the deadline, during the TLS handshake, headers or body.
"""

import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..errors import CognitoUnavailableError


class Deadline:
    """The deadline of one call: at that time its sockets are shut down."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._connect_seconds = seconds / 3  # the rest is for the request and the response
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._passed = threading.Event()

    @property
    def passed(self) -> bool:
        """Whether the watchdog has shut the sockets down."""
        return self._passed.is_set()

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed. On a slow host a read may time out before the watchdog runs."""
        return self.passed or time.monotonic() >= self._ends_at

    def wait(self, seconds: float) -> None:
        """Wait for this time, but not beyond the deadline."""
        self._passed.wait(seconds)

    def __enter__(self) -> None:
        try:
            self._timer.start()
        except RuntimeError as error:  # the process cannot start more threads
            raise OSError("no watchdog") from error

    def __exit__(self, *exc_info: object) -> None:
        self._timer.cancel()
        with self._lock:
            for sock in self._sockets:
                sock.close()
            self._sockets.clear()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connected socket that is shut down at the deadline. Raises OSError."""
        if self.passed:
            raise TimeoutError("no time left")
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        error: OSError = OSError("no address")
        connected_by = min(time.monotonic() + self._connect_seconds, self._ends_at)
        for position, (*kind, _, address) in enumerate(addresses):
            # Each IP address gets its share of the time, in case one does not respond.
            share = max(connected_by - time.monotonic(), 0.001) / (len(addresses) - position)
            try:
                return self._connect_to(kind, address, share)
            except OSError as last_error:
                error = last_error
        raise error

    def _connect_to(self, kind: Iterable[int], address: Any, seconds: float) -> socket.socket:
        """Return a socket that is connected to one IP address. Raises OSError, with the socket closed."""
        sock = socket.socket(*kind)
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                if self.passed:
                    raise TimeoutError("no time left")
                # A duplicate, because TLS detaches the descriptor from the socket that it wraps.
                self._sockets.append(sock.dup())
            sock.settimeout(max(self._ends_at - time.monotonic(), 0.001))
        except OSError:
            sock.close()
            raise
        return sock

    def _shut_down(self) -> None:
        """Interrupt the threads that use the sockets. Runs in the watchdog thread."""
        with self._lock:
            self._passed.set()
            for sock in self._sockets:
                with suppress(OSError):  # the server may have closed it already
                    sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Call:
    """The limits of one call, and the errors for exceeding them."""

    host: str
    deadline: Deadline
    max_bytes: int

    def request_error(self, reason: str = "", *, was_sent: bool = True) -> CognitoUnavailableError:
        """Return the error for an incomplete response: the deadline has passed, or `reason`."""
        text = "no response in time" if self.deadline.is_over else reason
        return CognitoUnavailableError(f"{self.host} could not be reached: {text}", was_sent=was_sent)

    def size_error(self) -> CognitoUnavailableError:
        """Return the error for a response that is too large."""
        return CognitoUnavailableError(f"{self.host} responded with more than {self.max_bytes} bytes")
