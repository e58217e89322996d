"""FI-15 to FI-19: the way to the key address is slow, silent, lost, bent, or somebody else's."""

import errno
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import TokenVerifier
from tests.support.bad_answers import BAD_TLS, DRIPS, HASTE
from tests.support.certificates import Authority, only_tls_1_0
from tests.support.connections import Connections, full_backlog
from tests.support.login_scenario import Gate
from tests.support.pool_scenario import ACCEPTED, COOLDOWN, UNAVAILABLE, Scene, bounded, keys, settle
from tests.support.scripted_server import Answer, ScriptedServer, Silence, Step, json_answer
from tests.support.signing import jwks


@pytest.fixture
def hasty(server: ScriptedServer) -> Scene:
    """A pool whose fetches end soon, with its keys in hand."""
    made = Scene(server.url)
    made.verifier.hydrate()
    made.http.timeout_seconds = HASTE
    return made


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_fi_15_what_drips_ends_with_the_total_deadline(
    hasty: Scene, server: ScriptedServer, drip: Step, connections: Connections
) -> None:
    server.script(drip)
    hasty.clock.forward(COOLDOWN)
    error = bounded(lambda: hasty.error(hasty.token("two")))
    assert error is not None
    assert (error.code, "no response in time" in str(error)) == (UNAVAILABLE, True)
    settle(server, count=2)  # on a loaded machine the deadline may pass before the server has read the request
    assert connections.to(server.url) == server.count == 2  # the deadline is the fetch's: no second try after it
    assert hasty.verdict(hasty.token()) == ACCEPTED


def test_fi_15_a_second_try_that_drips_ends_with_the_same_deadline(hasty: Scene, server: ScriptedServer) -> None:
    server.script(Answer(500), DRIPS["the body"])
    hasty.http.timeout_seconds = 1  # time for the first answer and the pause after it
    hasty.clock.forward(COOLDOWN)
    assert bounded(lambda: hasty.verdict(hasty.token("two"))) == UNAVAILABLE
    settle(server, count=3)
    assert server.count == 3


def test_fi_15_a_drip_that_ends_in_time_is_an_answer(scene: Scene, server: ScriptedServer) -> None:
    server.script(Slowly(keys("one")))
    assert bounded(lambda: scene.verdict(scene.token())) == ACCEPTED


def test_fi_16_silence_ends_with_the_deadline(hasty: Scene, server: ScriptedServer) -> None:
    server.script(Silence())
    hasty.clock.forward(COOLDOWN)
    assert bounded(lambda: hasty.verdict(hasty.token("two"))) == UNAVAILABLE
    assert hasty.verdict(hasty.token()) == ACCEPTED


def test_fi_16_a_connection_that_nobody_takes_up_ends_with_the_deadline() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        scene = Scene(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=HASTE)
        assert bounded(lambda: scene.verdict(scene.token())) == UNAVAILABLE


def test_fi_16_a_full_backlog_ends_with_the_deadline(connections: Connections) -> None:
    with full_backlog() as origin:
        scene = Scene(origin, timeout_seconds=HASTE)
        raw, before = scene.token(), connections.to(origin)
        assert bounded(lambda: scene.verdicts([raw] * 20)) == {UNAVAILABLE}
        assert connections.to(origin) - before in (1, 2)


def test_fi_16_connecting_takes_but_a_part_of_the_deadline() -> None:
    with full_backlog() as origin:
        scene = Scene(origin, timeout_seconds=0.9)
        error = bounded(lambda: scene.error(scene.token()))
        assert error is not None
        assert (error.code, "no response in time" in str(error)) == (UNAVAILABLE, False)  # it was given up before


