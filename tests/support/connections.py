"""Count connections in the socket module, so that neither a response nor a mock can hide one."""

import ipaddress
import math
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

import pytest

_LISTENING: list["Connections"] = []


class Connections:
    """The connection attempts and name lookups of this process while it is observed."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.names: list[str] = []

    def to(self, url: str) -> int:
        """Return the number of connection attempts to the origin of `url`, refused ones included."""
        parts = urlsplit(url)
        return self.addresses.count((str(parts.hostname), int(parts.port or 0)))

    @property
    def abroad(self) -> list[str]:
        """Return the hosts other than loopback that were connected to or looked up."""
        return [host for host in (*(host for host, _ in self.addresses), *self.names) if not _is_loopback(host)]


@contextmanager
def watched() -> Iterator[Connections]:
    """Observe the connections of this process."""
    seen = Connections()
    _LISTENING.append(seen)
    try:
        yield seen
    finally:
        _LISTENING.remove(seen)


@contextmanager
def full_backlog() -> Iterator[str]:
    """Yield an origin that answers no SYN: the queue of its listener is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(64):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.1)
            try:
                waiting.connect(listener.getsockname())
            except TimeoutError:
                break
        else:
            raise AssertionError("the queue accepts every connection")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def impatient(origin: str) -> Iterator[list[float]]:
    """End each attempt to connect to `origin` after 0.1 s; yield the seconds that the attempts would have had."""
    seconds: list[float] = []
    connect = socket.socket.connect

    @wraps(connect)
    def connect_briefly(self: socket.socket, address: Any, /) -> Any:
        if isinstance(address, tuple) and address[1] == urlsplit(origin).port:
            seconds.append(self.gettimeout() or math.inf)
            self.settimeout(0.1)
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket.socket, "connect", connect_briefly)
        yield seconds


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def stay_on_this_machine() -> None:
    """Refuse connections to other hosts with a RuntimeError: an OSError could look like an outage.

    It replaces the methods. An audit hook in Python would not work: while one runs, no trace function can be
    installed in another thread (CPython 3.11), and coverage installs one in each thread.
    """
    if not hasattr(socket.socket.connect, "__wrapped__"):
        for name in ("connect", "connect_ex"):
            setattr(socket.socket, name, _watched_connect(getattr(socket.socket, name)))
        socket.getaddrinfo = _watched_lookup(socket.getaddrinfo)


def _watched_connect(real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def connect(self: socket.socket, address: Any, /) -> Any:
        if isinstance(address, tuple):  # else the path of a Unix socket
            for record in _LISTENING:
                record.addresses.append(address[:2])
            if not _is_loopback(address[0]):
                raise RuntimeError(f"a test connects to {address[0]}; tests use loopback only")
        return real(self, address)

    return connect


def _watched_lookup(real: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(real)
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None:
            for record in _LISTENING:
                record.names.append(host.decode() if isinstance(host, bytes) else host)
        return real(host, *args, **kwargs)

    return getaddrinfo
