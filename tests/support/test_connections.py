"""No test reaches out, and what was to be reached is known to whoever watches."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from .connections import watched

ABROAD = ("192.0.2.1", 443)  # RFC 5737: nobody's


def by_socket(connect: Callable[..., Any]) -> None:
    with socket.socket() as client:
        connect(client, ABROAD)


def by_asyncio() -> None:
    asyncio.run(asyncio.wait_for(asyncio.open_connection(*ABROAD), 5))


@pytest.mark.parametrize(
    "reach",
    [
        lambda: by_socket(socket.socket.connect),
        lambda: by_socket(socket.socket.connect_ex),
        by_asyncio,
    ],
    ids=["connect", "connect_ex", "asyncio"],
)
def test_a_connection_to_anywhere_else_is_refused_loudly_and_known(reach: Callable[[], Any]) -> None:
    with watched() as seen, pytest.raises(RuntimeError, match=r"reaches out to 192\.0\.2\.1"):
        reach()
    assert ABROAD in seen.addresses
    assert "192.0.2.1" in seen.abroad


def test_what_is_here_is_reached_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, watched() as seen:
        here = server.getsockname()
        socket.create_connection(here).close()
        socket.getaddrinfo(b"localhost", 80)
    assert seen.to(f"http://127.0.0.1:{here[1]}") == 1
    assert seen.names[-1] == "localhost"
    assert seen.abroad == []
