"""A loopback server that sends scripted responses, valid or not, and records the requests.

    with ScriptedServer(Answer(body=b"{}")) as server:
        ... server.url ... server.requests

Responses are sent in order; the last one is repeated. The server binds to a free port on 127.0.0.1.
"""

import itertools
import json
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Request:
    """A request. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A complete response. `before` is called before the first byte is sent: a gate, a clock, a fork."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Any = None

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send the whole response."""
        if self.before:
            self.before()
        sock.sendall(self.head() + self.body)

    def head(self) -> bytes:
        """Return the status line and the headers. `headers` may replace the body's real length."""
        headers = {"content-length": str(len(self.body)), "connection": "close", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Return a response with a JSON body."""
    return Answer(status, json.dumps(value).encode(), {"content-type": "application/json", **headers})


@dataclass(frozen=True)
class Drip:
    """Sends `head` at once, then `drop` repeatedly with pauses, until the client closes the connection."""

    head: bytes = b""
    drop: bytes = b"x"
    pause_seconds: float = 0.02

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send until the client closes the connection."""
        sock.sendall(self.head)
        while not stopping.wait(self.pause_seconds):
            sock.sendall(self.drop)


@dataclass(frozen=True)
class Silence:
    """Reads the request and never responds."""

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Wait until the client closes the connection."""
        while sock.recv(1024):
            continue


@dataclass(frozen=True)
class Raw:
    """Sends these bytes and closes the connection."""

    data: bytes

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send the bytes."""
        sock.sendall(self.data)


class Flood:
    """Sends `head`, then `chunk` repeatedly without a pause, and counts the bytes that were sent."""

    def __init__(self, head: bytes, chunk: bytes, times: int | None = None) -> None:
        self.head, self.chunk, self.times = head, chunk, times
        self.sent_bytes = 0

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send until the client closes the connection or all chunks are sent."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # bytes in this buffer count as sent
        sock.sendall(self.head)
        for _ in itertools.count() if self.times is None else range(self.times):
            if stopping.is_set():
                return
            sock.sendall(self.chunk)
            self.sent_bytes += len(self.chunk)


@dataclass(frozen=True)
class Reset:
    """Reads the request and resets the connection, as a host does when it restarts."""

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Make the close send RST instead of FIN."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Step = Answer | Drip | Silence | Raw | Flood | Reset


class ScriptedServer:
    """The server, a context manager. `tls` makes it an https server."""

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.owner = self
        self._tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self.script(*steps or (Answer(),))

    def script(self, *steps: Step) -> None:
        """Send `steps` from now on."""
        with self._lock:
            self._steps = list(steps)

    @property
    def url(self) -> str:
        """Return the origin of the server."""
        host, port = self._server.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    @property
    def count(self) -> int:
        """Return the number of requests."""
        return len(self.requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def serve(self, sock: socket.socket) -> None:
        """Read one request from a connection and run one step of the script."""
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                sock.do_handshake()
            request = _read_request(sock)
            self._next(request).send(sock, self._stopping)
        except OSError:  # the client closed the connection, or rejects the certificate
            return
        finally:
            sock.close()

    def _next(self, request: Request) -> Step:
        with self._lock:
            self.requests.append(request)
            return self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    owner: ScriptedServer


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        self.request.settimeout(_TIMEOUT_SECONDS)
        self.server.owner.serve(self.request)


def _read_request(sock: socket.socket) -> Request:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(sock)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65_536)
    if not data:
        raise ConnectionResetError("the client closed the connection")
    return data
