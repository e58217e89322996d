"""A forgotten password through the API, with boto3: the code, the new password, and what is given away to nobody."""

from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.sign_up import (
    CODE_EXPIRED,
    CODE_MISMATCH,
    LIMIT_EXCEEDED,
    USER_NOT_FOUND,
    secret_hash,
    sign_up,
)
from local_cognito_support.user_pools import PASSWORD, POOL_ID, Clock, Users

NEW_PASSWORD = "Own-horse-9"
NOWHERE = "Cannot reset password for the user as there is no registered/verified email or phone_number"


def forget(idp: Any, username: str, client_id: str = "1public", **more: str) -> dict[str, str]:
    answer = idp.forgot_password(ClientId=client_id, Username=username, **more)
    details: dict[str, str] = answer["CodeDeliveryDetails"]
    return details


def reset(idp: Any, username: str, code: str, client_id: str = "1public", **more: str) -> None:
    given = {"ConfirmationCode": code, "Password": NEW_PASSWORD, **more}
    idp.confirm_forgot_password(ClientId=client_id, Username=username, **given)


def test_a_forgotten_password_is_replaced_by_the_code_in_the_mailbox(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    details = forget(public_idp, username)
    assert details == {"Destination": "p***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    assert users.sign_in(username)["AuthenticationResult"]  # the old one counts until there is a new one
    reset(public_idp, username, latest_code(emulator, username))
    assert users.sign_in(username, password=NEW_PASSWORD)["AuthenticationResult"]
    with raises_client_error("NotAuthorizedException"):
        users.sign_in(username, password=PASSWORD)


def test_a_verified_telephone_goes_before_the_address(public_idp: Any, idp: Any, users: Users) -> None:
    username = users.create_with_email()
    items = [{"Name": "phone_number", "Value": "+12065550100"}, {"Name": "phone_number_verified", "Value": "true"}]
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=items)
    assert forget(public_idp, username) == {
        "Destination": "+*******0100",
        "DeliveryMedium": "SMS",
        "AttributeName": "phone_number",
    }


def test_a_code_resets_once(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forget(public_idp, username)
    code = latest_code(emulator, username)
    reset(public_idp, username, code)
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, code)


def test_a_wrong_code_resets_nothing_and_tries_are_limited(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forget(public_idp, username)
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            reset(public_idp, username, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        reset(public_idp, username, code)
    assert users.sign_in(username)["AuthenticationResult"]


def test_a_code_dies_after_an_hour(public_idp: Any, emulator: Emulator, users: Users, clock: Clock) -> None:
    username = users.create_with_email()
    forget(public_idp, username)
    clock.pass_seconds(3600)
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, latest_code(emulator, username))


def test_a_code_of_another_purpose_resets_nothing(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, latest_code(emulator, username))


def test_a_password_against_the_policy_spends_no_code(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forget(public_idp, username)
    code = latest_code(emulator, username)
    with raises_client_error(
        "InvalidPasswordException", "Password did not conform with policy: Password not long enough"
    ):
        reset(public_idp, username, code, Password="short")
    reset(public_idp, username, code)


@pytest.fixture
def unreachable_people(idp: Any, users: Users, public_idp: Any) -> list[str]:
    """Who cannot be sent a code, each for a reason of their own."""
    disabled = users.create_with_email()
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=disabled)
    invited = users.create(permanent_password=False)
    unverified = users.create_with_email(verified=False)
    return ["nobody-of-that-name", disabled, invited, unverified, sign_up(public_idp)["Username"]]


def test_who_cannot_be_sent_a_code_is_not_told_from_who_can(
    public_idp: Any, emulator: Emulator, unreachable_people: list[str]
) -> None:
    sent = len(emulator.mailbox.messages())
    for username in unreachable_people:
        details = [forget(public_idp, username) for _ in range(5)]
        assert all(each == details[0] for each in details)
        assert (details[0]["DeliveryMedium"], details[0]["Destination"][1:5]) == ("EMAIL", "***@")
        with raises_client_error(*CODE_MISMATCH):
            reset(public_idp, username, "123456")
        with raises_client_error(*LIMIT_EXCEEDED):
            forget(public_idp, username)
    assert len(emulator.mailbox.messages()) == sent


def test_who_asked_for_no_code_is_not_told_from_nobody(public_idp: Any, users: Users) -> None:
    for username in (users.create_with_email(), "nobody-who-asked"):
        with raises_client_error(*CODE_EXPIRED):
            reset(public_idp, username, "123456")


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (0, *USER_NOT_FOUND),
        (1, "NotAuthorizedException", "User is disabled."),
        (2, "NotAuthorizedException", "User password cannot be reset in the current state."),
        (3, "InvalidParameterException", NOWHERE),
        (4, "InvalidParameterException", NOWHERE),
    ],
)
def test_a_client_that_tells_says_why(
    public_idp: Any, unreachable_people: list[str], number: int, code: str, message: str
) -> None:
    with raises_client_error(code, message):
        forget(public_idp, unreachable_people[number], "4talkative")


def test_a_client_that_tells_says_that_there_is_nobody_to_reset(public_idp: Any) -> None:
    with raises_client_error(*USER_NOT_FOUND):
        reset(public_idp, "nobody", "123456", "4talkative")


def test_somebody_disabled_since_is_not_reset(public_idp: Any, idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forget(public_idp, username)
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error(*CODE_MISMATCH):
        reset(public_idp, username, latest_code(emulator, username))


def test_a_client_with_a_secret_proves_it(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    with raises_client_error("NotAuthorizedException"):
        forget(public_idp, username, "2confidential")
    proof = {"SecretHash": secret_hash(username)}
    forget(public_idp, username, "2confidential", **proof)
    with raises_client_error("NotAuthorizedException"):
        reset(public_idp, username, latest_code(emulator, username), "2confidential")
    reset(public_idp, username, latest_code(emulator, username), "2confidential", **proof)


def test_an_administrator_has_somebody_choose_a_new_password(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    idp.admin_reset_user_password(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("PasswordResetRequiredException", "Password reset required for the user"):
        users.sign_in(username)
    reset(public_idp, username, latest_code(emulator, username))
    assert users.sign_in(username, password=NEW_PASSWORD)["AuthenticationResult"]
    with raises_client_error("UserNotFoundException", "User does not exist."):
        idp.admin_reset_user_password(UserPoolId=POOL_ID, Username="nobody")
