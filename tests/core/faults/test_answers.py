"""FI-12 to FI-14, FI-20 and FI-21: the JWKS endpoint responds, but not with a valid JWKS."""

import gzip
import logging
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, Flood, Raw, ScriptedServer, json_answer

from django_cognito.core.tokens.jwks import KeySet
from tests.support.bad_answers import FLOODS, KEYLESS, MIB, UNREADABLE, packed_zeros
from tests.support.scenarios.user_pool import ACCEPTED, COOLDOWN, UNAVAILABLE, UNKNOWN, UserPoolScenario, bounded, keys
from tests.support.signing import jwk, number


@pytest.mark.parametrize("document", KEYLESS.values(), ids=KEYLESS)
def test_fi_12_jwks_without_keys_fails_and_cached_keys_stay(
    warm: UserPoolScenario, server: ScriptedServer, document: Any
) -> None:
    check_failed_fetch(warm, server, json_answer(document))


@pytest.mark.parametrize("document", KEYLESS.values(), ids=KEYLESS)
def test_fi_12_jwks_without_keys_and_no_cached_key_is_unavailable(
    scenario: UserPoolScenario, server: ScriptedServer, document: Any
) -> None:
    server.script(json_answer(document))
    assert scenario.verdicts([scenario.token(), scenario.token(kid="forged")]) == {UNAVAILABLE}
    assert server.count == 1


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_fi_13_unreadable_response_fails_and_cached_keys_stay(
    warm: UserPoolScenario, server: ScriptedServer, answer: Answer | Raw
) -> None:
    check_failed_fetch(warm, server, answer)


def test_fi_13_gzip_bomb_is_stopped_at_max_bytes(warm: UserPoolScenario, server: ScriptedServer) -> None:
    answer = Answer(200, packed_zeros(50), {"content-encoding": "gzip"})
    # 1 KiB of gzip decompresses to 1 MiB at most
    assert peak_bytes_of_failed_fetch(warm, server, answer) < 2 * MIB


@pytest.mark.parametrize("layers", [2, 5])
def test_fi_13_nested_gzip_bomb_is_stopped_at_max_bytes(
    warm: UserPoolScenario, server: ScriptedServer, layers: int
) -> None:
    body = packed_zeros(50)
    for _ in range(layers - 1):
        body = gzip.compress(body)
    answer = Answer(200, body, {"content-encoding": ", ".join(["gzip"] * layers)})
    assert peak_bytes_of_failed_fetch(warm, server, answer) < 2 * MIB


@pytest.mark.parametrize("make_flood", FLOODS.values(), ids=FLOODS)
def test_fi_14_endless_response_is_stopped_and_takes_no_memory(
    warm: UserPoolScenario, server: ScriptedServer, make_flood: Callable[[], Flood]
) -> None:
    flood = make_flood()
    assert peak_bytes_of_failed_fetch(warm, server, flood) < MIB
    assert flood.sent_bytes < 8 * MIB  # 64 KiB are read; the rest is in socket buffers


@pytest.mark.parametrize("make_flood", FLOODS.values(), ids=FLOODS)
def test_fi_14_endless_response_fails_and_cached_keys_stay(
    warm: UserPoolScenario, server: ScriptedServer, make_flood: Callable[[], Flood]
) -> None:
    check_failed_fetch(warm, server, make_flood())


BAD_KEYS = {
    "bad n": jwk("two", n="!"),
    "no n": jwk("two", n=None),
    "e of 1": jwk("two", e=number(1)),
    "1024 bits": jwk("two", n=number(2**1_023 + 1)),
    "use enc": jwk("two", use="enc"),
    "unknown kty": jwk("two", kty="XX"),
    "oct": {"kid": "two", "kty": "oct", "alg": "HS256", "k": "c2VjcmV0"},
    "EC": jwk("two", kty="EC"),
    "private": jwk("two", d="AQAB", p="AQAB", q="AQAB"),
    "not an object": "two",
}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_fi_20_bad_key_in_jwks_is_skipped_with_a_warning(
    scenario: UserPoolScenario, server: ScriptedServer, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(json_answer({"keys": [bad, jwk("one")]}))
    assert scenario.verdict(scenario.token("one")) == ACCEPTED
    assert scenario.verdict(scenario.token("two")) == UNKNOWN
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "skipped" in warning
    for material in ("n", "d", "k"):
        assert not isinstance(bad, dict) or str(bad.get(material, "AQAB")) not in warning or bad[material] == "!"


def test_fi_20_two_keys_with_the_same_kid_are_both_refused(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(json_answer({"keys": [jwk("one", kid="x"), jwk("two", kid="x"), jwk("three")]}))
    assert scenario.verdict(scenario.token("three")) == ACCEPTED
    assert scenario.verdicts([scenario.token("one", kid="x"), scenario.token("two", kid="x")]) == {UNKNOWN}


OVERSIZED = {
    "5000 keys": {"keys": [{}] * 5_000},
    "5000 good keys": {"keys": [jwk("one")] * 5_000},  # exceeds `max_bytes`
    "21 keys": {"keys": [jwk(kid=str(position)) for position in range(21)]},
    "n of 10,000 bits": {"keys": [jwk("two", n=number(2**9_999 + 1))]},
    "e of 2,048 bits": {"keys": [jwk("two", e=number(2**2_047 + 1))]},
}


@pytest.mark.parametrize("document", OVERSIZED.values(), ids=OVERSIZED)
def test_fi_21_oversized_jwks_is_refused(warm: UserPoolScenario, server: ScriptedServer, document: Any) -> None:
    check_failed_fetch(warm, server, json_answer(document))


@pytest.mark.parametrize("document", OVERSIZED.values(), ids=OVERSIZED)
def test_fi_21_oversized_jwks_is_refused_without_computation(document: Any) -> None:
    def build() -> None:
        with pytest.raises(ValueError, match="key"):
            KeySet(document)

    assert count_calls(build) < 1_000


def test_fi_21_jwks_with_twenty_keys_is_accepted(scenario: UserPoolScenario, server: ScriptedServer) -> None:
    server.script(json_answer({"keys": [jwk(kid=str(position)) for position in range(20)]}))
    assert scenario.verdict(scenario.token(kid="19")) == ACCEPTED


def check_failed_fetch(warm: UserPoolScenario, server: ScriptedServer, answer: Any) -> None:
    """Check that a fetch of `answer` fails, cached keys stay valid, and the next valid JWKS is accepted."""
    cached = warm.token()
    assert warm.verdict(cached) == ACCEPTED
    server.script(answer)
    warm.clock.forward(COOLDOWN)
    assert bounded(lambda: warm.verdict(warm.token("two"))) == UNAVAILABLE
    assert warm.verdict(cached) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(warm.pause(warm.token("two")))
    assert warm.verdict(warm.token("two")) == ACCEPTED


def peak_bytes_of_failed_fetch(warm: UserPoolScenario, server: ScriptedServer, answer: Any) -> int:
    """Return the peak memory of the fetch of `answer`. The first fetch has allocated what is allocated once."""
    server.script(answer)
    warm.clock.forward(COOLDOWN)
    raw = warm.token("two")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        assert warm.verdict(raw) == UNAVAILABLE
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def count_calls(call: Callable[[], None]) -> int:
    """Return the number of function calls in `call`, C functions included. It is the same on every host."""
    count = 0

    def count_call(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count
