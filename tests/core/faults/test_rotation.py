"""FI-06 to FI-11: keys that nobody has, that are new, that are gone, and that are others than they were."""

import gc
import tracemalloc

import pytest

from django_cognito.core import TokenVerifier, UserPool
from tests.support.pool_scenario import (
    ACCEPTED,
    CLIENT_ID,
    COOLDOWN,
    HOUR,
    MINUTE,
    REFRESH_AHEAD,
    SOFT,
    UNAVAILABLE,
    UNKNOWN,
    WALL,
    Scene,
    keys,
    settle,
)
from tests.support.scripted_server import Answer, ScriptedServer, json_answer
from tests.support.signing import jwk, sign

MANY = 10_000


def test_fi_06_ten_thousand_unknown_kids_in_ten_seconds_cause_one_fetch(warm: Scene, server: ScriptedServer) -> None:
    warm.clock.forward(COOLDOWN)
    known, said = warm.token(), []
    for number, raw in enumerate(warm.forged(MANY)):
        said.append(warm.verdict(raw))
        if number % 500 == 0:  # genuine people among them, known here and new
            assert warm.verdict(known) == warm.verdict(warm.token(jti=str(number))) == ACCEPTED
        warm.clock.forward(10 / MANY)
    assert set(said) == {UNKNOWN}
    assert server.count == 2  # the first one of all, and this one


def test_fi_06_inside_the_cooldown_they_cause_none(warm: Scene, server: ScriptedServer) -> None:
    warm.clock.forward(COOLDOWN - 1)
    assert warm.verdicts(warm.forged(1_000)) == {UNKNOWN}
    assert server.count == 1


def test_fi_06_cold_they_cause_the_one_that_was_due(scene: Scene, server: ScriptedServer) -> None:
    assert scene.verdicts(scene.forged(1_000)) == {UNKNOWN}
    assert scene.verdict(scene.token()) == ACCEPTED
    assert server.count == 1


def test_fi_06_nothing_is_kept_of_them(warm: Scene) -> None:
    for raw in warm.forged(100):  # what is kept on first use is kept
        warm.verdict(raw)
    tracemalloc.start()
    try:
        before = _traced_bytes()
        for raw in warm.forged(1_500):
            warm.verdict(raw)
        assert _traced_bytes() - before < 64 * 1024  # 44 bytes for each of them, or 256 names of a negative cache
    finally:
        tracemalloc.stop()


def test_fi_06_the_window_is_the_process_s_and_not_a_verifier_s(warm: Scene, server: ScriptedServer) -> None:
    other = TokenVerifier(
        UserPool(warm.pool.user_pool_id, client_ids=(CLIENT_ID, "another"), jwks_uri=warm.pool.jwks_uri),
        key_stores=warm.stores,
        now=warm.wall,
    )
    warm.clock.forward(COOLDOWN)
    first, second = warm.forged(2)
    assert warm.verdict(first) == UNKNOWN
    warm.verifier = other
    assert warm.verdict(second) == UNKNOWN
    assert server.count == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"}, id="another pool"),
        pytest.param({"token_use": "id"}, id="another use"),
        pytest.param({"client_id": "another"}, id="another client"),
        pytest.param({"exp": int(WALL) - MINUTE}, id="over"),
        pytest.param({"iat": int(WALL) + HOUR}, id="not yet"),
        pytest.param({"sub": ""}, id="nobody"),
    ],
)
def test_fi_06_what_would_be_refused_with_its_key_causes_no_fetch(
    scene: Scene, server: ScriptedServer, change: dict[str, object]
) -> None:
    assert UNAVAILABLE not in scene.verdicts([scene.token(kid="forged", **change), scene.token(**change)])
    assert server.count == 0


@pytest.mark.parametrize(
    "header",
    [{"alg": "HS256"}, {"alg": "none"}, {"crit": ["exp"]}, {"kid": ""}, {"kid": 7}, {"kid": "k" * 10_000}],
    ids=lambda header: f"{next(iter(header.items()))!s:.20}",
)
def test_fi_06_a_header_that_is_refused_causes_no_fetch(
    scene: Scene, server: ScriptedServer, header: dict[str, object]
) -> None:
    _, claims, signature = scene.token().split(".")
    head, *_ = sign({}, header={"kid": "forged", "alg": "RS256", **header}).split(".")
    assert scene.verdict(f"{head}.{claims}.{signature}") not in {ACCEPTED, UNAVAILABLE}
    assert server.count == 0


@pytest.mark.parametrize("raw", ["", "a.b", "a.b.c", "a.b.c.d.e", "x" * 20_000, "\ud800.\0.é"])
def test_fi_06_what_is_no_token_causes_no_fetch(scene: Scene, server: ScriptedServer, raw: str) -> None:
    assert scene.verdict(raw) not in {ACCEPTED, UNAVAILABLE}
    assert server.count == 0


