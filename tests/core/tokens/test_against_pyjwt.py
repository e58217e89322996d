"""PyJWT as a second opinion: cases that Hypothesis makes, judged by both under one policy.

What PyJWT refuses, we refuse. What we refuse and PyJWT lets pass is listed here, each kind with its reason.
`--hypothesis-profile=thorough` tries more cases, and others each time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given

from tests.support.signing import b64, jwk, jwks, private_key, roca_key

from .mutations import cases, searched
from .spelling import ACCESS, HEADER, ID, MACHINE, RESOURCE, Literally, odd_jwk, odd_key, signed, token, written
from .two_judges import ISSUERS, NOW, Case, Policy, our_verdict, pyjwt_accepts, pyjwt_at, reason


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
LOGIN = {"nonce": "sent", "access_token": "beside"}
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
    "the header requires an extension; none is supported": (
        "it knows one, b64, which Cognito never uses",
        lambda: case(token(header={**HEADER, "crit": ["b64"], "b64": True})),
    ),
    "no kid of reasonable length": (
        "a text of any length will do",
        lambda: case(token(header={**HEADER, "kid": ""}), {"keys": [jwk("two"), jwk("one", kid="")]}),
    ),
    "typ is neither JWT nor at+jwt": (
        "it does not look at typ",
        lambda: case(token(header={**HEADER, "typ": "logout+jwt"})),
    ),
    "typ is an access token's, token_use an ID token's": (
        "nor at token_use",
        lambda: case(token(ID, header={**HEADER, "typ": "at+jwt"}), token_use="id"),
    ),
    "key: an RSA key that can be factored (ROCA, CVE-2017-15361)": (
        "it does not look for the fingerprint",
        lambda: case(token(key=roca_key()), {"keys": [odd_jwk(roca_key()), jwk("two")]}),
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
    "key: an RSA key that is not secure": (
        "3 is an exponent to it",
        lambda: case(token(key=odd_key(2_048, 3)), {"keys": [odd_jwk(odd_key(2_048, 3)), jwk("two")]}),
    ),
    "key: two different keys have this kid": ("it takes either", lambda: with_key(1)),
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
    "sub: missing, or not a string of reasonable length": (
        "an empty text, or one with NUL, will do",
        lambda: case(changed(sub="a\0b")),
    ),
    "aud: missing, or not a string of reasonable length": (
        "it takes a list of which one is ours",
        lambda: case(changed(ID, aud=["1webclient", "other"]), token_use="id"),
    ),
    "aud: bound to another API, or to none": (
        "it takes a list of which one is ours",
        lambda: case(changed(aud=[RESOURCE]), resource=RESOURCE),
    ),
    "username: missing, or not a string of reasonable length": (
        "it does not know the claim",
        lambda: case(token(NOBODY)),
    ),
    f"{USERNAME}: missing, or not a string of reasonable length": (
        "nor this",
        lambda: case(token(PERSON), token_use="id"),
    ),
    f"{GROUPS}: not a list of names": ("nor this", lambda: case(changed(**{GROUPS: ["a", 1]}))),
    "scope: not a string": ("nor this", lambda: case(changed(scope=["openid"]))),
}


# By both, each for what the code says.
REFUSED: dict[str, Callable[[], Case]] = {
    "malformed_token": lambda: case("e30.e30"),
    "refresh_token": lambda: case("e30.A.A.A.A"),
    "invalid_signature": lambda: case(token(key=private_key("two"))),
    "unknown_key": lambda: case(keys=jwks("two")),
    "invalid_claim": lambda: case(changed(sub=None)),
    "token_expired": lambda: case(changed(exp=NOW - 10)),
    "token_not_yet_valid": lambda: case(changed(nbf=NOW + 11)),
    "wrong_issuer": lambda: case(issuers=ISSUERS[1:]),
    "wrong_client": lambda: case(asked={"client_ids": ()}),
    "wrong_token_use": lambda: case(asked={"token_use": "id"}),
    "wrong_resource": lambda: case(resource=RESOURCE),
    "nonce_mismatch": lambda: case(token(ID), token_use="id", asked={"nonce": "other"}),
    "at_hash_mismatch": lambda: case(token(ID), token_use="id", asked={"access_token": "another"}),
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


@pytest.mark.parametrize("code", REFUSED)
def test_both_refuse_what_is_bad(code: str) -> None:
    assert outcome(REFUSED[code]()) == code


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(lambda: case(token(header={**HEADER, "b64": False})), "invalid_signature", id="b64"),
        pytest.param(lambda: case(changed(jti=5)), "invalid_claim", id="jti"),
        pytest.param(lambda: case(changed(jti=None)), "invalid_claim", id="jti that is null"),
    ],
)
def test_what_only_we_once_accepted_is_refused(bad: Callable[[], Case], code: str) -> None:
    assert outcome(bad()) == code


@pytest.mark.parametrize("said", STRICTER)
def test_every_listed_difference_is_one(said: str) -> None:
    _, make = STRICTER[said]
    assert outcome(make()) == said


def test_what_pyjwt_refuses_we_refuse_and_where_we_are_stricter_is_listed() -> None:
    met: Counter[str] = Counter()

    @searched(1_000)
    @given(cases())
    def judge(judged: Case) -> None:
        met[outcome(judged)] += 1

    judge()
    assert met["accepted"] > met.total() / 20
    assert len(set(met) & set(REFUSED)) > 7
    assert len(set(met) & set(STRICTER)) > 9
