"""An unverified email address or phone number never replaces a verified one, from any source."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoUser
from django_cognito.users import linking
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.authentication import authenticate, get_or_create_user, verify
from django_cognito.users.writing import bulk_provisioning
from tests.support.scenarios.users import link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
OWN, OTHER = "mallory@example.com", "boss@example.com"
# The user model of these tests has no phone number; a name field stands in for it.
BOTH = {"email": "email", "last_name": "phone_number", "first_name": "email"}


@pytest.fixture
def authenticate_with(user_from_token: Any) -> Any:
    """`authenticate_with(OTHER, False, at=-50)`: the user of an ID token with this email, verified or not."""

    def authenticate_user(email: str, verified: Any, **claims: Any) -> User:
        user: User = user_from_token(
            token_use="id", **{"username": "mallory", "email": email, "email_verified": verified, **claims}
        )
        user.refresh_from_db()
        return user

    return authenticate_user


def verified_of(user: User) -> list[str]:
    return link_of(user).verified_attributes  # type: ignore[no-any-return]


def test_unverified_email_does_not_replace_a_verified_one(authenticate_with) -> None:
    authenticate_with(OWN, True, at=-100)
    assert authenticate_with(OTHER, False, at=-50).email == OWN
    assert (
        authenticate_with(OTHER, False, at=-40, given_name="M").first_name == "M"
    )  # the rest of the profile is written
    assert authenticate_with(OTHER, True, at=-30).email == OTHER


@pytest.mark.parametrize("verified", [False, "false", None, "True", 1, ["true"], {}])
def test_email_is_verified_only_by_true(authenticate_with, verified) -> None:
    authenticate_with(OWN, "true", at=-100)
    user = authenticate_with(OTHER, verified, at=-50)
    assert (user.email, verified_of(user)) == (OWN, ["email"])


def test_unverified_email_replaces_an_unverified_one(authenticate_with) -> None:
    user = authenticate_with("first@example.com", False, at=-100)
    assert (user.email, verified_of(user)) == ("first@example.com", [])
    assert authenticate_with(OWN, False, at=-50).email == OWN


def test_email_that_becomes_verified_without_a_change_is_protected(authenticate_with) -> None:
    authenticate_with(OWN, False, at=-100)
    authenticate_with(OWN, True, at=-50)
    assert authenticate_with(OTHER, False, at=-40).email == OWN


def test_email_of_an_upgraded_row_is_protected_after_an_id_token(authenticate_with) -> None:
    authenticate_with(OWN, True, at=-100)
    CognitoUser.objects.update(verified_attributes=[], id_digest="0" * 64)
    authenticate_with(OWN, True, at=-90)
    assert authenticate_with(OTHER, False, at=-50).email == OWN


def test_every_field_that_the_claim_fills_is_protected(authenticate_with, cognito) -> None:
    cognito(ATTRIBUTES=BOTH)
    authenticate_with(OWN, True, at=-100)
    user = authenticate_with(OTHER, False, at=-50)
    assert (user.email, user.first_name) == (OWN, OWN)


def test_phone_number_is_verified_independently_of_email(authenticate_with, cognito) -> None:
    cognito(ATTRIBUTES=BOTH)
    authenticate_with(OWN, False, at=-100, phone_number="+441632960001", phone_number_verified=True)
    user = authenticate_with(OTHER, False, at=-50, phone_number="+441632960002", phone_number_verified=False)
    assert (user.email, user.last_name, verified_of(user)) == (OTHER, "+441632960001", ["phone_number"])


def test_claim_without_verification_is_always_written(authenticate_with, cognito) -> None:
    cognito(ATTRIBUTES={"email": "custom:mail"})
    authenticate_with(OWN, True, at=-100, **{"custom:mail": "a@example.com"})
    assert authenticate_with(OWN, True, at=-50, **{"custom:mail": "b@example.com"}).email == "b@example.com"


def test_verified_email_that_the_field_refuses_is_not_recorded(authenticate_with) -> None:
    authenticate_with(OWN, False, at=-100)
    user = authenticate_with("no address", True, at=-90)
    assert (user.email, verified_of(user)) == (OWN, [])


def test_new_user_verified_email_that_the_field_refuses_is_dropped(authenticate_with) -> None:
    user = authenticate_with("no address", True)
    assert (user.email, verified_of(user)) == ("", [])


def test_unverified_email_of_a_second_account_replaces_nothing(authenticate_with, user_from_token) -> None:
    user = authenticate_with(OWN, True, at=-100)
    user_from_token(username="google", at=-100)
    CognitoUser.objects.update(user=user)
    assert authenticate_with(OTHER, False, username="google", at=-50) == user
    user.refresh_from_db()
    assert user.email == OWN


@pytest.mark.parametrize("remove", ["unlink", "delete"])
def test_verified_email_stays_protected_when_its_account_is_unlinked(
    authenticate_with, user_from_token, remove
) -> None:
    user = authenticate_with(OWN, True, at=-100)
    user_from_token(username="google", at=-100)
    CognitoUser.objects.update(user=user)
    link = CognitoUser.objects.get(username="mallory")
    if remove == "unlink":
        linking.unlink(user, link.pk)
    else:
        link.delete()
    authenticate_with(OTHER, False, username="google", at=-50)
    user.refresh_from_db()
    assert user.email == OWN


def link_google(user: User, **claims: Any) -> None:
    verified = verify(token(username="google"), id_token=token(token_use="id", username="google", **claims))
    linking.link(user, *verified)  # type: ignore[arg-type]
    get_or_create_user(*verified)
    user.refresh_from_db()


@pytest.mark.parametrize(("verified", "expected"), [(False, "local@example.com"), (True, OTHER)])
def test_local_email_is_replaced_only_by_a_verified_claim(verified, expected) -> None:
    user = User.objects.create_user("local", "local@example.com", "pw")
    link_google(user, email=OTHER, email_verified=verified)
    assert user.email == expected


def test_empty_local_email_is_replaced_by_an_unverified_claim() -> None:
    user = User.objects.create_user("local", "", "pw")
    link_google(user, email=OTHER, email_verified=False)
    assert (user.email, verified_of(user)) == (OTHER, [])


def test_email_of_a_linked_cognito_user_is_not_local(authenticate_with) -> None:
    user = authenticate_with("first@example.com", False, at=-100)
    link_google(user, email=OTHER, email_verified=False)
    assert user.email == OTHER


def test_local_phone_number_survives_linking_by_email(user_from_token, cognito) -> None:
    cognito(ATTRIBUTES=BOTH, LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", OWN, "pw", last_name="+441632960001")
    numbers = {"phone_number": "+441632960002", "phone_number_verified": False}
    assert user_from_token(token_use="id", email=OWN, **numbers) == local
    local.refresh_from_db()
    assert local.last_name == "+441632960001"


def test_verified_email_wins_against_a_later_unverified_one() -> None:
    raw = token(username="mallory", at=-10, email=OTHER, email_verified=False)
    id_token = token(token_use="id", username="mallory", at=-20, email=OWN, email_verified=True)
    assert authenticate(raw, id_token=id_token)[0].email == OWN


@pytest.mark.parametrize(("verified", "email"), [("false", OWN), ("", OWN), ("true", OTHER)])
def test_directory_replaces_verified_email_only_by_a_verified_one(authenticate_with, verified, email) -> None:
    user = authenticate_with(OWN, True, at=-100)
    sub, now = link_of(user).sub, datetime.now(UTC)
    attributes = {"sub": sub, "email": OTHER, "email_verified": verified}
    directory_user = DirectoryUser(sub, "mallory", attributes, True, "CONFIRMED", now, now)
    bulk_provisioning.update_users([claims_from_directory(directory_user, [], now, get_settings())])
    user.refresh_from_db()
    assert user.email == email


@pytest.mark.parametrize(("verified", "email"), [("false", OWN), (None, OWN), ("true", OTHER), (True, OTHER)])
def test_user_info_replaces_verified_email_only_by_a_verified_one(cognito, verified, email) -> None:
    cognito(PROFILE_SOURCE="userinfo")
    for at, user_info in (
        (-100, {"email": OWN, "email_verified": "true"}),
        (-50, {"email": OTHER, "email_verified": verified}),
    ):
        access, profile = verify(token(at=at), id_token=token(token_use="id", at=at))
        user, _ = get_or_create_user(access, profile, user_info)
    user.refresh_from_db()
    assert user.email == email
