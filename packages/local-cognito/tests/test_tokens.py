"""What the tokens of the AWS API say, verified by PyJWT over HTTP."""

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
    found: list[dict[str, str]] = requests.get(emulator.jwks_uri(pool_id), timeout=30).json()["keys"]
    return found


@pytest.fixture(scope="module")
def tokens(users: Users) -> dict[str, str]:
    return users.tokens("alice")


@pytest.fixture(scope="module")
def access(tokens: dict[str, str]) -> dict[str, Any]:
    return claims(tokens["AccessToken"])


@pytest.fixture(scope="module")
def identity(tokens: dict[str, str]) -> dict[str, Any]:
    return claims(tokens["IdToken"])


@pytest.mark.parametrize("name", ["AccessToken", "IdToken"])
def test_the_header_is_kid_and_alg_alone(tokens: dict[str, str], name: str) -> None:
    header = tokens[name].split(".")[0]
    decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    assert list(decoded) == ["kid", "alg"]
    assert decoded["alg"] == "RS256"


def test_each_use_has_a_key_of_its_own_and_both_are_published(emulator: Emulator, tokens: dict[str, str]) -> None:
    kids = {jwt.get_unverified_header(tokens[name])["kid"] for name in ("AccessToken", "IdToken")}
    assert kids == {key["kid"] for key in keys(emulator)}
    assert len(kids) == 2


def test_two_pools_have_no_key_in_common(emulator: Emulator) -> None:
    assert not {key["n"] for key in keys(emulator)} & {key["n"] for key in keys(emulator, OTHER_POOL_ID)}


def test_pyjwt_believes_the_id_token(emulator: Emulator, tokens: dict[str, str]) -> None:
    key = jwt.PyJWKClient(emulator.jwks_uri(POOL_ID)).get_signing_key_from_jwt(tokens["IdToken"])
    issuer = emulator.issuer(POOL_ID)
    assert jwt.decode(tokens["IdToken"], key, algorithms=["RS256"], audience="1public", issuer=issuer)


def test_the_access_token_has_cognitos_claims_and_no_others(access: dict[str, Any]) -> None:
    expected = (
        "sub cognito:groups iss version client_id origin_jti event_id token_use scope auth_time exp iat jti username"
    )
    assert set(access) == set(expected.split())


def test_the_access_token_says_what_cognitos_says(emulator: Emulator, access: dict[str, Any]) -> None:
    assert access["iss"] == f"{emulator.url}/{POOL_ID}"
    assert access["version"] == 2
    assert access["client_id"] == "1public"
    assert access["token_use"] == "access"
    assert access["scope"] == "aws.cognito.signin.user.admin"
    assert access["exp"] - access["iat"] == 300


def test_the_id_token_says_what_cognitos_says(identity: dict[str, Any]) -> None:
    assert identity["aud"] == "1public"
    assert identity["token_use"] == "id"
    assert identity["cognito:username"] == "alice"
    assert identity["exp"] - identity["iat"] == 600
    assert not {"client_id", "scope", "version", "username", "at_hash", "nonce"} & set(identity)


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
def test_attributes_are_claims_of_the_right_type(identity: dict[str, Any], claim: str, value: Any) -> None:
    assert identity[claim] == value


@pytest.mark.parametrize("claim", ["origin_jti", "event_id", "auth_time", "sub"])
def test_both_tokens_of_a_sign_in_agree(access: dict[str, Any], identity: dict[str, Any], claim: str) -> None:
    assert access[claim] == identity[claim]


@pytest.mark.parametrize("claim", ["jti", "origin_jti", "event_id"])
def test_ids_are_uuids(access: dict[str, Any], claim: str) -> None:
    assert UUID.fullmatch(access[claim])


def test_each_token_has_an_id_of_its_own(access: dict[str, Any], identity: dict[str, Any]) -> None:
    assert access["jti"] != identity["jti"]


def test_groups_stand_in_order_of_precedence(access: dict[str, Any], identity: dict[str, Any]) -> None:
    assert access["cognito:groups"] == identity["cognito:groups"] == ["admins", "editors", "viewers"]


def test_precedence_counts_before_the_name(users: Users) -> None:
    access = claims(users.tokens(users.create("editors", "rivals"))["AccessToken"])
    assert access["cognito:groups"] == ["rivals", "editors"]


def test_roles_follow_the_groups(identity: dict[str, Any]) -> None:
    assert [role.rpartition("/")[2] for role in identity["cognito:roles"]] == ["admin", "editor"]
    assert identity["cognito:preferred_role"].endswith("/admin")


def test_equals_with_two_roles_have_no_preferred_one(users: Users) -> None:
    identity = claims(users.tokens(users.create("admins", "rivals"))["IdToken"])
    assert len(identity["cognito:roles"]) == 2
    assert "cognito:preferred_role" not in identity


def test_without_groups_there_are_no_claims_of_them(users: Users) -> None:
    tokens = users.tokens(users.create())
    for raw in (tokens["AccessToken"], tokens["IdToken"]):
        assert not {"cognito:groups", "cognito:roles", "cognito:preferred_role"} & set(claims(raw))


def test_a_client_shows_only_what_it_may_read(users: Users) -> None:
    identity = claims(users.tokens("alice", "6narrow")["IdToken"])
    assert identity["name"] == "Alice Arden"
    assert not {"email", "email_verified", "custom:age"} & set(identity)


def test_a_group_given_in_the_pool_is_in_the_next_token(idp: Any, users: Users) -> None:
    username = users.create("viewers")
    idp.admin_add_user_to_group(UserPoolId=POOL_ID, Username=username, GroupName="editors")
    assert claims(users.tokens(username)["AccessToken"])["cognito:groups"] == ["editors", "viewers"]


def test_the_refresh_token_looks_like_cognitos(tokens: dict[str, str]) -> None:
    parts = tokens["RefreshToken"].split(".")
    assert len(parts) == 5
    assert parts[0].startswith("eyJjdHkiOiJKV1Qi")
    assert 1000 < len(tokens["RefreshToken"]) < 2000


def test_at_hash_is_the_left_half_of_the_digest() -> None:
    # OpenID Connect Core 1.0, appendix A.4: the example's access token and its at_hash.
    assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


def test_a_token_of_any_claims_can_be_signed(emulator: Emulator, access: dict[str, Any], clock: Clock) -> None:
    raw = emulator.sign(POOL_ID, {**access, "exp": int(clock()) - 60})
    key = jwt.PyJWKClient(emulator.jwks_uri(POOL_ID)).get_signing_key_from_jwt(raw)
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(raw, key, algorithms=["RS256"])
