"""A site on a real server on 127.0.0.1, which a `with` statement starts and stops."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Self

from ..rounds import PROJECT
from ..tokens import USERS, Scenario

WORKERS = 2
_START_SECONDS = 60
_GUNICORN = ("gunicorn", "benchmarks.site.wsgi:application", f"--workers={WORKERS}", "--log-level=critical")
KINDS = {
    f"gunicorn, {WORKERS} sync workers": (*_GUNICORN, "--bind=127.0.0.1:{port}"),
    f"gunicorn, {WORKERS} gthread workers": (
        *_GUNICORN, "--bind=127.0.0.1:{port}", "--worker-class=gthread", "--threads=4",
    ),
    f"uvicorn, {WORKERS} workers": (
        "uvicorn", "benchmarks.site.asgi:application", f"--workers={WORKERS}", "--host=127.0.0.1", "--port={port}",
        "--log-level=critical", "--no-access-log", "--lifespan=off",
    ),
}  # fmt: skip
SYNC, GTHREAD, ASGI = KINDS


@dataclass(frozen=True)
class Access:
    """How clients request a site: the path, and a header whose value is a prefix and a line of a file."""

    path: str
    header: str
    prefix: str
    file: str

    def read_headers(self) -> list[dict[str, str]]:
        """Return the header of each user."""
        return [{self.header: f"{self.prefix}{line}"} for line in Path(self.file).read_text().split()[:USERS]]


def use_tokens(scenario: Scenario) -> Access:
    """Return the access of clients that send a bearer token."""
    return Access("/hello/", "Authorization", "Bearer ", f"{scenario.folder}/tokens.txt")


def use_sessions(scenario: Scenario, site: str, path: str) -> Access:
    """Sign all users in at `site`, in a process of its own, and return the access of clients with a session."""
    environment = {**os.environ, "BENCHMARK_SITE": site, "BENCHMARK_SCENARIO": scenario.folder}
    command = [sys.executable, "-m", "benchmarks.site.sessions"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)
    return Access(path, "Cookie", "sessionid=", f"{scenario.folder}/{site}.txt")


@dataclass(frozen=True)
class Memory:
    """The memory of a worker in MiB: resident set size and proportional set size."""

    rss: float
    pss: float


class Server:
    """The server. `with` waits until it responds."""

    def __init__(self, kind: str, site: str, scenario: Scenario, access: Access | None = None) -> None:
        self.access = access or use_tokens(scenario)
        self._headers, port = self.access.read_headers(), _find_free_port()
        self.url = f"http://127.0.0.1:{port}{self.access.path}"
        command = [sys.executable, "-m", *(word.format(port=port) for word in KINDS[kind])]
        environment = {**os.environ, "BENCHMARK_SITE": site, "BENCHMARK_SCENARIO": scenario.folder}
        self._process = subprocess.Popen(command, cwd=PROJECT, env=environment)

    def __enter__(self) -> Self:
        try:
            self._wait()
            self._warm_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def measure_memory(self) -> list[Memory]:
        """Return the memory of each worker."""
        return [_read_memory(pid) for pid in _list_children(self._process.pid) if _is_worker(pid)]

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                return self._get(0)
            except (OSError, HTTPException):
                time.sleep(0.1)
        raise RuntimeError(f"no response from {self.url} within {_START_SECONDS} seconds")

    def _warm_up(self) -> None:
        """Send the header of each user often enough to reach every worker."""
        for _ in range(2 * WORKERS):
            for user_number in range(USERS):
                self._get(user_number)

    def _get(self, user_number: int) -> None:
        request = urllib.request.Request(self.url, headers=self._headers[user_number])
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _list_children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_worker(pid: int) -> bool:
    """Return False for the resource tracker, a child of uvicorn that serves no requests."""
    return "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()


def _read_memory(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rss, pss = (int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1_024 for name in ("Rss", "Pss"))  # type: ignore[index]
    return Memory(rss, pss)
