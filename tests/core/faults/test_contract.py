"""When the JWKS is fetched, and the default values of ages and limits."""

import inspect
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.http.client import Http
from django_cognito.core.tokens.key_store import KeyStores
from tests.core.tokens.forging import needs_fetch
from tests.support.scenarios.user_pool import (
    ACCEPTED,
    DAY,
    HARD,
    HOUR,
    REFRESH_AHEAD,
    SOFT,
    UNAVAILABLE,
    UNKNOWN,
    UserPoolScenario,
    keys,
    settle,
)
from tests.support.signing import jwks


def test_defaults_of_key_ages_and_http_limits() -> None:
    stores, http = (inspect.signature(cls).parameters for cls in (KeyStores, Http))
    ages = {name: stores[name].default for name in ("max_age_seconds", "hard_max_age_seconds", "cooldown_seconds")}
    assert ages == {"max_age_seconds": HOUR, "hard_max_age_seconds": DAY, "cooldown_seconds": 30}
    assert (http["timeout_seconds"].default, http["max_bytes"].default) == (3.0, 65_536)


def test_fresh_keys_are_not_fetched_again(warm: UserPoolScenario, server: ScriptedServer) -> None:
    for _ in range(REFRESH_AHEAD // 60):
        assert warm.verdict(warm.token()) == ACCEPTED
        warm.clock.forward(60 - 1e-6)
    settle()
    assert server.count == 1


def test_first_use_after_four_fifths_of_max_age_fetches_in_background(
    warm: UserPoolScenario, server: ScriptedServer
) -> None:
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle()
    assert server.count == 2


def test_cached_token_refreshes_the_keys(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    for hour in range(1, 6):
        assert warm.verdict(cached) == ACCEPTED
        settle(server, count=hour)
        warm.clock.forward(SOFT)


def test_failed_background_fetch_is_retried(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(Answer(404), keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    warm.clock.forward(1)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=3)
    assert warm.verdict(warm.token("two")) == ACCEPTED


def test_keys_that_are_not_used_are_not_fetched(warm: UserPoolScenario, server: ScriptedServer) -> None:
    warm.clock.forward(10 * DAY)
    settle()
    assert server.count == 1


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_pause_is_reduced_by_up_to_half(server: ScriptedServer, chance: float, share: float) -> None:
    server.script(Answer(404))
    scenario = UserPoolScenario(server.url, chance=lambda: chance)
    for longest in (1, 2, 4, 8, 16, 32, 60, 60):
        expected = max(1.0, longest * share)
        before = server.count
        assert scenario.verdict(scenario.token()) == UNAVAILABLE
        scenario.clock.forward(expected - 0.001)
        assert scenario.verdict(scenario.token()) == UNAVAILABLE
        assert server.count == before + 1
        scenario.clock.forward(0.001)


def test_hydrate_spares_the_first_verification_its_fetch(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    assert needs_fetch(scenario.verifier, scenario.token())
    scenario.verifier.hydrate()
    assert not needs_fetch(scenario.verifier, scenario.token())
    assert scenario.verdict(scenario.token()) == ACCEPTED
    assert server.count == 1


@pytest.mark.parametrize("age", [0, REFRESH_AHEAD, SOFT, HARD - 1])
def test_verification_with_cached_keys_needs_no_fetch(warm: UserPoolScenario, age: int) -> None:
    warm.clock.forward(age)
    assert not needs_fetch(warm.verifier, warm.token())


def test_pinned_keys_are_never_fetched(unreachable: str) -> None:
    scenario = UserPoolScenario(unreachable)
    scenario.verifier.load_jwks(scenario.pool, jwks("one"))
    scenario.clock.forward(10 * DAY)
    assert scenario.verdict(scenario.token()) == ACCEPTED
    assert scenario.verdict(scenario.token(kid="forged")) == UNKNOWN


@pytest.mark.parametrize("ages", [{}, {"max_age_seconds": 60, "hard_max_age_seconds": 60}], ids=["usual", "strict"])
def test_next_fetch_starts_at_retry_after(server: ScriptedServer, ages: dict[str, Any]) -> None:
    server.script(Answer(404))
    scenario = UserPoolScenario(server.url, **ages)
    for _ in range(8):
        pause = scenario.pause(scenario.token())
        before = server.count
        scenario.clock.forward(pause - 1.001)
        scenario.verdict(scenario.token())
        assert server.count == before
        scenario.clock.forward(1.001)
        scenario.verdict(scenario.token())
        assert server.count == before + 1
