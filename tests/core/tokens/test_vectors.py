"""Token vectors: `vectors/*.json` have one axis each, and the verifier decides each vector as expected.

What JSON cannot express (other bytes, long tokens, other keys) is tested in the other files.
"""

import base64
import json
import re
from collections import defaultdict

import pytest

from django_cognito.core import AccessToken, ClientToken, IdToken, UserPool, errors
from tests.support.vectors import AXES, CLIENT_IDS, USER_POOL_ID, Rejection, Vector, read_vectors

from .forging import OTHER_POOL, make_verifier

VECTORS = [(axis, vector) for axis in AXES for vector in read_vectors(axis)]
UNCHANGED = Vector("unchanged", "")
RAW_TOKENS: dict[str, str] = {}  # by the id of the vector
TOKEN_CLASSES = {"access": AccessToken, "id": IdToken, "client": ClientToken}
# Claims whose value is never in an error: the issuer selects no pool, and the others are secrets of a sign-in.
CLAIMS_NOT_SHOWN = ("iss", "nonce", "at_hash")


def _group_vectors() -> list[object]:
    """Return the vectors in groups of one axis, subject (kind of token and name, say "id token, typ") and attack."""
    groups = defaultdict[tuple[str, str, str], list[Vector]](list)
    for axis, vector in VECTORS:
        subject = re.findall(r"^(?:\w+ token, )?[^ :,]+", vector.id)[0] if axis != "encoding" else ""
        groups[axis, subject, vector.defends].append(vector)
    return [
        pytest.param(
            group,
            id=" - ".join(filter(None, [axis, subject, attack])),
            marks=[pytest.mark.defends(attack)] if attack else [],
        )
        for (axis, subject, attack), group in groups.items()
    ]


@pytest.mark.usefixtures("decoder")
@pytest.mark.parametrize("vectors", _group_vectors())
def test_verifier_decides_vectors_as_expected(vectors: list[Vector]) -> None:
    failures = []
    for vector in vectors:
        try:
            assert_verdict(vector)
        except (AssertionError, pytest.fail.Exception, errors.CognitoError) as error:
            failures.append(f"{vector.id}: {type(error).__name__}: {error}")
    assert failures == []


def assert_verdict(vector: Vector) -> None:
    """Assert that a verifier accepts `vector` with its claims, or rejects it with the expected error."""
    pool = UserPool(USER_POOL_ID, client_ids=CLIENT_IDS, resource=vector.resource)
    verifier = make_verifier(pool, *([OTHER_POOL] if vector.other_pool else []), **vector.verifier)
    if vector.raw != UNCHANGED.raw:
        verifier.verify(build_raw(UNCHANGED))  # a cached token is not accepted in another encoding
    raw = build_raw(vector)
    if vector.rejection is None:
        token = verifier.verify(raw, **vector.call)
        assert type(token) is TOKEN_CLASSES[vector.token]
        assert json.loads(json.dumps(token.claims, default=dict)) == _read_claims(raw)
        assert token.expires_at.timestamp() == token.claims["exp"]
        assert token.groups == tuple(token.claims.get("cognito:groups", ()))
    else:
        with pytest.raises(errors.TokenError) as caught:
            verifier.verify(raw, **vector.call)
        assert_rejection(caught.value, vector.rejection, raw)


def build_raw(vector: Vector) -> str:
    """Return the token of `vector`, signed once for all tests."""
    if vector.id not in RAW_TOKENS:
        RAW_TOKENS[vector.id] = vector.build_raw()
    return RAW_TOKENS[vector.id]


def assert_rejection(error: errors.TokenError, rejection: Rejection, raw: str) -> None:
    """Assert that the error has the class, code and claim of `rejection`, and the value of the claim."""
    claim = getattr(error, "claim", None)
    assert Rejection(type(error).__name__, error.code, claim) == rejection
    if claim == "iss":
        assert str(error).startswith("from a user pool that is not configured (claim 'iss', expected ('https://")
        assert error.unverified == _read_claims(raw).get("iss")  # type: ignore[attr-defined]
    if isinstance(error, errors.ClaimError):
        assert error.actual == (None if claim in CLAIMS_NOT_SHOWN else _read_claims(raw).get(claim))


def _read_claims(raw: str) -> dict[str, object]:
    part = raw.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(f"{part}==")))


def test_vectors_are_distinct_and_have_a_source() -> None:
    inputs = [
        (build_raw(vector), vector.resource, vector.other_pool, vector.verifier, vector.call) for _, vector in VECTORS
    ]
    assert len({vector.id for _, vector in VECTORS}) == len(VECTORS)
    assert len(set(map(repr, inputs))) == len(VECTORS)
    assert all(vector.source for _, vector in VECTORS)
