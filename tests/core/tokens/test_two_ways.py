"""What is quick gives the verdict of what is slow: a token taken apart the quick way, and one that is known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens import decoding, jws, verifier
from tests.support.signing import b64, jwk, jwks

from .mutations import VALUES, cases, policies, searched
from .spelling import STYLES, Literally, token, written
from .two_judges import NOW, Case, Policy, our_verdict, verdict_of


@searched(250)
@given(cases())
def test_the_quick_way_and_the_strict_way_give_one_verdict(judged: Case) -> None:
    assert parts(jws.decode_jws, judged.raw) == parts(jws.decode_jws_strictly, judged.raw)
    with pytest.MonkeyPatch.context() as patched:
        quick = our_verdict(judged)
        patched.setattr(verifier, "decode_jws", jws.decode_jws_strictly)
        assert our_verdict(judged) == quick


@searched(250)
@given(cases())
def test_verdict_is_the_same_without_the_extra_speed(judged: Case) -> None:
    verdict = our_verdict(judged)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decoding, "HAS_SPEED", False)
        assert our_verdict(judged) == verdict


@searched(500)
@given(
    st.lists(st.tuples(st.sampled_from(("a", "b", "\u00e9", "\ud800")) | st.text(max_size=4), VALUES), max_size=5),
    st.sampled_from(("compact", "compact", *STYLES)),
    st.sampled_from(("AAAA", "AA", "AB", "", "A+A/", "AA==")),
    st.booleans(),
)
def test_both_ways_read_the_same_from_any_members(members: Any, style: str, signature: str, is_padded: bool) -> None:
    claims = b64(written(members, style))
    raw = f"e30.{claims}{'=' * (-len(claims) % 4 * is_padded)}.{signature}"
    assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)


@searched(150)
@given(st.text() | st.binary(max_size=60).map(b64) | st.binary(max_size=60).map(lambda data: b64(b"{" + data + b"}")))
def test_both_ways_read_the_same_from_anything(segment: str) -> None:
    for raw in (segment, f"e30.{segment}.AAAA", f"{segment}.e30.AAAA", f"e30.e30.{segment}", f"e30.{segment}.A.B.C"):
        assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [31, 32, 33, 254, 255, 1_023, 1_025, 1_900])
def test_both_ways_read_the_same_however_deep(opening: str, depth: int) -> None:
    raw = f"e30.{b64(opening.encode() * depth)}.AAAA"
    closed = f"e30.{b64(written({'a': Literally('[' * depth + ']' * depth)}))}.AAAA"
    for text in (raw, closed):
        assert parts(jws.decode_jws, text) == parts(jws.decode_jws_strictly, text)


@pytest.mark.parametrize("raw", ["e30.eyJhIjoxLCJiIjoyfQ==.AAAA", "e30.e30=.AAAA", "e30.e30.AA=="])
def test_padding_is_refused_both_ways(raw: str) -> None:
    assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)
    assert parts(jws.decode_jws, raw) == "malformed_token: a part is not canonical base64url"


def parts(decode_jws: Callable[[Any], Any], raw: Any) -> str:
    """What one way makes of `raw`, so that 1, 1.0 and True differ."""
    try:
        return repr(tuple(decode_jws(raw)))
    except MalformedTokenError as error:
        return f"{error.code}: {error}"


@searched(250)
@given(cases(), policies(), st.integers(-4_000, 4_000))
def test_a_known_token_is_judged_as_an_unknown_one(judged: Case, other: Policy, later: int) -> None:
    clock = [NOW]
    remembers, forgets = (judged.verifier(lambda: clock[0], size) for size in (10, 0))
    pool = remembers.pools[0]
    remembers.load_jwks(pool, jwks("one", "two"))
    forgets.load_jwks(pool, jwks("one", "two"))

    def agree(asked: Case) -> None:
        assert verdict_of(remembers, asked) == verdict_of(remembers, asked) == verdict_of(forgets, asked)

    agree(judged)
    agree(replace(judged, policy=other))
    clock[0] += later
    try:
        remembers.load_jwks(pool, judged.jwks)
        forgets.load_jwks(pool, judged.jwks)
    except ValueError:
        assert our_verdict(judged).kind == "ValueError"
    agree(judged)


@pytest.mark.parametrize(
    "asked", [{"token_use": "id"}, {"client_ids": ["2appclient"]}, {"client_ids": ()}, {"nonce": "x"}], ids=str
)
def test_a_known_token_is_known_to_those_who_ask_the_same(asked: dict[str, Any]) -> None:
    judged = Case(token(), jwks("one", "two"))
    ours = judged.verifier(cache_size=10)
    ours.load_jwks(ours.pools[0], judged.jwks)
    assert verdict_of(ours, judged).token
    assert not verdict_of(ours, replace(judged, policy=Policy(asked=asked))).token


def test_a_key_that_is_gone_takes_its_known_tokens_along() -> None:
    judged = Case(token(), jwks("one", "two"))
    ours = judged.verifier(cache_size=10)
    ours.load_jwks(ours.pools[0], jwks("one", "two"))
    assert verdict_of(ours, judged).token
    ours.load_jwks(ours.pools[0], {"keys": [jwk("two", kid="one")]})
    assert verdict_of(ours, judged).code == "invalid_signature"
