"""Tokens as values: typed, deeply read-only and picklable."""

import copy
import json
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest

from django_cognito.core.errors import MalformedTokenError
from django_cognito.core.tokens.token import AccessToken, ClientToken, IdToken, build_token, read_unverified
from tests.support.signing import sign

POOL_ID = "eu-west-1_AbCdEfGhI"
ACCESS: dict[str, Any] = {
    "iss": "https://issuer.example",
    "sub": "s",
    "username": "u",
    "client_id": "c",
    "token_use": "access",
    "cognito:groups": ["b", "a"],
    "scope": "one  two",
    "iat": 1_800_000_000,
    "exp": 1_800_003_600,
    "auth_time": 1_799_999_000,
    "nested": {"list": [1, {"x": [2]}]},
}
ID: dict[str, Any] = {"token_use": "id", "aud": "c", "cognito:username": "u", "sub": "s", "iat": 1, "exp": 2}
CLIENT_TOKEN: dict[str, Any] = {"token_use": "access", "client_id": "c", "sub": "c", "iat": 1, "exp": 2}


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        (ACCESS, AccessToken),
        (ID, IdToken),
        (CLIENT_TOKEN, ClientToken),
        (CLIENT_TOKEN | {"username": "c"}, AccessToken),
        (CLIENT_TOKEN | {"sub": "s"}, AccessToken),
    ],
)
def test_token_class_depends_on_the_claims(claims: dict[str, Any], kind: type) -> None:
    assert type(build_token(claims, POOL_ID)) is kind


def test_access_token_attributes() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert (token.user_pool_id, token.sub, token.username, token.client_id) == (POOL_ID, "s", "u", "c")
    assert (token.groups, token.scopes, token.issuer) == (("b", "a"), {"one", "two"}, "https://issuer.example")


def test_times_are_aware_and_in_utc() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert token.issued_at == datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    assert token.expires_at == datetime(2027, 1, 15, 9, 0, tzinfo=UTC)
    assert token.auth_time == datetime(2027, 1, 15, 7, 43, 20, tzinfo=UTC)
    assert build_token(CLIENT_TOKEN, POOL_ID).auth_time is None


def test_id_token_attributes() -> None:
    token = build_token(ID | {"email": "a@example.com"}, POOL_ID)
    assert isinstance(token, IdToken)
    assert (token.client_id, token.username, token.email) == ("c", "u", "a@example.com")
    assert (token.groups, token.scopes) == ((), frozenset())


@pytest.mark.parametrize("email", [None, ""])
def test_id_token_without_email_has_an_empty_email(email: Any) -> None:
    token = build_token(ID | {"email": email}, POOL_ID)
    assert isinstance(token, IdToken)
    assert token.email == ""


@pytest.mark.parametrize(
    ("json_text", "expected"),
    [
        ("true", True),
        ('"true"', True),
        ("false", False),
        ('"false"', False),
        ("1", False),
        ("1.5", False),
        ("null", False),
    ],
)
def test_email_verified_may_be_a_boolean_or_a_string(json_text: str, expected: bool) -> None:
    token = build_token(ID | {"email_verified": json.loads(json_text)}, POOL_ID)
    assert isinstance(token, IdToken)
    assert token.email_verified is expected


def test_username_of_a_client_token_is_its_client_id() -> None:
    assert build_token(CLIENT_TOKEN, POOL_ID).username == "c"


def test_token_is_deeply_read_only() -> None:
    token = build_token(copy.deepcopy(ACCESS), POOL_ID)
    assert token.claims["nested"]["list"] == (1, {"x": (2,)})
    with pytest.raises(TypeError):
        token.claims["sub"] = "other"  # type: ignore[index]
    with pytest.raises(TypeError):
        token.claims["nested"]["more"] = 1
    with pytest.raises(AttributeError, match="read-only"):
        token.user_pool_id = "other"
    with pytest.raises(AttributeError, match="read-only"):
        del token.user_pool_id


def test_copy_returns_the_token_itself() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert copy.copy(token) is token
    assert copy.deepcopy({"token": token})["token"] is token


@pytest.mark.parametrize("claims", [ACCESS, ID, CLIENT_TOKEN])
def test_token_can_be_pickled(claims: dict[str, Any]) -> None:
    token = build_token(claims, POOL_ID)
    unpickled = pickle.loads(pickle.dumps(token))
    assert (type(unpickled), unpickled.user_pool_id, unpickled.claims) == (type(token), POOL_ID, token.claims)


def test_repr_has_sub_and_pool_but_no_other_claims() -> None:
    assert repr(build_token(ACCESS, POOL_ID)) == "<AccessToken sub=s pool=eu-west-1_AbCdEfGhI>"


def test_claims_can_be_read_unverified() -> None:
    assert read_unverified(sign(ACCESS, header={"alg": "none"})) == ACCESS


@pytest.mark.parametrize("raw", ["", "a.b", "a.b.c", "é.é.é", b"a.b.c", None, 5])
def test_read_unverified_of_a_malformed_token_raises(raw: Any) -> None:
    with pytest.raises(MalformedTokenError):
        read_unverified(raw)
