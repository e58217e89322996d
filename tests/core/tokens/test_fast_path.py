"""The fast decoder and the cache give the same verdict as the strict decoder without a cache."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens import decoding, jws, verifier
from tests.support.signing import b64, jwks

from .mutations import ENCODABLE, VALUES, cases, policies, search_settings
from .pyjwt_comparison import NOW, Case, Policy, package_verdict, verdict_of
from .token_encoding import STYLES, JsonLiteral, encode_json


@search_settings(250)
@given(cases())
def test_fast_and_strict_decoder_give_the_same_verdict(candidate: Case) -> None:
    assert parts(jws.decode_jws, candidate.raw) == parts(jws.decode_jws_strictly, candidate.raw)
    with pytest.MonkeyPatch.context() as patched:
        fast = package_verdict(candidate)
        patched.setattr(verifier, "decode_jws", jws.decode_jws_strictly)
        assert package_verdict(candidate) == fast


@search_settings(250)
@given(cases())
def test_verdict_is_the_same_without_the_extra_speed(candidate: Case) -> None:
    verdict = package_verdict(candidate)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decoding, "HAS_SPEED", False)
        assert package_verdict(candidate) == verdict


@search_settings(500)
@given(
    st.lists(
        st.tuples(st.sampled_from(("a", "b", "\u00e9", "\ud800")) | st.text(ENCODABLE, max_size=4), VALUES), max_size=5
    ),
    st.sampled_from(("compact", "compact", *STYLES)),
    st.sampled_from(("AAAA", "AA", "AB", "", "A+A/", "AA==")),
    st.booleans(),
)
def test_decoders_agree_on_any_members(members: Any, style: str, signature: str, is_padded: bool) -> None:
    claims = b64(encode_json(members, style))
    raw = f"e30.{claims}{'=' * (-len(claims) % 4 * is_padded)}.{signature}"
    assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)


@search_settings(150)
@given(
    st.text(ENCODABLE)
    | st.binary(max_size=60).map(b64)
    | st.binary(max_size=60).map(lambda data: b64(b"{" + data + b"}"))
)
def test_decoders_agree_on_any_text(segment: str) -> None:
    for raw in (segment, f"e30.{segment}.AAAA", f"{segment}.e30.AAAA", f"e30.e30.{segment}", f"e30.{segment}.A.B.C"):
        assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [31, 32, 33, 254, 255, 1_023, 1_025, 1_900])
def test_decoders_agree_at_any_depth(opening: str, depth: int) -> None:
    raw = f"e30.{b64(opening.encode() * depth)}.AAAA"
    closed = f"e30.{b64(encode_json({'a': JsonLiteral('[' * depth + ']' * depth)}))}.AAAA"
    for text in (raw, closed):
        assert parts(jws.decode_jws, text) == parts(jws.decode_jws_strictly, text)


@pytest.mark.parametrize("raw", ["e30.eyJhIjoxLCJiIjoyfQ==.AAAA", "e30.e30=.AAAA", "e30.e30.AA=="])
def test_padding_is_refused_by_both_decoders(raw: str) -> None:
    assert parts(jws.decode_jws, raw) == parts(jws.decode_jws_strictly, raw)
    assert parts(jws.decode_jws, raw) == "malformed_token: a part is not canonical base64url"


def parts(decode_jws: Callable[[Any], Any], raw: Any) -> str:
    """Return the decoded parts or the error as text, so that 1, 1.0 and True differ."""
    try:
        return repr(tuple(decode_jws(raw)))
    except MalformedTokenError as error:
        return f"{error.code}: {error}"


@search_settings(250)
@given(cases(), policies(), st.integers(-4_000, 4_000))
def test_cached_token_has_the_same_verdict_as_an_uncached_one(candidate: Case, other: Policy, later: int) -> None:
    clock = [NOW]
    caching, uncached = (candidate.verifier(lambda: clock[0], size) for size in (10, 0))
    pool = caching.pools[0]
    caching.load_jwks(pool, jwks("one", "two"))
    uncached.load_jwks(pool, jwks("one", "two"))

    def assert_same_verdict(case: Case) -> None:
        assert verdict_of(caching, case) == verdict_of(caching, case) == verdict_of(uncached, case)

    assert_same_verdict(candidate)
    assert_same_verdict(replace(candidate, policy=other))
    clock[0] += later
    try:
        caching.load_jwks(pool, candidate.jwks)
        uncached.load_jwks(pool, candidate.jwks)
    except ValueError:
        assert package_verdict(candidate).kind == "ValueError"
    assert_same_verdict(candidate)
