"""Who was connected to: counted where connections are made, so that no answer and no mock can hide one."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

_LISTENING: list["Connections"] = []


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


def stay_on_this_machine() -> None:
    """From here on refuse connections to anywhere else, loudly: an OSError could pass for an outage in a test of one.

    By the methods themselves and not by an audit hook in Python: while one runs, another thread's trace function cannot
    be installed (CPython 3.11), and coverage installs one in each thread.
    """
    if not hasattr(socket.socket.connect, "__wrapped__"):
        for name in ("connect", "connect_ex"):
            setattr(socket.socket, name, _watched_connect(getattr(socket.socket, name)))
        socket.getaddrinfo = _watched_lookup(socket.getaddrinfo)


def _watched_connect(real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def connect(self: socket.socket, address: Any, /) -> Any:
        if isinstance(address, tuple):  # else a file's name
            for seen in _LISTENING:
                seen.addresses.append(address[:2])
            if not _is_here(address[0]):
                raise RuntimeError(f"a test reaches out to {address[0]}; tests stay on this machine")
        return real(self, address)

    return connect


def _watched_lookup(real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None:
            for seen in _LISTENING:
                seen.names.append(host.decode() if isinstance(host, bytes) else host)
        return real(host, *args, **kwargs)

    return getaddrinfo
