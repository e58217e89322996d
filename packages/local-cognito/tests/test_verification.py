"""Change and verification of users' attributes, with boto3."""

from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.sign_up import CODE_EXPIRED, CODE_MISMATCH, LIMIT_EXCEEDED, attributes, read_attribute
from local_cognito_support.user_pools import POOL_ID, Clock, Users


@pytest.fixture
def user(users: Users) -> tuple[str, str]:
    """Create a user with an unverified email address; return the username and the access token."""
    username = users.create_with_email(verified=False)
    return username, users.tokens(username)["AccessToken"]


def send_code(idp: Any, access_token: str, name: str = "email") -> Any:
    return idp.get_user_attribute_verification_code(AccessToken=access_token, AttributeName=name)


def verify(idp: Any, access_token: str, code: str, name: str = "email") -> None:
    idp.verify_user_attribute(AccessToken=access_token, AttributeName=name, Code=code)


def test_email_is_verified_with_the_code_of_the_mailbox(
    public_idp: Any, idp: Any, emulator: Emulator, user: tuple[str, str]
) -> None:
    username, access_token = user
    answer = send_code(public_idp, access_token)
    assert answer["CodeDeliveryDetails"]["Destination"] == "p***@e***"
    code = latest_code(emulator, username)
    with raises_client_error(*CODE_MISMATCH):
        verify(public_idp, access_token, different_code(code))
    verify(public_idp, access_token, code)
    assert read_attribute(idp, username, "email_verified") == "true"
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, code)


def test_code_verifies_only_its_own_attribute(public_idp: Any, emulator: Emulator, user: tuple[str, str]) -> None:
    username, access_token = user
    send_code(public_idp, access_token)
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, latest_code(emulator, username), "phone_number")


def test_changed_email_is_unverified_and_gets_a_code(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    access_token = users.tokens(username)["AccessToken"]
    changed = attributes(email="elsewhere@example.com", nickname="Nick")
    answer = public_idp.update_user_attributes(AccessToken=access_token, UserAttributes=changed)
    assert [item["AttributeName"] for item in answer["CodeDeliveryDetailsList"]] == ["email"]
    assert emulator.mailbox.messages()[0].address == "elsewhere@example.com"
    assert read_attribute(idp, username, "email_verified") == "false"
    verify(public_idp, access_token, latest_code(emulator, username))
    assert read_attribute(idp, username, "email_verified") == "true"


def test_unchanged_email_stays_verified(public_idp: Any, idp: Any, users: Users) -> None:
    username = users.create_with_email()
    unchanged = attributes(email=f"{username}@example.com")
    answer = public_idp.update_user_attributes(
        AccessToken=users.tokens(username)["AccessToken"], UserAttributes=unchanged
    )
    assert answer["CodeDeliveryDetailsList"] == []
    assert read_attribute(idp, username, "email_verified") == "true"


def test_code_for_the_previous_email_does_not_verify_the_new_one(
    public_idp: Any, emulator: Emulator, user: tuple[str, str]
) -> None:
    username, access_token = user
    send_code(public_idp, access_token)
    previous_code = latest_code(emulator, username)
    idp_change = [{"Name": "email", "Value": "mine-now@example.com"}]
    emulator.service.pools.get_moto_user(_to_user(emulator, username)).update_attributes(idp_change)
    with raises_client_error(*CODE_EXPIRED):
        verify(public_idp, access_token, previous_code)


def _to_user(emulator: Emulator, username: str) -> Any:
    moto_user = emulator.service.pools.find_moto_user(POOL_ID, username)
    assert moto_user is not None
    return emulator.service.pools.to_user(moto_user)


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub"])
def test_verified_attribute_cannot_be_written_by_the_user(public_idp: Any, user: tuple[str, str], name: str) -> None:
    with raises_client_error("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        public_idp.update_user_attributes(AccessToken=user[1], UserAttributes=attributes(**{name: "true"}))


def test_only_existing_email_and_phone_are_verified(public_idp: Any, user: tuple[str, str]) -> None:
    with raises_client_error("InvalidParameterException", "The attribute name cannot be verified."):
        send_code(public_idp, user[1], "name")
    with raises_client_error("InvalidParameterException", "User does not have the attribute phone_number."):
        send_code(public_idp, user[1], "phone_number")


def test_verified_email_of_another_user_is_refused(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users, user: tuple[str, str]
) -> None:
    owner = users.create_with_email()
    username, access_token = user
    changes = attributes(email=f"{owner}@example.com")
    public_idp.update_user_attributes(AccessToken=access_token, UserAttributes=changes)
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        verify(public_idp, access_token, latest_code(emulator, username))
    assert users.sign_in(f"{owner}@example.com")["AuthenticationResult"]


def test_duplicate_email_is_refused_in_a_pool_with_email_usernames(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    sue = emulator.service.get_user(emulator.service.client("9strict"), "sue@example.com")  # type: ignore[arg-type]
    raw = emulator.service.issue_api_tokens(emulator.service.client("9strict"), sue)["AccessToken"]  # type: ignore[arg-type]
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(email="sam@example.com"))
    for email in ("suzan@example.com", "sue@example.com"):
        public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(email=email, nickname="Sue"))
    public_idp.update_user_attributes(AccessToken=raw, UserAttributes=attributes(nickname="Suzan"))


def test_verification_codes_and_attempts_are_limited(
    public_idp: Any, emulator: Emulator, user: tuple[str, str], clock: Clock
) -> None:
    username, access_token = user
    for _ in range(5):
        send_code(public_idp, access_token)
    with raises_client_error(*LIMIT_EXCEEDED):
        send_code(public_idp, access_token)
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            verify(public_idp, access_token, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        verify(public_idp, access_token, code)


def test_invalid_access_token_sends_no_code(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid Access Token"):
        send_code(public_idp, "eyJ.no.token")
