"""The HTTP client: total deadline, size limit, no redirects, and no secret in an error."""

import base64
import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from local_cognito_support.scripted_server import Answer, Drip, Raw, Reset, ScriptedServer, Silence, json_answer
from urllib3.connectionpool import HTTPConnectionPool

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.core.http import client
from django_cognito.core.http.client import Http, Response, read_json
from django_cognito.core.http.deadline import Deadline
from django_cognito.core.user_pool import InsecureUrlError
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS, patient_http

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SECRET = "s3cr3t-that-must-not-show"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        yield started


@pytest.fixture
def short_timeout_http() -> Http:
    return Http(timeout_seconds=0.3, max_bytes=1_000)


def test_response_has_status_headers_and_body(server: ScriptedServer) -> None:
    server.script(json_answer({"a": 1}, **{"X-Mark": "a value"}))
    response = patient_http().request("GET", f"{server.url}/keys")
    assert (response.status, response.json(), response.headers["x-mark"]) == (200, {"a": 1}, "a value")


def test_form_and_basic_credentials_are_sent(server: ScriptedServer) -> None:
    patient_http().request(
        "POST", server.url, data={"grant_type": "x"}, auth=("djc98u3jiedmi283eu928", "abcdef01234567890")
    )
    (request,) = server.requests
    assert (request.method, request.body) == ("POST", b"grant_type=x")
    # cognito-facts, appendix A
    assert request.headers["authorization"] == "Basic ZGpjOTh1M2ppZWRtaTI4M2V1OTI4OmFiY2RlZjAxMjM0NTY3ODkw"


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (("1client", "a+b/c%d:e f"), b"1client:a%2Bb%2Fc%25d%3Ae+f"),
        (("1client", "gr\u00fc\u00df"), b"1client:gr%C3%BC%C3%9F"),
        (("a:client+id", "under_score-dot.tilde~"), b"a%3Aclient%2Bid:under_score-dot.tilde~"),
    ],
)
def test_basic_credentials_are_form_encoded(server: ScriptedServer, auth: tuple[str, str], expected: bytes) -> None:
    server.script(Answer())
    patient_http().request("POST", server.url, data={"grant_type": "x"}, auth=auth)
    scheme, _, credentials = server.requests[0].headers["authorization"].partition(" ")
    assert (scheme, base64.b64decode(credentials)) == ("Basic", expected)


def test_headers_are_sent(server: ScriptedServer) -> None:
    patient_http().request("GET", server.url, headers={"Authorization": "Bearer abc"})
    assert server.requests[0].headers["authorization"] == "Bearer abc"


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_returned_and_not_followed(server: ScriptedServer, status: int) -> None:
    server.script(Answer(status, headers={"location": f"{server.url}/elsewhere"}))
    assert patient_http().request("POST", f"{server.url}/token", data=b"x").status == status
    assert server.count == 1


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://localhost/",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        f"https://user:{SECRET}@example.com/",
        "https://",
        "",
    ],
)
def test_insecure_url_raises_value_error(url: str) -> None:
    with pytest.raises(ValueError, match="must be https") as caught:
        patient_http().request("GET", url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [f"{SECRET}\r\nx: y", f" {SECRET}", f"{SECRET} ", f"{SECRET}é"])
def test_invalid_header_raises_value_error_without_the_value(value: str) -> None:
    with pytest.raises(ValueError, match="Authorization") as caught:
        patient_http().request("GET", "https://example.com/", headers={"Authorization": value})
    assert SECRET not in _all_texts(caught.value)


def test_options_are_keyword_only(server: ScriptedServer) -> None:
    with pytest.raises(TypeError, match="positional"):
        Http(3.0)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        patient_http().request("GET", server.url, {})  # type: ignore[misc]
    assert server.count == 0


def test_default_limits_are_three_seconds_and_64_kib() -> None:
    assert (Http().timeout_seconds, Http().max_bytes) == (3, 65_536)


def test_response_is_immutable() -> None:
    response = Response(200, {}, b"")
    with pytest.raises(FrozenInstanceError):
        response.status = 201  # type: ignore[misc]


def test_refused_connection_is_unavailable() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        with pytest.raises(CognitoUnavailableError, match=r"^127\.0\.0\.1 could not be reached: ConnectionError$"):
            patient_http().request("GET", f"http://127.0.0.1:{reserved.getsockname()[1]}/")


def may_have_been_sent(http: Http, url: str, attempts: int = 1) -> bool:
    """Return what the error of a request says."""
    with pytest.raises(CognitoUnavailableError) as caught:
        http.request("POST", url, attempts=attempts)
    return caught.value.was_sent


def test_error_says_whether_the_request_may_have_been_sent(server: ScriptedServer, unreachable: str) -> None:
    server.script(Reset())
    assert may_have_been_sent(patient_http(), server.url)
    assert not may_have_been_sent(patient_http(), unreachable)
    assert may_have_been_sent(patient_http(), unreachable, attempts=2)  # an attempt before the last one
    assert not may_have_been_sent(patient_http().until(time.monotonic() - 1), server.url)


