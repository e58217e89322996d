"""Attributes that users change, and prove to be theirs by a code, with boto3."""

from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.sign_up import CODE_EXPIRED, CODE_MISMATCH, LIMIT_EXCEEDED, attributes, read_attribute
from local_cognito_support.user_pools import POOL_ID, Clock, Users


@pytest.fixture
def person(users: Users) -> tuple[str, str]:
    """Somebody whose address is not verified, and their access token."""
    username = users.create_with_email(verified=False)
    return username, users.tokens(username)["AccessToken"]


def send(idp: Any, access_token: str, name: str = "email") -> Any:
    return idp.get_user_attribute_verification_code(AccessToken=access_token, AttributeName=name)


def verify(idp: Any, access_token: str, code: str, name: str = "email") -> None:
    idp.verify_user_attribute(AccessToken=access_token, AttributeName=name, Code=code)


def test_an_address_is_verified_by_the_code_in_the_mailbox(
    public_idp: Any, idp: Any, emulator: Emulator, person: tuple[str, str]
) -> None:
    username, access_token = person
    answer = send(public_idp, access_token)
    assert answer["CodeDeliveryDetails"]["Destination"] == "p***@e***"
    code = latest_code(emulator, username)
    with raises_client_error(*CODE_MISMATCH):
        verify(public_idp, access_token, different_code(code))
    verify(public_idp, access_token, code)
    assert read_attribute(idp, username, "email_verified") == "true"
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, code)


def test_a_code_verifies_its_own_attribute_alone(public_idp: Any, emulator: Emulator, person: tuple[str, str]) -> None:
    username, access_token = person
    send(public_idp, access_token)
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, latest_code(emulator, username), "phone_number")


def test_a_changed_address_is_not_verified_and_a_code_goes_to_it(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    access_token = users.tokens(username)["AccessToken"]
    changed = attributes(email="elsewhere@example.com", nickname="Nick")
    answer = public_idp.update_user_attributes(AccessToken=access_token, UserAttributes=changed)
    assert [each["AttributeName"] for each in answer["CodeDeliveryDetailsList"]] == ["email"]
    assert emulator.mailbox.messages()[0].address == "elsewhere@example.com"
    assert read_attribute(idp, username, "email_verified") == "false"
    verify(public_idp, access_token, latest_code(emulator, username))
    assert read_attribute(idp, username, "email_verified") == "true"


def test_an_address_that_stays_the_same_stays_verified(public_idp: Any, idp: Any, users: Users) -> None:
    username = users.create_with_email()
    same = attributes(email=f"{username}@example.com")
    answer = public_idp.update_user_attributes(AccessToken=users.tokens(username)["AccessToken"], UserAttributes=same)
    assert answer["CodeDeliveryDetailsList"] == []
    assert read_attribute(idp, username, "email_verified") == "true"


def test_a_code_for_the_address_before_does_not_verify_the_next(
    public_idp: Any, emulator: Emulator, person: tuple[str, str]
) -> None:
    username, access_token = person
    send(public_idp, access_token)
    before = latest_code(emulator, username)
    idp_change = [{"Name": "email", "Value": "mine-now@example.com"}]
    emulator.service.pools.get_moto_user(_person(emulator, username)).update_attributes(idp_change)
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, before)


def _person(emulator: Emulator, username: str) -> Any:
    user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert user is not None
    return emulator.service.pools.to_user(user)


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub"])
def test_nobody_verifies_themselves(public_idp: Any, person: tuple[str, str], name: str) -> None:
    with raises_client_error("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        public_idp.update_user_attributes(AccessToken=person[1], UserAttributes=attributes(**{name: "true"}))


def test_only_addresses_are_verified(public_idp: Any, person: tuple[str, str]) -> None:
    with raises_client_error("InvalidParameterException", "The attribute name cannot be verified."):
        send(public_idp, person[1], "name")
    with raises_client_error("InvalidParameterException", "User does not have the attribute phone_number."):
        send(public_idp, person[1], "phone_number")


def test_a_verified_address_of_somebody_else_stays_theirs(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users, person: tuple[str, str]
) -> None:
    owner = users.create_with_email()
    username, access_token = person
    taken = attributes(email=f"{owner}@example.com")
    public_idp.update_user_attributes(AccessToken=access_token, UserAttributes=taken)
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        verify(public_idp, access_token, latest_code(emulator, username))
    assert users.sign_in(f"{owner}@example.com")["AuthenticationResult"]


def test_where_people_sign_in_by_email_no_two_have_the_same(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    sue = emulator.service.get_user(emulator.service.client("9strict"), "sue@example.com")  # type: ignore[arg-type]
    raw = emulator.service.issue_api_tokens(emulator.service.client("9strict"), sue)["AccessToken"]  # type: ignore[arg-type]
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(email="sam@example.com"))
    for address in ("suzan@example.com", "sue@example.com"):
        public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(email=address, nickname="Sue"))
    public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(nickname="Suzan"))


def test_codes_and_tries_are_limited(
    public_idp: Any, emulator: Emulator, person: tuple[str, str], clock: Clock
) -> None:
    username, access_token = person
    for _ in range(5):
        send(public_idp, access_token)
    with raises_client_error(*LIMIT_EXCEEDED):
        send(public_idp, access_token)
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            verify(public_idp, access_token, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        verify(public_idp, access_token, code)


def test_a_token_that_is_none_changes_nothing(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        send(public_idp, "eyJ.no.token")
