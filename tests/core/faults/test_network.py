"""FI-15 to FI-19: slow, silent, unresolved, redirected or untrusted connections to the JWKS endpoint."""

import errno
import socket
import ssl
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, Silence, Step, json_answer

from django_cognito.core import TokenVerifier
from django_cognito.core.http import client
from django_cognito.core.http.deadline import Deadline
from tests.support.bad_answers import BAD_TLS, DRIPS, HASTE
from tests.support.certificates import Authority, only_tls_1_0
from tests.support.connections import Connections, full_backlog, impatient
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import ACCEPTED, COOLDOWN, UNAVAILABLE, UserPoolScenario, bounded, keys
from tests.support.signing import jwks

EndSoon = Callable[[Step], Step]


@pytest.fixture
def short_timeout(server: ScriptedServer) -> UserPoolScenario:
    """Return a pool with a short HTTP timeout and cached keys."""
    scenario = UserPoolScenario(server.url)
    scenario.verifier.hydrate()
    scenario.http.timeout_seconds = HASTE
    return scenario


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_fi_15_dripping_response_ends_at_the_total_deadline(
    warm: UserPoolScenario, server: ScriptedServer, drip: Step, connections: Connections, end_soon: EndSoon
) -> None:
    server.script(end_soon(drip))
    warm.clock.forward(COOLDOWN)
    error = bounded(lambda: warm.error(warm.token("two")))
    assert error is not None
    assert (error.code, "no response in time" in str(error)) == (UNAVAILABLE, True)
    assert connections.to(server.url) == server.count == 2  # one deadline per fetch: no second attempt after it
    assert warm.verdict(warm.token()) == ACCEPTED


