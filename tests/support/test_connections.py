"""Connections to other hosts are refused and recorded."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from .connections import watched

ABROAD = ("192.0.2.1", 443)  # RFC 5737: reserved for documentation


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
def test_connection_to_another_host_raises_and_is_recorded(reach: Callable[[], Any]) -> None:
    with watched() as record, pytest.raises(RuntimeError, match=r"connects to 192\.0\.2\.1"):
        reach()
    assert ABROAD in record.addresses
    assert "192.0.2.1" in record.abroad


def test_loopback_connection_is_made_and_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, watched() as record:
        address = server.getsockname()
        socket.create_connection(address).close()
        socket.getaddrinfo(b"localhost", 80)
    assert record.to(f"http://127.0.0.1:{address[1]}") == 1
    assert record.names[-1] == "localhost"
    assert record.abroad == []
