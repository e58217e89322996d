"""Signed tokens whose claims do not fit where they would be kept: refused, or left out, and never a 500."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.users.authentication import authenticate
from tests.support.user_scenario import token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.mark.parametrize("length", [256, 2_000])
@pytest.mark.parametrize(
    ("token_use", "claim"), [("access", "sub"), ("access", "username"), ("id", "sub"), ("id", "cognito:username")]
)
def test_a_name_that_is_longer_than_any_of_cognito_s_is_refused(token_use: Any, claim: str, length: int) -> None:
    raw = token(token_use=token_use, **{claim: "x" * length})
    with CaptureQueriesContext(connection) as queries, pytest.raises(TokenError) as refused:
        authenticate(raw, token_use=token_use)
    assert (refused.value.code, len(queries)) == ("invalid_claim", 0)


@pytest.mark.parametrize("claim", ["sub", "client_id"])
def test_a_machine_s_name_that_is_longer_than_any_of_cognito_s_is_refused(claim: str) -> None:
    raw = token(**{"username": None, "sub": "1testclient23456789", "scope": "orders/read", claim: "x" * 256})
    with CaptureQueriesContext(connection) as queries, pytest.raises(TokenError) as refused:
        authenticate(raw)
    assert (refused.value.code, len(queries)) == ("invalid_claim", 0)


def test_the_longest_name_that_is_taken_fits(told: Any) -> None:
    user = told(sub="s" * 255, username="u" * 255)
    link = CognitoUser.objects.get(user=user)
    assert (len(link.sub), len(link.username), len(user.username)) == (255, 255, 150)


@pytest.mark.parametrize("email", ["a\0b@example.com", "\0", "alice@example.com\0"])
@pytest.mark.parametrize("verified", [True, "true", False])
def test_an_email_with_a_nul_never_reaches_a_query(told: Any, cognito: Any, email: str, verified: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "alice@example.com")
    with CaptureQueriesContext(connection) as queries:
        user = told(token_use="id", email=email, email_verified=verified)
    assert (user != local, user.email) == (True, "")
    assert not any("\0" in query["sql"] or "\\x00" in query["sql"] for query in queries)


# An address that somebody wrote into their own profile


@pytest.mark.defends("RP-12")
def test_nobody_is_linked_to_the_account_of_somebody_who_only_says_that_the_address_is_theirs(
    told: Any, cognito: Any
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    address = {"token_use": "id", "email": "victor@example.com"}
    mallory = told(username="mallory", email_verified=False, **address)
    assert told(username="victor", email_verified=True, **address) != mallory


def test_who_only_says_that_an_address_is_theirs_locks_nobody_out_of_their_account(told: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("victor", "victor@example.com")
    address = {"token_use": "id", "email": "victor@example.com"}
    assert told(username="mallory", email_verified=False, **address) != local
    assert told(username="trudy", email_verified=False, **address) != local
    assert told(username="bob", email_verified=True, **address) == local


@pytest.mark.defends("RP-13")
def test_who_says_so_in_another_pool_neither_gets_somebody_nor_locks_them_out(told: Any, cognito: Any) -> None:
    """A site that moves to another pool: its people's addresses are as the old one let them write them."""
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    address = {"token_use": "id", "email": "victor@example.com"}
    mallory = told(username="mallory", email_verified=False, **address)
    CognitoUser.objects.update(user_pool_id="eu-west-1_OldPool00")
    assert told(username="bob", **address) != mallory
    CognitoUser.objects.update(user_pool_id="eu-west-1_OldPool00")
    local = User.objects.create_user("victor", "victor@example.com")
    assert told(username="victor", **address) == local


@pytest.mark.defends("RP-13")
def test_two_people_with_one_verified_address_are_two(told: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "alice@example.com")
    address = {"token_use": "id", "email": "alice@example.com"}
    first, second = (told(username=name, **address) for name in ("password", "google"))
    assert first == local != second
    assert (second.email, told(username="google", at=5, **address)) == ("alice@example.com", second)


def test_an_address_that_is_no_longer_verified_links_nobody(told: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    told(token_use="id", username="mallory", email="mallory@example.com", at=-60)
    mallory = told(token_use="id", username="mallory", email="victor@example.com", email_verified=False)
    assert told(token_use="id", username="victor", email="victor@example.com") != mallory
