"""The connections of one call: a watchdog ends them at its deadline, a counter at its number of bytes.

`requests` bounds each read, not the whole: a server that drips a byte a second holds a caller for hours. So a watchdog
shuts the socket down when the deadline passes, wherever the call stands by then: TLS handshake, headers or body.
Nor does anybody below bound what is read in all: to http.client, headers may be 6.5 MB, and interim answers as many as
come. So every byte is counted where it leaves the socket. Knows nothing of what is asked and answered.
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

_FRAMING_BYTES = 16 * 1024  # headers and the lengths of chunks, beside the body: Cognito's take 1 KiB


class Deadline:
    """One call's end: sockets handed to it are shut down when the time is over."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._connect_seconds = seconds / 3  # a connection takes less, or is not worth waiting for
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._over = threading.Event()

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return self._over.is_set()

    def wait(self, seconds: float) -> None:
        """Let that much time pass, or what is left."""
        self._over.wait(seconds)

    def __enter__(self) -> None:
        try:
            self._timer.start()
        except RuntimeError as error:  # the process gets no more threads
            raise OSError("no watchdog") from error

    def __exit__(self, *exc_info: object) -> None:
        self._timer.cancel()
        with self._lock:
            for sock in self._sockets:
                sock.close()
            self._sockets.clear()

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket that ends with the deadline. Raises OSError."""
        if self.passed:
            raise TimeoutError("no time left")
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        error: OSError = OSError("no address")
        connected_by = min(time.monotonic() + self._connect_seconds, self._ends_at)
        for position, (*kind, _, address) in enumerate(addresses):
            # Each address gets its share of what is left: one that swallows packets leaves time for the next.
            share = max(connected_by - time.monotonic(), 0.001) / (len(addresses) - position)
            try:
                return self._connected(kind, address, share)
            except OSError as refused:
                error = refused
        raise error

    def _connected(self, kind: Iterable[int], address: Any, seconds: float) -> socket.socket:
        sock = socket.socket(*kind)
        try:
            sock.settimeout(seconds)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._watch(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _watch(self, sock: socket.socket) -> None:
        with self._lock:
            if self.passed:
                raise TimeoutError("no time left")
            # A duplicate, because TLS takes the descriptor away from the socket that it wraps.
            self._sockets.append(sock.dup())
        sock.settimeout(max(self._ends_at - time.monotonic(), 0.001))

    def _shut_down(self) -> None:
        with self._lock:
            self._over.set()
            for sock in self._sockets:
                with suppress(OSError):  # the other side may have gone already
                    sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Call:
    """What one call is held to, and the errors that say so."""

    host: str
    deadline: Deadline
    max_bytes: int

    def failed(self, why: str = "") -> CognitoUnavailableError:
        """No whole answer: the time was over, or `why`."""
        said = "no answer in time" if self.deadline.passed else why
        return CognitoUnavailableError(f"{self.host} could not be asked: {said}")

    def too_much(self) -> CognitoUnavailableError:
        """More than is taken."""
        return CognitoUnavailableError(f"{self.host} answered with more than {self.max_bytes} bytes")


class _Counted(io.RawIOBase):
    """What comes from a socket, up to a number of bytes."""

    def __init__(self, raw: io.RawIOBase, call: Call) -> None:
        self._raw, self._call = raw, call
        self._left = call.max_bytes + _FRAMING_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise self._call.too_much()  # no OSError: nobody on the way up takes it for one of theirs
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _CountedResponse(HTTPResponse):
    """An answer of which no more than a number of bytes is read: interim answers, headers, framing and body."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fp = io.BufferedReader(_Counted(self.fp.detach(), call))


class _WatchedConnection(HTTPConnection):
    """A connection whose socket ends with the call's deadline, and whose answers end with its number of bytes."""

    def __init__(self, *args: Any, call: Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = call.deadline
        self.response_class = partial(_CountedResponse, call=call)  # type: ignore[assignment]  # only ever called

    def _new_conn(self) -> socket.socket:
        try:
            return self._deadline.connect(self._dns_host, self.port)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            # urllib3 takes a bare ECONNRESET for trouble in sending, and goes on to read from no socket.
            raise NewConnectionError(self, type(error).__name__) from error


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same, under TLS."""


class WatchedAdapter(HTTPAdapter):
    """Lets `requests` open watched connections, through an HTTP proxy too; a SOCKS proxy keeps its own."""

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
