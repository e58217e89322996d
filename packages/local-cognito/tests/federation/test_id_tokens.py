"""A provider's ID token: what is believed, and each thing that is not."""

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
