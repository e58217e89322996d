"""Token vectors: `vectors/*.json` have one axis each, and the verifier decides each vector as expected.

What JSON cannot express (other bytes, long tokens, other keys) is tested in the other files.
"""

import base64
import json

import pytest

from django_cognito.core import AccessToken, ClientToken, IdToken, UserPool, errors
from tests.support.vectors import AXES, CLIENT_IDS, USER_POOL_ID, Rejection, Vector, read_vectors

from .forging import OTHER_POOL, make_verifier

VECTORS = [(axis, vector) for axis in AXES for vector in read_vectors(axis)]
UNCHANGED = Vector("unchanged", "")
TOKEN_CLASSES = {"access": AccessToken, "id": IdToken, "client": ClientToken}
# Claims whose value is never in an error: the issuer selects no pool, and the others are secrets of a sign-in.
CLAIMS_NOT_SHOWN = ("iss", "nonce", "at_hash")


def _params() -> list[object]:
    return [
        pytest.param(
            vector,
            id=f"{axis} - {vector.id}",
            marks=[pytest.mark.defends(vector.defends)] if vector.defends else [],
        )
        for axis, vector in VECTORS
    ]


@pytest.mark.usefixtures("decoder")
@pytest.mark.parametrize("vector", _params())
def test_verifier_decides_vector_as_expected(vector: Vector) -> None:
    pool = UserPool(USER_POOL_ID, client_ids=CLIENT_IDS, resource=vector.resource)
    verifier = make_verifier(pool, *([OTHER_POOL] if vector.other_pool else []), **vector.verifier)
    if vector.raw != UNCHANGED.raw:
        verifier.verify(UNCHANGED.build_raw())  # a cached token is not accepted in another encoding
    raw = vector.build_raw()
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
        (vector.build_raw(), vector.resource, vector.other_pool, vector.verifier, vector.call) for _, vector in VECTORS
    ]
    assert len({vector.id for _, vector in VECTORS}) == len(VECTORS)
    assert len(set(map(repr, inputs))) == len(VECTORS)
    assert all(vector.source for _, vector in VECTORS)
