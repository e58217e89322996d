"""FI-06 to FI-11: keys that are unknown, new, no longer in the JWKS, or replaced under the same `kid`."""

import gc
import tracemalloc

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import TokenVerifier, UserPool
from tests.support.scenarios.user_pool import (
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
    UserPoolScenario,
    keys,
    settle,
)
from tests.support.signing import jwk, sign

MANY = 10_000


def test_fi_06_ten_thousand_unknown_kids_cause_one_fetch(warm: UserPoolScenario, server: ScriptedServer) -> None:
    warm.clock.forward(COOLDOWN)
    cached, verdicts = warm.token(), []
    for number, raw in enumerate(warm.forged(MANY)):
        verdicts.append(warm.verdict(raw))
        if number % 500 == 0:  # genuine tokens between them, cached and new
            assert warm.verdict(cached) == warm.verdict(warm.token(jti=str(number))) == ACCEPTED
        warm.clock.forward(10 / MANY)
    assert set(verdicts) == {UNKNOWN}
    assert server.count == 2  # the fetch that filled the cache, and this one


def test_fi_06_unknown_kids_within_the_cooldown_cause_no_fetch(warm: UserPoolScenario, server: ScriptedServer) -> None:
    warm.clock.forward(COOLDOWN - 1)
    assert warm.verdicts(warm.forged(1_000)) == {UNKNOWN}
    assert server.count == 1


def test_fi_06_unknown_kids_without_cached_keys_cause_one_fetch(
    scenario: UserPoolScenario, server: ScriptedServer
) -> None:
    assert scenario.verdicts(scenario.forged(1_000)) == {UNKNOWN}
    assert scenario.verdict(scenario.token()) == ACCEPTED
    assert server.count == 1


def test_fi_06_unknown_kids_take_no_memory(warm: UserPoolScenario) -> None:
    tokens = list(warm.forged(1_500))
    for raw in tokens[:100]:  # allocate what the first use allocates
        warm.verdict(raw)
    tracemalloc.start()
    try:
        before = _traced_bytes()
        for raw in tokens:
            warm.verdict(raw)
        assert _traced_bytes() - before < 64 * 1024  # 44 bytes per token, or 256 entries of a negative cache
    finally:
        tracemalloc.stop()


def test_fi_06_cooldown_is_shared_by_all_verifiers(warm: UserPoolScenario, server: ScriptedServer) -> None:
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
        pytest.param({"exp": int(WALL) - MINUTE}, id="expired"),
        pytest.param({"iat": int(WALL) + HOUR}, id="not yet valid"),
        pytest.param({"sub": ""}, id="empty sub"),
    ],
)
def test_fi_06_token_with_invalid_claims_causes_no_fetch(
    scenario: UserPoolScenario, server: ScriptedServer, change: dict[str, object]
) -> None:
    assert UNAVAILABLE not in scenario.verdicts([scenario.token(kid="forged", **change), scenario.token(**change)])
    assert server.count == 0


@pytest.mark.parametrize(
    "header",
    [{"alg": "HS256"}, {"alg": "none"}, {"crit": ["exp"]}, {"kid": ""}, {"kid": 7}, {"kid": "k" * 10_000}],
    ids=lambda header: f"{next(iter(header.items()))!s:.20}",
)
def test_fi_06_invalid_header_causes_no_fetch(
    scenario: UserPoolScenario, server: ScriptedServer, header: dict[str, object]
) -> None:
    _, claims, signature = scenario.token().split(".")
    head, *_ = sign({}, header={"kid": "forged", "alg": "RS256", **header}).split(".")
    assert scenario.verdict(f"{head}.{claims}.{signature}") not in {ACCEPTED, UNAVAILABLE}
    assert server.count == 0


@pytest.mark.parametrize("raw", ["", "a.b", "a.b.c", "a.b.c.d.e", "x" * 20_000, "\ud800.\0.é"])
def test_fi_06_malformed_token_causes_no_fetch(scenario: UserPoolScenario, server: ScriptedServer, raw: str) -> None:
    assert scenario.verdict(raw) not in {ACCEPTED, UNAVAILABLE}
    assert server.count == 0


@pytest.mark.parametrize("fault", [Answer(500), Answer(404)], ids=["500", "404"])
def test_fi_07_unknown_kids_during_an_outage_cost_one_fetch(
    warm: UserPoolScenario, server: ScriptedServer, fault: Answer
) -> None:
    cached = warm.token()
    server.script(fault)
    warm.clock.forward(COOLDOWN)
    assert warm.verdicts(warm.forged(1_000)) == {UNAVAILABLE}
    assert server.count == (3 if fault.status == 500 else 2)  # a 500 is retried once in the same fetch
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == ACCEPTED


