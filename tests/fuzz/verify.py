"""Headers and claims, signed after each mutation: TokenVerifier accepts only what PyJWT accepts.

An input is one byte that selects the policy, a line with the header, and the claims.
"""

import json
import random
from collections.abc import Iterator
from functools import cache

from django_cognito.core import TokenVerifier
from django_cognito.core.tokens import jws, verifier
from tests.core.tokens.pyjwt_comparison import ISSUERS, NOW, Case, Policy, Verdict, pyjwt_accepts, pyjwt_at, verdict_of
from tests.core.tokens.token_encoding import ACCESS, CLIENT_TOKEN, HEADER, ID, RESOURCE, STYLES, encode_json, sign_parts
from tests.support.signing import b64, jwks

from . import json_values

_LOGIN = {"nonce": "sent", "access_token": "beside"}
_POLICIES = (
    Policy(),
    Policy(token_use="id"),
    Policy(token_use=None, issuers=ISSUERS, client_ids=("1webclient", "2appclient")),
    Policy(token_use="id", leeway_seconds=0, overrides=_LOGIN),
    Policy(resource=RESOURCE, leeway_seconds=60),
    Policy(overrides={"client_ids": ["2appclient"], "token_use": None}),
)
_VALUES = (
    *ACCESS, *ID, *ISSUERS, RESOURCE, "nbf", "crit", "b64", "typ", "one", "two", "RS256", "none",
    "1webclient", "2appclient", "access", "id", "", "x" * 300, None, True, False,
    0, -1, 1.5, 2**64, 10**30, 1e300, NOW, NOW + 60, float(NOW), [], {}, ["1webclient"], ["b64"], [["x"]], {"x": 1},
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Yield valid tokens for each policy and in each style."""
    header = encode_json(HEADER)
    bound = {**ACCESS, "aud": RESOURCE}
    for claims in (ACCESS, ID, CLIENT_TOKEN, bound):
        yield from (bytes([policy]) + header + b"\n" + encode_json(claims) for policy in range(len(_POLICIES)))
        yield from (b"\0" + header + b"\n" + encode_json(claims, style) for style in STYLES)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Change the policy, the header or, mostly, the claims."""
    rng = random.Random(seed)
    policy, (header, _, claims) = data[:1] or b"\0", data[1:].partition(b"\n")
    choice = rng.random()
    if choice < 0.05:
        policy = bytes([rng.randrange(len(_POLICIES))])
    elif choice < 0.2:
        header = json_values.mutate(header, 500, seed, _VALUES).replace(b"\n", b" ")
    else:
        claims = json_values.mutate(claims, max_size - len(header) - 2, seed, _VALUES)
    return policy + header + b"\n" + claims


def check(data: bytes) -> None:
    """Raise AssertionError if only TokenVerifier accepts the token, or if cache or fast path change the verdict."""
    header, _, claims = data[1:].partition(b"\n")
    policy = int.from_bytes(data[:1]) % len(_POLICIES)
    case = Case(sign_parts(b64(header), b64(claims)), _create_jwks(), _POLICIES[policy])
    caching, uncached = create_verifiers(policy)
    verdict = verdict_of(uncached, case)
    assert verdict == verdict_of(caching, case) == verdict_of(caching, case), "the cache changes the verdict"
    assert verdict == _strictly(uncached, case), "the fast path changes the verdict"
    if verdict.token:
        with pyjwt_at(NOW):
            assert pyjwt_accepts(case), "PyJWT rejects the token"


def _strictly(uncached: TokenVerifier, case: Case) -> Verdict:
    try:
        verifier.decode_jws = jws.decode_jws_strictly
        return verdict_of(uncached, case)
    finally:
        verifier.decode_jws = jws.decode_jws


@cache
def create_verifiers(policy: int) -> tuple[TokenVerifier, TokenVerifier]:
    caching, uncached = (Case("", _create_jwks(), _POLICIES[policy]).verifier(cache_size=size) for size in (100, 0))
    for token_verifier in (caching, uncached):
        token_verifier.load_jwks(token_verifier.pools[0], _create_jwks())
    return caching, uncached


@cache
def _create_jwks() -> dict[str, list[dict[str, str]]]:
    return json.loads(json.dumps(jwks("one", "two")))  # type: ignore[no-any-return]