def test_fi_15_dripping_second_attempt_ends_at_the_same_deadline(
    warm: UserPoolScenario, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[Deadline] = []
    monkeypatch.setattr(client, "Deadline", lambda seconds: (deadlines.append(Deadline(seconds)), deadlines[-1])[1])
    # The deadline passes during the second response, however long the first one and the pause have taken.
    drip = SimpleNamespace(send=lambda *args: (deadlines[0]._shut_down(), DRIPS["the body"].send(*args)))
    server.script(Answer(500), drip)  # type: ignore[arg-type]
    warm.clock.forward(COOLDOWN)
    error = bounded(lambda: warm.error(warm.token("two")))
    assert error is not None
    assert (error.code, "no response in time" in str(error)) == (UNAVAILABLE, True)
    assert (len(deadlines), server.count) == (1, 3)


def test_fi_15_slow_response_within_the_deadline_is_accepted(
    scenario: UserPoolScenario, server: ScriptedServer
) -> None:
    server.script(SlowResponse(keys("one")))
    assert bounded(lambda: scenario.verdict(scenario.token())) == ACCEPTED


def test_fi_16_silent_server_ends_at_the_deadline(short_timeout: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(Silence())
    short_timeout.clock.forward(COOLDOWN)
    assert bounded(lambda: short_timeout.verdict(short_timeout.token("two"))) == UNAVAILABLE
    assert short_timeout.verdict(short_timeout.token()) == ACCEPTED


def test_fi_16_connection_that_is_not_accepted_ends_at_the_deadline() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        scenario = UserPoolScenario(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=HASTE)
        assert bounded(lambda: scenario.verdict(scenario.token())) == UNAVAILABLE


def test_fi_16_full_backlog_ends_at_the_deadline(connections: Connections) -> None:
    with full_backlog() as origin:
        scenario = UserPoolScenario(origin, timeout_seconds=10 * HASTE)  # a busy computer may connect late
        raw, before = scenario.token(), connections.to(origin)
        assert bounded(lambda: scenario.verdicts([raw] * 20)) == {UNAVAILABLE}
        assert connections.to(origin) - before in (1, 2)


def test_fi_16_connecting_takes_only_a_part_of_the_deadline() -> None:
    with full_backlog() as origin, impatient(origin) as seconds:
        scenario = UserPoolScenario(origin, timeout_seconds=60)
        error = bounded(lambda: scenario.error(scenario.token()))
        assert error is not None
        assert (error.code, "no response in time" in str(error)) == (UNAVAILABLE, False)  # stopped before the deadline
        assert [10 < part <= 20 for part in seconds] == [True, True]  # less than 20 if the computer is slow


def test_fi_16_second_ip_address_is_tried_before_the_deadline(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_backlog() as origin, impatient(origin) as seconds:
        resolve_to(monkeypatch, origin, server.url)
        scenario = UserPoolScenario(server.url.replace("127.0.0.1", "localhost"), timeout_seconds=60)
        assert bounded(lambda: scenario.verdict(scenario.token())) == ACCEPTED
        assert [5 < part <= 10 for part in seconds] == [True]  # half of the time to connect


def test_fi_16_tokens_of_another_pool_do_not_wait(server: ScriptedServer) -> None:
    gate, verdicts = Gate(), []
    with ScriptedServer(Answer(404, before=gate)) as silent:
        down, up = UserPoolScenario(silent.url), UserPoolScenario(server.url, user_pool_id="eu-west-1_Well")
        both = TokenVerifier((down.pool, up.pool), key_stores=up.stores, now=up.wall)
        down.verifier = up.verifier = both
        waiting = threading.Thread(target=lambda: verdicts.append(down.verdict(down.token())), daemon=True)
        waiting.start()
        assert gate.requested.wait(20)
        assert bounded(lambda: up.verdict(up.token())) == ACCEPTED
        assert verdicts == []
        gate.opened.set()
        waiting.join(20)
        assert verdicts == [UNAVAILABLE]


def test_fi_17_unresolved_host_is_unavailable_until_it_resolves(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins = resolve_to(monkeypatch)
    scenario = UserPoolScenario(server.url.replace("127.0.0.1", "localhost"))
    raw = scenario.token()
    error = scenario.error(raw)
    assert error is not None
    assert (error.code, "localhost" in str(error)) == (UNAVAILABLE, True)
    origins.extend([server.url])
    scenario.clock.forward(scenario.pause(raw))
    assert scenario.verdict(raw) == ACCEPTED


def test_fi_17_changed_ip_address_is_resolved_again(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = UserPoolScenario("http://localhost:1")
    origins = resolve_to(monkeypatch, server.url)
    scenario.verifier.hydrate()
    with ScriptedServer(keys("one", "two")) as elsewhere:
        origins[:] = [elsewhere.url]
        scenario.clock.forward(COOLDOWN)
        assert scenario.verdict(scenario.token("two")) == ACCEPTED
        assert (server.count, elsewhere.count) == (1, 1)


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "{other}/jwks.json",
        "http://169.254.169.254/latest/meta-data/",
        "https://attacker.invalid/jwks.json",
        "file:///etc/passwd",
    ],
)
def test_fi_18_redirect_fails_and_is_not_followed(
    warm: UserPoolScenario, server: ScriptedServer, status: int, location: str, connections: Connections
) -> None:
    with ScriptedServer(keys("one", "two")) as other:
        headers = {"location": location.format(other=other.url)}
        server.script(Answer(status, b'{"keys":[]}', headers), keys("one", "two"))
        warm.clock.forward(COOLDOWN)
        assert warm.verdict(warm.token("two")) == UNAVAILABLE
        assert (server.count, other.count) == (2, 0)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert connections.abroad == []


def test_fi_18_headers_with_urls_are_not_followed(
    warm: UserPoolScenario, server: ScriptedServer, connections: Connections
) -> None:
    attacker_url = "http://attacker.invalid/"
    headers = {
        "refresh": f"0; url={attacker_url}",
        "link": f"<{attacker_url}>; rel=preload",
        "content-location": attacker_url,
        "alt-svc": attacker_url,
    }
    server.script(json_answer(jwks("one", "two") | {"jku": attacker_url, "x5u": attacker_url}, **headers))
    warm.clock.forward(COOLDOWN)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert connections.abroad == []


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the certificate authority that the site trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the authority, and ask Python to skip verification, which must have no effect."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")


@pytest.mark.usefixtures("trusted")
def test_fi_19_trusted_certificate_is_accepted(authority: Authority) -> None:
    with ScriptedServer(keys("one"), tls=authority.tls()) as server:
        scenario = UserPoolScenario(server.url)
        assert scenario.verdict(scenario.token()) == ACCEPTED


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("make_tls", BAD_TLS.values(), ids=BAD_TLS)
def test_fi_19_bad_tls_fails_and_no_request_is_sent(
    authority: Authority, make_tls: Callable[[Authority], ssl.SSLContext]
) -> None:
    with ScriptedServer(keys("one"), tls=make_tls(authority)) as server:
        scenario = UserPoolScenario(server.url)
        error = bounded(lambda: scenario.error(scenario.token()))
        assert error is not None
        assert (error.code, "SSLError" in str(error)) == (UNAVAILABLE, True)
        assert server.count == 0


def test_fi_19_untrusted_authority_fails(authority: Authority) -> None:
    with ScriptedServer(keys("one"), tls=authority.tls()) as server:
        scenario = UserPoolScenario(server.url)
        assert scenario.verdict(scenario.token()) == UNAVAILABLE
        assert server.count == 0


@pytest.mark.usefixtures("trusted")
def test_fi_19_bad_tls_drops_no_cached_keys(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedServer(keys("one"), tls=authority.tls()) as good,
        ScriptedServer(keys("two"), tls=authority.tls("keys.example")) as bad,
    ):
        origins = resolve_to(monkeypatch, good.url)
        scenario = UserPoolScenario(good.url)
        scenario.verifier.hydrate()
        origins[:] = [bad.url]
        scenario.clock.forward(COOLDOWN)
        assert scenario.verdict(scenario.token("two")) == UNAVAILABLE
        assert scenario.verdict(scenario.token("one")) == ACCEPTED
        assert (good.count, bad.count) == (1, 0)


@pytest.mark.skipif(not ssl.HAS_TLSv1, reason="this OpenSSL is built without TLS 1.0")
def test_fi_19_tls_1_0_server_accepts_a_tls_1_0_client(authority: Authority) -> None:
    client = only_tls_1_0(ssl.create_default_context(cafile=authority.bundle))
    with ScriptedServer(keys("one"), tls=only_tls_1_0(authority.tls())) as server:
        port = int(server.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            assert sock.version() == "TLSv1"


class SlowResponse:
    """Sends a response in pieces with pauses between."""

    def __init__(self, answer: Any) -> None:
        self.data: bytes = answer.head() + answer.body

    def send(self, sock: socket.socket, stopping: Any) -> None:
        """Send the response in twenty pieces."""
        step = len(self.data) // 20 + 1
        for at in range(0, len(self.data), step):
            sock.sendall(self.data[at : at + step])
            stopping.wait(0.01)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *origins: str) -> list[str]:
    """Resolve every host name to the ports of `origins`, or to none. Return the list, which the test may change."""
    resolved = list(origins)

    def resolve(*args: Any, **kwargs: Any) -> list[Any]:
        if not resolved:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        ports = [int(origin.rpartition(":")[2]) for origin in resolved]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return resolved


@pytest.mark.parametrize(
    "number",
    [errno.ECONNRESET, errno.EPIPE, errno.EPROTOTYPE, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH],
    ids=errno.errorcode.get,
)
def test_fi_01_connection_error_is_unavailable(scenario, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(sock: socket.socket, target: object) -> None:
        raise OSError(number, "as during a restart")

    monkeypatch.setattr(socket.socket, "connect", fail)
    assert scenario.verdict(scenario.token()) == UNAVAILABLE
