"""Child processes that live and end together. Knows nothing of what they do."""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

UP_WITHIN_SECONDS = 90  # a cold start on a busy laptop
# All get the signal at once; a process that needs longer is killed.
STOP_WITHIN_SECONDS = 3
LOOK_EVERY_SECONDS = 0.1


class ChildEndedError(Exception):
    """A child ended that should not have, or failed; the message says which, how, and what it wrote last."""


class Processes:
    """Starts children, each with a log file of its own; as a context manager, stops all of them on the way out.

    They stay in our process group: a Ctrl-C in the terminal reaches them even if we have been killed.
    """

    def __init__(self, log_dir: Path, *, stop_within_seconds: float = STOP_WITHIN_SECONDS) -> None:
        self.log_dir = log_dir
        self._stop_within_seconds = stop_within_seconds
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        # SIGTERM ends us as Ctrl-C does, through every `finally` and `with`.
        self._sigterm = signal.signal(signal.SIGTERM, signal.default_int_handler)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sigint = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave a process behind
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _stop(list(self._children.values()), self._stop_within_seconds)
        signal.signal(signal.SIGINT, sigint)
        signal.signal(signal.SIGTERM, self._sigterm)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start a child and return at once."""
        with self.log(name).open("wb") as log:
            self._children[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a child to its end. Raises ChildEndedError if that is not a good one."""
        self.start(name, command, environment)
        if self._children[name].wait() != 0:
            raise self._ended(name)
        del self._children[name]

    def wait_for(self, name: str, url: str) -> None:
        """Wait until `url`, which the child `name` serves, answers. Raises ChildEndedError if it ends or never does."""
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not _is_up(url):
            self._require_alive(name)
            if time.monotonic() > deadline:
                raise ChildEndedError(f"{name} does not answer at {url} after {UP_WITHIN_SECONDS} s.{self._tail(name)}")
            time.sleep(LOOK_EVERY_SECONDS)
        self._require_alive(name)  # otherwise another process responded

    def watch(self) -> None:
        """Wait for as long as all children live. Raises ChildEndedError when one ends."""
        while True:
            for name in self._children:
                self._require_alive(name)
            time.sleep(LOOK_EVERY_SECONDS)

    def pid(self, name: str) -> int:
        """The process id of the child `name`."""
        return self._children[name].pid

    def log(self, name: str) -> Path:
        """Where the child `name` writes to."""
        return self.log_dir / f"{name}.log"

    def _require_alive(self, name: str) -> None:
        if self._children[name].poll() is not None:
            raise self._ended(name)

    def _ended(self, name: str) -> ChildEndedError:
        return ChildEndedError(f"{name} ended with code {self._children[name].returncode}.{self._tail(name)}")

    def _tail(self, name: str) -> str:
        lines = self.log(name).read_text(errors="replace").splitlines()[-15:]
        return "".join(f"\n  | {line}" for line in [f"(the end of {self.log(name)})", *lines])


def _is_up(url: str) -> bool:
    try:
        return requests.get(url, timeout=2, allow_redirects=False).ok
    except requests.RequestException:
        return False


def _stop(children: Sequence[subprocess.Popen[bytes]], within_seconds: float) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + within_seconds
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        child.kill()
        child.wait()
