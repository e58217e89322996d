"""Limits of one call: bytes read, compression, retries and errors, for any response."""

import errno
import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from local_cognito_support.scripted_server import Answer, Flood, Raw, Reset, ScriptedServer, Silence, Step

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.core.http.client import Http
from django_cognito.core.http.deadline import Deadline
from tests.support.certificates import Authority
from tests.support.connections import full_backlog, impatient, watched
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS, patient_http

KIB, MIB = 1024, 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
LONG_HEADER = b"x: " + b"x" * (32 * KIB) + b"\r\n"
COMPRESSED = gzip.compress(b'{"keys": []}')


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        yield started


FLOODS: dict[str, Callable[[], Flood]] = {
    "headers": lambda: Flood(OK, LONG_HEADER),
    "headers of 1 KiB": lambda: Flood(OK, b"x: " + b"x" * (KIB - 5) + b"\r\n"),
    "interim responses": lambda: Flood(b"", b"HTTP/1.1 100 Continue\r\n" + LONG_HEADER + b"\r\n"),
    "framing of chunks": lambda: Flood(CHUNKED, b"1;" + b"x" * KIB + b"\r\nx\r\n"),
    "trailers": lambda: Flood(CHUNKED + b"0\r\n", LONG_HEADER),
    "a body": lambda: Flood(OK + b"\r\n", b" " * (64 * KIB)),
    "a redirect's body": lambda: Flood(b"HTTP/1.1 302 Found\r\nlocation: /x\r\n\r\n", b" " * (64 * KIB)),
    "an error's body": lambda: Flood(b"HTTP/1.1 400 Oh\r\n\r\n", b" " * (64 * KIB)),
}


@pytest.mark.parametrize("make_flood", FLOODS.values(), ids=FLOODS)
def test_endless_response_is_stopped_without_retry(server: ScriptedServer, make_flood: Callable[[], Flood]) -> None:
    flood = make_flood()
    server.script(flood)
    assert peak_bytes_of_failure(server.url, "responded with more than") < MIB
    assert flood.sent_bytes < 8 * MIB  # the bytes read; the rest is in socket buffers
    assert server.count == 1


def test_endless_response_of_a_proxy_is_stopped(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    flood = Flood(OK, LONG_HEADER)
    server.script(flood)
    assert peak_bytes_of_failure("https://cognito.example/", "cognito.example responded with more than") < MIB
    assert flood.sent_bytes < 8 * MIB


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b"x" * 64_000, headers={"x": "y" * 12_000}), id="long headers"),
        pytest.param(Raw(CHUNKED + b"3e8\r\n" + b"x" * 1_000 + b"\r\n0\r\n\r\n"), id="chunks"),
        pytest.param(Raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK + b"\r\nx"), id="interim responses"),
    ],
)
def test_response_of_usual_size_is_within_the_limits(server: ScriptedServer, answer: Step) -> None:
    server.script(answer)
    assert set(patient_http().request("GET", server.url).body) == {ord("x")}


def test_size_limit_applies_to_each_attempt(server: ScriptedServer) -> None:
    server.script(Answer(503, b"x" * 65_536), Answer(200, b"x" * 65_536))
    assert len(patient_http().request("GET", server.url, attempts=2).body) == 65_536


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"])
def test_compressed_body_is_refused(server: ScriptedServer, coding: str) -> None:
    server.script(Answer(200, COMPRESSED, {"content-encoding": coding}))
    with pytest.raises(CognitoUnavailableError, match=r"responded with a compressed body$"):
        patient_http().request("GET", server.url)


def test_compressed_body_with_two_headers_is_refused(server: ScriptedServer) -> None:
    server.script(Raw(OK + b"content-encoding: identity\r\nContent-Encoding: gzip\r\n\r\n" + COMPRESSED))
    with pytest.raises(CognitoUnavailableError, match="compressed"):
        patient_http().request("GET", server.url)


