"""Start and stop child processes together. This module does not depend on what the processes do."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

START_TIMEOUT_SECONDS = 300  # enough for a first start on a busy computer; a process that exits is reported at once
# All processes get SIGTERM at the same time. A process that needs longer than this is killed.
STOP_TIMEOUT_SECONDS = 3
POLL_INTERVAL_SECONDS = 0.1


class ChildExitedError(Exception):
    """A child process exited unexpectedly or failed. The message has its name, exit code and last log lines."""


class Processes:
    """The child processes, each with its own log file. The context manager stops all of them on exit.

    They stay in the process group of this process: Ctrl-C in the terminal reaches them even if this process was
    killed.
    """

    def __init__(self, log_dir: Path, *, stop_timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> None:
        self.log_dir = log_dir
        self._stop_timeout_seconds = stop_timeout_seconds
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        # SIGTERM raises KeyboardInterrupt, as Ctrl-C does, so every `finally` and `with` block runs.
        self._sigterm = signal.signal(signal.SIGTERM, signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sigint = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the clean-up
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(list(self._children.values()), self._stop_timeout_seconds)
        signal.signal(signal.SIGINT, sigint)
        signal.signal(signal.SIGTERM, self._sigterm)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a child process and return immediately."""
        with self.log_path(name).open("wb") as log:
            self._children[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a child process and wait until it exits. Raise ChildExitedError if its exit code is not 0."""
        self.start(name, command, environment)
        if self._children[name].wait() != 0:
            raise self._exit_error(name)
        del self._children[name]

    def wait_for(self, name: str, url: str) -> None:
        """Wait until the child process `name` responds at `url`. Raise ChildExitedError if it does not."""
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_responding(url):
            self._check_running(name)
            if time.monotonic() > deadline:
                raise ChildExitedError(
                    f"{name} does not respond at {url} after {START_TIMEOUT_SECONDS} s.{self._log_tail(name)}"
                )
            time.sleep(POLL_INTERVAL_SECONDS)
        self._check_running(name)  # otherwise another process responded

    def watch(self) -> None:
        """Wait while all child processes run. Raise ChildExitedError when one exits."""
        while True:
            for name in self._children:
                self._check_running(name)
            time.sleep(POLL_INTERVAL_SECONDS)

    def get_pid(self, name: str) -> int:
        """Return the process id of the child process `name`."""
        return self._children[name].pid

    def log_path(self, name: str) -> Path:
        """Return the path of the log file of the child process `name`."""
        return self.log_dir / f"{name}.log"

    def _check_running(self, name: str) -> None:
        if self._children[name].poll() is not None:
            raise self._exit_error(name)

    def _exit_error(self, name: str) -> ChildExitedError:
        return ChildExitedError(f"{name} exited with code {self._children[name].returncode}.{self._log_tail(name)}")

    def _log_tail(self, name: str) -> str:
        lines = self.log_path(name).read_text(errors="replace").splitlines()[-15:]
        return "".join(f"\n  | {line}" for line in [f"(end of {self.log_path(name)})", *lines])


def _is_responding(url: str) -> bool:
    try:
        return requests.get(url, timeout=20, allow_redirects=False).ok
    except requests.RequestException:
        return False


def _stop(children: Sequence[subprocess.Popen[bytes]], timeout_seconds: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + timeout_seconds
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        child.kill()
        child.wait()
