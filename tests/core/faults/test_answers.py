"""FI-12 to FI-14, FI-20 and FI-21: the key address answers, but not with a set of keys to trust."""

import gzip
import logging
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from django_cognito.core.tokens.jwks import KeySet
from tests.support.bad_answers import FLOODS, KEYLESS, MIB, UNREADABLE, packed_zeros
from tests.support.pool_scenario import ACCEPTED, COOLDOWN, UNAVAILABLE, UNKNOWN, Scene, bounded, keys
from tests.support.scripted_server import Answer, Flood, Raw, ScriptedServer, json_answer
from tests.support.signing import jwk, number


@pytest.mark.parametrize("document", KEYLESS.values(), ids=KEYLESS)
def test_fi_12_a_set_without_keys_is_a_failure_and_the_last_good_ones_stay(
    warm: Scene, server: ScriptedServer, document: Any
) -> None:
    fails_and_keeps(warm, server, json_answer(document))


@pytest.mark.parametrize("document", KEYLESS.values(), ids=KEYLESS)
def test_fi_12_cold_a_set_without_keys_is_an_outage(scene: Scene, server: ScriptedServer, document: Any) -> None:
    server.script(json_answer(document))
    assert scene.verdicts([scene.token(), scene.token(kid="forged")]) == {UNAVAILABLE}
    assert server.count == 1


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_fi_13_an_answer_that_is_no_json_is_a_failure_and_the_last_good_keys_stay(
    warm: Scene, server: ScriptedServer, answer: Answer | Raw
) -> None:
    fails_and_keeps(warm, server, answer)


def test_fi_13_a_gzip_bomb_is_stopped_at_the_cap(warm: Scene, server: ScriptedServer) -> None:
    answer = Answer(200, packed_zeros(50), {"content-encoding": "gzip"})
    assert (
        peak_bytes_of_a_failed_fetch(warm, server, answer) < 2 * MIB
    )  # a piece of 1 KiB unpacks to no more than 1 MiB


@pytest.mark.parametrize("layers", [2, 5])
def test_fi_13_a_bomb_inside_a_bomb_is_stopped_at_the_cap(warm: Scene, server: ScriptedServer, layers: int) -> None:
    body = packed_zeros(50)
    for _ in range(layers - 1):
        body = gzip.compress(body)
    answer = Answer(200, body, {"content-encoding": ", ".join(["gzip"] * layers)})
    assert peak_bytes_of_a_failed_fetch(warm, server, answer) < 2 * MIB


@pytest.mark.parametrize("make", FLOODS.values(), ids=FLOODS)
def test_fi_14_an_answer_without_end_is_stopped_and_takes_no_memory(
    warm: Scene, server: ScriptedServer, make: Callable[[], Flood]
) -> None:
    flood = make()
    assert peak_bytes_of_a_failed_fetch(warm, server, flood) < MIB
    assert flood.sent_bytes < 8 * MIB  # 64 KiB read; the rest lay in the two machines' buffers


@pytest.mark.parametrize("make", FLOODS.values(), ids=FLOODS)
def test_fi_14_the_last_good_keys_stay(warm: Scene, server: ScriptedServer, make: Callable[[], Flood]) -> None:
    fails_and_keeps(warm, server, make())


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
    "no object": "two",
}


@pytest.mark.parametrize("bad", BAD_KEYS.values(), ids=BAD_KEYS)
def test_fi_20_a_bad_key_among_good_ones_is_skipped_with_a_warning(
    scene: Scene, server: ScriptedServer, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(json_answer({"keys": [bad, jwk("one")]}))
    assert scene.verdict(scene.token("one")) == ACCEPTED
    assert scene.verdict(scene.token("two")) == UNKNOWN
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "skipped" in warning
    for material in ("n", "d", "k"):
        assert not isinstance(bad, dict) or str(bad.get(material, "AQAB")) not in warning or bad[material] == "!"


def test_fi_20_two_different_keys_of_one_name_are_both_refused(scene: Scene, server: ScriptedServer) -> None:
    server.script(json_answer({"keys": [jwk("one", kid="x"), jwk("two", kid="x"), jwk("three")]}))
    assert scene.verdict(scene.token("three")) == ACCEPTED
    assert scene.verdicts([scene.token("one", kid="x"), scene.token("two", kid="x")]) == {UNKNOWN}


TOO_MUCH = {
    "5000 keys": {"keys": [{}] * 5_000},
    "5000 good keys": {"keys": [jwk("one")] * 5_000},  # stopped at the cap already
    "21 keys": {"keys": [jwk(kid=str(position)) for position in range(21)]},
    "n of 10,000 bits": {"keys": [jwk("two", n=number(2**9_999 + 1))]},
    "e of 2,048 bits": {"keys": [jwk("two", e=number(2**2_047 + 1))]},
}


@pytest.mark.parametrize("document", TOO_MUCH.values(), ids=TOO_MUCH)
def test_fi_21_a_set_that_is_too_much_is_refused(warm: Scene, server: ScriptedServer, document: Any) -> None:
    fails_and_keeps(warm, server, json_answer(document))


@pytest.mark.parametrize("document", TOO_MUCH.values(), ids=TOO_MUCH)
def test_fi_21_and_nothing_is_computed_from_it(document: Any) -> None:
    def build() -> None:
        with pytest.raises(ValueError, match="key"):
            KeySet(document)

    assert calls_of(build) < 1_000


def test_fi_21_twenty_keys_are_fine(scene: Scene, server: ScriptedServer) -> None:
    server.script(json_answer({"keys": [jwk(kid=str(position)) for position in range(20)]}))
    assert scene.verdict(scene.token(kid="19")) == ACCEPTED


def fails_and_keeps(warm: Scene, server: ScriptedServer, answer: Any) -> None:
    """A fetch that brings `answer` fails, good tokens go on, and the next good answer ends it."""
    known = warm.token()
    assert warm.verdict(known) == ACCEPTED
    server.script(answer)
    warm.clock.forward(COOLDOWN)
    assert bounded(lambda: warm.verdict(warm.token("two"))) == UNAVAILABLE
    assert warm.verdict(known) == warm.verdict(warm.token(username="bob")) == ACCEPTED
    server.script(keys("one", "two"))
    warm.clock.forward(warm.pause(warm.token("two")))
    assert warm.verdict(warm.token("two")) == ACCEPTED


def peak_bytes_of_a_failed_fetch(warm: Scene, server: ScriptedServer, answer: Any) -> int:
    """What the fetch of `answer` takes at its height; the first fetch has made what is made once."""
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


def calls_of(call: Callable[[], None]) -> int:
    """How many functions `call` calls, C's too: what it costs, on whatever machine."""
    count = 0

    def hear(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        call()
    finally:
        sys.setprofile(before)
    return count