@pytest.mark.parametrize("coding", ["identity", "Identity", ""])
def test_content_encoding_identity_is_accepted(server: ScriptedServer, coding: str) -> None:
    server.script(Answer(200, b"{}", {"content-encoding": coding}))
    assert patient_http().request("GET", server.url).json() == {}


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("status", [200, 302, 400, 503])
def test_compressed_body_is_never_decompressed(server: ScriptedServer, status: int, layers: int) -> None:
    headers = {"content-encoding": ", ".join(["gzip"] * layers), "location": "/x"}
    server.script(Answer(status, _compress(layers), headers))
    assert peak_bytes_of_failure(server.url, "responded with") < MIB


@cache
def _compress(layers: int) -> bytes:
    """Return 20 MiB, compressed that many times."""
    return gzip.compress(_compress(layers - 1) if layers > 1 else b"\0" * (20 * MIB), mtime=0)


def test_gzip_body_without_content_encoding_is_unchanged(server: ScriptedServer) -> None:
    server.script(Answer(200, COMPRESSED, {"content-type": "application/gzip"}))
    assert patient_http().request("GET", server.url).body == COMPRESSED


TRANSIENT: dict[str, Step] = {
    "reset": Reset(),
    "closed": Raw(b""),
    "truncated": Raw(OK + b"content-length: 10\r\n\r\nshort"),
    "truncated within a chunk": Raw(CHUNKED + b"400\r\nx"),
    "truncated between chunks": Raw(CHUNKED + b"1\r\nx\r\n"),
    "500": Answer(500),
    "503": Answer(503, COMPRESSED, {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("step", TRANSIENT.values(), ids=TRANSIENT)
def test_transient_failure_is_retried(server: ScriptedServer, step: Step) -> None:
    server.script(step, Answer(200, b"{}"))
    assert patient_http().request("GET", server.url, attempts=2).json() == {}
    assert server.count == 2


def test_refused_connection_is_retried() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        assert count_connections(f"http://127.0.0.1:{reserved.getsockname()[1]}") == 2


def test_connection_timeout_is_retried() -> None:
    with full_backlog() as url, impatient(url) as seconds:
        assert count_connections(url) == len(seconds) == 2


PERMANENT: dict[str, Step] = {
    "not HTTP": Raw(b"+PONG\r\n"),
    "no status": Raw(b"HTTP/1.1 abc\r\n\r\n"),
    "compressed": Answer(200, COMPRESSED, {"content-encoding": "gzip"}),
    "too long": Answer(200, b"x" * 65_537),
    "two lengths": Raw(OK + b"content-length: 1, 2\r\n\r\nxx"),
}


@pytest.mark.parametrize("step", PERMANENT.values(), ids=PERMANENT)
def test_malformed_response_is_not_retried(server: ScriptedServer, step: Step) -> None:
    server.script(step)
    assert count_connections(server.url) == server.count == 1


def test_default_is_one_attempt(server: ScriptedServer) -> None:
    server.script(Answer(503))
    assert patient_http().request("GET", server.url).status == 503
    assert server.count == 1


def test_pause_before_another_attempt_is_a_tenth_of_a_second(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(Deadline, "wait", lambda deadline, seconds: pauses.append(seconds))
    server.script(Answer(503))
    assert patient_http().request("GET", server.url, attempts=3).status == 503
    assert (pauses, server.count) == ([0.1, 0.1], 3)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 499])
def test_status_below_500_is_not_retried(server: ScriptedServer, status: int) -> None:
    server.script(Answer(status))
    assert patient_http().request("GET", server.url, attempts=2).status == status
    assert server.count == 1


def test_attempts_share_one_deadline(server: ScriptedServer, end_soon: Callable[[Step], Step]) -> None:
    server.script(end_soon(Silence()))
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        patient_http().request("GET", server.url, attempts=5)
    assert server.count == 1


def test_untrusted_certificate_is_not_retried(tmp_path_factory: pytest.TempPathFactory) -> None:
    untrusted = Authority(tmp_path_factory.mktemp("untrusted"))
    with ScriptedServer(tls=untrusted.tls()) as server:
        assert count_connections(server.url) == 1


def test_unknown_host_is_not_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = []

    def fail(host: str, *args: object, **kwargs: object) -> None:
        hosts.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", "https://nowhere.example/", attempts=2)
    assert hosts == ["nowhere.example"]


def test_second_ip_address_is_tried_if_the_first_family_is_missing(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    unknown = (-2, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [unknown, good])
    assert patient_http().request("GET", f"http://localhost:{port}/").status == 200


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNRESET, errno.EPIPE, errno.EPROTOTYPE, errno.ESHUTDOWN, errno.ECONNREFUSED, errno.ECONNABORTED,
        errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EMFILE,
    ],
    ids=errno.errorcode.get,
)  # fmt: skip
@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "via a proxy"])
def test_connection_error_is_unavailable(monkeypatch: pytest.MonkeyPatch, number: int, proxied: bool) -> None:
    def fail(sock: socket.socket, target: object) -> None:
        raise OSError(number, "as during a restart")

    monkeypatch.setattr(socket.socket, "connect", fail)
    if proxied:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with pytest.raises(CognitoUnavailableError, match=r"^cognito\.example could not be reached: \w+$"):
        patient_http().request("GET", "https://cognito.example/", attempts=2)


