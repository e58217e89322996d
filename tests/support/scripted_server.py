"""A loopback server that answers as it is told, well or badly, and remembers what it was asked.

    with ScriptedServer(Answer(body=b"{}")) as server:
        ... server.url ... server.requests

Answers are given in their order, the last one again and again. It binds to 127.0.0.1, on a port of its own.
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

from .timeouts import HTTP_TIMEOUT_SECONDS


@dataclass(frozen=True)
class Request:
    """What a client sent. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An answer, sent whole. `before` is called before a byte of it is sent: a gate, a clock, a fork."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Any = None

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send it all."""
        if self.before:
            self.before()
        sock.sendall(self.head() + self.body)

    def head(self) -> bytes:
        """The status line and the headers, with the body's true length unless another one is given."""
        headers = {"content-length": str(len(self.body)), "connection": "close", **self.headers}
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(value).encode(), {"content-type": "application/json", **headers})


@dataclass(frozen=True)
class Drip:
    """Sends `head` at once, then `drop` again and again with a pause between, until the client goes away."""

    head: bytes = b""
    drop: bytes = b"x"
    pause_seconds: float = 0.02

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Drip."""
        sock.sendall(self.head)
        while not stopping.wait(self.pause_seconds):
            sock.sendall(self.drop)


@dataclass(frozen=True)
class Silence:
    """Takes the request and never answers."""

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Wait until the client goes away."""
        while sock.recv(1024):
            continue


@dataclass(frozen=True)
class Raw:
    """Sends these bytes and ends the connection."""

    data: bytes

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send them."""
        sock.sendall(self.data)


class Flood:
    """Sends `head`, then `chunk` again and again without a pause, and counts what the client took of it."""

    def __init__(self, head: bytes, chunk: bytes, times: int | None = None) -> None:
        self.head, self.chunk, self.times = head, chunk, times
        self.sent_bytes = 0

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Send until the client goes away, or has had all of it."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)  # what waits here counts as taken
        sock.sendall(self.head)
        for _ in itertools.count() if self.times is None else range(self.times):
            if stopping.is_set():
                return
            sock.sendall(self.chunk)
            self.sent_bytes += len(self.chunk)


@dataclass(frozen=True)
class Reset:
    """Takes the request and breaks the connection off, as a machine does that restarts."""

    def send(self, sock: socket.socket, stopping: threading.Event) -> None:
        """Let closing send RST rather than FIN."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Step = Answer | Drip | Silence | Raw | Flood | Reset


class ScriptedServer:
    """The server; `with` starts and stops it. `tls` makes it an https server."""

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
        """Answer with `steps` from now on."""
        with self._lock:
            self._steps = list(steps)

    @property
    def url(self) -> str:
        """The server's origin."""
        host, port = self._server.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    @property
    def count(self) -> int:
        """How many requests have come."""
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
        """One connection: one request, one step of the script."""
        try:
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
                sock.do_handshake()
            request = _read_request(sock)
            self._next(request).send(sock, self._stopping)
        except OSError:  # the client has gone, or refuses our certificate
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
        self.request.settimeout(HTTP_TIMEOUT_SECONDS)
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
        raise ConnectionResetError("the client has gone")
    return data
