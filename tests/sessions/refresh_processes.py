"""A site of two worker processes with a local Cognito that rotates refresh tokens, and a proxy that delays responses.

`DOMAIN` is the URL of the proxy. The proxy delays a response after Cognito has made it and has rotated the refresh
token.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import requests
from django.db import connection
from django.test import Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser

from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from tests.support.local_cognito import seed_for, settings_for, sign_in_by_hand
from tests.support.scenarios.login import change_login

ROOT = Path(__file__).parents[2]
CLIENT_ID = "3rotating"
_PATIENCE_SECONDS = 300  # enough for the start of the workers on a busy computer


def rotating_seed(grace_seconds: int) -> dict[str, Any]:
    """Return the seed of a local Cognito with an app client that rotates refresh tokens with this grace period."""
    seed = seed_for("http://testserver")
    for client in seed["pools"][0]["clients"]:
        if client["id"] == CLIENT_ID:
            client["rotation_grace_seconds"] = grace_seconds
    return seed


class DelayingProxy:
    """Forwards POST requests to a local Cognito; delays the responses to refreshes on demand. `with` runs it."""

    def __init__(self, emulator: Emulator) -> None:
        self.refreshes: Counter[str] = Counter()  # by refresh token
        self.delayed_count = 0
        self._target = emulator.domain
        self._changed = threading.Condition()
        self._is_delaying = False
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """The proxy's origin."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def start_delaying(self) -> None:
        """Delay the responses to refreshes from now on."""
        with self._changed:
            self._is_delaying, self.delayed_count = True, 0

    def wait_until_delayed(self, count: int) -> None:
        """Wait until at least `count` responses are delayed."""
        with self._changed:
            is_reached = self._changed.wait_for(lambda: self.delayed_count >= count, _PATIENCE_SECONDS)
            assert is_reached, f"{self.delayed_count} responses are delayed"

    def release(self) -> None:
        """Send the delayed responses to the clients that still wait, and stop delaying."""
        with self._changed:
            self._is_delaying = False
            self._changed.notify_all()

    def forward(self, path: str, body: bytes) -> requests.Response:
        """Return Cognito's response as soon as it may be sent."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = requests.post(self._target + path, data=body, headers=headers, timeout=_PATIENCE_SECONDS)
        form = parse_qs(body.decode())
        if form.get("grant_type") == ["refresh_token"]:
            with self._changed:
                self.refreshes[form["refresh_token"][0]] += 1
                if self._is_delaying:
                    self.delayed_count += 1
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: not self._is_delaying, _PATIENCE_SECONDS)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128  # with 5, the default, a busy computer lets connections wait for a second


def _handler_of(proxy: DelayingProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = proxy.forward(self.path, body)
            with suppress(OSError):  # the worker is dead, or has stopped waiting
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

    return Handler


class Site:
    """Gunicorn workers of eight threads; the browsers are sessions of this process."""

    def __init__(self, port: int, pids: Path, leases: Path) -> None:
        self._port = port
        self._pids = pids
        self._leases = leases

    def get(self, client: Client) -> tuple[int, str]:
        """Return the status and the body of `/who/` for a browser's session; (0, "") if the worker died."""
        headers = {"Cookie": f"sessionid={client.cookies['sessionid'].value}", "Host": "testserver"}
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_SECONDS)) as to_site:
            try:
                to_site.request("GET", "/who/", headers=headers)
                response = to_site.getresponse()
                return response.status, response.read().decode()
            except (OSError, HTTPException):
                return 0, ""

    def get_all(self, clients: list[Client]) -> list[tuple[int, str]]:
        """Return the status and the body for each browser, requested at the same time."""
        with ThreadPoolExecutor(len(clients)) as pool:
            return list(pool.map(self.get, clients))

    def kill_workers(self) -> int:
        """Kill each worker that has a request, by SIGKILL; return their number."""
        pids = {int(line) for line in self._pids.read_text().split()}
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self._pids.write_text("")
        return len(pids)

    def kill_worker(self) -> None:
        """Kill the worker that has had the most recent request, by SIGKILL."""
        pids = self._pids.read_text().split()
        self.reset_requests()
        if pids:
            with suppress(ProcessLookupError):
                os.kill(int(pids[-1]), signal.SIGKILL)

    def count_leases(self) -> Counter[str]:
        """Return how many leases each login has had, by its id."""
        return Counter(self._leases.read_text().split())

    def reset_requests(self) -> None:
        """Reset the list of workers that have had requests."""
        self._pids.write_text("")


@contextmanager
def running_site(
    emulator: Emulator,
    proxy: DelayingProxy,
    directory: Path,
    token_timeout: float,
    *,
    options: Sequence[str] = (),
    module: str = "tests.support.gunicorn_with_imports",
) -> Iterator[Site]:
    """Run the site on a free port, with two workers or other `options` of gunicorn; stop it by the id of its master."""
    pids, leases = directory / "pids", directory / "leases"
    pids.touch()
    leases.touch()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        variables = {
            "DJANGO_SETTINGS_MODULE": "tests.sessions.refresh_site",
            "REFRESH_SITE_DATABASE": str(connection.settings_dict["NAME"]),
            "REFRESH_SITE_ISSUER": emulator.issuer(settings_for(emulator)["USER_POOL_ID"]),
            "REFRESH_SITE_DOMAIN": proxy.url,
            "REFRESH_SITE_TOKEN_TIMEOUT": str(token_timeout),
            "REFRESH_SITE_PIDS": str(pids),
            "REFRESH_SITE_LEASES": str(leases),
            "PYTHONPATH": str(ROOT),
        }
        defaults = ["--workers=2", "--threads=8", f"--timeout={_PATIENCE_SECONDS}", "--log-level=critical"]
        command = [sys.executable, "-m", module, *defaults, *options, f"--bind=fd://{listening.fileno()}"]
        process = subprocess.Popen(
            [*command, "tests.sessions.refresh_wsgi"],
            env={**os.environ, **variables},
            cwd=ROOT,
            pass_fds=[listening.fileno()],
        )
        try:
            yield Site(listening.getsockname()[1], pids, leases)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(60)


def sign_in_browsers(emulator: Emulator, expiries: list[float]) -> list[Client]:
    """Sign alice in once for each item, with tokens that expire after so many seconds; return the browsers."""
    clients = []
    for ends_in in expiries:
        client = Client()
        with Browser(emulator) as browser:  # type: ignore[arg-type]
            sign_in_by_hand(browser, client)
        change_login(login_in(client), ends_in=ends_in)
        clients.append(client)
    return clients


def login_in(client: Client) -> CognitoLogin:
    """Return the browser's login. Raises SignInError if it has ended."""
    return store.load_login(client.session)


@contextmanager
def delayed_refreshes(site: Site, proxy: DelayingProxy, clients: list[Client]) -> Iterator[list[tuple[int, str]]]:
    """Let a request of each browser refresh its tokens, and delay Cognito's responses while the block runs.

    Yield a list that has the responses to the browsers after the block.
    """
    answers: list[tuple[int, str]] = []
    proxy.start_delaying()
    site.reset_requests()
    requests_thread = threading.Thread(target=lambda: answers.extend(site.get_all(clients)))
    requests_thread.start()
    try:
        proxy.wait_until_delayed(len(clients))
        yield answers
        requests_thread.join(_PATIENCE_SECONDS)
    finally:
        proxy.release()
        requests_thread.join(_PATIENCE_SECONDS)