def test_error_that_the_caller_handles_does_not_count_as_unsent(server: ScriptedServer, unreachable: str) -> None:
    server.script(Reset())
    try:
        patient_http().request("GET", unreachable)  # of another service, for example
    except CognitoUnavailableError:
        assert may_have_been_sent(patient_http(), server.url)


def test_unknown_host_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such host")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(CognitoUnavailableError, match=r"nowhere\.example"):
        patient_http().request("GET", "https://nowhere.example/")


def test_host_without_ip_addresses_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [])
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", "https://empty.example/")


def test_second_ip_address_is_tried_if_the_first_refuses(
    server: ScriptedServer, unreachable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    refused = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(unreachable.rpartition(":")[2])))
    good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [refused, good])
    assert patient_http().request("GET", f"http://localhost:{port}/").status == 200


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Silence(), id="silence"),
        pytest.param(Drip(drop=b"H"), id="the status line drips"),
        pytest.param(Drip(b"HTTP/1.1 200 OK\r\n", b"x-drop: 1\r\n"), id="headers drip"),
        pytest.param(Drip(b"HTTP/1.1 200 OK\r\nx-drop: ", b"x"), id="one header drips"),
        pytest.param(Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"), id="the body drips"),
        pytest.param(Drip(b"HTTP/1.0 200 OK\r\n\r\n"), id="a body without length drips"),
        pytest.param(Drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), id="chunks drip"),
        pytest.param(Drip(drop=b"HTTP/1.1 100 Continue\r\n\r\n"), id="endless interim responses"),
    ],
)
def test_deadline_applies_to_slow_responses(
    server: ScriptedServer, short_timeout_http: Http, step: Drip | Silence
) -> None:
    server.script(step)
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        short_timeout_http.request("GET", server.url)


def test_read_timeout_before_the_watchdog_is_no_response_in_time(
    server: ScriptedServer, short_timeout_http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deadline, "_shut_down", lambda deadline: None)  # late, as on a slow host
    server.script(Silence())
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        short_timeout_http.request("GET", server.url)


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds of each deadline. The monotonic clock stands at 100; the real deadlines are longer."""
    seconds: list[float] = []
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda: 100.0))
    monkeypatch.setattr(client, "Deadline", lambda limit: (seconds.append(limit), Deadline(HTTP_TIMEOUT_SECONDS))[1])
    return seconds


@pytest.mark.parametrize(("ends_at", "seconds"), [(100.5, 0.5), (101, 1), (102, 2), (109, 2)])
def test_request_is_limited_by_a_shared_deadline(
    server: ScriptedServer, deadlines: list[float], ends_at: float, seconds: float
) -> None:
    Http(timeout_seconds=2).until(ends_at).request("GET", server.url)
    assert deadlines == [seconds]


@pytest.mark.parametrize("ends_at", [100, 99.5])
def test_request_after_a_shared_deadline_is_not_sent(
    server: ScriptedServer, deadlines: list[float], ends_at: float
) -> None:
    with pytest.raises(CognitoUnavailableError, match=r"^no time is left for a request to 127\.0\.0\.1$"):
        Http(timeout_seconds=2).until(ends_at).request("GET", server.url)
    assert (deadlines, server.count) == ([], 0)


def test_deadline_applies_to_the_tls_handshake(server: ScriptedServer, short_timeout_http: Http) -> None:
    # The server reads the first message of the handshake and waits for an HTTP request that is never sent.
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        short_timeout_http.request("GET", server.url.replace("http:", "https:"))


def test_deadline_that_passed_while_connecting_is_unavailable(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def resolve_slowly(*args: object, **kwargs: object) -> object:
        _wait_for_watchdog()
        return resolve(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        Http(timeout_seconds=0.01).request("GET", server.url)
    assert server.count == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b"x" * 1_001), id="too long"),
        pytest.param(Answer(body=gzip.compress(b"x" * 5_000_000), headers={"content-encoding": "gzip"}), id="bomb"),
        pytest.param(
            Drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n", 0.001),
            id="endless chunks",
        ),
        pytest.param(
            Raw(CHUNKED + b"3e8\r\n" + b"x" * 1_000 + b"\r\n1\r\nx\r\n0\r\n\r\n"), id="a byte after the limit"
        ),
        pytest.param(Drip(CHUNKED + b"3e9\r\n" + b"x" * 1_001 + b"\r\n", b""), id="silence after the limit"),
    ],
)
def test_body_longer_than_the_limit_is_unavailable(server: ScriptedServer, answer: Answer | Drip | Raw) -> None:
    server.script(answer)
    with pytest.raises(CognitoUnavailableError, match="more than 1000 bytes"):
        Http(timeout_seconds=HTTP_TIMEOUT_SECONDS, max_bytes=1_000).request("GET", server.url)


def test_body_of_exactly_the_limit_is_returned(server: ScriptedServer) -> None:
    server.script(Answer(body=b"x" * 1_000))
    assert len(Http(max_bytes=1_000).request("GET", server.url).body) == 1_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not http at all\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort", id="truncated"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nno gzip", id="invalid gzip"),
    ],
)
def test_malformed_response_is_unavailable(server: ScriptedServer, data: bytes) -> None:
    server.script(Raw(data))
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", server.url)


def test_untrusted_certificate_is_unavailable(certificate: Path) -> None:
    with (
        ScriptedServer(Answer(), tls=_tls(certificate)) as server,
        pytest.raises(CognitoUnavailableError, match="SSLError"),
    ):
        patient_http().request("GET", server.url)


def test_certificate_authorities_come_from_the_environment(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with ScriptedServer(Answer(), tls=_tls(certificate)) as server:
        assert patient_http().request("GET", server.url).status == 200


def test_missing_ca_bundle_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", "https://127.0.0.1:1/")


PROXY_VARIABLES = [name for lower in ("http_proxy", "https_proxy", "all_proxy") for name in (lower, lower.upper())]


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Yield a proxy that is set in every environment variable that `requests` reads."""
    with ScriptedServer(Answer(502)) as started:
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, started.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield started


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST"])
def test_loopback_http_url_uses_no_proxy(server: ScriptedServer, proxy: ScriptedServer, host: str) -> None:
    url = server.url.replace("127.0.0.1", host)
    patient_http().request("POST", f"{url}/oauth2/token", data={"code": "c"}, auth=("client", SECRET))
    assert (server.count, proxy.count) == (1, 0)


