"""Who was connected to: counted where connections are made, so that no answer and no mock can hide one."""

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

_LISTENING: list["Connections"] = []
_CONNECTED, _ASKED_FOR = "socket.connect", "socket.getaddrinfo"


class Connections:
    """The attempts to connect that this process has made while it was watched, and the names that it looked up."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.names: list[str] = []

    def to(self, url: str) -> int:
        """How often the origin of `url` was to be connected to, refusals included."""
        parts = urlsplit(url)
        return self.addresses.count((str(parts.hostname), int(parts.port or 0)))

    @property
    def abroad(self) -> list[str]:
        """Hosts other than this machine that were to be reached, or looked up."""
        return [host for host in (*(host for host, _ in self.addresses), *self.names) if not _is_here(host)]


@contextmanager
def watched() -> Iterator[Connections]:
    """Watch the connections of this process."""
    if not _LISTENING:
        _install_once()
    seen = Connections()
    _LISTENING.append(seen)
    try:
        yield seen
    finally:
        _LISTENING.remove(seen)


@contextmanager
def full_backlog() -> Iterator[str]:
    """An origin that answers no SYN: the queue of its listener is full, and nobody accepts."""
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(64):
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0.1)
            try:
                waiting.connect(listener.getsockname())
            except TimeoutError:
                break
        else:
            raise AssertionError("the queue takes whoever comes")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _install_once() -> None:
    if not getattr(_install_once, "done", False):
        _install_once.done = True  # type: ignore[attr-defined]
        sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _LISTENING:
        return
    if event == _CONNECTED and isinstance(arguments[1], tuple):
        for seen in _LISTENING:
            seen.addresses.append(arguments[1][:2])
    elif event == _ASKED_FOR and arguments[0] is not None:
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
        for seen in _LISTENING:
            seen.names.append(host)
