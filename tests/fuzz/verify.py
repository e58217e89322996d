"""Headers and claims, signed again after each mutation, so that the claims are reached: our verdict, and PyJWT's.

An input is a header and a claim set, a line each, after one byte that chooses the policy.
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
    """Good tokens under every policy, in every style."""
    header = encode_json(HEADER)
    bound = {**ACCESS, "aud": RESOURCE}
    for claims in (ACCESS, ID, CLIENT_TOKEN, bound):
        yield from (bytes([policy]) + header + b"\n" + encode_json(claims) for policy in range(len(_POLICIES)))
        yield from (b"\0" + header + b"\n" + encode_json(claims, style) for style in STYLES)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Another policy, another header or, mostly, other claims."""
    chance = random.Random(seed)
    policy, (header, _, claims) = data[:1] or b"\0", data[1:].partition(b"\n")
    what = chance.random()
    if what < 0.05:
        policy = bytes([chance.randrange(len(_POLICIES))])
    elif what < 0.2:
        header = json_values.mutated(header, 500, seed, _VALUES).replace(b"\n", b" ")
    else:
        claims = json_values.mutated(claims, max_size - len(header) - 2, seed, _VALUES)
    return policy + header + b"\n" + claims


def judge(data: bytes) -> None:
    """Raise where something else than a refusal of ours comes, only we accept, or a verdict depends on its way."""
    header, _, claims = data[1:].partition(b"\n")
    policy = int.from_bytes(data[:1]) % len(_POLICIES)
    case = Case(sign_parts(b64(header), b64(claims)), _keys(), _POLICIES[policy])
    remembers, forgets = verifiers(policy)
    verdict = verdict_of(forgets, case)
    assert verdict == verdict_of(remembers, case) == verdict_of(remembers, case), "the cache changes the verdict"
    assert verdict == _strictly(forgets, case), "the quick way changes the verdict"
    if verdict.token:
        with pyjwt_at(NOW):
            assert pyjwt_accepts(case), "only we accept it"


def _strictly(forgets: TokenVerifier, case: Case) -> Verdict:
    try:
        verifier.decode_jws = jws.decode_jws_strictly
        return verdict_of(forgets, case)
    finally:
        verifier.decode_jws = jws.decode_jws


@cache
def verifiers(policy: int) -> tuple[TokenVerifier, TokenVerifier]:
    made = [Case("", _keys(), _POLICIES[policy]).verifier(cache_size=size) for size in (100, 0)]
    for ours in made:
        ours.load_jwks(ours.pools[0], _keys())
    return made[0], made[1]


@cache
def _keys() -> dict[str, list[dict[str, str]]]:
    return json.loads(json.dumps(jwks("one", "two")))  # type: ignore[no-any-return]
