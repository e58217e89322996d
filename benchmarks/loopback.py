"""A server on 127.0.0.1 with a pool's JWKS, userInfo and token endpoints. Counts the requests of each path."""

import base64
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs

from .tokens import Scenario


class Loopback:
    """The server. `with` starts and stops it."""

    def __init__(self, scenario: Scenario) -> None:
        self.requests: Counter[str] = Counter()
        self._keys = json.dumps(scenario.jwks).encode()
        self._rejected_tokens = frozenset(scenario.rejected_tokens.values())
        self._sign_ins = scenario.sign_ins
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def origin(self) -> str:
        """The origin of its URLs."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def refresh(self, path: str, body: str) -> tuple[int, bytes]:
        """Return the response of the token endpoint: the tokens with the number that is the refresh token."""
        with self._lock:
            self.requests[path] += 1
        access, identity = self._sign_ins[int(parse_qs(body)["refresh_token"][0])]
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


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    owner: Loopback


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(*self.server.owner.respond(self.path, self.headers.get("authorization", "")))

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        self._send(*self.server.owner.refresh(self.path, form))

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 401:
            self.send_header("www-authenticate", 'Bearer error="invalid_token", error_description="invalid token"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the requests are counted."""
