"""Several Cognito users linked to one Django user: native and federated accounts with the same email address."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from django_cognito.core.errors import SignInError, TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import linking
from django_cognito.users.account_status import record_disabled, record_gone
from django_cognito.users.authentication import authenticate, get_or_create_user, verify
from tests.support.scenarios.users import link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


def user(username: str = "alice", **claims: Any) -> Any:
    return authenticate(make_token(username=username, **claims))[0]


def test_linked_native_and_federated_accounts_are_one_user() -> None:
    alice = user()
    link(alice, "google_1234")
    assert user("google_1234") == alice
    assert user("alice") == alice
    assert get_user_model().objects.count() == 1


def test_unlinked_accounts_with_one_email_are_two_users() -> None:
    for username in ("alice", "google_1234"):
        raw, id_token = (
            make_token(username=username),
            make_token(token_use="id", username=username, email="alice@example.com"),
        )
        authenticate(raw, id_token=id_token)
    assert get_user_model().objects.count() == 2


def test_linking_twice_creates_one_link() -> None:
    alice = user()
    for _ in range(2):
        link(alice, "google_1234")
    assert alice.cognito_users.count() == 2


def test_linking_an_account_of_another_user_is_rejected() -> None:
    alice, bob = user(), user("bob")
    with pytest.raises(TokenError) as raised:
        link(alice, "bob")
    assert raised.value.code == "linked_elsewhere"
    assert user("bob") == bob
    assert alice.cognito_users.count() == 1


def test_grants_of_a_linked_account_end_with_the_link(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"staff": {"groups": ["Staff"], "staff": True}}}
    alice = user()
    local_group = Group.objects.create(name="Local")
    alice.groups.add(local_group)
    link(alice, "acme_alice", groups=["staff"])
    alice.refresh_from_db()
    assert (alice.is_staff, {group.name for group in alice.groups.all()}) == (True, {"Staff", "Local"})
    linking.unlink(alice, CognitoUser.objects.get(username="acme_alice").pk)
    alice.refresh_from_db()
    assert (alice.is_staff, {group.name for group in alice.groups.all()}) == (False, {"Local"})


def test_unlinked_account_becomes_a_new_user() -> None:
    alice = user()
    link(alice, "google_1234")
    linking.unlink(alice, CognitoUser.objects.get(username="google_1234").pk)
    assert user("google_1234") != alice


def test_unlinking_the_last_way_in_is_rejected() -> None:
    alice = user()
    row = alice.cognito_users.get()
    with pytest.raises(SignInError) as raised:
        linking.unlink(alice, row.pk)
    assert raised.value.code == "last_way_in"
    alice.set_password("a local password")
    alice.save()
    linking.unlink(alice, row.pk)
    assert not CognitoUser.objects.exists()


@pytest.mark.parametrize("password", ["", "!unusable"])
def test_password_that_cannot_be_correct_is_no_way_in(password: str) -> None:
    alice = user()
    type(alice).objects.filter(pk=alice.pk).update(password=password)
    with pytest.raises(SignInError) as raised:
        linking.unlink(alice, alice.cognito_users.get().pk)
    assert raised.value.code == "last_way_in"


@pytest.mark.parametrize("record", [record_disabled, record_gone])
def test_account_that_cognito_rejects_is_no_way_in(record: Callable[[CognitoUser], None]) -> None:
    alice = user()
    link(alice, "google_1234")
    own, rejected = (alice.cognito_users.get(username=name) for name in ("alice", "google_1234"))
    record(rejected)
    with pytest.raises(SignInError) as raised:
        linking.unlink(alice, own.pk)
    assert raised.value.code == "last_way_in"
    linking.unlink(alice, rejected.pk)
    assert [item.pk for item in alice.cognito_users.all()] == [own.pk]


def test_account_that_cognito_rejects_can_be_unlinked() -> None:
    alice = user()
    link(alice, "google_1234")
    for row in alice.cognito_users.all():
        record_gone(row)
    linking.unlink(alice, alice.cognito_users.get(username="alice").pk)
    assert alice.cognito_users.count() == 1


def test_unlinking_a_link_of_another_user_is_rejected() -> None:
    alice, bob = user(), user("bob")
    link(alice, "google_1234")
    with pytest.raises(SignInError) as raised:
        linking.unlink(alice, bob.cognito_users.get().pk)
    assert raised.value.code == "not_linked"
    assert bob.cognito_users.count() == 1


def test_linked_account_signs_in_without_create_users(settings: Any) -> None:
    alice = user()
    settings.COGNITO = {**settings.COGNITO, "CREATE_USERS": False}
    link(alice, "google_1234")
    assert user("google_1234") == alice


def test_linked_account_fills_the_profile(settings: Any) -> None:
    alice = user()
    token, profile = verify(
        make_token(username="google_1234"), id_token=make_token(token_use="id", username="google_1234", given_name="Al")
    )
    linking.link(alice, token, profile)  # type: ignore[arg-type]
    get_or_create_user(token, profile)
    alice.refresh_from_db()
    assert alice.first_name == "Al"
