"""Comparison with PyJWT: both verify the cases that Hypothesis generates, under one policy.

This package refuses every token that PyJWT refuses. Each rule that is stricter is listed here with its reason.
`--hypothesis-profile=thorough` runs more cases, different each time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given

from tests.support.signing import b64, jwk, jwks, private_key, roca_key

from .mutations import cases, search_settings
from .pyjwt_comparison import ISSUERS, NOW, Case, Policy, package_verdict, pyjwt_accepts, pyjwt_at, reason
from .token_encoding import (
    ACCESS,
    CLIENT_TOKEN,
    HEADER,
    ID,
    RESOURCE,
    JsonLiteral,
    encode_json,
    odd_jwk,
    odd_key,
    sign_parts,
    token,
)


def case(raw: Any = None, keys: Any = None, **policy: Any) -> Case:
    """Return a valid case with these changes."""
    return Case(token() if raw is None else raw, jwks("one", "two") if keys is None else keys, Policy(**policy))


def with_key(position: int = 0, **members: Any) -> Case:
    """Return a case with an unusual key (position 0), or with a second key of the same `kid`."""
    unusual = [jwk("one", **members)] if position == 0 else [jwk("one"), jwk("two", kid="one")]
    return case(keys={"keys": [*unusual, jwk("two")]})


def changed_token(claims: Any = ACCESS, **changes: Any) -> str:
    """Return a token with changed claims."""
    return token({**claims, **changes})


def token_of_bytes(text: bytes) -> str:
    """Return a token with these bytes as its claims."""
    return sign_parts(b64(encode_json(HEADER)), b64(text))


GROUPS, USERNAME = "cognito:groups", "cognito:username"
LOGIN = {"nonce": "sent", "access_token": "beside"}
BODY = encode_json(ACCESS)
ID_WITHOUT_USERNAME = {name: value for name, value in ID.items() if name != USERNAME}
ACCESS_WITHOUT_USERNAME = {name: value for name, value in ACCESS.items() if name != "username"}
# The reason of this package, why PyJWT accepts the token, and an example.
STRICTER: dict[str, tuple[str, Callable[[], Case]]] = {
    "a token is a string": ("it accepts bytes", lambda: case(token().encode())),
    "longer than 16384 bytes": ("it has no limit", lambda: case(changed_token(x="x" * 16_384))),
    "a part is not canonical base64url": (
        "it accepts padding, which some issuers write",
        lambda: case(sign_parts(b64(encode_json(HEADER) + b" ") + "==", b64(BODY))),
    ),
    "a part is not strict JSON in UTF-8": (
        "json.loads accepts duplicate members, NaN, 1e400, lone surrogates and UTF-16",
        lambda: case(token_of_bytes(b'{"sub":"x",' + BODY[1:])),
    ),
    "a part is not a JSON object of reasonable depth": (
        "it has no limit but the stack",
        lambda: case(changed_token(x=JsonLiteral("[" * 40 + "]" * 40))),
    ),
    "the header requires an extension; none is supported": (
        "it supports one, b64, which Cognito never uses",
        lambda: case(token(header={**HEADER, "crit": ["b64"], "b64": True})),
    ),
    "no kid of reasonable length": (
        "it accepts a string of any length",
        lambda: case(token(header={**HEADER, "kid": ""}), {"keys": [jwk("two"), jwk("one", kid="")]}),
    ),
    "typ is neither JWT nor at+jwt": (
        "it does not check typ",
        lambda: case(token(header={**HEADER, "typ": "logout+jwt"})),
    ),
    "typ is an access token's, token_use an ID token's": (
        "it does not check token_use",
        lambda: case(token(ID, header={**HEADER, "typ": "at+jwt"}), token_use="id"),
    ),
    "key: an RSA key that can be factored (ROCA, CVE-2017-15361)": (
        "it does not check the fingerprint",
        lambda: case(token(key=roca_key()), {"keys": [odd_jwk(roca_key()), jwk("two")]}),
    ),
    "key: not for RS256": ("an empty alg counts as none", lambda: with_key(alg="")),
    "key: not for signatures": ("it does not check use", lambda: with_key(use="enc")),
    "key: not for verifying": ("it does not check key_ops", lambda: with_key(key_ops=["encrypt"])),
    "key: a private key": ("it uses the public half", lambda: with_key(oth=[])),
    "key: no modulus of reasonable size": (
        "leading zeros do not change a number",
        lambda: with_key(n="A" * 1_368 + jwk("one")["n"]),
    ),
    "key: no exponent of reasonable size": ("the same", lambda: with_key(e="AAAAAAAAAQAB")),
    "key: an RSA key that is not secure": (
        "it accepts exponent 3",
        lambda: case(token(key=odd_key(2_048, 3)), {"keys": [odd_jwk(odd_key(2_048, 3)), jwk("two")]}),
    ),
    "key: two different keys have this kid": ("it accepts either", lambda: with_key(1)),
    "keys: not a JSON Web Key Set of at most 20 keys": (
        "it has no limit",
        lambda: case(keys={"keys": [jwk("one"), *(jwk("two", kid=str(n)) for n in range(20))]}),
    ),
    "keys: the key set has no usable key": (
        "see the reasons of the keys",
        lambda: case(keys={"keys": [jwk("one", use="enc")]}),
    ),
    "exp: missing, or not a number": ("it accepts strings", lambda: case(changed_token(exp=str(NOW + 60)))),
    "exp: not a moment in whole seconds": ("it truncates fractions", lambda: case(changed_token(exp=NOW + 60.5))),
    "iat: missing, or not a number": ("it accepts strings", lambda: case(changed_token(iat=True))),
    "iat: not a moment in whole seconds": ("it accepts times before 1970", lambda: case(changed_token(iat=-1))),
    "nbf: missing, or not a number": ("it accepts strings", lambda: case(changed_token(nbf="1"))),
    "nbf: not a moment in whole seconds": ("it truncates fractions", lambda: case(changed_token(nbf=1.5))),
    "auth_time: missing, or not a number": ("it does not check the claim", lambda: case(changed_token(auth_time=None))),
    "auth_time: not a moment in whole seconds": (
        "it does not check the claim",
        lambda: case(changed_token(auth_time=1.5)),
    ),
    "auth_time: the token is not valid yet": (
        "it does not check the claim",
        lambda: case(changed_token(auth_time=NOW + 11)),
    ),
    "sub: missing, or not a string of reasonable length": (
        "it accepts empty strings and NUL",
        lambda: case(changed_token(sub="a\0b")),
    ),
    "aud: missing, or not a string of reasonable length": (
        "it accepts a list with the expected value",
        lambda: case(changed_token(ID, aud=["1webclient", "other"]), token_use="id"),
    ),
    "aud: bound to another API, or to none": (
        "it accepts a list with the expected value",
        lambda: case(changed_token(aud=[RESOURCE]), resource=RESOURCE),
    ),
    "username: missing, or not a string of reasonable length": (
        "it does not check the claim",
        lambda: case(token(ACCESS_WITHOUT_USERNAME)),
    ),
    f"{USERNAME}: missing, or not a string of reasonable length": (
        "it does not check the claim",
        lambda: case(token(ID_WITHOUT_USERNAME), token_use="id"),
    ),
    f"{GROUPS}: not a list of names": (
        "it does not check the claim",
        lambda: case(changed_token(**{GROUPS: ["a", 1]})),
    ),
    "scope: not a string": ("it does not check the claim", lambda: case(changed_token(scope=["openid"]))),
}


# Refused by both, by error code.
REFUSED: dict[str, Callable[[], Case]] = {
    "malformed_token": lambda: case("e30.e30"),
    "refresh_token": lambda: case("e30.A.A.A.A"),
    "invalid_signature": lambda: case(token(key=private_key("two"))),
    "unknown_key": lambda: case(keys=jwks("two")),
    "invalid_claim": lambda: case(changed_token(sub=None)),
    "token_expired": lambda: case(changed_token(exp=NOW - 10)),
    "token_not_yet_valid": lambda: case(changed_token(nbf=NOW + 11)),
    "wrong_issuer": lambda: case(issuers=ISSUERS[1:]),
    "wrong_client": lambda: case(overrides={"client_ids": ()}),
    "wrong_token_use": lambda: case(overrides={"token_use": "id"}),
    "wrong_resource": lambda: case(resource=RESOURCE),
    "nonce_mismatch": lambda: case(token(ID), token_use="id", overrides={"nonce": "other"}),
    "at_hash_mismatch": lambda: case(token(ID), token_use="id", overrides={"access_token": "another"}),
}


@pytest.fixture(autouse=True, scope="module")
def _fixed_time() -> Iterator[None]:
    with pyjwt_at(NOW):
        yield


def outcome(candidate: Case) -> str:
    """Return the common verdict. Fail if only this package accepts, or refuses for a reason that is not listed."""
    verdict, is_accepted_by_pyjwt = package_verdict(candidate), pyjwt_accepts(candidate)
    if verdict.token:
        assert is_accepted_by_pyjwt, "only this package accepts it"
        return "accepted"
    if is_accepted_by_pyjwt:
        rule = reason(candidate, verdict)
        assert rule in STRICTER, f"only PyJWT accepts it; the reason here is {rule!r}"
        return rule
    return verdict.code or verdict.message


@pytest.mark.parametrize(
    "good",
    [
        pytest.param(lambda: case(), id="access"),
        pytest.param(
            lambda: case(token(ID), token_use="id", overrides={"nonce": "sent", "access_token": "beside"}), id="id"
        ),
        pytest.param(lambda: case(token(CLIENT_TOKEN), token_use=None, resource=RESOURCE), id="client token"),
        pytest.param(lambda: case(changed_token(aud=RESOURCE), resource=RESOURCE), id="bound to this API"),
        pytest.param(lambda: case(changed_token(exp=float(NOW + 1))), id="whole number as float"),
        pytest.param(lambda: case(changed_token(exp=NOW - 9, iat=NOW + 10)), id="within leeway"),
        pytest.param(lambda: case(changed_token(iss=ISSUERS[1]), issuers=ISSUERS), id="the other issuer"),
        pytest.param(
            lambda: case(overrides={"client_ids": {"1webclient"}}, client_ids=("2",)), id="this call's client"
        ),
        pytest.param(lambda: case(changed_token(**{f"custom:{n}": n for n in range(400)})), id="many claims"),
        *(
            pytest.param(lambda style=style: case(token(style=style)), id=style)
            for style in ("spaced", "escaped names")
        ),
    ],
)
def test_valid_token_is_accepted_by_both(good: Callable[[], Case]) -> None:
    assert outcome(good()) == "accepted"


@pytest.mark.parametrize("code", REFUSED)
def test_invalid_token_is_refused_by_both(code: str) -> None:
    assert outcome(REFUSED[code]()) == code


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param(lambda: case(token(header={**HEADER, "b64": False})), "invalid_signature", id="b64"),
        pytest.param(lambda: case(changed_token(jti=5)), "invalid_claim", id="jti"),
        pytest.param(lambda: case(changed_token(jti=None)), "invalid_claim", id="null jti"),
    ],
)
def test_formerly_accepted_token_is_refused_by_both(bad: Callable[[], Case], code: str) -> None:
    assert outcome(bad()) == code


@pytest.mark.parametrize("rule", STRICTER)
def test_stricter_rule_refuses_what_pyjwt_accepts(rule: str) -> None:
    _, make_case = STRICTER[rule]
    assert outcome(make_case()) == rule


def test_generated_cases_have_the_same_verdict_or_a_stricter_rule() -> None:
    outcomes: Counter[str] = Counter()

    @search_settings(1_000)
    @given(cases())
    def count_outcome(candidate: Case) -> None:
        outcomes[outcome(candidate)] += 1

    count_outcome()
    assert outcomes["accepted"] > outcomes.total() / 20
    assert len(set(outcomes) & set(REFUSED)) > 7
    assert len(set(outcomes) & set(STRICTER)) > 9
