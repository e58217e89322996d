"""FI-24: ages go by a clock that nobody sets, the tokens' times by the wall's, and leeway both ways."""

import inspect
import time

import pytest

from django_cognito.core import TokenVerifier
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.clock import unix_time
from django_cognito.core.tokens.key_store import KeyStore, KeyStores
from tests.support.pool_scenario import ACCEPTED, DAY, HARD, HOUR, REFRESH_AHEAD, UNAVAILABLE, WALL, Scene, settle
from tests.support.scripted_server import Answer, ScriptedServer

OVER, TOO_EARLY = "token_expired", "token_not_yet_valid"


def test_fi_24_ages_go_by_the_monotonic_clock_and_tokens_by_the_wall_s() -> None:
    for made in (KeyStores, KeyStore, ClientSecret):
        assert inspect.signature(made).parameters["now"].default is time.monotonic
    assert inspect.signature(TokenVerifier).parameters["now"].default is unix_time


@pytest.mark.parametrize("jump", [-HOUR, DAY, -10 * 365 * DAY], ids=["an hour back", "a day on", "ten years back"])
def test_fi_24_a_jump_of_the_wall_clock_changes_no_age(warm: Scene, server: ScriptedServer, jump: int) -> None:
    warm.wall.forward(jump)
    server.script(Answer(404))
    times = {"iat": int(WALL) + jump - 60, "exp": int(WALL) + jump + HOUR}
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    settle()
    assert server.count == 1


def test_fi_24_the_monotonic_clock_changes_no_token_s_times(warm: Scene, server: ScriptedServer) -> None:
    raw = warm.token(exp=int(WALL) + 60)
    assert warm.verdict(raw) == ACCEPTED
    warm.clock.forward(HARD)
    assert warm.verdict(raw) == ACCEPTED
    assert server.count == 2


def test_fi_24_a_jump_back_lets_no_ended_token_in_that_is_still_over(warm: Scene) -> None:
    raw = warm.token(exp=int(WALL) + 2 * HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(DAY)
    assert warm.verdict(raw) == OVER
    warm.wall.forward(-HOUR)
    assert warm.verdict(raw) == OVER


def test_fi_24_a_known_token_s_times_are_looked_at_each_time(warm: Scene) -> None:
    raw = warm.token(iat=int(WALL), exp=int(WALL) + HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(-HOUR)
    assert warm.verdict(raw) == TOO_EARLY
    warm.wall.forward(HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(HOUR + 60)
    assert warm.verdict(raw) == OVER


def test_fi_24_a_token_that_is_over_is_refused_in_an_outage_too(warm: Scene, server: ScriptedServer) -> None:
    raw = warm.token(exp=int(WALL) + HOUR)
    assert warm.verdict(raw) == ACCEPTED
    server.script(Answer(404))
    warm.clock.forward(HARD)
    assert warm.verdict(raw) == UNAVAILABLE
    warm.wall.forward(DAY)
    assert warm.verdict(raw) == OVER


@pytest.mark.parametrize("leeway", [0, 10, 60])
@pytest.mark.parametrize("cache_size", [0, 1_000], ids=["each time anew", "known"])
def test_fi_24_leeway_is_symmetrical(warm: Scene, leeway: int, cache_size: int) -> None:
    warm.verifier = TokenVerifier(
        warm.pool, leeway_seconds=leeway, cache_size=cache_size, key_stores=warm.stores, now=warm.wall
    )
    raw = warm.token(iat=int(WALL), exp=int(WALL) + HOUR)
    said = {}
    for moment in (-leeway - 1, -leeway, HOUR + leeway - 1, HOUR + leeway):
        warm.wall.now = WALL
        assert warm.verdict(raw) == ACCEPTED
        warm.wall.forward(moment)
        said[moment] = warm.verdict(raw)
    assert list(said.values()) == [TOO_EARLY, ACCEPTED, ACCEPTED, OVER]


@pytest.mark.parametrize("skew", [-60, 60])
def test_fi_24_a_clock_that_is_a_minute_off_is_within_the_greatest_leeway(warm: Scene, skew: int) -> None:
    raw = warm.token(iat=int(WALL), exp=int(WALL) + 1)
    warm.wall.forward(skew)
    assert warm.verdict(raw) in {OVER, TOO_EARLY}  # by default it is 10 s
    warm.verifier = TokenVerifier(warm.pool, leeway_seconds=60, key_stores=warm.stores, now=warm.wall)
    assert warm.verdict(raw) == ACCEPTED


@pytest.mark.parametrize("leeway", [-1, 61, DAY])
def test_fi_24_leeway_is_capped(warm: Scene, leeway: int) -> None:
    with pytest.raises(ValueError, match="leeway"):
        TokenVerifier(warm.pool, leeway_seconds=leeway)


def test_fi_24_a_monotonic_clock_that_stands_for_a_night_is_no_fault(warm: Scene, server: ScriptedServer) -> None:
    """A suspended machine's clock may stand meanwhile: the keys are then refreshed later, and nobody is refused."""
    warm.wall.forward(8 * HOUR)
    times = {"iat": int(warm.wall.now), "exp": int(warm.wall.now) + HOUR}
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    settle(server, count=2)