def test_fi_16_another_address_of_the_host_is_tried_in_time(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with full_backlog() as origin:
        resolve_to(monkeypatch, origin, server.url)
        scene = Scene(server.url.replace("127.0.0.1", "localhost"), timeout_seconds=3)
        assert bounded(lambda: scene.verdict(scene.token())) == ACCEPTED


def test_fi_16_the_other_pool_s_tokens_do_not_wait(server: ScriptedServer) -> None:
    gate, waited = Gate(), []
    with ScriptedServer(Answer(404, before=gate)) as silent:
        ill, well = Scene(silent.url), Scene(server.url, user_pool_id="eu-west-1_Well")
        both = TokenVerifier((ill.pool, well.pool), key_stores=well.stores, now=well.wall)
        ill.verifier = well.verifier = both
        waiting = threading.Thread(target=lambda: waited.append(ill.verdict(ill.token())), daemon=True)
        waiting.start()
        assert gate.asked.wait(20)
        assert bounded(lambda: well.verdict(well.token())) == ACCEPTED
        assert waited == []
        gate.opened.set()
        waiting.join(20)
        assert waited == [UNAVAILABLE]


def test_fi_17_a_name_that_cannot_be_resolved_and_then_can(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch)
    scene = Scene(server.url.replace("127.0.0.1", "localhost"))
    raw = scene.token()
    error = scene.error(raw)
    assert error is not None
    assert (error.code, "localhost" in str(error)) == (UNAVAILABLE, True)
    asked.extend([server.url])
    scene.clock.forward(scene.pause(raw))
    assert scene.verdict(raw) == ACCEPTED


def test_fi_17_a_host_that_moves_is_found_where_it_is(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene("http://localhost:1")
    addresses = resolve_to(monkeypatch, server.url)
    scene.verifier.hydrate()
    with ScriptedServer(keys("one", "two")) as elsewhere:
        addresses[:] = [elsewhere.url]
        scene.clock.forward(COOLDOWN)
        assert scene.verdict(scene.token("two")) == ACCEPTED
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
def test_fi_18_a_redirect_is_a_failure_and_leads_nowhere(
    warm: Scene, server: ScriptedServer, status: int, location: str, connections: Connections
) -> None:
    with ScriptedServer(keys("one", "two")) as other:
        headers = {"location": location.format(other=other.url)}
        server.script(Answer(status, b'{"keys":[]}', headers), keys("one", "two"))
        warm.clock.forward(COOLDOWN)
        assert warm.verdict(warm.token("two")) == UNAVAILABLE
        assert (server.count, other.count) == (2, 0)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert connections.abroad == []


def test_fi_18_headers_that_ask_for_a_visit_lead_nowhere(
    warm: Scene, server: ScriptedServer, connections: Connections
) -> None:
    bait = "http://attacker.invalid/"
    headers = {"refresh": f"0; url={bait}", "link": f"<{bait}>; rel=preload", "content-location": bait, "alt-svc": bait}
    server.script(json_answer(jwks("one", "two") | {"jku": bait, "x5u": bait}, **headers))
    warm.clock.forward(COOLDOWN)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert connections.abroad == []


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that this site trusts."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that trusts the authority, and would have every excuse to trust less."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")


@pytest.mark.usefixtures("trusting")
def test_fi_19_a_good_certificate_is_fine(authority: Authority) -> None:
    with ScriptedServer(keys("one"), tls=authority.tls()) as server:
        scene = Scene(server.url)
        assert scene.verdict(scene.token()) == ACCEPTED


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("make", BAD_TLS.values(), ids=BAD_TLS)
def test_fi_19_bad_tls_is_a_failure_and_nothing_is_asked(
    authority: Authority, make: Callable[[Authority], ssl.SSLContext]
) -> None:
    with ScriptedServer(keys("one"), tls=make(authority)) as server:
        scene = Scene(server.url)
        error = bounded(lambda: scene.error(scene.token()))
        assert error is not None
        assert (error.code, "SSLError" in str(error)) == (UNAVAILABLE, True)
        assert server.count == 0


def test_fi_19_an_authority_that_the_site_does_not_trust_is_a_failure(authority: Authority) -> None:
    with ScriptedServer(keys("one"), tls=authority.tls()) as server:
        scene = Scene(server.url)
        assert scene.verdict(scene.token()) == UNAVAILABLE
        assert server.count == 0


@pytest.mark.usefixtures("trusting")
def test_fi_19_with_keys_in_hand_bad_tls_drops_none(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedServer(keys("one"), tls=authority.tls()) as good,
        ScriptedServer(keys("two"), tls=authority.tls("keys.example")) as bad,
    ):
        addresses = resolve_to(monkeypatch, good.url)
        scene = Scene(good.url)
        scene.verifier.hydrate()
        addresses[:] = [bad.url]
        scene.clock.forward(COOLDOWN)
        assert scene.verdict(scene.token("two")) == UNAVAILABLE
        assert scene.verdict(scene.token("one")) == ACCEPTED
        assert (good.count, bad.count) == (1, 0)


@pytest.mark.skipif(not ssl.HAS_TLSv1, reason="this OpenSSL is built without TLS 1.0")
def test_fi_19_the_server_of_tls_1_0_could_be_spoken_to(authority: Authority) -> None:
    client = only_tls_1_0(ssl.create_default_context(cafile=authority.bundle))
    with ScriptedServer(keys("one"), tls=only_tls_1_0(authority.tls())) as server:
        port = int(server.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1") as sock,
        ):
            assert sock.version() == "TLSv1"


class Slowly:
    """Sends an answer in pieces with pauses between."""

    def __init__(self, answer: Any) -> None:
        self.data: bytes = answer.head() + answer.body

    def send(self, sock: socket.socket, stopping: Any) -> None:
        """Send a twentieth, twenty times."""
        step = len(self.data) // 20 + 1
        for at in range(0, len(self.data), step):
            sock.sendall(self.data[at : at + step])
            stopping.wait(0.01)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *origins: str) -> list[str]:
    """Names resolve to these origins' addresses from now on, ports too; to none: they cannot be resolved."""
    answers = list(origins)

    def resolve(*args: Any, **kwargs: Any) -> list[Any]:
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        ports = [int(origin.rpartition(":")[2]) for origin in answers]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return answers


@pytest.mark.parametrize(
    "number",
    [errno.ECONNRESET, errno.EPIPE, errno.EPROTOTYPE, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH],
    ids=errno.errorcode.get,
)
def test_fi_01_a_connection_that_fails_in_whatever_way_is_unavailable(
    scene, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(sock: socket.socket, address: object) -> None:
        raise OSError(number, "as a machine does that restarts")

    monkeypatch.setattr(socket.socket, "connect", fail)
    assert scene.verdict(scene.token()) == UNAVAILABLE
