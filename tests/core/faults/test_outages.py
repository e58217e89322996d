"""FI-01 to FI-05: the JWKS endpoint is down, with or without cached keys, for a moment or for a day."""

import logging

import pytest
from local_cognito_support.scripted_server import Answer, Reset, ScriptedServer

from tests.support.connections import Connections
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import (
    ACCEPTED,
    COOLDOWN,
    HARD,
    HOUR,
    MINUTE,
    REFRESH_AHEAD,
    UNAVAILABLE,
    UserPoolScenario,
    background,
    bounded,
    keys,
    settle,
)

NOT_FOUND = Answer(404)  # a failure that is not retried within its fetch: one request, one fetch


def test_fi_01_refused_connection_is_unavailable_with_retry_after(unreachable: str, connections: Connections) -> None:
    scenario = UserPoolScenario(unreachable)
    error = bounded(lambda: scenario.error(scenario.token()))
    assert error is not None
    assert error.code == UNAVAILABLE
    assert error.retry_after >= 1
    assert connections.to(unreachable) == 2  # one fetch of two attempts


def test_fi_01_error_names_pool_host_and_reason_but_no_token(unreachable: str) -> None:
    scenario = UserPoolScenario(unreachable)
    raw = scenario.token()
    message = str(scenario.error(raw))
    assert scenario.pool.user_pool_id in message
    assert "127.0.0.1" in message
    assert "ConnectionError" in message
    for part in raw.split("."):
        assert part not in message


def test_fi_01_error_names_the_reason_of_the_last_failure(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
    scenario.clock.forward(scenario.pause(scenario.token()))
    server.script(Answer(410))
    assert "410" in str(scenario.error(scenario.token()))
    assert "410" in str(scenario.error(scenario.token()))  # during the pause too


def test_fi_01_log_has_no_token(unreachable: str, caplog: pytest.LogCaptureFixture) -> None:
    scenario = UserPoolScenario(unreachable)
    raw = scenario.token()
    scenario.error(raw)
    assert caplog.messages
    assert [part for part in raw.split(".") if part in caplog.text] == []


def test_fi_02_hundred_requests_during_an_outage_cause_one_fetch(unreachable: str, connections: Connections) -> None:
    scenario = UserPoolScenario(unreachable)
    raw = scenario.token()
    assert scenario.verdicts([raw] * 100) == {UNAVAILABLE}
    assert connections.to(unreachable) == 2
    scenario.clock.forward(0.999)
    assert scenario.verdicts([raw] * 100) == {UNAVAILABLE}
    assert connections.to(unreachable) == 2


def test_fi_02_pauses_grow_to_a_minute(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
    pauses = []
    for _ in range(12):
        pauses.append(scenario.pause(scenario.token()))
        scenario.clock.forward(pauses[-1])
    assert server.count == 12
    for pause, longest in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60), strict=True):
        assert max(1, longest // 2) <= pause <= longest


def test_fi_02_requests_during_a_pause_do_not_extend_it(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
    for _ in range(6):
        scenario.clock.forward(scenario.pause(scenario.token()))
    remaining = scenario.pause(scenario.token())
    counts = []
    for _ in range(remaining):
        scenario.clock.forward(1)
        counts.append(server.count)
        scenario.error(scenario.token())
    assert counts == [7] * remaining
    assert server.count == 8


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Reset()], ids=["500", "503", "reset"])
def test_fi_02_fetch_makes_two_attempts(scenario: UserPoolScenario, server: ScriptedServer, fault: Answer) -> None:
    server.script(fault)
    assert scenario.verdicts([scenario.token()] * 10) == {UNAVAILABLE}
    assert server.count == 2


