"""The header and the claims of the AWS API's tokens, verified with PyJWT over HTTP."""

import base64
import json
import re
from typing import Any

import jwt
import pytest
import requests
from local_cognito import Emulator
from local_cognito.accounts.tokens import at_hash
from local_cognito_support.user_pools import OTHER_POOL_ID, POOL_ID, Clock, Users

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def claims(raw: str) -> dict[str, Any]:
    return jwt.decode(raw, options={"verify_signature": False})


def keys(emulator: Emulator, pool_id: str = POOL_ID) -> list[dict[str, str]]:
    jwks_keys: list[dict[str, str]] = requests.get(emulator.jwks_uri(pool_id), timeout=30).json()["keys"]
    return jwks_keys


@pytest.fixture(scope="module")
def tokens(users: Users) -> dict[str, str]:
    return users.tokens("alice")


@pytest.fixture(scope="module")
def access_claims(tokens: dict[str, str]) -> dict[str, Any]:
    return claims(tokens["AccessToken"])


@pytest.fixture(scope="module")
def id_claims(tokens: dict[str, str]) -> dict[str, Any]:
    return claims(tokens["IdToken"])


@pytest.mark.parametrize("name", ["AccessToken", "IdToken"])
def test_token_header_has_only_kid_and_alg(tokens: dict[str, str], name: str) -> None:
    header = tokens[name].split(".")[0]
    decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    assert list(decoded) == ["kid", "alg"]
    assert decoded["alg"] == "RS256"


def test_access_and_id_token_have_different_keys_in_the_jwks(emulator: Emulator, tokens: dict[str, str]) -> None:
    kids = {jwt.get_unverified_header(tokens[name])["kid"] for name in ("AccessToken", "IdToken")}
    assert kids == {key["kid"] for key in keys(emulator)}
    assert len(kids) == 2


def test_two_pools_have_different_keys(emulator: Emulator) -> None:
    assert not {key["n"] for key in keys(emulator)} & {key["n"] for key in keys(emulator, OTHER_POOL_ID)}


def test_pyjwt_verifies_the_id_token(emulator: Emulator, tokens: dict[str, str]) -> None:
    key = jwt.PyJWKClient(emulator.jwks_uri(POOL_ID)).get_signing_key_from_jwt(tokens["IdToken"])
    issuer = emulator.issuer(POOL_ID)
    assert jwt.decode(tokens["IdToken"], key, algorithms=["RS256"], audience="1public", issuer=issuer)


def test_access_token_has_exactly_the_claims_of_cognito(access_claims: dict[str, Any]) -> None:
    expected = (
        "sub cognito:groups iss version client_id origin_jti event_id token_use scope auth_time exp iat jti username"
    )
    assert set(access_claims) == set(expected.split())


def test_access_token_claims_have_the_values_of_cognito(emulator: Emulator, access_claims: dict[str, Any]) -> None:
    assert access_claims["iss"] == f"{emulator.url}/{POOL_ID}"
    assert access_claims["version"] == 2
    assert access_claims["client_id"] == "1public"
    assert access_claims["token_use"] == "access"
    assert access_claims["scope"] == "aws.cognito.signin.user.admin"
    assert access_claims["exp"] - access_claims["iat"] == 300


def test_id_token_claims_have_the_values_of_cognito(id_claims: dict[str, Any]) -> None:
    assert id_claims["aud"] == "1public"
    assert id_claims["token_use"] == "id"
    assert id_claims["cognito:username"] == "alice"
    assert id_claims["exp"] - id_claims["iat"] == 600
    assert not {"client_id", "scope", "version", "username", "at_hash", "nonce"} & set(id_claims)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("sub", "a11ce000-0000-4000-8000-000000000001"),
        ("email", "alice@example.com"),
        ("email_verified", True),
        ("updated_at", 1_790_000_000),
        ("address", {"formatted": "1 Hill Street"}),
        ("custom:age", "12"),
    ],
)
def test_attribute_claims_have_the_correct_type(id_claims: dict[str, Any], claim: str, value: Any) -> None:
    assert id_claims[claim] == value


@pytest.mark.parametrize("claim", ["origin_jti", "event_id", "auth_time", "sub"])
def test_access_and_id_token_share_claims_of_the_sign_in(
    access_claims: dict[str, Any], id_claims: dict[str, Any], claim: str
) -> None:
    assert access_claims[claim] == id_claims[claim]


@pytest.mark.parametrize("claim", ["jti", "origin_jti", "event_id"])
def test_ids_are_uuids(access_claims: dict[str, Any], claim: str) -> None:
    assert UUID.fullmatch(access_claims[claim])


def test_access_and_id_token_have_different_jti(access_claims: dict[str, Any], id_claims: dict[str, Any]) -> None:
    assert access_claims["jti"] != id_claims["jti"]


def test_groups_claim_is_in_order_of_precedence(access_claims: dict[str, Any], id_claims: dict[str, Any]) -> None:
    assert access_claims["cognito:groups"] == id_claims["cognito:groups"] == ["admins", "editors", "viewers"]


def test_group_precedence_has_priority_before_the_name(users: Users) -> None:
    access_claims = claims(users.tokens(users.create("editors", "rivals"))["AccessToken"])
    assert access_claims["cognito:groups"] == ["rivals", "editors"]


def test_roles_claim_is_in_order_of_the_groups(id_claims: dict[str, Any]) -> None:
    assert [role.rpartition("/")[2] for role in id_claims["cognito:roles"]] == ["admin", "editor"]
    assert id_claims["cognito:preferred_role"].endswith("/admin")


def test_groups_of_equal_precedence_have_no_preferred_role(users: Users) -> None:
    id_claims = claims(users.tokens(users.create("admins", "rivals"))["IdToken"])
    assert len(id_claims["cognito:roles"]) == 2
    assert "cognito:preferred_role" not in id_claims


def test_tokens_without_groups_have_no_group_claims(users: Users) -> None:
    tokens = users.tokens(users.create())
    for raw in (tokens["AccessToken"], tokens["IdToken"]):
        assert not {"cognito:groups", "cognito:roles", "cognito:preferred_role"} & set(claims(raw))


def test_id_token_has_only_readable_attributes_of_the_client(users: Users) -> None:
    id_claims = claims(users.tokens("alice", "6narrow")["IdToken"])
    assert id_claims["name"] == "Alice Arden"
    assert not {"email", "email_verified", "custom:age"} & set(id_claims)


def test_added_group_is_in_the_next_token(idp: Any, users: Users) -> None:
    username = users.create("viewers")
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username=username, GroupName="editors")
    assert claims(users.tokens(username)["AccessToken"])["cognito:groups"] == ["editors", "viewers"]


def test_refresh_token_has_the_format_of_cognito(tokens: dict[str, str]) -> None:
    parts = tokens["RefreshToken"].split(".")
    assert len(parts) == 5
    assert parts[0].startswith("eyJjdHkiOiJKV1Qi")
    assert 1000 < len(tokens["RefreshToken"]) < 2000


def test_at_hash_is_the_left_half_of_the_digest() -> None:
    # OpenID Connect Core 1.0, appendix A.4: the example's access token and its at_hash.
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_sign_accepts_any_claims(emulator: Emulator, access_claims: dict[str, Any], clock: Clock) -> None:
    raw = emulator.sign(POOL_ID, {**access_claims, "exp": int(clock()) - 60})
    key = jwt.PyJWKClient(emulator.jwks_uri(POOL_ID)).get_signing_key_from_jwt(raw)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(raw, key, algorithms=["RS256"])
