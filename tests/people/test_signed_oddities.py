"""Signed tokens whose claims do not fit where they would be kept: refused, or left out, and never a 500."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from django_cognito.core.errors import TokenError
from django_cognito.people.authenticate import authenticate

from .conftest import token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.mark.parametrize("length", [256, 2_000])
@pytest.mark.parametrize(
    ("token_use", "claim"), [("access", "sub"), ("access", "username"), ("id", "sub"), ("id", "cognito:username")]
)
def test_a_name_that_is_longer_than_any_of_cognito_s_is_refused(token_use: Any, claim: str, length: int) -> None:
    raw = token(token_use=token_use, **{claim: "x" * length})
    with pytest.raises(TokenError) as refused:
        authenticate(raw, token_use=token_use)
    assert refused.value.code == "invalid_claim"
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["a\0b@example.com", "\0", "alice@example.com\0"])
def test_a_verified_email_with_a_nul_links_nobody(told: Any, cognito: Any, email: str) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "alice@example.com")
    assert told(token_use="id", email=email) != local


# An address that somebody wrote into their own profile


def test_nobody_is_linked_to_the_account_of_somebody_who_only_says_that_the_address_is_theirs(
    told: Any, cognito: Any
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    address = {"token_use": "id", "email": "victor@example.com"}
    mallory = told(username="mallory", email_verified=False, **address)
    assert told(username="victor", email_verified=True, **address) != mallory


def test_an_address_that_is_no_longer_verified_links_nobody(told: Any, cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    told(token_use="id", username="mallory", email="mallory@example.com", at=-60)
    mallory = told(token_use="id", username="mallory", email="victor@example.com", email_verified=False)
    assert told(token_use="id", username="victor", email="victor@example.com") != mallory