@pytest.mark.parametrize("fault", [Answer(500), Answer(503), Reset()], ids=["500", "503", "reset"])
def test_fi_02_successful_second_attempt_is_accepted_without_warning(
    scenario: UserPoolScenario, server: ScriptedServer, fault: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(fault, keys("one"))
    assert scenario.verdict(scenario.token()) == ACCEPTED
    assert server.count == 2
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("status", [204, 301, 400, 403, 404, 429])
def test_fi_02_status_that_is_not_transient_is_not_retried(
    scenario: UserPoolScenario, server: ScriptedServer, status: int
) -> None:
    server.script(Answer(status))
    assert scenario.verdict(scenario.token()) == UNAVAILABLE
    assert server.count == 1


def test_fi_03_genuine_tokens_are_accepted_up_to_the_hard_max_age(
    warm: UserPoolScenario, server: ScriptedServer
) -> None:
    cached = warm.token()
    server.script(NOT_FOUND)
    while warm.clock.now < 1_000 + HARD:
        assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == ACCEPTED
        settle()
        warm.clock.forward(20 * MINUTE - 1)
    assert server.count > 24


def test_fi_03_genuine_tokens_do_not_wait_for_the_fetch(warm: UserPoolScenario, server: ScriptedServer) -> None:
    gate = Gate()
    server.script(Answer(404, before=gate))
    warm.clock.forward(REFRESH_AHEAD)
    assert bounded(lambda: warm.verdicts(warm.token(jti=str(number)) for number in range(50))) == {ACCEPTED}
    assert len(background()) == 1  # the fetch still hangs
    gate.wait_for_request()
    settle()
    assert server.count == 2


def test_fi_03_each_failed_fetch_logs_one_warning(
    warm: UserPoolScenario, server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(NOT_FOUND)
    warm.clock.forward(HOUR)
    for _ in range(130):
        assert warm.verdict(warm.token()) == ACCEPTED
        settle()
        warm.clock.forward(1)
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == server.count - 1
    assert 7 <= len(warnings) <= 12  # 1, 2, 4 ... 60 s, each pause at least half of that


def test_fi_04_keys_past_hard_max_age_are_unavailable_until_a_fetch(
    warm: UserPoolScenario, server: ScriptedServer
) -> None:
    cached = warm.token()
    assert warm.verdict(cached) == ACCEPTED
    server.script(NOT_FOUND)
    warm.clock.forward(HARD)
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == UNAVAILABLE
    server.script(keys("one"))
    warm.clock.forward(warm.pause(cached))
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    assert server.count == 3


def test_fi_04_keys_before_the_hard_max_age_are_used(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    server.script(NOT_FOUND)
    warm.clock.forward(HARD - 1)
    assert warm.verdict(cached) == ACCEPTED
    settle(server, count=2)


def test_fi_04_hard_max_age_equal_to_max_age_is_strict(server: ScriptedServer) -> None:
    scenario = UserPoolScenario(server.url, max_age_seconds=HOUR, hard_max_age_seconds=HOUR)
    cached = scenario.token()
    assert scenario.verdict(cached) == ACCEPTED
    server.script(NOT_FOUND)
    scenario.clock.forward(HOUR - 1)
    assert scenario.verdict(cached) == ACCEPTED
    settle(server, count=2)
    scenario.clock.forward(61)
    assert scenario.verdict(cached) == UNAVAILABLE


def test_fi_05_recovery_without_cached_keys_takes_at_most_a_pause(
    scenario: UserPoolScenario, server: ScriptedServer
) -> None:
    server.script(NOT_FOUND)
    raw = scenario.token()
    for _ in range(HOUR // 10):
        assert scenario.verdict(raw) == UNAVAILABLE
        scenario.clock.forward(10)
    assert server.count <= 130  # one fetch in 30 to 60 seconds
    pause = scenario.pause(raw)
    server.script(keys("one"))
    scenario.clock.forward(pause)
    assert scenario.verdict(raw) == ACCEPTED


def test_fi_05_outage_with_cached_keys_refuses_no_token(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
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
    assert server.count == before + 1  # the first valid response makes the keys fresh


def test_fi_05_success_resets_the_pauses(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
    for _ in range(8):
        scenario.clock.forward(scenario.pause(scenario.token()))
    server.script(keys("one"))
    assert scenario.verdict(scenario.token()) == ACCEPTED
    server.script(NOT_FOUND)
    scenario.clock.forward(HARD)
    assert scenario.pause(scenario.token()) == 1


def test_fi_05_new_key_is_fetched_after_the_outage(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(NOT_FOUND)
    warm.clock.forward(COOLDOWN)
    pause = warm.pause(warm.token("two"))
    server.script(keys("one", "two"))
    warm.clock.forward(pause)
    assert warm.verdict(warm.token("two")) == ACCEPTED
