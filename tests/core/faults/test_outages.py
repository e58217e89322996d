"""FI-01 to FI-05: the key address is down, cold or warm, for a moment or for a day."""

import logging

import pytest

from tests.support.connections import Connections
from tests.support.login_scenario import Gate
from tests.support.pool_scenario import (
    ACCEPTED,
    COOLDOWN,
    HARD,
    HOUR,
    MINUTE,
    REFRESH_AHEAD,
    UNAVAILABLE,
    Scene,
    background,
    bounded,
    keys,
    settle,
)
from tests.support.scripted_server import Answer, Reset, ScriptedServer

GONE = Answer(404)  # a failure that is not tried again within its fetch: one request, one fetch


def test_fi_01_cold_and_refused_is_unavailable_and_says_when_to_come_again(
    unreachable: str, connections: Connections
) -> None:
    scene = Scene(unreachable)
    error = bounded(lambda: scene.error(scene.token()))
    assert error is not None
    assert error.code == UNAVAILABLE
    assert error.retry_after >= 1
    assert connections.to(unreachable) == 2  # one fetch, and its one second try


def test_fi_01_the_error_names_pool_and_host_and_reason_and_no_token(unreachable: str) -> None:
    scene = Scene(unreachable)
    raw = scene.token()
    message = str(scene.error(raw))
    assert scene.pool.user_pool_id in message
    assert "127.0.0.1" in message
    assert "ConnectionError" in message
    for part in raw.split("."):
        assert part not in message


