"""FI-25: one pool's trouble is not another's."""

import pytest

from django_cognito.core import TokenVerifier
from tests.support.pool_scenario import ACCEPTED, COOLDOWN, HARD, UNAVAILABLE, UNKNOWN, Scene, keys, settle
from tests.support.scripted_server import Answer, Reset, ScriptedServer, json_answer


@pytest.fixture
def pools(server: ScriptedServer, unreachable: str) -> tuple[Scene, Scene]:
    """A pool that is down and one that is up, of one verifier and with one clock."""
    return joined(Scene(unreachable), Scene(server.url, user_pool_id="eu-west-1_Well"))


def joined(down: Scene, up: Scene) -> tuple[Scene, Scene]:
    down.clock = up.clock
    down.verifier = up.verifier = TokenVerifier((down.pool, up.pool), key_stores=up.stores, now=up.wall)
    return down, up


def test_fi_25_a_pool_that_is_down_leaves_the_other_alone(pools: tuple[Scene, Scene], server: ScriptedServer) -> None:
    down, up = pools
    for _ in range(8):
        assert (down.verdict(down.token()), up.verdict(up.token())) == (UNAVAILABLE, ACCEPTED)
        assert up.verdict(up.token(kid="forged")) == UNKNOWN
        up.clock.forward(1)
    assert server.count == 1


def test_fi_25_what_a_pool_knows_is_no_key_of_another(pools: tuple[Scene, Scene]) -> None:
    down, up = pools
    assert up.verdict(up.token("one")) == ACCEPTED
    assert down.verdict(down.token("one")) == UNAVAILABLE  # the very key, of the same name, published by the other


@pytest.mark.parametrize("fault", [Answer(404), Reset(), json_answer({"keys": []})], ids=["404", "reset", "no keys"])
def test_fi_25_warm_pools_fail_and_recover_one_by_one(server: ScriptedServer, fault: Answer) -> None:
    with ScriptedServer(keys("one")) as other:
        ill, well = joined(Scene(other.url), Scene(server.url, user_pool_id="eu-west-1_Well"))
        assert (ill.verdict(ill.token()), well.verdict(well.token())) == (ACCEPTED, ACCEPTED)
        other.script(fault)
        well.clock.forward(COOLDOWN)
        assert (ill.verdict(ill.token("two")), well.verdict(well.token("two"))) == (UNAVAILABLE, UNKNOWN)
        well.clock.forward(HARD)
        assert (ill.verdict(ill.token()), well.verdict(well.token())) == (UNAVAILABLE, ACCEPTED)
        other.script(keys("one"))
        well.clock.forward(ill.pause(ill.token()))
        assert (ill.verdict(ill.token()), well.verdict(well.token())) == (ACCEPTED, ACCEPTED)
        settle()


def test_fi_25_the_error_names_the_pool_that_is_down(pools: tuple[Scene, Scene]) -> None:
    down, up = pools
    message = str(down.error(down.token()))
    assert down.pool.user_pool_id in message
    assert up.pool.user_pool_id not in message
