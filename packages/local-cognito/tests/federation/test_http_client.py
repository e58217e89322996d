"""Requests to an identity provider: timeout, size, redirects, proxies, and which URLs are requested."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cognito.federation import http_client
from local_cognito.federation.http_client import send_request
from local_cognito_support.scripted_server import Answer, Drip, ScriptedServer, Silence


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def test_redirect_is_returned_and_not_followed(server: ScriptedServer) -> None:
    with ScriptedServer() as target:
        server.script(Answer(302, headers={"location": target.url}))
        assert send_request("GET", server.url).status == 302
        assert target.count == 0


def test_request_without_response_ends_after_the_timeout(server: ScriptedServer) -> None:
    server.script(Silence())
    started_at = time.monotonic()
    with pytest.raises(OSError, match="timed out"):
        send_request("GET", server.url, timeout_seconds=0.2)
    assert time.monotonic() - started_at < 10


def test_slow_body_ends_after_the_timeout(server: ScriptedServer) -> None:
    server.script(Drip(head=b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"))
    with pytest.raises(TimeoutError, match="did not arrive in time"):
        send_request("GET", server.url, timeout_seconds=0.3)


def test_large_body_is_an_error(server: ScriptedServer) -> None:
    server.script(Answer(body=b"x" * (http_client.MAX_BYTES + 1)))
    with pytest.raises(OSError, match="larger than"):
        send_request("GET", server.url)


def test_cut_body_is_an_error(server: ScriptedServer) -> None:
    server.script(Answer(body=b"x", headers={"content-length": "5"}))
    with pytest.raises(OSError, match="broke off"):
        send_request("GET", server.url)


@pytest.mark.parametrize(
    "url",
    ["http://idp.example/", "http://localhost.example/", "http://user@localhost/", "ftp://localhost/", "localhost", ""],
)
def test_url_that_is_neither_https_nor_loopback_is_not_requested(url: str) -> None:
    with pytest.raises(ValueError, match="must be https"):
        send_request("GET", url)


def test_loopback_is_requested_without_proxy_and_netrc(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert send_request("GET", server.url).status == 200
        assert proxy.count == 0
    assert "authorization" not in server.requests[0].headers


def test_response_shows_no_body(server: ScriptedServer) -> None:
    server.script(Answer(body=b'{"id_token": "raw"}'))
    response = send_request("POST", server.url, data={"code": "x"})
    assert response.json() == {"id_token": "raw"}
    assert "raw" not in repr(response)