def test_insecure_host_is_requested_without_a_proxy(
    server: ScriptedServer, proxy: ScriptedServer, container_host: str
) -> None:
    url = server.url.replace("127.0.0.1", container_host)
    http = Http(timeout_seconds=HTTP_TIMEOUT_SECONDS, insecure_hosts=(container_host,))
    for sender in (http, http.until(time.monotonic() + HTTP_TIMEOUT_SECONDS)):
        assert sender.request("POST", f"{url}/oauth2/token", data={"code": "c"}, auth=("client", SECRET)).status == 200
    with pytest.raises(InsecureUrlError, match="a URL must be https"):
        patient_http().request("GET", url)
    assert (server.count, proxy.count) == (2, 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_https_url_uses_no_proxy(
    certificate: Path, proxy: ScriptedServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))  # still read from the environment
    with ScriptedServer(Answer(), tls=_tls(certificate)) as server:
        assert patient_http().request("GET", server.url.replace("127.0.0.1", host)).status == 200
    assert (server.count, proxy.count) == (1, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1]:1/",
        "https://[::1]:1/",
        "https://127.9.9.9:1/",
        "https://localhost.:1/",
        "https://pool.localhost:1/",
    ],
)
def test_loopback_url_without_a_server_uses_no_proxy(
    proxy: ScriptedServer, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **options: [] if "localhost" in host else real(host, *rest, **options),
    )
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", url)
    assert proxy.count == 0


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["cognito.example", "localhost.example", "10.0.0.1", "127.0.0.1.example"])
def test_url_of_another_host_uses_the_proxy(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    for name in (*PROXY_VARIABLES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, server.url)
    server.script(Answer(502))
    with pytest.raises(CognitoUnavailableError):
        patient_http().request("GET", f"https://{host}/keys")
    assert [(request.method, request.path) for request in server.requests] == [("CONNECT", f"{host}:443")]


def test_deadline_applies_to_a_proxy(
    server: ScriptedServer, short_timeout_http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    server.script(Drip(drop=b"H"))
    with pytest.raises(CognitoUnavailableError, match="no response in time"):
        short_timeout_http.request("GET", "https://cognito.example/keys")


def test_other_connection_class_is_not_changed(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    class OtherConnection(HTTPConnectionPool.ConnectionCls):
        connect_calls = 0

        def connect(self) -> None:
            type(self).connect_calls += 1
            super().connect()

    monkeypatch.setattr(HTTPConnectionPool, "ConnectionCls", OtherConnection)
    patient_http().request("GET", server.url)
    assert OtherConnection.connect_calls == 1


def test_netrc_is_never_read(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login a-user password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    patient_http().request("GET", server.url)
    assert "authorization" not in server.requests[0].headers


def test_errors_show_no_body_and_no_credentials(server: ScriptedServer) -> None:
    server.script(Raw(b""))
    with pytest.raises(CognitoUnavailableError) as caught:
        patient_http().request("POST", server.url, data={"code": SECRET}, auth=("client", SECRET))
    assert SECRET not in _all_texts(caught.value)


def test_repr_of_a_response_shows_no_body() -> None:
    assert repr(Response(200, {"set-cookie": SECRET}, SECRET.encode())) == "Response(status=200)"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe1\x00", b"[" * 100_000, b"1" * 5_000])
def test_invalid_json_raises_value_error_without_the_body(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not JSON$") as caught:
        read_json(body)
    assert caught.value.__suppress_context__


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a self-signed certificate for 127.0.0.1 and localhost, and its key."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def _wait_for_watchdog() -> None:
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(60)


def _all_texts(error: BaseException | None) -> str:
    """Return the texts of an error and of its causes, except suppressed ones."""
    if error is None:
        return ""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{error!r} {error} {_all_texts(before)}"
