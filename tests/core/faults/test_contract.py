"""The rest of the key address's contract: what is fetched when, and what the defaults are."""

import inspect
from typing import Any

import pytest

from django_cognito.core.http.client import Http
from django_cognito.core.tokens.key_store import KeyStores
from tests.core.tokens.forging import needs_fetch
from tests.support.pool_scenario import (
    ACCEPTED,
    DAY,
    HARD,
    HOUR,
    REFRESH_AHEAD,
    SOFT,
    UNAVAILABLE,
    UNKNOWN,
    Scene,
    keys,
    settle,
)
from tests.support.scripted_server import Answer, ScriptedServer
from tests.support.signing import jwks


def test_the_defaults_are_the_contract_s() -> None:
    stores, http = (inspect.signature(made).parameters for made in (KeyStores, Http))
    ages = {name: stores[name].default for name in ("max_age_seconds", "hard_max_age_seconds", "cooldown_seconds")}
    assert ages == {"max_age_seconds": HOUR, "hard_max_age_seconds": DAY, "cooldown_seconds": 30}
    assert (http["timeout_seconds"].default, http["max_bytes"].default) == (3.0, 65_536)


def test_up_to_four_fifths_of_the_soft_age_nothing_is_fetched(warm: Scene, server: ScriptedServer) -> None:
    for _ in range(REFRESH_AHEAD // 60):
        assert warm.verdict(warm.token()) == ACCEPTED
        warm.clock.forward(60 - 1e-6)
    settle()
    assert server.count == 1


def test_from_then_on_one_use_fetches_in_the_background(warm: Scene, server: ScriptedServer) -> None:
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle()
    assert server.count == 2


def test_a_known_token_renews_the_keys_as_a_new_one_does(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    for hour in range(1, 6):
        assert warm.verdict(known) == ACCEPTED
        settle(server, count=hour)
        warm.clock.forward(SOFT)


def test_a_renewal_that_fails_ahead_of_the_soft_age_is_tried_again(warm: Scene, server: ScriptedServer) -> None:
    server.script(Answer(404), keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    warm.clock.forward(1)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=3)
    assert warm.verdict(warm.token("two")) == ACCEPTED


def test_a_process_that_nobody_asks_asks_nobody(warm: Scene, server: ScriptedServer) -> None:
    warm.clock.forward(10 * DAY)
    settle()
    assert server.count == 1


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.5), (0.5, 0.75), (1.0, 1.0)])
def test_a_pause_is_between_half_of_it_and_all_of_it(server: ScriptedServer, chance: float, share: float) -> None:
    server.script(Answer(404))
    scene = Scene(server.url, chance=lambda: chance)
    for longest in (1, 2, 4, 8, 16, 32, 60, 60):
        expected = max(1.0, longest * share)
        before = server.count
        assert scene.verdict(scene.token()) == UNAVAILABLE
        scene.clock.forward(expected - 0.001)
        assert scene.verdict(scene.token()) == UNAVAILABLE
        assert server.count == before + 1
        scene.clock.forward(0.001)


def test_hydrating_is_what_the_first_request_need_not_wait_for(scene: Scene, server: ScriptedServer) -> None:
    assert needs_fetch(scene.verifier, scene.token())
    scene.verifier.hydrate()
    assert not needs_fetch(scene.verifier, scene.token())
    assert scene.verdict(scene.token()) == ACCEPTED
    assert server.count == 1


@pytest.mark.parametrize("age", [0, REFRESH_AHEAD, SOFT, HARD - 1])
def test_whoever_has_keys_need_not_wait_for_others(warm: Scene, age: int) -> None:
    warm.clock.forward(age)
    assert not needs_fetch(warm.verifier, warm.token())


def test_pinned_keys_need_no_address(unreachable: str) -> None:
    scene = Scene(unreachable)
    scene.verifier.load_jwks(scene.pool, jwks("one"))
    scene.clock.forward(10 * DAY)
    assert scene.verdict(scene.token()) == ACCEPTED
    assert scene.verdict(scene.token(kid="forged")) == UNKNOWN


@pytest.mark.parametrize("ages", [{}, {"max_age_seconds": 60, "hard_max_age_seconds": 60}], ids=["usual", "strict"])
def test_retry_after_is_when_it_is_worth_it_and_not_before(server: ScriptedServer, ages: dict[str, Any]) -> None:
    server.script(Answer(404))
    scene = Scene(server.url, **ages)
    for _ in range(8):
        pause = scene.pause(scene.token())
        before = server.count
        scene.clock.forward(pause - 1.001)
        scene.verdict(scene.token())
        assert server.count == before
        scene.clock.forward(1.001)
        scene.verdict(scene.token())
        assert server.count == before + 1
