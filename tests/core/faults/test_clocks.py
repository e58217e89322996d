"""FI-24: key ages use the monotonic clock, token times use the wall clock, and leeway applies to both ends."""

import inspect
import time

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core import TokenVerifier
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.clock import unix_time
from django_cognito.core.tokens.key_store import KeyStore, KeyStores
from tests.support.scenarios.user_pool import (
    ACCEPTED,
    DAY,
    HARD,
    HOUR,
    REFRESH_AHEAD,
    UNAVAILABLE,
    WALL,
    UserPoolScenario,
    settle,
)

EXPIRED, TOO_EARLY = "token_expired", "token_not_yet_valid"


def test_fi_24_ages_use_monotonic_time_and_tokens_use_unix_time() -> None:
    for cls in (KeyStores, KeyStore, ClientSecret):
        assert inspect.signature(cls).parameters["now"].default is time.monotonic
    assert inspect.signature(TokenVerifier).parameters["now"].default is unix_time


@pytest.mark.parametrize("jump", [-HOUR, DAY, -10 * 365 * DAY], ids=["1 hour back", "1 day forward", "10 years back"])
def test_fi_24_wall_clock_jump_changes_no_key_age(warm: UserPoolScenario, server: ScriptedServer, jump: int) -> None:
    warm.wall.forward(jump)
    server.script(Answer(404))
    times = {"iat": int(WALL) + jump - 60, "exp": int(WALL) + jump + HOUR}
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    settle()
    assert server.count == 1


def test_fi_24_monotonic_clock_changes_no_token_lifetime(warm: UserPoolScenario, server: ScriptedServer) -> None:
    raw = warm.token(exp=int(WALL) + 60)
    assert warm.verdict(raw) == ACCEPTED
    warm.clock.forward(HARD)
    assert warm.verdict(raw) == ACCEPTED
    assert server.count == 2


def test_fi_24_expired_token_stays_rejected_after_a_jump_back(warm: UserPoolScenario) -> None:
    raw = warm.token(exp=int(WALL) + 2 * HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(DAY)
    assert warm.verdict(raw) == EXPIRED
    warm.wall.forward(-HOUR)
    assert warm.verdict(raw) == EXPIRED


def test_fi_24_times_of_a_cached_token_are_checked_each_time(warm: UserPoolScenario) -> None:
    raw = warm.token(iat=int(WALL), exp=int(WALL) + HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(-HOUR)
    assert warm.verdict(raw) == TOO_EARLY
    warm.wall.forward(HOUR)
    assert warm.verdict(raw) == ACCEPTED
    warm.wall.forward(HOUR + 60)
    assert warm.verdict(raw) == EXPIRED


def test_fi_24_expired_token_is_rejected_during_an_outage(warm: UserPoolScenario, server: ScriptedServer) -> None:
    raw = warm.token(exp=int(WALL) + HOUR)
    assert warm.verdict(raw) == ACCEPTED
    server.script(Answer(404))
    warm.clock.forward(HARD)
    assert warm.verdict(raw) == UNAVAILABLE
    warm.wall.forward(DAY)
    assert warm.verdict(raw) == EXPIRED


@pytest.mark.parametrize("leeway", [0, 10, 60])
@pytest.mark.parametrize("cache_size", [0, 1_000], ids=["uncached", "cached"])
def test_fi_24_leeway_applies_to_iat_and_exp(warm: UserPoolScenario, leeway: int, cache_size: int) -> None:
    warm.verifier = TokenVerifier(
        warm.pool, leeway_seconds=leeway, cache_size=cache_size, key_stores=warm.stores, now=warm.wall
    )
    raw = warm.token(iat=int(WALL), exp=int(WALL) + HOUR)
    verdicts = {}
    for moment in (-leeway - 1, -leeway, HOUR + leeway - 1, HOUR + leeway):
        warm.wall.now = WALL
        assert warm.verdict(raw) == ACCEPTED
        warm.wall.forward(moment)
        verdicts[moment] = warm.verdict(raw)
    assert list(verdicts.values()) == [TOO_EARLY, ACCEPTED, ACCEPTED, EXPIRED]


@pytest.mark.parametrize("skew", [-60, 60])
def test_fi_24_clock_skew_of_a_minute_is_within_the_maximum_leeway(warm: UserPoolScenario, skew: int) -> None:
    raw = warm.token(iat=int(WALL), exp=int(WALL) + 1)
    warm.wall.forward(skew)
    assert warm.verdict(raw) in {EXPIRED, TOO_EARLY}  # by default it is 10 s
    warm.verifier = TokenVerifier(warm.pool, leeway_seconds=60, key_stores=warm.stores, now=warm.wall)
    assert warm.verdict(raw) == ACCEPTED


@pytest.mark.parametrize("leeway", [-1, 61, DAY])
def test_fi_24_leeway_out_of_range_is_rejected(warm: UserPoolScenario, leeway: int) -> None:
    with pytest.raises(ValueError, match="leeway"):
        TokenVerifier(warm.pool, leeway_seconds=leeway)


def test_fi_24_stopped_monotonic_clock_refuses_no_token(warm: UserPoolScenario, server: ScriptedServer) -> None:
    """The monotonic clock may stop while the host is suspended: keys are refreshed later, and no token is refused."""
    warm.wall.forward(8 * HOUR)
    times = {"iat": int(warm.wall.now), "exp": int(warm.wall.now) + HOUR}
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token(**times)) == ACCEPTED
    settle(server, count=2)
