"""Verification of a provider's ID token: accepted tokens, and each reason to refuse one."""

import base64
import json
from typing import Any

import pytest
from local_cognito.federation.failures import FederationFailed
from local_cognito.federation.id_tokens import verify_id_token
from local_cognito_support.provider_tokens import (
    CURVE_KEY,
    DETAILS,
    GOOD,
    ISSUER,
    KEY,
    KEYS,
    NOW,
    OTHER_KEY,
    PROVIDER,
    jwk,
    token,
)


def verify(raw: str, keys: dict[str, Any] = KEYS) -> dict[str, Any]:
    return verify_id_token(raw, keys, PROVIDER, nonce="the nonce", now=NOW)


def test_valid_id_token_of_a_provider_is_accepted() -> None:
    assert verify(token()) == GOOD


@pytest.mark.parametrize(
    ("changes", "description"),
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
def test_each_claim_of_a_provider_id_token_is_verified(changes: dict[str, Any], description: str | None) -> None:
    raw = token(**changes)
    if description is None:
        assert verify(raw)["sub"] == "fay"
        return
    with pytest.raises(FederationFailed) as raised:
        verify(raw)
    assert (raised.value.error, raised.value.description) == ("invalid_request", description)


def test_es256_id_token_is_accepted() -> None:
    assert verify(token(CURVE_KEY, "two", "ES256"))["sub"] == "fay"


def test_id_token_without_kid_is_verified_with_the_only_key() -> None:
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
        "no kid",
        "client secret",
        "another algorithm",
        "unsigned",
        "wrong signature",
        "none",
        "empty",
    ],
)
def test_id_token_with_invalid_signature_is_refused(raw: str) -> None:
    with pytest.raises(FederationFailed, match="Invalid id_token"):
        verify(raw)


@pytest.mark.parametrize("keys", [{}, {"keys": []}, {"keys": "none"}, {"keys": [jwk(KEY, kid="one", use="enc")]}])
def test_jwks_without_a_signing_key_verifies_no_id_token(keys: dict[str, Any]) -> None:
    with pytest.raises(FederationFailed, match="Invalid id_token"):
        verify(token(), keys)
