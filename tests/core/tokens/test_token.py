"""Tokens as values: typed, read-only all the way down, and fit for a cache."""

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
MACHINE: dict[str, Any] = {"token_use": "access", "client_id": "c", "sub": "c", "iat": 1, "exp": 2}


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        (ACCESS, AccessToken),
        (ID, IdToken),
        (MACHINE, ClientToken),
        (MACHINE | {"username": "c"}, AccessToken),
        (MACHINE | {"sub": "s"}, AccessToken),
    ],
)
def test_claims_say_what_kind_of_token_they_are(claims: dict[str, Any], kind: type) -> None:
    assert type(build_token(claims, POOL_ID)) is kind


def test_an_access_token_reads_as_attributes() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert (token.user_pool_id, token.sub, token.username, token.client_id) == (POOL_ID, "s", "u", "c")
    assert (token.groups, token.scopes, token.issuer) == (("b", "a"), {"one", "two"}, "https://issuer.example")


def test_moments_are_aware_and_in_utc() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert token.issued_at == datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
    assert token.expires_at == datetime(2027, 1, 15, 9, 0, tzinfo=UTC)
    assert token.auth_time == datetime(2027, 1, 15, 7, 43, 20, tzinfo=UTC)
    assert build_token(MACHINE, POOL_ID).auth_time is None


def test_an_id_token_reads_as_attributes() -> None:
    token = build_token(ID | {"email": "a@example.com"}, POOL_ID)
    assert isinstance(token, IdToken)
    assert (token.client_id, token.username, token.email) == ("c", "u", "a@example.com")
    assert (token.groups, token.scopes) == ((), frozenset())


@pytest.mark.parametrize("email", [None, ""])
def test_an_id_token_may_have_no_email(email: Any) -> None:
    token = build_token(ID | {"email": email}, POOL_ID)
    assert isinstance(token, IdToken)
    assert token.email == ""


@pytest.mark.parametrize(
    ("written", "verified"),
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
def test_an_email_is_verified_if_cognito_says_so(written: str, verified: bool) -> None:
    token = build_token(ID | {"email_verified": json.loads(written)}, POOL_ID)
    assert isinstance(token, IdToken)
    assert token.email_verified is verified


def test_a_machine_goes_by_its_client() -> None:
    assert build_token(MACHINE, POOL_ID).username == "c"


def test_a_token_is_read_only_all_the_way_down() -> None:
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


def test_a_copy_is_the_token_itself() -> None:
    token = build_token(ACCESS, POOL_ID)
    assert copy.copy(token) is token
    assert copy.deepcopy({"token": token})["token"] is token


@pytest.mark.parametrize("claims", [ACCESS, ID, MACHINE])
def test_a_token_pickles(claims: dict[str, Any]) -> None:
    token = build_token(claims, POOL_ID)
    again = pickle.loads(pickle.dumps(token))
    assert (type(again), again.user_pool_id, again.claims) == (type(token), POOL_ID, token.claims)


def test_the_repr_says_who_and_shows_no_claims() -> None:
    assert repr(build_token(ACCESS, POOL_ID)) == "<AccessToken sub=s pool=eu-west-1_AbCdEfGhI>"


def test_claims_can_be_read_unverified() -> None:
    assert read_unverified(sign(ACCESS, header={"alg": "none"})) == ACCESS


@pytest.mark.parametrize("raw", ["", "a.b", "a.b.c", "é.é.é", b"a.b.c", None, 5])
def test_reading_what_is_no_token_says_so(raw: Any) -> None:
    with pytest.raises(MalformedTokenError):
        read_unverified(raw)
