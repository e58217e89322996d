"""One Django user, several people of Cognito: native and federated accounts with one address (a wish of many)."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from django_cognito.core.errors import SignInError, TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import linking
from django_cognito.users.authentication import authenticate, get_or_create_user, verify
from tests.support.user_scenario import link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


def user(username: str = "alice", **claims: Any) -> Any:
    return authenticate(make_token(username=username, **claims))[0]


def test_a_native_and_a_federated_account_are_one_user_once_they_are_linked() -> None:
    alice = user()
    link(alice, "google_1234")
    assert user("google_1234") == alice
    assert user("alice") == alice
    assert get_user_model().objects.count() == 1


def test_without_a_link_one_address_is_two_users() -> None:
    for username in ("alice", "google_1234"):
        raw, id_token = (
            make_token(username=username),
            make_token(token_use="id", username=username, email="alice@example.com"),
        )
        authenticate(raw, id_token=id_token)
    assert get_user_model().objects.count() == 2


def test_to_link_twice_is_to_link_once() -> None:
    alice = user()
    for _ in range(2):
        link(alice, "google_1234")
    assert alice.cognito_users.count() == 2


def test_somebody_elses_account_stays_theirs() -> None:
    alice, bob = user(), user("bob")
    with pytest.raises(TokenError) as refused:
        link(alice, "bob")
    assert refused.value.code == "linked_elsewhere"
    assert user("bob") == bob
    assert alice.cognito_users.count() == 1


def test_what_the_groups_of_a_linked_account_give_comes_and_goes_with_it(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"staff": {"groups": ["Staff"], "staff": True}}}
    alice = user()
    by_hand = Group.objects.create(name="By hand")
    alice.groups.add(by_hand)
    link(alice, "acme_alice", groups=["staff"])
    alice.refresh_from_db()
    assert (alice.is_staff, {group.name for group in alice.groups.all()}) == (True, {"Staff", "By hand"})
    linking.unlink(alice, CognitoUser.objects.get(username="acme_alice").pk)
    alice.refresh_from_db()
    assert (alice.is_staff, {group.name for group in alice.groups.all()}) == (False, {"By hand"})


def test_an_account_that_was_unlinked_is_somebody_new() -> None:
    alice = user()
    link(alice, "google_1234")
    linking.unlink(alice, CognitoUser.objects.get(username="google_1234").pk)
    assert user("google_1234") != alice


def test_the_last_way_in_stays() -> None:
    alice = user()
    row = alice.cognito_users.get()
    with pytest.raises(SignInError) as refused:
        linking.unlink(alice, row.pk)
    assert refused.value.code == "last_way_in"
    alice.set_password("a local password")
    alice.save()
    linking.unlink(alice, row.pk)
    assert not CognitoUser.objects.exists()


def test_nobody_unlinks_what_is_not_theirs() -> None:
    alice, bob = user(), user("bob")
    link(alice, "google_1234")
    with pytest.raises(SignInError) as refused:
        linking.unlink(alice, bob.cognito_users.get().pk)
    assert refused.value.code == "not_linked"
    assert bob.cognito_users.count() == 1


def test_a_link_brings_no_new_user_where_none_are_made(settings: Any) -> None:
    alice = user()
    settings.COGNITO = {**settings.COGNITO, "CREATE_USERS": False}
    link(alice, "google_1234")
    assert user("google_1234") == alice


def test_who_is_linked_brings_their_profile(settings: Any) -> None:
    alice = user()
    token, profile = verify(
        make_token(username="google_1234"), id_token=make_token(token_use="id", username="google_1234", given_name="Al")
    )
    linking.link(alice, token, profile)  # type: ignore[arg-type]
    get_or_create_user(token, profile)
    alice.refresh_from_db()
    assert alice.first_name == "Al"
