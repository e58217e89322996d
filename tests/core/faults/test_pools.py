"""FI-25: an outage of one pool does not affect another."""

import pytest
from local_cognito_support.scripted_server import Answer, Reset, ScriptedServer, json_answer

from django_cognito.core import TokenVerifier
from tests.support.scenarios.user_pool import (
    ACCEPTED,
    COOLDOWN,
    HARD,
    UNAVAILABLE,
    UNKNOWN,
    UserPoolScenario,
    keys,
    settle,
)


@pytest.fixture
def pools(server: ScriptedServer, unreachable: str) -> tuple[UserPoolScenario, UserPoolScenario]:
    """Return a pool that is down and one that is up, with one verifier and one clock."""
    return share_verifier(UserPoolScenario(unreachable), UserPoolScenario(server.url, user_pool_id="eu-west-1_Well"))


def share_verifier(down: UserPoolScenario, up: UserPoolScenario) -> tuple[UserPoolScenario, UserPoolScenario]:
    down.clock = up.clock
    down.verifier = up.verifier = TokenVerifier((down.pool, up.pool), key_stores=up.stores, now=up.wall)
    return down, up


def test_fi_25_outage_of_one_pool_leaves_the_other_alone(
    pools: tuple[UserPoolScenario, UserPoolScenario], server: ScriptedServer
) -> None:
    down, up = pools
    for _ in range(8):
        assert (down.verdict(down.token()), up.verdict(up.token())) == (UNAVAILABLE, ACCEPTED)
        assert up.verdict(up.token(kid="forged")) == UNKNOWN
        up.clock.forward(1)
    assert server.count == 1


def test_fi_25_cached_keys_are_not_shared_between_pools(pools: tuple[UserPoolScenario, UserPoolScenario]) -> None:
    down, up = pools
    assert up.verdict(up.token("one")) == ACCEPTED
    assert down.verdict(down.token("one")) == UNAVAILABLE  # the same key and `kid` is in the other pool's JWKS


@pytest.mark.parametrize("fault", [Answer(404), Reset(), json_answer({"keys": []})], ids=["404", "reset", "no keys"])
def test_fi_25_pools_fail_and_recover_independently(server: ScriptedServer, fault: Answer) -> None:
    with ScriptedServer(keys("one")) as other:
        failing, healthy = share_verifier(
            UserPoolScenario(other.url), UserPoolScenario(server.url, user_pool_id="eu-west-1_Well")
        )
        assert (failing.verdict(failing.token()), healthy.verdict(healthy.token())) == (ACCEPTED, ACCEPTED)
        other.script(fault)
        healthy.clock.forward(COOLDOWN)
        assert (failing.verdict(failing.token("two")), healthy.verdict(healthy.token("two"))) == (UNAVAILABLE, UNKNOWN)
        healthy.clock.forward(HARD)
        assert (failing.verdict(failing.token()), healthy.verdict(healthy.token())) == (UNAVAILABLE, ACCEPTED)
        other.script(keys("one"))
        healthy.clock.forward(failing.pause(failing.token()))
        assert (failing.verdict(failing.token()), healthy.verdict(healthy.token())) == (ACCEPTED, ACCEPTED)
        settle()


def test_fi_25_error_names_the_pool_that_is_down(pools: tuple[UserPoolScenario, UserPoolScenario]) -> None:
    down, up = pools
    message = str(down.error(down.token()))
    assert down.pool.user_pool_id in message
    assert up.pool.user_pool_id not in message
