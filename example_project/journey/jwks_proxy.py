"""A proxy for the JWKS of the user pool. The journey stops it while the rest of Cognito continues to run."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

import requests

TIMEOUT_SECONDS = 30


class JwksProxy:
    """Serve the JWKS of the URL `source` on another port, until it is stopped."""

    def __init__(self, source: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(source))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://localhost:{self._server.server_port}/jwks.json"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port. A second call does nothing."""
        self._server.shutdown()
        self._server.server_close()

    def is_reachable(self) -> bool:
        """Return whether the port still responds."""
        try:
            requests.get(self.url, timeout=TIMEOUT_SECONDS)
        except requests.ConnectionError:
            return False
        return True


def _handler(source: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # without keep-alive: an open connection would survive `stop`

        def do_GET(self) -> None:
            body = requests.get(source, timeout=TIMEOUT_SECONDS).content
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: the terminal shows the output of the journey only."""

    return Handler
