"""Connections with a total deadline and a total size limit. Must not depend on requests and responses.

`requests` limits the time of each read, not of the whole call: a server that sends a byte per second blocks a caller
for hours. So a watchdog thread shuts the socket down at the deadline, during the TLS handshake, headers or body.
Neither is the total size limited: http.client accepts 6.5 MB of headers, and any number of interim responses. So every
byte is counted when it is read from the socket.
"""

import io
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..errors import CognitoUnavailableError

_FRAMING_BYTES = 16 * 1024  # for headers and chunk lengths, in addition to the body: Cognito's take 1 KiB


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
        """Whether the deadline has passed."""
        return self._passed.is_set()

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

    def request_error(self, reason: str = "") -> CognitoUnavailableError:
        """Return the error for an incomplete response: the deadline has passed, or `reason`."""
        text = "no response in time" if self.deadline.passed else reason
        return CognitoUnavailableError(f"{self.host} could not be reached: {text}")

    def size_error(self) -> CognitoUnavailableError:
        """Return the error for a response that is too large."""
        return CognitoUnavailableError(f"{self.host} responded with more than {self.max_bytes} bytes")


class _LimitedReader(io.RawIOBase):
    """Reads from a socket up to a number of bytes."""

    def __init__(self, raw: io.RawIOBase, call: Call) -> None:
        self._raw, self._call = raw, call
        self._left = call.max_bytes + _FRAMING_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise self._call.size_error()  # not an OSError, which http.client and urllib3 would handle
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedResponse(HTTPResponse):
    """A response whose total size is limited: interim responses, headers, framing and body."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_LimitedReader(self.fp.detach(), call))


class _WatchedConnection(HTTPConnection):
    """A connection with the deadline and the size limit of a call."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = call.deadline
        self.response_class = partial(_LimitedResponse, call=call)  # type: ignore[assignment]  # only ever called

    def _new_conn(self) -> socket.socket:
        try:
            return self._deadline.connect(self._dns_host, self.port)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            # urllib3 takes a bare ECONNRESET for an error of sending, and would read from no socket.
            raise NewConnectionError(self, type(error).__name__) from error


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same, under TLS."""


class WatchedAdapter(HTTPAdapter):
    """Makes `requests` open watched connections, also through an HTTP proxy, but not through a SOCKS proxy."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPConnectionPool) and pool.ConnectionCls in _WATCHED:
            pool.ConnectionCls = _WATCHED[pool.ConnectionCls]
            pool.conn_kw["call"] = self._call
        return pool


_WATCHED: Mapping[type, type[HTTPConnection]] = {
    HTTPConnection: _WatchedConnection,
    HTTPSConnection: _WatchedTLSConnection,
}
