"""The one way out to the network: one call, one total deadline, one size limit. Knows nothing of Cognito's answers.

`requests` bounds each read, not the whole: a server that drips a byte a second holds a caller for hours. So a watchdog
shuts the socket down when the deadline passes, wherever the call stands by then: TLS handshake, headers or body.
"""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from .errors import CognitoUnavailableError
from .pool import is_safe_address

# Old releases of urllib3 unpack a whole chunk at once, 1,032 to 1 at worst: 1 KiB cannot become more than 1 MiB.
_CHUNK_BYTES = 1024
_PAUSE_SECONDS = 0.1  # before another attempt: a server that is being replaced is back, or its neighbour asked


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered. Header names are in lower case; the repr shows neither headers nor body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return read_json(self.body)


def read_json(body: bytes) -> Any:
    """The JSON value that `body` holds, in UTF-8. Raises ValueError, whatever is wrong with it."""
    try:
        return json.loads(body.decode())
    except (ValueError, RecursionError):
        # Not chained: the original carries the whole document, which may hold tokens.
        raise ValueError("not JSON") from None


class Http:
    """Makes requests under a total deadline and a size limit; follows no redirect and keeps no connection.

    Proxies and certificate authorities come from the environment, as `requests` reads them; `.netrc` is never read.
    The deadline covers everything but the system's name resolution, which cannot be interrupted (and a SOCKS proxy's
    own handshake). The size is that of the unpacked body, so a compressed bomb stops at the limit too.
    """

    def __init__(self, *, timeout_seconds: float = 3.0, max_bytes: int = 65_536) -> None:
        self.timeout_seconds = timeout_seconds
        self.max_bytes = max_bytes

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, str] | bytes | None = None,
        auth: tuple[str, str] | None = None,
        attempts: int = 1,
    ) -> Response:
        """The server's answer, whatever its status; a redirect is an answer like any other.

        More `attempts` than one are for what may be asked twice: where the connection breaks, or the server answers
        with 5xx, it is asked again within the same deadline.
        Raises CognitoUnavailableError where no whole answer came in time and in size, ValueError for an address that
        is neither https nor loopback and for a header that cannot be sent. Messages name the host and nothing else.
        """
        if not is_safe_address(url):
            raise ValueError("an address must be https (plain http is for loopback hosts only)")
        sent = _checked({"Accept-Encoding": "identity", **(headers or {}), **_basic(auth)})
        host = urlsplit(url).hostname
        deadline = _Deadline(self.timeout_seconds)
        exchange = partial(self._exchange, deadline, method, url, headers=sent, data=data)
        try:
            with deadline:
                response = _attempted(exchange, attempts, deadline)
        except (OSError, HTTPError) as error:  # every error of requests is an OSError
            why = "no answer in time" if deadline.passed else type(error).__name__
            raise CognitoUnavailableError(f"{host} could not be asked: {why}") from error
        if deadline.passed:
            # A connection shut down by the watchdog can look like one that ended well.
            raise CognitoUnavailableError(f"{host} could not be asked: no answer in time")
        if len(response.body) > self.max_bytes:
            raise CognitoUnavailableError(f"{host} answered with more than {self.max_bytes} bytes")
        return response

    def _exchange(self, deadline: "_Deadline", method: str, url: str, **sent: Any) -> Response:
        with (
            _session(deadline) as session,
            session.request(
                method, url, timeout=self.timeout_seconds, allow_redirects=False, stream=True, **sent
            ) as answer,
        ):
            body = bytearray()
            for chunk in answer.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > self.max_bytes:
                    break
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, headers, bytes(body))


def _attempted(exchange: Callable[[], Response], attempts: int, deadline: "_Deadline") -> Response:
    for _ in range(attempts - 1):
        with suppress(OSError, HTTPError):
            response = exchange()
            if response.status < 500:
                return response
        deadline.wait(_PAUSE_SECONDS)
    return exchange()


class _Deadline:
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
        self._timer.start()

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
        for position, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                # Each address gets its share of what is left: one that swallows packets leaves time for the next.
                sock.settimeout(max(connected_by - time.monotonic(), 0.001) / (len(addresses) - position))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._watch(sock)
            except OSError as refused:
                sock.close()
                error = refused
            else:
                return sock
        raise error

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


class _WatchedConnection(HTTPConnection):
    """A connection whose socket ends with the call's deadline."""

    def __init__(self, *args: Any, deadline: _Deadline, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = deadline

    def _new_conn(self) -> socket.socket:
        try:
            return self._deadline.connect(self._dns_host, self.port)
        except OSError as error:
            # urllib3 takes a bare ECONNRESET for trouble in sending, and goes on to read from no socket.
            raise NewConnectionError(self, type(error).__name__) from error


class _WatchedTLSConnection(_WatchedConnection, HTTPSConnection):
    """The same, under TLS."""


class _WatchedAdapter(HTTPAdapter):
    """Lets `requests` open watched connections, through an HTTP proxy too; a SOCKS proxy keeps its own."""

    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> ConnectionPool:
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        if isinstance(pool, HTTPConnectionPool) and pool.ConnectionCls in _WATCHED:
            pool.ConnectionCls = _WATCHED[pool.ConnectionCls]
            pool.conn_kw["deadline"] = self._deadline
        return pool


_WATCHED: Mapping[type, type[HTTPConnection]] = {
    HTTPConnection: _WatchedConnection,
    HTTPSConnection: _WatchedTLSConnection,
}


def _session(deadline: _Deadline) -> requests.Session:
    session = requests.Session()
    session.auth = _as_it_is
    session.mount("https://", _WatchedAdapter(deadline))
    session.mount("http://", _WatchedAdapter(deadline))
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An "auth" that adds nothing: with one in place, `requests` leaves `.netrc` alone."""
    return request


def _basic(auth: tuple[str, str] | None) -> dict[str, str]:
    if auth is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(":".join(auth).encode()).decode()}


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers`, once they can be sent: what `requests` would say of one that cannot shows its value."""
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise ValueError(f"the header {name} takes printable ASCII only")
    return dict(headers)
