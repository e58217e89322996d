"""PyJWT as a second opinion: hundreds of mutated tokens, judged by both under one policy.

What PyJWT refuses, we refuse. What we refuse and PyJWT lets pass is listed here, each kind with its reason.
"""

import random
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import ClaimError, TokenError

from .signing import jwks, segment, sign

POOL = UserPool("eu-west-1_AbCdEfGhI", client_ids=("1webclient",))
KEYS = jwt.PyJWKSet.from_dict(jwks("one", "two"))
LEEWAY_SECONDS = 10

# By the claim that we refuse (or the message, where it is no claim): why PyJWT sees nothing wrong.
STRICTER = {
    "a part is not canonical base64url": "its decoder skips foreign characters, padding and idle bits",
    "a part is not strict JSON in UTF-8": "json.loads takes duplicate members, NaN and 1e400",
    "exp": "it takes texts, truth values and fractions, and moments beyond the calendar",
    "iat": "the same",
    "nbf": "the same",
    "auth_time": "not a claim it knows",
    "sub": "a text, but an empty one or one with NUL will do",
    "username": "not a claim it knows",
    "cognito:groups": "not a claim it knows",
    "scope": "not a claim it knows",
}
ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "1webclient",
    "a\0b",
    0,
    -1,
    1,
    True,
    1.5,
    2**53,
    10**15,
    [],
    ["x"],
    {},
    {"a": 1},
)


@pytest.fixture(scope="module")
def verifier() -> TokenVerifier:
    made = TokenVerifier(POOL, leeway_seconds=LEEWAY_SECONDS)
    made.load_jwks(POOL, jwks("one", "two"))
    return made


def our_refusal(verifier: TokenVerifier, raw: str) -> str | None:
    try:
        verifier.verify(raw)
    except ClaimError as error:
        return error.claim
    except TokenError as error:
        return str(error)
    return None


def pyjwt_accepts(raw: str) -> bool:
    try:
        key = KEYS[jwt.get_unverified_header(raw)["kid"]]
        options = {"require": ["exp", "iat", "iss", "sub"], "verify_aud": False}
        claims = jwt.decode(
            raw, key, algorithms=["RS256"], issuer=POOL.issuers[0], leeway=LEEWAY_SECONDS, options=options
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError):
        return False
    client_id = claims.get("client_id")
    return claims.get("token_use") == "access" and isinstance(client_id, str) and client_id in POOL.client_ids


def claims() -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": POOL.issuers[0],
        "sub": "a1b2",
        "username": "somebody",
        "client_id": "1webclient",
        "token_use": "access",
        "scope": "openid",
        "cognito:groups": ["editors"],
        "auth_time": now - 90,
        "nbf": now - 60,
        "iat": now - 60,
        "exp": now + 3_540,
    }


def other_claims() -> Iterator[str]:
    good = claims()
    for name in good:
        yield sign({claim: value for claim, value in good.items() if claim != name})
        yield from (sign(good | {name: value}) for value in (*ODD, f"{good[name]}", [good[name]]))
    for name in ("exp", "iat", "nbf"):
        yield from (sign(good | {name: int(time.time()) + shift}) for shift in (-3_600, -60, 60, 3_600))
    for text in ('{"exp":1,', '{"sub":"a1b2",', '{"x":NaN,', '{"x":1e400,', '{"x":-Infinity,', "[", ""):
        yield sign(text.encode() + segment_text(good)[1:])


def segment_text(value: Any) -> bytes:
    return jwt.utils.base64url_decode(segment(value))


def other_headers() -> Iterator[str]:
    good = {"kid": "one", "alg": "RS256"}
    for name in (*good, "crit", "b64", "typ", "jku", "jwk", "x5u", "zip"):
        yield from (sign(claims(), header=good | {name: value}) for value in (*ODD, "none", "HS256", "RS512", "two"))
    for name in good:
        yield sign(
            claims(), header={member: value for member, value in good.items() if member != name} | {"typ": "JWT"}
        )


def other_texts() -> Iterator[str]:
    chance = random.Random(2026)
    raw = sign(claims())
    for _ in range(300):
        at = chance.randrange(len(raw))
        drawn = chance.choice("ABCxyz019-_=+/. \n\0é")
        yield chance.choice((raw[:at] + drawn + raw[at + 1 :], raw[:at] + drawn + raw[at:], raw[:at] + raw[at + 1 :]))
    yield from (raw + tail for tail in ("=", "==", "\n", " ", ".", ".x", "A"))
    yield from (raw[:-1] + last for last in "ABCDEFGHIJKLMNOP")


def test_both_accept_a_good_token(verifier: TokenVerifier) -> None:
    raw = sign(claims())
    assert our_refusal(verifier, raw) is None
    assert pyjwt_accepts(raw)


def test_what_pyjwt_refuses_we_refuse_and_where_we_are_stricter_is_listed(verifier: TokenVerifier) -> None:
    met: set[str] = set()
    count = accepted = 0
    for raw in (*other_claims(), *other_headers(), *other_texts()):
        count += 1
        ours, theirs = our_refusal(verifier, raw), pyjwt_accepts(raw)
        if ours is None:
            accepted += 1
            assert theirs, f"only we accept {raw}"
        elif theirs:
            assert ours in STRICTER, f"PyJWT accepts what we refuse for {ours!r}: {raw}"
            met.add(ours)
    assert met
    assert count > 600
    assert 20 < accepted < count / 2
