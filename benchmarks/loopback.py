"""A server on 127.0.0.1 with a pool's JWKS, userInfo and token endpoints. Counts the requests of each path.

For a time it can be slow or refuse connections, as Cognito in an outage.
"""

import base64
import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from .tokens import Scenario


class Loopback:
    """The server. `with` starts and stops it."""

    def __init__(self, scenario: Scenario) -> None:
        self.requests: Counter[str] = Counter()
        self.refreshes: list[tuple[int, float]] = []  # the refresh token, a number, and `time.perf_counter()`
        self._keys = json.dumps(scenario.jwks).encode()
        self._rejected_tokens = frozenset(scenario.rejected_tokens.values())
        self._sign_ins = scenario.sign_ins
        self._lock = threading.Lock()
        self._delay_seconds = 0.0
        self._is_fast = threading.Event()
        # Bound, but not listening: while the server refuses connections, no other process gets its port.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.bind(("127.0.0.1", 0))

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop()
        self._reservation.close()

    @contextmanager
    def respond_slowly(self, seconds: float) -> Iterator[None]:
        """Delay each response by `seconds` in the block. The responses that wait at its end are sent then."""
        self._is_fast.clear()
        self._delay_seconds = seconds
        try:
            yield
        finally:
            self._delay_seconds = 0.0
            self._is_fast.set()

    @contextmanager
    def refuse_connections(self) -> Iterator[None]:
        """Refuse connections in the block."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    @property
    def origin(self) -> str:
        """The origin of its URLs."""
        return f"http://127.0.0.1:{self._reservation.getsockname()[1]}"

    def wait(self) -> None:
        """Wait as long as the next response is delayed."""
        if self._delay_seconds:
            self._is_fast.wait(self._delay_seconds)

    def refresh(self, path: str, body: str) -> tuple[int, bytes]:
        """Return the response of the token endpoint: the tokens with the number that is the refresh token."""
        number = int(parse_qs(body)["refresh_token"][0])
        with self._lock:
            self.requests[path] += 1
            self.refreshes.append((number, time.perf_counter()))
        access, identity = self._sign_ins[number]
        tokens = {"access_token": access, "id_token": identity, "token_type": "Bearer", "expires_in": 3_600}
        return 200, json.dumps(tokens).encode()

    def respond(self, path: str, authorization: str) -> tuple[int, bytes]:
        """Return the status and the body of a response."""
        with self._lock:
            self.requests[path] += 1
        if path.endswith("jwks.json"):
            return 200, self._keys
        raw = authorization.removeprefix("Bearer ")
        if raw in self._rejected_tokens:
            return 401, b"{}"
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(raw.split(".")[1] + "=="))
        user = {"sub": claims["sub"], "username": claims["username"], "email": f"{claims['sub']}@example.com"}
        return 200, json.dumps({**user, "email_verified": "true"}).encode()

    def _start(self) -> None:
        self._server = _Server(self._reservation.getsockname(), _Handler)
        self._server.owner = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    owner: Loopback

    def handle_error(self, *args: Any) -> None:
        """Print nothing if the client has closed the connection: clients do not wait for a slow response."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*args)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(*self.server.owner.respond(self.path, self.headers.get("authorization", "")))

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        self._send(*self.server.owner.refresh(self.path, form))

    def _send(self, status: int, body: bytes) -> None:
        self.server.owner.wait()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 401:
            self.send_header("www-authenticate", 'Bearer error="invalid_token", error_description="invalid token"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the requests are counted."""
