"""FI-01, 13 to 16, 18 and 19 at the token endpoint: an outage is not a refusal, and a code is never sent twice."""

import socket
import tracemalloc
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, Flood, Reset, ScriptedServer, Silence, Step, json_answer

from django_cognito.core import UserPool
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.core.hosted_ui import HostedUi
from django_cognito.core.http.client import Http
from tests.support.bad_answers import BAD_TLS, DRIPS, FLOODS, HASTE, MIB, UNREADABLE, packed_zeros
from tests.support.certificates import Authority
from tests.support.connections import Connections, full_backlog
from tests.support.scenarios.user_pool import POOL_ID, bounded
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

SECRETS = ("the-code", "the-verifier", "the-refresh-token", "the-client-secret")
TOKENS = {"access_token": "a", "id_token": "i", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600}
Call = Callable[[HostedUi], Any]
CALLS: dict[str, Call] = {
    "exchange": methodcaller(
        "exchange_code", "the-code", redirect_uri="https://site.example/back/", code_verifier="the-verifier"
    ),
    "refresh": methodcaller("refresh", "the-refresh-token"),
}
SOME_DRIPS = ("the status line", "one header", "the body")
BOTH_CALLS = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def hosted_ui(origin: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS) -> HostedUi:
    http = Http(timeout_seconds=timeout_seconds)
    return HostedUi(UserPool(POOL_ID, domain=origin), "1webclient", "the-client-secret", http=http)


def outage(call: Call, ui: HostedUi) -> CognitoUnavailableError:
    """Return the CognitoUnavailableError of `call`. Check that it names the host and shows no secret."""

    def attempt() -> CognitoUnavailableError:
        with pytest.raises(CognitoUnavailableError) as caught:
            call(ui)
        return caught.value

    error = bounded(attempt)
    assert error.retry_after >= 1
    assert "127.0.0.1" in str(error)
    texts, link = "", error
    while link is not None:
        texts += f"{link!r} {link} "
        link = link.__cause__ or link.__context__
    assert [secret for secret in SECRETS if secret in texts] == []
    return error


@pytest.fixture
def token_server() -> Any:
    with ScriptedServer(json_answer(TOKENS)) as started:
        yield started


@BOTH_CALLS
def test_fi_01_refused_connection_is_unavailable_and_not_retried(
    call: Call, unreachable: str, connections: Connections
) -> None:
    outage(call, hosted_ui(unreachable))
    assert connections.to(unreachable) == 1


@BOTH_CALLS
@pytest.mark.parametrize("fault", [Reset(), Answer(500), Answer(503), Answer(429)], ids=["reset", "500", "503", "429"])
def test_fi_01_request_that_may_have_arrived_is_not_repeated(
    call: Call, token_server: ScriptedServer, fault: Step
) -> None:
    token_server.script(fault, json_answer(TOKENS))
    outage(call, hosted_ui(token_server.url))
    assert token_server.count == 1


@BOTH_CALLS
@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_fi_13_unreadable_response_is_unavailable(call: Call, token_server: ScriptedServer, answer: Step) -> None:
    token_server.script(answer)
    outage(call, hosted_ui(token_server.url))
    assert token_server.count == 1


@BOTH_CALLS
@pytest.mark.parametrize("make_flood", FLOODS.values(), ids=FLOODS)
def test_fi_14_endless_response_is_stopped(
    call: Call, token_server: ScriptedServer, make_flood: Callable[[], Flood]
) -> None:
    flood = make_flood()
    assert peak_bytes(call, token_server, flood) < MIB
    assert flood.sent_bytes < 8 * MIB


@BOTH_CALLS
def test_fi_13_gzip_bomb_is_stopped_at_max_bytes(call: Call, token_server: ScriptedServer) -> None:
    bomb = Answer(200, packed_zeros(50), {"content-encoding": "gzip"})
    assert peak_bytes(call, token_server, bomb) < 2 * MIB


@BOTH_CALLS
@pytest.mark.parametrize("drip", [DRIPS[name] for name in SOME_DRIPS], ids=SOME_DRIPS)
def test_fi_15_dripping_response_ends_at_the_total_deadline(
    call: Call, token_server: ScriptedServer, drip: Step, end_soon: Callable[[Step], Step]
) -> None:
    token_server.script(end_soon(drip))
    assert "no response in time" in str(outage(call, hosted_ui(token_server.url)))
    assert token_server.count == 1


@BOTH_CALLS
def test_fi_16_silent_server_ends_at_the_deadline(call: Call, token_server: ScriptedServer) -> None:
    token_server.script(Silence())
    outage(call, hosted_ui(token_server.url, timeout_seconds=HASTE))


@BOTH_CALLS
def test_fi_16_connection_that_is_not_accepted_ends_at_the_deadline(call: Call) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        outage(call, hosted_ui(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=HASTE))


@BOTH_CALLS
def test_fi_16_full_backlog_ends_at_the_deadline(call: Call, connections: Connections) -> None:
    with full_backlog() as origin:
        before = connections.to(origin)
        outage(call, hosted_ui(origin, timeout_seconds=10 * HASTE))  # a busy computer may connect late
        assert connections.to(origin) - before == 1


@pytest.mark.defends("RP-25")
@BOTH_CALLS
@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("location", ["{other}/oauth2/token", "http://169.254.169.254/", "https://attacker.invalid/"])
def test_fi_18_redirect_of_the_token_request_is_not_followed(
    call: Call, token_server: ScriptedServer, status: int, location: str
) -> None:
    with ScriptedServer(json_answer(TOKENS)) as other:
        token_server.script(json_answer(TOKENS, status, location=location.format(other=other.url)))
        outage(call, hosted_ui(token_server.url))
        assert (token_server.count, other.count) == (1, 0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificate authority that the site trusts."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@BOTH_CALLS
def test_fi_19_trusted_certificate_is_accepted(
    call: Call, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with ScriptedServer(json_answer(TOKENS), tls=authority.tls()) as server:
        assert call(hosted_ui(server.url)).access_token == "a"


@BOTH_CALLS
@pytest.mark.parametrize("make_tls", BAD_TLS.values(), ids=BAD_TLS)
def test_fi_19_bad_tls_is_unavailable_and_no_request_is_sent(
    call: Call, authority: Authority, make_tls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    with ScriptedServer(json_answer(TOKENS), tls=make_tls(authority)) as server:
        assert "SSLError" in str(outage(call, hosted_ui(server.url)))
        assert server.count == 0


@BOTH_CALLS
def test_fi_19_untrusted_authority_is_unavailable(call: Call, authority: Authority) -> None:
    with ScriptedServer(json_answer(TOKENS), tls=authority.tls()) as server:
        outage(call, hosted_ui(server.url))
        assert server.count == 0


def peak_bytes(call: Call, server: ScriptedServer, fault: Any) -> int:
    """Return the peak memory of the call. A call before it has allocated what is allocated once."""
    ui = hosted_ui(server.url)
    call(ui)
    server.script(fault)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        with pytest.raises(CognitoUnavailableError):
            call(ui)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
