"""Signed tokens with claims that the database cannot store: rejected or left out, and never a server error."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.users import token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.mark.parametrize("length", [256, 2_000])
@pytest.mark.parametrize(
    ("token_use", "claim"), [("access", "sub"), ("access", "username"), ("id", "sub"), ("id", "cognito:username")]
)
def test_sub_or_username_over_255_characters_is_rejected(token_use: Any, claim: str, length: int) -> None:
    raw = token(token_use=token_use, **{claim: "x" * length})
    with CaptureQueriesContext(connection) as queries, pytest.raises(TokenError) as raised:
        authenticate(raw, token_use=token_use)
    assert (raised.value.code, len(queries)) == ("invalid_claim", 0)


@pytest.mark.parametrize("claim", ["sub", "client_id"])
def test_client_token_name_over_255_characters_is_rejected(claim: str) -> None:
    raw = token(**{"username": None, "sub": "1testclient23456789", "scope": "orders/read", claim: "x" * 256})
    with CaptureQueriesContext(connection) as queries, pytest.raises(TokenError) as raised:
        authenticate(raw)
    assert (raised.value.code, len(queries)) == ("invalid_claim", 0)


def test_sub_and_username_of_255_characters_are_stored(user_from_token: Any) -> None:
    user = user_from_token(sub="s" * 255, username="u" * 255)
    link = CognitoUser.objects.get(user=user)
    assert (len(link.sub), len(link.username), len(user.username)) == (255, 255, 150)


@pytest.mark.parametrize("email", ["a\0b@example.com", "\0", "alice@example.com\0"])
@pytest.mark.parametrize("verified", [True, "true", False])
def test_email_with_a_nul_character_reaches_no_query(
    user_from_token: Any, cognito: Any, email: str, verified: Any
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com")
    with CaptureQueriesContext(connection) as queries:
        user = user_from_token(token_use="id", email=email, email_verified=verified)
    assert (user != local, user.email) == (True, "")
    assert not any("\0" in query["sql"] or "\\x00" in query["sql"] for query in queries)


# Unverified email addresses


@pytest.mark.defends("RP-12")
def test_account_with_an_unverified_email_is_not_linked(user_from_token: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    email_claims = {"token_use": "id", "email": "victor@example.com"}
    mallory = user_from_token(username="mallory", email_verified=False, **email_claims)
    assert user_from_token(username="victor", email_verified=True, **email_claims) != mallory


def test_unverified_email_does_not_block_linking_by_email(user_from_token: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("victor", "victor@example.com")
    email_claims = {"token_use": "id", "email": "victor@example.com"}
    assert user_from_token(username="mallory", email_verified=False, **email_claims) != local
    assert user_from_token(username="trudy", email_verified=False, **email_claims) != local
    assert user_from_token(username="bob", email_verified=True, **email_claims) == local


@pytest.mark.defends("RP-13")
def test_unverified_email_in_a_former_pool_does_not_link_or_block(user_from_token: Any, cognito: Any) -> None:
    """A site moves to another pool; users could set the emails of the old pool without verification."""
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    email_claims = {"token_use": "id", "email": "victor@example.com"}
    mallory = user_from_token(username="mallory", email_verified=False, **email_claims)
    CognitoUser.objects.update(user_pool_id="eu-west-1_OldPool00")
    assert user_from_token(username="bob", **email_claims) != mallory
    CognitoUser.objects.update(user_pool_id="eu-west-1_OldPool00")
    local = User.objects.create_user("victor", "victor@example.com")
    assert user_from_token(username="victor", **email_claims) == local


@pytest.mark.defends("RP-13")
def test_two_users_with_one_verified_email_are_two_users(user_from_token: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com")
    email_claims = {"token_use": "id", "email": "alice@example.com"}
    first, second = (user_from_token(username=name, **email_claims) for name in ("password", "google"))
    assert first == local != second
    assert (second.email, user_from_token(username="google", at=5, **email_claims)) == ("alice@example.com", second)


def test_account_with_an_email_no_longer_verified_is_not_linked(user_from_token: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    user_from_token(token_use="id", username="mallory", email="mallory@example.com", at=-60)
    mallory = user_from_token(token_use="id", username="mallory", email="victor@example.com", email_verified=False)
    assert user_from_token(token_use="id", username="victor", email="victor@example.com") != mallory