def test_fi_07_unknown_kid_is_refused_again_after_the_outage(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(Answer(404))
    warm.clock.forward(COOLDOWN)
    warm.clock.forward(warm.pause(warm.token(kid="forged")))
    server.script(keys("one"))
    assert warm.verdict(warm.token(kid="forged")) == UNKNOWN


def test_fi_07_unknown_kid_without_cached_keys_is_unavailable(
    scenario: UserPoolScenario, server: ScriptedServer
) -> None:
    server.script(Answer(404))
    assert scenario.verdicts(scenario.forged(10)) == {UNAVAILABLE}


def test_fi_07_unknown_kids_do_not_shorten_the_pause(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(Answer(404))
    warm.clock.forward(COOLDOWN)
    for _ in range(5 * MINUTE):
        assert warm.verdicts(warm.forged(2)) == {UNAVAILABLE}
        warm.clock.forward(1)
    assert 4 <= server.count - 1 <= 5 * MINUTE // COOLDOWN


def test_fi_08_new_key_takes_one_fetch_and_the_old_key_stays(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    assert warm.verdict(cached) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(COOLDOWN)
    for number in range(10):
        assert warm.verdict(warm.token("two", jti=str(number))) == ACCEPTED
    assert warm.verdict(cached) == warm.verdict(warm.token()) == ACCEPTED
    assert server.count == 2


def test_fi_08_key_published_ahead_is_cached_when_it_signs(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(warm.token()) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert server.count == 2


def test_fi_09_new_key_is_refused_for_at_most_the_cooldown(warm: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(keys("one", "two"))
    for _ in range(COOLDOWN):
        assert warm.verdict(warm.token("two")) == UNKNOWN
        assert warm.verdict(warm.token()) == ACCEPTED
        warm.clock.forward(1)
    assert warm.verdict(warm.token("two")) == ACCEPTED
    assert server.count == 2


def test_fi_10_key_no_longer_in_the_jwks_is_refused_after_max_age(
    warm: UserPoolScenario, server: ScriptedServer
) -> None:
    cached = warm.token()
    server.script(keys("two"))
    end = warm.clock.now + SOFT
    while warm.clock.now < end:
        assert warm.verdict(cached) == ACCEPTED  # one JWKS without it may come from one stale cache
        settle()
        warm.clock.forward(5 * MINUTE)
    assert server.count == 2
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == UNKNOWN
    assert warm.verdict(warm.token("two")) == ACCEPTED


def test_fi_10_unused_removed_key_is_refused_after_the_refresh(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    assert warm.verdict(cached) == ACCEPTED
    server.script(keys("two"))
    warm.clock.forward(SOFT)
    warm.verdict(cached)
    settle(server, count=2)
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == UNKNOWN


def test_fi_10_key_stays_valid_during_an_outage(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    server.script(Answer(404))
    warm.clock.forward(SOFT + 1)
    assert warm.verdict(cached) == ACCEPTED
    settle(server, count=2)
    assert warm.verdict(cached) == ACCEPTED


def test_fi_10_one_stale_jwks_does_not_remove_the_key(warm: UserPoolScenario, server: ScriptedServer) -> None:
    cached = warm.token()
    server.script(keys("two"))
    warm.clock.forward(COOLDOWN)
    assert warm.verdict(warm.token(kid="forged")) == UNKNOWN
    assert server.count == 2
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(REFRESH_AHEAD)
    assert warm.verdict(cached) == ACCEPTED
    settle(server, count=3)
    warm.clock.forward(SOFT - 1)  # counted from the last JWKS that had the key
    assert warm.verdict(cached) == ACCEPTED


def test_fi_10_alternating_jwks_keep_both_keys(warm: UserPoolScenario, server: ScriptedServer) -> None:
    first, second = warm.token("one"), warm.token("two")
    for hour in range(12):
        server.script(keys("two") if hour % 2 == 0 else keys("one"))
        warm.clock.forward(COOLDOWN)
        assert warm.verdict(warm.token(kid="forged")) == UNKNOWN
        assert warm.verdicts([first, second]) == {ACCEPTED}
    assert server.count == 13


def test_fi_11_new_key_under_the_same_kid_replaces_the_old_one(warm: UserPoolScenario, server: ScriptedServer) -> None:
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
