"""FI-22 and FI-23: many threads without cached keys, and processes that fork during a fetch."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core.http.client import Http, Response
from tests.support.connections import Connections
from tests.support.forking import in_a_child
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import (
    ACCEPTED,
    HANG_SECONDS,
    HARD,
    REFRESH_AHEAD,
    UNAVAILABLE,
    UNKNOWN,
    UserPoolScenario,
    background,
    keys,
    settle,
)
from tests.support.signing import jwks

THREADS = 200
NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def run_in_threads(call: Callable[[], Any]) -> list[Any]:
    """Return the results of `call` in 200 threads that start together."""
    results: list[Any] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait(HANG_SECONDS)
        results.append(call())

    threads = [threading.Thread(target=run, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
        assert not thread.is_alive(), "the thread hangs"
    return results


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param(keys("one"), ACCEPTED, id="up"),
        pytest.param(keys("two"), UNKNOWN, id="another key"),
        pytest.param(Answer(404), UNAVAILABLE, id="down"),
        pytest.param(json_answer({"keys": []}), UNAVAILABLE, id="no keys"),
    ],
)
def test_fi_22_threads_without_cached_keys_share_one_fetch(
    scenario: UserPoolScenario, server: ScriptedServer, answer: Answer, verdict: str
) -> None:
    gate, raw = Gate(), scenario.token()
    server.script(Answer(answer.status, answer.body, before=gate))
    threading.Thread(target=gate.wait_for_request, args=(lambda: time.sleep(0.1),), daemon=True).start()
    assert run_in_threads(lambda: scenario.verdict(raw)) == [verdict] * THREADS
    assert server.count == 1


def test_fi_22_programming_error_in_a_fetch_leaves_no_lock(scenario: UserPoolScenario) -> None:
    """A programming error, not a network error: the fetching thread raises it, the others raise unavailable."""
    raw = scenario.token()
    broken = BrokenHttp(scenario.http)
    scenario = UserPoolScenario("http://127.0.0.1:1", http=broken)
    verdicts = run_in_threads(lambda: _verdict_or_fault(scenario, raw))
    assert sorted(verdicts) == [UNAVAILABLE] * (THREADS - 1) + ["programming error"]
    assert broken.count == 1
    scenario.clock.forward(1)
    broken.is_fixed = True
    assert scenario.verdict(raw) == ACCEPTED


def test_fi_22_threads_refresh_old_keys_once_without_waiting(warm: UserPoolScenario, server: ScriptedServer) -> None:
    gate, raw = Gate(), warm.token()
    server.script(Answer(200, json.dumps(jwks("one")).encode(), before=gate))
    warm.clock.forward(REFRESH_AHEAD)
    assert run_in_threads(lambda: warm.verdict(raw)) == [ACCEPTED] * THREADS
    assert len(background()) == 1  # the fetch still hangs: no thread has waited for it
    gate.wait_for_request()
    settle()
    assert server.count == 2


@NEEDS_FORK
def test_fi_23_forked_child_verifies_with_cached_keys(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    assert warm.verdict(cached) == ACCEPTED
    verdicts = [in_a_child(lambda: [warm.verdict(cached), warm.verdict(warm.token(username="bob"))]) for _ in range(3)]
    assert verdicts == [[ACCEPTED] * 2] * 3
    assert server.count == 1


@NEEDS_FORK
def test_fi_23_forked_child_fetches_keys_for_itself(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(keys("one", "two"))

    def verify_after_hard_age() -> list[str]:
        warm.clock.forward(HARD)
        return [warm.verdict(warm.token("two")), warm.verdict(warm.token("one"))]

    assert in_a_child(verify_after_hard_age) == [ACCEPTED] * 2
    assert server.count == 2
    assert verify_after_hard_age() == [ACCEPTED] * 2
    assert server.count == 3


@NEEDS_FORK
def test_fi_23_forked_children_and_parent_share_no_connection(
    warm: UserPoolScenario, server: ScriptedServer, connections: Connections
) -> None:
    warm.clock.forward(HARD)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert connections.to(server.url) == server.count == 2
    sockets = [fd for fd in _descriptors() if _is_connected_to(fd, server.url)]
    assert sockets == []  # no open connection that a child could share


@NEEDS_FORK
def test_fi_23_child_forked_during_a_fetch_fetches_for_itself(
    scenario: UserPoolScenario, server: ScriptedServer
) -> None:
    gate, verdicts = Gate(), []
    server.script(Answer(404, before=gate), keys("one"))
    raw = scenario.token()
    thread = threading.Thread(target=lambda: verdicts.append(scenario.verdict(raw)), daemon=True)
    thread.start()
    assert gate.requested.wait(20)
    assert in_a_child(lambda: scenario.verdict(raw)) == ACCEPTED
    assert server.count == 2
    gate.opened.set()
    thread.join(HANG_SECONDS)
    assert verdicts == [UNAVAILABLE]


@NEEDS_FORK
def test_fi_23_child_forked_during_a_background_fetch_can_refresh(
    warm: UserPoolScenario, server: ScriptedServer
) -> None:
    gate = Gate()
    server.script(Answer(404, before=gate), keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    assert gate.requested.wait(20)

    def verify_and_refresh() -> list[str]:
        first = warm.verdict(warm.token())
        settle()
        return [first, warm.verdict(warm.token("two"))]

    assert in_a_child(verify_and_refresh) == [ACCEPTED] * 2
    gate.opened.set()
    settle()
    assert server.count == 3


@NEEDS_FORK
def test_fi_23_child_forked_while_a_lock_is_held_has_its_own_lock(warm: UserPoolScenario) -> None:
    store = warm.stores.for_pool(warm.pool)
    locked, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store._lock:
            locked.set()
            release.wait(HANG_SECONDS)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    assert locked.wait(HANG_SECONDS)

    def verify_after_hard_age() -> str:
        warm.clock.forward(HARD)
        return warm.verdict(warm.token())

    assert in_a_child(verify_after_hard_age) == ACCEPTED
    release.set()
    holder.join(HANG_SECONDS)


@NEEDS_FORK
def test_fi_23_forked_children_retry_at_different_times(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(Answer(404))
    for _ in range(8):
        scenario.clock.forward(scenario.pause(scenario.token()))
    pauses = {in_a_child(lambda: scenario.pause(scenario.token())) for _ in range(8)}
    assert len(pauses) > 1  # eight equal values by chance: 1 in 30 ** 7


class BrokenHttp:
    """An Http that raises a programming error until `is_fixed`; then it returns the JWKS."""

    def __init__(self, http: Http) -> None:
        self.count = 0
        self.is_fixed = False

    def request(self, *args: Any, **kwargs: Any) -> Response:
        self.count += 1
        if self.is_fixed:
            return Response(200, {}, json.dumps(jwks("one")).encode())
        time.sleep(0.2)  # so that others wait
        raise ZeroDivisionError


def _verdict_or_fault(scenario: UserPoolScenario, raw: str) -> str:
    try:
        return scenario.verdict(raw)
    except ZeroDivisionError:
        return "programming error"


def _descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/dev/fd")]


def _is_connected_to(descriptor: int, url: str) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as sock:
            return sock.family == socket.AF_INET and str(sock.getpeername()[1]) == url.rpartition(":")[2]
    except OSError:
        return False