def test_fi_01_the_error_names_the_reason_of_the_last_failure(scene: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    scene.clock.forward(scene.pause(scene.token()))
    server.script(Answer(410))
    assert "410" in str(scene.error(scene.token()))
    assert "410" in str(scene.error(scene.token()))  # and while the pause lasts


def test_fi_01_the_log_has_no_token_either(unreachable: str, caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene(unreachable)
    raw = scene.token()
    scene.error(raw)
    assert caplog.messages
    assert [part for part in raw.split(".") if part in caplog.text] == []


def test_fi_02_cold_and_down_a_hundred_requests_cause_one_fetch(unreachable: str, connections: Connections) -> None:
    scene = Scene(unreachable)
    raw = scene.token()
    assert scene.verdicts([raw] * 100) == {UNAVAILABLE}
    assert connections.to(unreachable) == 2
    scene.clock.forward(0.999)
    assert scene.verdicts([raw] * 100) == {UNAVAILABLE}
    assert connections.to(unreachable) == 2


def test_fi_02_then_the_pauses_grow_to_a_minute(scene: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    pauses = []
    for _ in range(12):
        pauses.append(scene.pause(scene.token()))
        scene.clock.forward(pauses[-1])
    assert server.count == 12
    for pause, longest in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60), strict=True):
        assert max(1, longest // 2) <= pause <= longest


def test_fi_02_requests_during_a_pause_do_not_lengthen_it(scene: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    for _ in range(6):
        scene.clock.forward(scene.pause(scene.token()))
    left = scene.pause(scene.token())
    seen = []
    for _ in range(left):
        scene.clock.forward(1)
        seen.append(server.count)
        scene.error(scene.token())
    assert seen == [7] * left
    assert server.count == 8


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Reset()], ids=["500", "503", "reset"])
def test_fi_02_a_fetch_has_one_second_try_and_no_third(scene: Scene, server: ScriptedServer, fault: Answer) -> None:
    server.script(fault)
    assert scene.verdicts([scene.token()] * 10) == {UNAVAILABLE}
    assert server.count == 2


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Reset()], ids=["500", "503", "reset"])
def test_fi_02_a_second_try_that_brings_the_keys_is_no_outage(
    scene: Scene, server: ScriptedServer, fault: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(fault, keys("one"))
    assert scene.verdict(scene.token()) == ACCEPTED
    assert server.count == 2
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("status", [204, 301, 400, 403, 404, 429])
def test_fi_02_what_would_be_no_other_at_once_is_not_asked_twice(
    scene: Scene, server: ScriptedServer, status: int
) -> None:
    server.script(Answer(status))
    assert scene.verdict(scene.token()) == UNAVAILABLE
    assert server.count == 1


def test_fi_03_warm_and_down_every_genuine_token_is_accepted_to_the_hard_age(
    warm: Scene, server: ScriptedServer
) -> None:
    known = warm.token()
    server.script(GONE)
    while warm.clock.now < 1_000 + HARD:
        assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == ACCEPTED
        settle()
        warm.clock.forward(20 * MINUTE - 1)
    assert server.count > 24


def test_fi_03_no_genuine_token_waits_for_the_fetch(warm: Scene, server: ScriptedServer) -> None:
    gate = Gate()
    server.script(Answer(404, before=gate))
    warm.clock.forward(REFRESH_AHEAD)
    assert bounded(lambda: warm.verdicts(warm.token(jti=str(number)) for number in range(50))) == {ACCEPTED}
    assert len(background()) == 1  # it hangs still
    gate.wait_until_asked()
    settle()
    assert server.count == 2


def test_fi_03_one_warning_a_fetch_that_failed(
    warm: Scene, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(GONE)
    warm.clock.forward(HOUR)
    for _ in range(130):
        assert warm.verdict(warm.token()) == ACCEPTED
        settle()
        warm.clock.forward(1)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == server.count - 1
    assert 7 <= len(warnings) <= 12  # 1, 2, 4 ... 60 s, each pause at least half of that


def test_fi_04_past_the_hard_age_it_is_unavailable_and_one_good_fetch_ends_that(
    warm: Scene, server: ScriptedServer
) -> None:
    known = warm.token()
    assert warm.verdict(known) == ACCEPTED
    server.script(GONE)
    warm.clock.forward(HARD)
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == UNAVAILABLE
    server.script(keys("one"))
    warm.clock.forward(warm.pause(known))
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    assert server.count == 3


def test_fi_04_up_to_the_hard_age_it_is_not(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    server.script(GONE)
    warm.clock.forward(HARD - 1)
    assert warm.verdict(known) == ACCEPTED
    settle(server, count=2)


def test_fi_04_a_hard_age_of_the_soft_one_is_strict(server: ScriptedServer) -> None:
    scene = Scene(server.url, max_age_seconds=HOUR, hard_max_age_seconds=HOUR)
    known = scene.token()
    assert scene.verdict(known) == ACCEPTED
    server.script(GONE)
    scene.clock.forward(HOUR - 1)
    assert scene.verdict(known) == ACCEPTED
    settle(server, count=2)
    scene.clock.forward(61)
    assert scene.verdict(known) == UNAVAILABLE


def test_fi_05_cold_for_an_hour_and_back_within_a_pause(scene: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    raw = scene.token()
    for _ in range(HOUR // 10):
        assert scene.verdict(raw) == UNAVAILABLE
        scene.clock.forward(10)
    assert server.count <= 130  # once in half a minute to a minute
    pause = scene.pause(raw)  # perhaps of an attempt just now
    server.script(keys("one"))
    scene.clock.forward(pause)
    assert scene.verdict(raw) == ACCEPTED


def test_fi_05_warm_for_an_hour_and_back_nobody_has_noticed(warm: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    for _ in range(2 * HOUR // MINUTE):
        assert warm.verdict(warm.token()) == ACCEPTED
        settle()
        warm.clock.forward(MINUTE)
    server.script(keys("one"))
    before = server.count
    for _ in range(HOUR // MINUTE // 2):
        warm.clock.forward(MINUTE)
        assert warm.verdict(warm.token()) == ACCEPTED
        settle()
    assert server.count == before + 1  # the first good answer, and young keys again


def test_fi_05_success_resets_the_pauses(scene: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    for _ in range(8):
        scene.clock.forward(scene.pause(scene.token()))
    server.script(keys("one"))
    assert scene.verdict(scene.token()) == ACCEPTED
    server.script(GONE)
    scene.clock.forward(HARD)
    assert scene.pause(scene.token()) == 1


def test_fi_05_a_key_nobody_knew_is_found_when_the_address_is_back(warm: Scene, server: ScriptedServer) -> None:
    server.script(GONE)
    warm.clock.forward(COOLDOWN)
    pause = warm.pause(warm.token("two"))
    server.script(keys("one", "two"))
    warm.clock.forward(pause)
    assert warm.verdict(warm.token("two")) == ACCEPTED
