"""A site behind a real server on 127.0.0.1, for as long as a `with` block lasts."""

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
from ..tokens import PEOPLE, Scene

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
SYNC = next(iter(KINDS))


@dataclass(frozen=True)
class Memory:
    """What a worker holds, in MiB: all of it, and with what it shares counted in parts."""

    rss: float
    pss: float


class Server:
    """The server; it answers requests once `with` is entered."""

    def __init__(self, kind: str, site: str, scene: Scene) -> None:
        self._scene, port = scene, _free_port()
        self.url = f"http://127.0.0.1:{port}/hello/"
        command = [sys.executable, "-m", *(word.format(port=port) for word in KINDS[kind])]
        environment = {**os.environ, "BENCHMARK_SITE": site, "BENCHMARK_SCENE": scene.folder}
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

    def memory(self) -> list[Memory]:
        """Of each worker."""
        return [_memory(pid) for pid in _children(self._process.pid) if _is_worker(pid)]

    def _wait(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                return self._get(0)
            except (OSError, HTTPException):
                time.sleep(0.1)
        raise RuntimeError(f"no answer from {self.url}")

    def _warm_up(self) -> None:
        """Every worker sees every person's token."""
        for turn in range(2 * WORKERS):
            for person in range(PEOPLE):
                self._get(person, turn)

    def _get(self, person: int, turn: int = 0) -> None:
        raw = self._scene.tokens[person]
        request = urllib.request.Request(self.url, headers={"authorization": f"Bearer {raw}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_worker(pid: int) -> bool:
    """uvicorn has a child that only keeps track of semaphores."""
    return "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()


def _memory(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    rss, pss = (int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M)[1]) / 1_024 for name in ("Rss", "Pss"))  # type: ignore[index]
    return Memory(rss, pss)
