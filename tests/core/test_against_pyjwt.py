"""PyJWT as a second opinion: cases that Hypothesis makes, judged by both under one policy.

What PyJWT refuses, we refuse. What we refuse and PyJWT lets pass is listed here, each kind with its reason.
`--hypothesis-profile=thorough` tries more cases, and others each time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cognito.core import compact, verifier
from django_cognito.core.errors import MalformedTokenError

from .mutations import (
    ACCESS,
    HEADER,
    ID,
    MACHINE,
    RESOURCE,
    STYLES,
    VALUES,
    Literally,
    cases,
    odd_jwk,
    odd_key,
    policies,
    signed,
    token,
    written,
)
from .signing import b64, jwk, jwks, private_key
from .two_judges import ISSUERS, NOW, Case, Policy, our_verdict, pyjwt_accepts, pyjwt_at, reason, verdict_of

_BOUNDED = settings(derandomize=True, database=None)
_IS_THOROUGH = settings.default.max_examples > 1_000


def searched(examples: int) -> settings:
    """That many cases, the same ones each time; or as the profile says."""
    chosen = settings() if _IS_THOROUGH else settings(_BOUNDED, max_examples=examples)
    return settings(chosen, deadline=None, suppress_health_check=list(HealthCheck))


def case(raw: Any = None, keys: Any = None, **policy: Any) -> Case:
    """A good case, but for what is told."""
    return Case(token() if raw is None else raw, jwks("one", "two") if keys is None else keys, Policy(**policy))


def with_key(position: int = 0, **members: Any) -> Case:
    """A good token, and a set in which its key, or a second one of that name, is odd."""
    odd = [jwk("one", **members)] if position == 0 else [jwk("one"), jwk("two", kid="one")]
    return case(keys={"keys": [*odd, jwk("two")]})


def changed(claims: Any = ACCESS, **changes: Any) -> str:
    """A token with changed claims."""
    return token({**claims, **changes})


def of_pieces(text: bytes) -> str:
    """A token over the very bytes."""
    return signed(b64(written(HEADER)), b64(text))


GROUPS, USERNAME = "cognito:groups", "cognito:username"
BODY = written(ACCESS)
PERSON = {name: value for name, value in ID.items() if name != USERNAME}
NOBODY = {name: value for name, value in ACCESS.items() if name != "username"}
# What we say, why PyJWT sees nothing wrong, and a case of it.
STRICTER: dict[str, tuple[str, Callable[[], Case]]] = {
    "a token is a string": ("it takes bytes", lambda: case(token().encode())),
    "longer than 16384 bytes": ("it has no bound", lambda: case(changed(x="x" * 16_384))),
    "a part is not canonical base64url": (
        "it takes padding, which some issuers write",
        lambda: case(signed(b64(written(HEADER) + b" ") + "==", b64(BODY))),
    ),
    "a part is not strict JSON in UTF-8": (
        "json.loads takes members that stand twice, NaN, 1e400, lone surrogates and UTF-16",
        lambda: case(of_pieces(b'{"sub":"x",' + BODY[1:])),
    ),
    "a part is not a JSON object of reasonable depth": (
        "it has no bound but the stack's",
        lambda: case(changed(x=Literally("[" * 40 + "]" * 40))),
    ),
    "the header asks for an extension, and there are none here": (
        "it knows one, b64, which Cognito never uses",
        lambda: case(token(header={**HEADER, "crit": ["b64"], "b64": True})),
    ),
    "no kid of reasonable length": (
        "a text of any length will do",
        lambda: case(token(header={**HEADER, "kid": ""}), {"keys": [jwk("two"), jwk("one", kid="")]}),
    ),
    "key: not for RS256": ("an empty alg is as good as none", lambda: with_key(alg="")),
    "key: not for signatures": ("it does not look at use", lambda: with_key(use="enc")),
    "key: not for verifying": ("nor at key_ops", lambda: with_key(key_ops=["encrypt"])),
    "key: a private key": ("it takes the public half of one", lambda: with_key(oth=[])),
    "key: no modulus of reasonable size": (
        "leading zeros do not change a number",
        lambda: with_key(n="A" * 1_368 + jwk("one")["n"]),
    ),
    "key: no exponent of reasonable size": ("the same", lambda: with_key(e="AAAAAAAAAQAB")),
    "key: an RSA key that nobody should trust": (
        "3 is an exponent to it",
        lambda: case(token(key=odd_key(2_048, 3)), {"keys": [odd_jwk(odd_key(2_048, 3)), jwk("two")]}),
    ),
    "key: two different keys have this kid": ("it takes the first one", lambda: with_key(1)),
    "keys: not a JSON Web Key Set of at most 20 keys": (
        "it has no bound",
        lambda: case(keys={"keys": [jwk("one"), *(jwk("two", kid=str(n)) for n in range(20))]}),
    ),
    "keys: the key set has no usable key": ("see the keys", lambda: case(keys={"keys": [jwk("one", use="enc")]})),
    "exp: missing, or not a number": ("it takes texts", lambda: case(changed(exp=str(NOW + 60)))),
    "exp: not a moment in whole seconds": ("it cuts fractions off", lambda: case(changed(exp=NOW + 60.5))),
    "iat: missing, or not a number": ("it takes texts", lambda: case(changed(iat=True))),
    "iat: not a moment in whole seconds": ("it takes times before 1970", lambda: case(changed(iat=-1))),
    "nbf: missing, or not a number": ("it takes texts", lambda: case(changed(nbf="1"))),
    "nbf: not a moment in whole seconds": ("it cuts fractions off", lambda: case(changed(nbf=1.5))),
    "auth_time: missing, or not a number": ("it does not know the claim", lambda: case(changed(auth_time=None))),
    "auth_time: not a moment in whole seconds": ("nor this", lambda: case(changed(auth_time=1.5))),
    "auth_time: the token is not valid yet": ("nor this", lambda: case(changed(auth_time=NOW + 11))),
    "sub: missing, or no text of reasonable length": (
        "an empty text, or one with NUL, will do",
        lambda: case(changed(sub="a\0b")),
    ),
    "aud: missing, or no text of reasonable length": (
        "it takes a list of which one is ours",
        lambda: case(changed(ID, aud=["1webclient", "other"]), token_use="id"),
    ),
    "aud: bound to another API, or to none": (
        "it takes a list of which one is ours",
        lambda: case(changed(aud=[RESOURCE]), resource=RESOURCE),
    ),
    "username: missing, or no text of reasonable length": ("it does not know the claim", lambda: case(token(NOBODY))),
    f"{USERNAME}: missing, or no text of reasonable length": ("nor this", lambda: case(token(PERSON), token_use="id")),
    f"{GROUPS}: not a list of names": ("nor this", lambda: case(changed(**{GROUPS: ["a", 1]}))),
    "scope: not a string": ("nor this", lambda: case(changed(scope=["openid"]))),
}


@pytest.fixture(autouse=True, scope="module")
def _one_moment() -> Iterator[None]:
    with pyjwt_at(NOW):
        yield


def outcome(judged: Case) -> str:
    """What both say together. Fails where only we accept, and where we alone refuse for no reason of the list."""
    verdict, theirs = our_verdict(judged), pyjwt_accepts(judged)
    if verdict.token:
        assert theirs, "only we accept it"
        return "accepted"
    if theirs:
        why = reason(judged, verdict)
        assert why in STRICTER, f"PyJWT accepts it, we say {why!r}"
        return why
    return verdict.code or verdict.message


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(lambda: case(), id="access"),
        pytest.param(
            lambda: case(token(ID), token_use="id", asked={"nonce": "sent", "access_token": "beside"}), id="id"
        ),
        pytest.param(lambda: case(token(MACHINE), token_use=None, resource=RESOURCE), id="machine"),
        pytest.param(lambda: case(changed(aud=RESOURCE), resource=RESOURCE), id="bound to this API"),
        pytest.param(lambda: case(changed(exp=float(NOW + 1))), id="a whole float"),
        pytest.param(lambda: case(changed(exp=NOW - 9, iat=NOW + 10)), id="within leeway"),
        pytest.param(lambda: case(changed(iss=ISSUERS[1]), issuers=ISSUERS), id="the other issuer"),
        pytest.param(lambda: case(asked={"client_ids": {"1webclient"}}, client_ids=("2",)), id="this call's client"),
        pytest.param(lambda: case(changed(**{f"custom:{n}": n for n in range(400)})), id="many claims"),
        *(
            pytest.param(lambda style=style: case(token(style=style)), id=style)
            for style in ("spaced", "escaped names")
        ),
    ],
)
def test_both_accept_what_is_good(good: Callable[[], Case]) -> None:
    assert outcome(good()) == "accepted"


@pytest.mark.parametrize("said", STRICTER)
def test_every_listed_difference_is_one(said: str) -> None:
    _, make = STRICTER[said]
    assert outcome(make()) == said


def test_what_pyjwt_refuses_we_refuse_and_where_we_are_stricter_is_listed() -> None:
    met: Counter[str] = Counter()

    @searched(1_200)
    @given(cases())
    def judge(judged: Case) -> None:
        met[outcome(judged)] += 1

    judge()
    assert met["accepted"] > met.total() / 20
    assert set(REACHED) <= set(met)
    assert len(set(STRICTER) & set(met)) > 12


REACHED = (
    "malformed_token",
    "invalid_signature",
    "unknown_key",
    "invalid_claim",
    "token_expired",
    "token_not_yet_valid",
    "wrong_issuer",
    "wrong_client",
    "wrong_token_use",
    "wrong_resource",
    "nonce_mismatch",
    "at_hash_mismatch",
)


@searched(250)
@given(cases())
def test_the_quick_way_and_the_strict_way_give_one_verdict(judged: Case) -> None:
    assert parts(compact.take_apart, judged.raw) == parts(compact.take_apart_strictly, judged.raw)
    with pytest.MonkeyPatch.context() as patched:
        quick = our_verdict(judged)
        patched.setattr(verifier, "take_apart", compact.take_apart_strictly)
        assert our_verdict(judged) == quick


@searched(800)
@given(
    st.lists(st.tuples(st.sampled_from(("a", "b", "\u00e9", "\ud800")) | st.text(max_size=4), VALUES), max_size=5),
    st.sampled_from(("compact", "compact", *STYLES)),
    st.sampled_from(("AAAA", "AA", "AB", "", "A+A/", "AA==")),
    st.booleans(),
)
def test_both_ways_read_the_same_from_any_members(members: Any, style: str, signature: str, is_padded: bool) -> None:
    claims = b64(written(members, style))
    raw = f"e30.{claims}{'=' * (-len(claims) % 4 * is_padded)}.{signature}"
    assert parts(compact.take_apart, raw) == parts(compact.take_apart_strictly, raw)


@searched(600)
@given(st.text() | st.binary(max_size=60).map(b64) | st.binary(max_size=60).map(lambda data: b64(b"{" + data + b"}")))
def test_both_ways_read_the_same_from_anything(segment: str) -> None:
    for raw in (segment, f"e30.{segment}.AAAA", f"{segment}.e30.AAAA", f"e30.e30.{segment}", f"e30.{segment}.A.B.C"):
        assert parts(compact.take_apart, raw) == parts(compact.take_apart_strictly, raw)


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("depth", [31, 32, 33, 254, 255, 1_023, 1_025, 1_900])
def test_both_ways_read_the_same_however_deep(opening: str, depth: int) -> None:
    raw = f"e30.{b64(opening.encode() * depth)}.AAAA"
    closed = f"e30.{b64(written({'a': Literally('[' * depth + ']' * depth)}))}.AAAA"
    for text in (raw, closed):
        assert parts(compact.take_apart, text) == parts(compact.take_apart_strictly, text)


@pytest.mark.parametrize("raw", ["e30.eyJhIjoxLCJiIjoyfQ==.AAAA", "e30.e30=.AAAA", "e30.e30.AA=="])
def test_padding_is_refused_both_ways(raw: str) -> None:
    assert parts(compact.take_apart, raw) == parts(compact.take_apart_strictly, raw)
    assert parts(compact.take_apart, raw) == "malformed_token: a part is not canonical base64url"


def parts(take_apart: Callable[[Any], Any], raw: Any) -> str:
    """What one way makes of `raw`, so that 1, 1.0 and True differ."""
    try:
        return repr(tuple(take_apart(raw)))
    except MalformedTokenError as error:
        return f"{error.code}: {error}"


@searched(250)
@given(cases(), policies(), st.integers(-4_000, 4_000))
def test_a_known_token_is_judged_as_an_unknown_one(judged: Case, other: Policy, later: int) -> None:
    clock = [NOW]
    remembers, forgets = (judged.verifier(lambda: clock[0], size) for size in (10, 0))
    pool = remembers.pools[0]
    remembers.load_jwks(pool, jwks("one", "two"))
    before = verdict_of(remembers, judged), verdict_of(remembers, judged)
    verdict_of(remembers, replace(judged, policy=other))
    clock[0] += later
    try:
        remembers.load_jwks(pool, judged.jwks)
        forgets.load_jwks(pool, judged.jwks)
    except ValueError:
        forgets.load_jwks(pool, jwks("one", "two"))
    after = verdict_of(remembers, judged), verdict_of(remembers, judged), verdict_of(forgets, judged)
    assert len(set(before)) == len(set(after)) == 1


def test_a_key_that_is_gone_takes_its_known_tokens_along() -> None:
    judged = case()
    ours = judged.verifier(cache_size=10)
    ours.load_jwks(ours.pools[0], jwks("one", "two"))
    assert verdict_of(ours, judged).token
    ours.load_jwks(ours.pools[0], {"keys": [jwk("two", kid="one")]})
    assert verdict_of(ours, judged).code == "invalid_signature"
    assert private_key("one") is not private_key("two")
