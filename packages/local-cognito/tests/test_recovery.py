"""Password reset through the API, with boto3: the code, the new password and the prevention of user enumeration."""

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
NO_DESTINATION = "Cannot reset password for the user as there is no registered/verified email or phone_number"


def forgot_password(idp: Any, username: str, client_id: str = "1public", **options: str) -> dict[str, str]:
    answer = idp.forgot_password(ClientId=client_id, Username=username, **options)
    details: dict[str, str] = answer["CodeDeliveryDetails"]
    return details


def reset(idp: Any, username: str, code: str, client_id: str = "1public", **options: str) -> None:
    parameters = {"ConfirmationCode": code, "Password": NEW_PASSWORD, **options}
    idp.confirm_forgot_password(ClientId=client_id, Username=username, **parameters)


def test_forgotten_password_is_reset_with_the_code_of_the_mailbox(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    details = forgot_password(public_idp, username)
    assert details == {"Destination": "p***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"}
    assert users.sign_in(username)["AuthenticationResult"]  # the old password is valid until the reset
    reset(public_idp, username, latest_code(emulator, username))
    assert users.sign_in(username, password=NEW_PASSWORD)["AuthenticationResult"]
    with raises_client_error("NotAuthorizedException"):
        users.sign_in(username, password=PASSWORD)


def test_verified_phone_number_has_priority_for_recovery(public_idp: Any, idp: Any, users: Users) -> None:
    username = users.create_with_email()
    items = [{"Name": "phone_number", "Value": "+12065550100"}, {"Name": "phone_number_verified", "Value": "true"}]
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=items)
    assert forgot_password(public_idp, username) == {
        "Destination": "+*******0100",
        "DeliveryMedium": "SMS",
        "AttributeName": "phone_number",
    }


def test_recovery_code_is_accepted_once(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forgot_password(public_idp, username)
    code = latest_code(emulator, username)
    reset(public_idp, username, code)
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, code)


def test_wrong_recovery_code_is_refused_and_attempts_are_limited(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    forgot_password(public_idp, username)
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            reset(public_idp, username, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        reset(public_idp, username, code)
    assert users.sign_in(username)["AuthenticationResult"]


def test_recovery_code_expires_after_an_hour(public_idp: Any, emulator: Emulator, users: Users, clock: Clock) -> None:
    username = users.create_with_email()
    forgot_password(public_idp, username)
    clock.pass_seconds(3600)
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, latest_code(emulator, username))


def test_sign_up_code_does_not_reset_the_password(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    with raises_client_error(*CODE_EXPIRED):
        reset(public_idp, username, latest_code(emulator, username))


def test_reset_against_the_policy_does_not_use_up_the_code(public_idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    forgot_password(public_idp, username)
    code = latest_code(emulator, username)
    with raises_client_error(
        "InvalidPasswordException", "Password did not conform with policy: Password not long enough"
    ):
        reset(public_idp, username, code, Password="short")
    reset(public_idp, username, code)


@pytest.fixture
def unreachable_users(idp: Any, users: Users, public_idp: Any) -> list[str]:
    """Return usernames that cannot be sent a code, each for another reason."""
    disabled = users.create_with_email()
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=disabled)
    invited = users.create(permanent_password=False)
    unverified = users.create_with_email(verified=False)
    return ["nobody-of-that-name", disabled, invited, unverified, sign_up(public_idp)["Username"]]


def test_forgot_password_does_not_reveal_users_without_destination(
    public_idp: Any, emulator: Emulator, unreachable_users: list[str]
) -> None:
    message_count = len(emulator.mailbox.messages())
    for username in unreachable_users:
        details = [forgot_password(public_idp, username) for _ in range(5)]
        assert all(item == details[0] for item in details)
        assert (details[0]["DeliveryMedium"], details[0]["Destination"][1:5]) == ("EMAIL", "***@")
        with raises_client_error(*CODE_MISMATCH):
            reset(public_idp, username, "123456")
        with raises_client_error(*LIMIT_EXCEEDED):
            forgot_password(public_idp, username)
    assert len(emulator.mailbox.messages()) == message_count


def test_reset_without_a_code_does_not_reveal_users(public_idp: Any, users: Users) -> None:
    for username in (users.create_with_email(), "nobody-who-asked"):
        with raises_client_error(*CODE_EXPIRED):
            reset(public_idp, username, "123456")


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (0, *USER_NOT_FOUND),
        (1, "NotAuthorizedException", "User is disabled."),
        (2, "NotAuthorizedException", "User password cannot be reset in the current state."),
        (3, "InvalidParameterException", NO_DESTINATION),
        (4, "InvalidParameterException", NO_DESTINATION),
    ],
)
def test_reason_for_no_code_is_revealed_if_the_client_allows_it(
    public_idp: Any, unreachable_users: list[str], number: int, code: str, message: str
) -> None:
    with raises_client_error(code, message):
        forgot_password(public_idp, unreachable_users[number], "4talkative")


def test_reset_of_unknown_user_is_revealed_if_the_client_allows_it(public_idp: Any) -> None:
    with raises_client_error(*USER_NOT_FOUND):
        reset(public_idp, "nobody", "123456", "4talkative")


def test_reset_of_a_user_disabled_after_the_code_is_refused(
    public_idp: Any, idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    forgot_password(public_idp, username)
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error(*CODE_MISMATCH):
        reset(public_idp, username, latest_code(emulator, username))


def test_confidential_client_requires_secret_hash_for_recovery(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    username = users.create_with_email()
    with raises_client_error("NotAuthorizedException"):
        forgot_password(public_idp, username, "2confidential")
    secret_hash_option = {"SecretHash": secret_hash(username)}
    forgot_password(public_idp, username, "2confidential", **secret_hash_option)
    with raises_client_error("NotAuthorizedException"):
        reset(public_idp, username, latest_code(emulator, username), "2confidential")
    reset(public_idp, username, latest_code(emulator, username), "2confidential", **secret_hash_option)


def test_admin_reset_requires_a_new_password(public_idp: Any, idp: Any, emulator: Emulator, users: Users) -> None:
    username = users.create_with_email()
    idp.admin_reset_user_password(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("PasswordResetRequiredException", "Password reset required for the user"):
        users.sign_in(username)
    reset(public_idp, username, latest_code(emulator, username))
    assert users.sign_in(username, password=NEW_PASSWORD)["AuthenticationResult"]
    with raises_client_error("UserNotFoundException", "User does not exist."):
        idp.admin_reset_user_password(UserPoolId=POOL_ID, Username="nobody")
