"""A provider's ID token: what is believed, and each thing that is not."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from local_cognito.accounts.identity_providers import identity_provider
from local_cognito.federation.failures import FederationFailed
from local_cognito.federation.id_tokens import verify_id_token

ISSUER = "https://issuer.example"
NOW = 1_790_000_000
DETAILS = {"client_id": "us", "client_secret": "a secret of theirs and ours, 32 b", "oidc_issuer": ISSUER}
PROVIDER = identity_provider("Corporate", {"ProviderType": "OIDC", "ProviderDetails": DETAILS})
KEY = rsa.generate_private_key(65_537, 2048)
OTHER_KEY = rsa.generate_private_key(65_537, 2048)
CURVE_KEY = ec.generate_private_key(ec.SECP256R1())
GOOD = {"iss": ISSUER, "sub": "fay", "aud": "us", "exp": NOW + 300, "iat": NOW, "nonce": "the nonce"}


def jwk(key: Any, **more: str) -> dict[str, Any]:
    algorithm = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), **more}


KEYS = {"keys": [jwk(KEY, kid="one", use="sig", alg="RS256"), jwk(CURVE_KEY, kid="two", use="sig", alg="ES256")]}


def token(key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **changes: Any) -> str:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"kid": kid} if kid else {})


def verify(raw: str, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return verify_id_token(raw, keys, PROVIDER, nonce="the nonce", now=NOW)


def test_a_good_token_is_believed() -> None:
    assert verify(token()) == GOOD


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"aud": ["us", "them"], "azp": "us"}, None),
        ({"aud": ["us"]}, None),
        ({"iss": f"{ISSUER}/"}, None),
        ({"exp": NOW - 59}, None),
        ({"iat": NOW + 60}, None),
        ({"exp": NOW - 60}, "Expired id_token"),
        ({"iat": NOW + 61}, "Invalid id_token"),
        ({"exp": "soon"}, "Invalid id_token"),
        ({"iat": True}, "Invalid id_token"),
        ({"exp": None}, "Invalid id_token"),
        ({"sub": None}, "Invalid id_token"),
        ({"sub": ""}, "Invalid id_token"),
        ({"iss": "https://evil.example"}, "Bad id_token issuer"),
        ({"aud": "them"}, "Bad id_token audience"),
        ({"aud": ["us", "them"]}, "Bad id_token audience"),
        ({"aud": ["us", "them"], "azp": "them"}, "Bad id_token audience"),
        ({"azp": "them"}, "Bad id_token audience"),
        ({"nonce": "another"}, "Bad id_token nonce"),
        ({"nonce": None}, "Bad id_token nonce"),
    ],
)
def test_each_claim_is_held_to_what_it_must_be(changes: dict[str, Any], said: str | None) -> None:
    raw = token(**changes)
    if said is None:
        assert verify(raw)["sub"] == "fay"
        return
    with pytest.raises(FederationFailed) as failed:
        verify(raw)
    assert (failed.value.error, failed.value.description) == ("invalid_request", said)


def test_a_token_by_an_elliptic_curve_is_believed() -> None:
    assert verify(token(CURVE_KEY, "two", "ES256"))["sub"] == "fay"


def test_without_a_name_the_only_key_counts() -> None:
    assert verify(token(kid=None), {"keys": KEYS["keys"][:1]})["sub"] == "fay"


def unsigned() -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": "one"}, GOOD))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


@pytest.mark.parametrize(
    "raw",
    [
        token(OTHER_KEY),
        token(kid="unknown"),
        token(kid=None),
        token(DETAILS["client_secret"], algorithm="HS256"),
        token(CURVE_KEY, "one", "ES256"),
        unsigned(),
        token()[:-4] + "AAAA",
        "None",
        "",
    ],
    ids=[
        "another key",
        "unknown key",
        "which key",
        "the secret",
        "another kind",
        "unsigned",
        "broken",
        "none",
        "empty",
    ],
)
def test_a_signature_that_does_not_hold_is_refused(raw: str) -> None:
    with pytest.raises(FederationFailed, match="Invalid id_token"):
        verify(raw)


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": "none"}, {"keys": [jwk(KEY, kid="one", use="enc")]}])
def test_a_key_document_without_a_key_for_signatures_verifies_nothing(keys: dict[str, Any]) -> None:
    with pytest.raises(FederationFailed, match="Invalid id_token"):
        verify(token(), keys)