@pytest.mark.parametrize("fault", [Answer(500), Answer(404)], ids=["500", "404"])
def test_fi_07_an_unknown_kid_in_an_outage_is_unavailable_and_costs_one_fetch(
    warm: Scene, server: ScriptedServer, fault: Answer
) -> None:
    known = warm.token()
    server.script(fault)
    warm.clock.forward(COOLDOWN)
    assert warm.verdicts(warm.forged(1_000)) == {UNAVAILABLE}
    assert server.count == (3 if fault.status == 500 else 2)  # a 500 is asked once more, in the same fetch
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == ACCEPTED


def test_fi_07_once_the_address_is_back_it_is_refused_again(warm: Scene, server: ScriptedServer) -> None:
    server.script(Answer(404))
    warm.clock.forward(COOLDOWN)
    warm.clock.forward(warm.pause(warm.token(kid="forged")))
    server.script(keys("one"))
    assert warm.verdict(warm.token(kid="forged")) == UNKNOWN


def test_fi_07_cold_and_down_it_is_unavailable(scene: Scene, server: ScriptedServer) -> None:
    server.script(Answer(404))
    assert scene.verdicts(scene.forged(10)) == {UNAVAILABLE}


def test_fi_07_unknown_kids_do_not_hasten_the_next_attempt(warm: Scene, server: ScriptedServer) -> None:
    server.script(Answer(404))
    warm.clock.forward(COOLDOWN)
    for _ in range(5 * MINUTE):
        assert warm.verdicts(warm.forged(2)) == {UNAVAILABLE}
        warm.clock.forward(1)
    assert 4 <= server.count - 1 <= 5 * MINUTE // COOLDOWN


def test_fi_08_a_new_key_is_found_with_one_fetch_and_the_old_one_still_works(
    warm: Scene, server: ScriptedServer
) -> None:
    known = warm.token()
    assert warm.verdict(known) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(COOLDOWN)
    for number in range(10):
        assert warm.verdict(warm.token("two", jti=str(number))) == ACCEPTED
    assert warm.verdict(known) == warm.verdict(warm.token()) == ACCEPTED
    assert server.count == 2


def test_fi_08_a_key_that_was_published_ahead_is_known_when_it_signs(warm: Scene, server: ScriptedServer) -> None:
    server.script(keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert server.count == 2


def test_fi_09_inside_the_cooldown_a_new_key_is_refused_for_at_most_the_cooldown(
    warm: Scene, server: ScriptedServer
) -> None:
    server.script(keys("one", "two"))
    for _ in range(COOLDOWN):
        assert warm.verdict(warm.token("two")) == UNKNOWN
        assert warm.verdict(warm.token()) == ACCEPTED
        warm.clock.forward(1)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert server.count == 2


def test_fi_10_a_withdrawn_key_is_refused_after_its_soft_age(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    server.script(keys("two"))
    end = warm.clock.now + SOFT
    while warm.clock.now < end:
        assert warm.verdict(known) == ACCEPTED  # one good set without it may come from one stale cache
        settle()
        warm.clock.forward(5 * MINUTE)
    assert server.count == 2
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == UNKNOWN
    assert warm.verdict(warm.token("two")) == ACCEPTED


def test_fi_10_where_nobody_came_meanwhile_it_is_refused_after_the_refresh(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    assert warm.verdict(known) == ACCEPTED
    server.script(keys("two"))
    warm.clock.forward(SOFT)
    warm.verdict(known)
    settle(server, count=2)
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == UNKNOWN


def test_fi_10_with_the_address_down_the_key_goes_on(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    server.script(Answer(404))
    warm.clock.forward(SOFT + 1)
    assert warm.verdict(known) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(known) == ACCEPTED


def test_fi_10_a_set_without_the_key_from_one_stale_cache_is_no_outage(warm: Scene, server: ScriptedServer) -> None:
    known = warm.token()
    server.script(keys("two"))
    warm.clock.forward(COOLDOWN)
    assert warm.verdict(warm.token(kid="forged")) == UNKNOWN
    assert server.count == 2
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(known) == ACCEPTED
    settle(server, count=3)
    warm.clock.forward(SOFT - 1)  # counted from when it was last seen
    assert warm.verdict(known) == ACCEPTED


def test_fi_10_sets_that_take_turns_keep_both_keys(warm: Scene, server: ScriptedServer) -> None:
    first, second = warm.token("one"), warm.token("two")
    for hour in range(12):
        server.script(keys("two") if hour % 2 == 0 else keys("one"))
        warm.clock.forward(COOLDOWN)
        assert warm.verdict(warm.token(kid="forged")) == UNKNOWN
        assert warm.verdicts([first, second]) == {ACCEPTED}
    assert server.count == 13


def test_fi_11_new_material_under_the_same_kid_counts_after_the_refresh(warm: Scene, server: ScriptedServer) -> None:
    old, new = warm.token("one"), warm.token("two", kid="one")
    assert [warm.verdict(old), warm.verdict(new)] == [ACCEPTED, "invalid_signature"]
    server.script(json_answer({"keys": [jwk("two", kid="one")]}))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(old) == ACCEPTED
    settle(server, count=2)
    assert [warm.verdict(old), warm.verdict(new)] == ["invalid_signature", ACCEPTED]
    assert warm.verdict(warm.token("one", username="bob")) == "invalid_signature"


def _traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
