"""FI-22 and FI-23: many threads that start cold together, and processes that fork at the worst moment."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core.http.client import Http, Response
from tests.support.connections import Connections
from tests.support.forking import in_a_child
from tests.support.login_scenario import Gate
from tests.support.pool_scenario import (
    ACCEPTED,
    HANG_SECONDS,
    HARD,
    REFRESH_AHEAD,
    UNAVAILABLE,
    UNKNOWN,
    Scene,
    background,
    keys,
    settle,
)
from tests.support.scripted_server import Answer, ScriptedServer, json_answer
from tests.support.signing import jwks

THREADS = 200
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def at_once(call: Callable[[], Any]) -> list[Any]:
    """What `call` gives in 200 threads that start together."""
    given: list[Any] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait(HANG_SECONDS)
        given.append(call())

    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
        assert not thread.is_alive(), "it hangs"
    return given


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param(keys("one"), ACCEPTED, id="up"),
        pytest.param(keys("two"), UNKNOWN, id="another key"),
        pytest.param(Answer(404), UNAVAILABLE, id="down"),
        pytest.param(json_answer({"keys": []}), UNAVAILABLE, id="no keys"),
    ],
)
def test_fi_22_two_hundred_threads_cold_cause_one_fetch_and_agree(
    scene: Scene, server: ScriptedServer, answer: Answer, verdict: str
) -> None:
    gate, raw = Gate(), scene.token()
    server.script(Answer(answer.status, answer.body, before=gate))
    threading.Thread(target=gate.wait_until_asked, args=(lambda: time.sleep(0.1),), daemon=True).start()
    assert at_once(lambda: scene.verdict(raw)) == [verdict] * THREADS
    assert server.count == 1


def test_fi_22_a_fetch_that_breaks_locks_nobody_out(scene: Scene) -> None:
    """A fault of the program, not of the network: whoever fetched gets it, whoever waited is told to come again."""
    raw = scene.token()
    broken = Broken(scene.http)
    scene = Scene("http://127.0.0.1:1", http=broken)
    said = at_once(lambda: _verdict_or_fault(scene, raw))
    assert sorted(said) == [UNAVAILABLE] * (THREADS - 1) + ["the program's own fault"]
    assert broken.count == 1
    scene.clock.forward(1)
    broken.is_mended = True
    assert scene.verdict(raw) == ACCEPTED


def test_fi_22_the_many_renew_old_keys_once_and_nobody_waits(warm: Scene, server: ScriptedServer) -> None:
    gate, raw = Gate(), warm.token()
    server.script(Answer(200, json.dumps(jwks("one")).encode(), before=gate))
    warm.clock.forward(REFRESH_AHEAD)
    assert at_once(lambda: warm.verdict(raw)) == [ACCEPTED] * THREADS
    assert len(background()) == 1  # the fetch hangs still: nobody has waited for its failure
    gate.wait_until_asked()
    settle()
    assert server.count == 2


@FORKS
def test_fi_23_a_child_of_a_warm_process_verifies_without_asking(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    assert warm.verdict(known) == ACCEPTED
    said = [in_a_child(lambda: [warm.verdict(known), warm.verdict(warm.token(username="bob"))]) for _ in range(3)]
    assert said == [[ACCEPTED] * 2] * 3
    assert server.count == 1


@FORKS
def test_fi_23_a_child_has_its_own_ages_and_asks_for_itself(warm: Scene, server: ScriptedServer) -> None:
    server.script(keys("one", "two"))

    def in_time() -> list[str]:
        warm.clock.forward(HARD)
        return [warm.verdict(warm.token("two")), warm.verdict(warm.token("one"))]

    assert in_a_child(in_time) == [ACCEPTED] * 2
    assert server.count == 2
    assert in_time() == [ACCEPTED] * 2
    assert server.count == 3


@FORKS
def test_fi_23_children_and_parent_share_no_connection(
    warm: Scene, server: ScriptedServer, connections: Connections
) -> None:
    warm.clock.forward(HARD)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert connections.to(server.url) == server.count == 2
    sockets = [fd for fd in _descriptors() if _is_connected_to(fd, server.url)]
    assert sockets == []  # nothing is kept that a child could share


@FORKS
def test_fi_23_a_child_forked_during_a_fetch_fetches_for_itself(scene: Scene, server: ScriptedServer) -> None:
    gate, said = Gate(), []
    server.script(Answer(404, before=gate), keys("one"))
    raw = scene.token()
    thread = threading.Thread(target=lambda: said.append(scene.verdict(raw)), daemon=True)
    thread.start()
    assert gate.asked.wait(20)
    assert in_a_child(lambda: scene.verdict(raw)) == ACCEPTED
    assert server.count == 2
    gate.opened.set()
    thread.join(HANG_SECONDS)
    assert said == [UNAVAILABLE]


@FORKS
def test_fi_23_a_child_forked_during_a_renewal_goes_on_and_can_renew(warm: Scene, server: ScriptedServer) -> None:
    gate = Gate()
    server.script(Answer(404, before=gate), keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert gate.asked.wait(20)

    def renews() -> list[str]:
        said = [warm.verdict(warm.token())]
        settle()
        return [*said, warm.verdict(warm.token("two"))]

    assert in_a_child(renews) == [ACCEPTED] * 2
    gate.opened.set()
    settle()
    assert server.count == 3


@FORKS
def test_fi_23_a_child_forked_while_a_lock_is_held_has_one_of_its_own(warm: Scene) -> None:
    store = warm.stores.for_pool(warm.pool)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with store._lock:
            held.set()
            over.wait(HANG_SECONDS)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert held.wait(HANG_SECONDS)

    def past_the_hard_age() -> str:
        warm.clock.forward(HARD)
        return warm.verdict(warm.token())

    assert in_a_child(past_the_hard_age) == ACCEPTED
    over.set()
    holder.join(HANG_SECONDS)


@FORKS
def test_fi_23_children_do_not_come_again_in_step(scene: Scene, server: ScriptedServer) -> None:
    server.script(Answer(404))
    for _ in range(8):
        scene.clock.forward(scene.pause(scene.token()))
    pauses = {in_a_child(lambda: scene.pause(scene.token())) for _ in range(8)}
    assert len(pauses) > 1  # all eight the same by chance: once in 30 ** 7


class Broken:
    """An Http with a fault, until it is mended; then it gives the keys."""

    def __init__(self, http: Http) -> None:
        self.count = 0
        self.is_mended = False

    def request(self, *args: Any, **kwargs: Any) -> Response:
        self.count += 1
        if self.is_mended:
            return Response(200, {}, json.dumps(jwks("one")).encode())
        time.sleep(0.2)  # so that others wait
        raise ZeroDivisionError


def _verdict_or_fault(scene: Scene, raw: str) -> str:
    try:
        return scene.verdict(raw)
    except ZeroDivisionError:
        return "the program's own fault"


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/dev/fd")]


def _is_connected_to(descriptor: int, url: str) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            return str(sock.getpeername()[1]) == url.rpartition(":")[2]
    except OSError:
        return False