def test_process_without_free_threads_is_unavailable(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(timer: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", fail)
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", server.url)
    assert server.count == 0  # no request is sent without the watchdog


@pytest.mark.parametrize("location", [b"\xff\xfe", b"http://[", b"http://a:b:c/", b"//", b"\0", b"http://\xc2\xa0/"])
def test_redirect_with_invalid_location_is_returned(server: ScriptedServer, location: bytes) -> None:
    server.script(Raw(b"HTTP/1.1 302 Found\r\ncontent-length: 2\r\nlocation: " + location + b"\r\n\r\n{}"))
    response = patient_http().request("GET", server.url)
    assert (response.status, response.body) == (302, b"{}")


NAMES = ("content-length", "transfer-encoding", "content-encoding", "content-type", "location", "set-cookie", "link")
VALUES = (
    "0", "2", "-1", "1, 2", "9" * 5_000, "chunked", "chunked, chunked", "gzip", "text/html; charset=x",
    "a=b; expires=x", "é", "\x85", "", " ", ";" * 1_000, "http://[",
)  # fmt: skip
# For its default alphabet, st.text() encodes each character of Unicode.
CHARACTERS = st.characters(exclude_categories=["Cs"])
HEADERS = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(CHARACTERS, max_size=9), st.sampled_from(VALUES) | st.text(CHARACTERS))
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(status=st.sampled_from([b"200 OK", b"204 No", b"302 Found", b"500 Oh", b"100 Go", b"-1", b"9999 x"]),
       headers=HEADERS, body=st.binary(max_size=99))  # fmt: skip
@example(b"302 Found", [("location", "\xff")], b"")
@example(b"200 OK", [("transfer-encoding", "chunked")], b"-1\r\nx")
def test_any_bytes_are_a_response_or_unavailable(
    server: ScriptedServer, status: bytes, headers: list[tuple[str, str]], body: bytes
) -> None:
    lines = [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
    server.script(Raw(b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", body])))
    with suppress(CognitoUnavailableError):
        assert patient_http().request("GET", server.url).status >= 0


def count_connections(url: str, **limits: Any) -> int:
    """Return the number of connections of a failing call with two attempts."""
    with watched() as connections:
        with pytest.raises(CognitoUnavailableError):
            Http(timeout_seconds=HTTP_TIMEOUT_SECONDS, **limits).request("GET", url, attempts=2)
        return connections.to(url)


def peak_bytes_of_failure(url: str, reason: str) -> int:
    """Return the peak memory of a failing call. A call before it has allocated what is allocated once."""
    with ScriptedServer() as other:
        patient_http().request("GET", other.url)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        with pytest.raises(CognitoUnavailableError, match=reason):
            patient_http().request("GET", url, attempts=2)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
