"""Sign-up through the API, with boto3: the account, the codes, and the errors."""

from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.sign_up import (
    CODE_EXPIRED,
    CODE_MISMATCH,
    LIMIT_EXCEEDED,
    USER_NOT_FOUND,
    attributes,
    read_attribute,
    secret_hash,
    sign_up,
)
from local_cognito_support.user_pools import OTHER_POOL_ID, PASSWORD, POOL_ID, Clock, Users


def confirm(idp: Any, username: str, code: str, client_id: str = "1public", **options: Any) -> None:
    idp.confirm_sign_up(ClientId=client_id, Username=username, ConfirmationCode=code, **options)


def test_new_user_is_confirmed_with_the_code_of_the_mailbox(public_idp: Any, emulator: Emulator, users: Users) -> None:
    answer = sign_up(public_idp)
    username = answer["Username"]
    assert answer["UserConfirmed"] is False
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "n***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    with raises_client_error("UserNotConfirmedException", "User is not confirmed."):
        users.sign_in(username)
    assert read_attribute(users.idp, username, "email_verified") == "false"
    confirm(public_idp, username, latest_code(emulator, username))
    assert read_attribute(users.idp, username, "email_verified") == "true"
    assert users.idp.admin_get_user(UserPoolId=POOL_ID, Username=username)["UserStatus"] == "CONFIRMED"
    assert users.tokens(username)["IdToken"]


def test_sign_up_codes_are_six_random_digits(public_idp: Any, emulator: Emulator) -> None:
    codes = {latest_code(emulator, sign_up(public_idp)["Username"]) for _ in range(8)}
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 1


def test_user_sub_of_sign_up_is_the_sub_of_the_user(public_idp: Any, emulator: Emulator) -> None:
    answer = sign_up(public_idp)
    assert emulator.service.find_user_by_sub(POOL_ID, answer["UserSub"]) is not None


def test_wrong_confirmation_code_may_be_retried(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    with raises_client_error(*CODE_MISMATCH):
        confirm(public_idp, username, different_code(code))
    confirm(public_idp, username, code)


def test_confirmation_code_is_accepted_once(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    confirm(public_idp, username, code)
    with raises_client_error("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, username, code)


def test_confirm_sign_up_does_not_reveal_confirmed_users(public_idp: Any, users: Users) -> None:
    for username in (users.create(), "nobody-at-all"):
        with raises_client_error(*CODE_EXPIRED):
            confirm(public_idp, username, "123456")


def test_user_disabled_after_sign_up_is_not_confirmed(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error(*CODE_MISMATCH):
        confirm(public_idp, username, latest_code(emulator, username))


def test_confirm_sign_up_reveals_users_if_the_client_allows_it(public_idp: Any, users: Users) -> None:
    with raises_client_error("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, users.create(), "123456", "4talkative")
    with raises_client_error(*USER_NOT_FOUND):
        confirm(public_idp, "nobody-at-all", "123456", "4talkative")


def test_confirmation_code_expires_after_a_day(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    clock.pass_seconds(86_400)
    with raises_client_error(*CODE_EXPIRED):
        confirm(public_idp, username, latest_code(emulator, username))


def test_resent_code_replaces_the_previous_code(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    previous_code = latest_code(emulator, username)
    answer = public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert answer["CodeDeliveryDetails"]["Destination"] == "n***@e***"
    code = latest_code(emulator, username)
    if code != previous_code:
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, previous_code)
    confirm(public_idp, username, code)


def test_wrong_codes_are_limited_to_fifteen_per_hour(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        confirm(public_idp, username, code)
    clock.pass_seconds(3600)
    confirm(public_idp, username, code)


def test_sent_codes_are_limited_to_five_per_hour(public_idp: Any, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]  # the first code
    for _ in range(4):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    with raises_client_error(*LIMIT_EXCEEDED):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    clock.pass_seconds(3600)
    public_idp.resend_confirmation_code(ClientId="1public", Username=username)


def test_resend_code_does_not_reveal_unknown_or_confirmed_users(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    message_count = len(emulator.mailbox.messages())
    for username in ("nobody-here", users.create()):
        answers = [public_idp.resend_confirmation_code(ClientId="1public", Username=username) for _ in range(5)]
        details = answers[0]["CodeDeliveryDetails"]
        assert all(answer["CodeDeliveryDetails"] == details for answer in answers)
        assert (details["DeliveryMedium"], details["Destination"][1:5]) == ("EMAIL", "***@")
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, "123456")
        with raises_client_error(*LIMIT_EXCEEDED):
            public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert len(emulator.mailbox.messages()) == message_count


def test_resend_code_reveals_the_reason_if_the_client_allows_it(public_idp: Any, users: Users) -> None:
    with raises_client_error("InvalidParameterException", "User is already confirmed."):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username=users.create())
    with raises_client_error(*USER_NOT_FOUND):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username="nobody")


def test_existing_username_is_refused(public_idp: Any) -> None:
    with raises_client_error("UsernameExistsException", "User already exists"):
        sign_up(public_idp, Username="alice")


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("Short-1", "Password not long enough"),
        ("CORRECT-HORSE-7", "Password must have lowercase characters"),
        ("correct-horse-7", "Password must have uppercase characters"),
        ("Correct-horse", "Password must have numeric characters"),
        ("CorrectHorse7", "Password must have symbol characters"),
    ],
)
def test_sign_up_password_against_the_policy_creates_no_user(
    public_idp: Any, idp: Any, password: str, problem: str
) -> None:
    with raises_client_error("InvalidPasswordException", f"Password did not conform with policy: {problem}"):
        sign_up(public_idp, Username="weak", Password=password)
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username="weak")


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub", "identities"])
def test_attribute_that_only_cognito_sets_is_refused(public_idp: Any, name: str) -> None:
    with raises_client_error("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
        sign_up(public_idp, UserAttributes=attributes(email="mallory@example.com", **{name: "true"}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"UserAttributes": attributes(email="no address")}, "Invalid email address format."),
        ({"UserAttributes": attributes(phone_number="0123")}, "Invalid phone number format."),
        ({"Username": "two words"}, "Username must be 1 to 128 characters without spaces."),
        ({"Username": "bell\x07"}, "Username must be 1 to 128 characters without spaces."),
        (
            {"Username": "mallory@example.com"},
            "Username cannot be of email format, since user pool is configured for email alias.",
        ),
    ],
)
def test_malformed_attribute_or_username_is_refused(public_idp: Any, changes: dict[str, Any], message: str) -> None:
    with raises_client_error("InvalidParameterException", message):
        sign_up(public_idp, **changes)


def test_unknown_client_is_named(public_idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client 0nobody does not exist."):
        sign_up(public_idp, "0nobody")


def test_confidential_client_requires_secret_hash_for_sign_up(public_idp: Any, emulator: Emulator) -> None:
    with raises_client_error(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        sign_up(public_idp, "2confidential")
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        sign_up(public_idp, "2confidential", Username="secretive", SecretHash=secret_hash("another"))
    secret_hash_option = {"SecretHash": secret_hash("secretive")}
    sign_up(public_idp, "2confidential", Username="secretive", **secret_hash_option)
    with raises_client_error("NotAuthorizedException"):
        public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive")
    public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive", **secret_hash_option)
    code = latest_code(emulator, "secretive")
    with raises_client_error("NotAuthorizedException"):
        confirm(public_idp, "secretive", code, "2confidential")
    confirm(public_idp, "secretive", code, "2confidential", **secret_hash_option)


def test_pool_with_email_usernames_signs_up_by_email(public_idp: Any, emulator: Emulator, idp: Any) -> None:
    answer = sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    user = idp.admin_get_user(UserPoolId=OTHER_POOL_ID, Username="nora@example.com")
    assert user["Username"] == answer["UserSub"]
    with raises_client_error("UsernameExistsException", "An account with the given email already exists."):
        sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    with raises_client_error("InvalidParameterException", "Username should be an email."):
        sign_up(public_idp, "9strict", Username="nora", UserAttributes=[])
    confirm(public_idp, "nora@example.com", latest_code(emulator, answer["UserSub"]), "9strict")


def test_verified_email_of_another_user_requires_forced_alias(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    owner = users.create_with_email()
    email = f"{owner}@example.com"
    username = sign_up(public_idp, UserAttributes=attributes(email=email))["Username"]
    code = latest_code(emulator, username)
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        confirm(public_idp, username, code)
    assert users.sign_in(email)["AuthenticationResult"]  # still the owner's alias
    confirm(public_idp, username, code, ForceAliasCreation=True)
    assert read_attribute(users.idp, owner, "email_verified") == "false"
    assert read_attribute(users.idp, username, "email_verified") == "true"


def test_unverified_email_does_not_sign_in(users: Users) -> None:
    username = users.create_with_email(verified=False)
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        users.sign_in(f"{username}@example.com")


def test_email_changed_after_sign_up_is_not_verified(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    changed = attributes(email="changed@example.com")
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=changed)
    confirm(public_idp, username, latest_code(emulator, username))
    assert read_attribute(idp, username, "email_verified") == "false"


def test_sign_up_without_email_sends_no_code(public_idp: Any) -> None:
    answer = sign_up(public_idp, UserAttributes=[])
    assert "CodeDeliveryDetails" not in answer
    with raises_client_error("InvalidParameterException"):
        public_idp.resend_confirmation_code(ClientId="1public", Username=answer["Username"])


@pytest.fixture
def closed_pool(idp: Any) -> Any:
    """Yield the IDs of a pool and its client: without sign-up and auto-verification, with a required name."""
    pool_id = idp.create_user_pool(
        PoolName="Closed",
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        Schema=[{"Name": "name", "Required": True}],
    )["UserPool"]["Id"]
    yield pool_id, idp.create_user_pool_client(UserPoolId=pool_id, ClientName="web")["UserPoolClient"]["ClientId"]
    idp.delete_user_pool(UserPoolId=pool_id)


def test_closed_pool_refuses_sign_up(public_idp: Any, closed_pool: tuple[str, str]) -> None:
    with raises_client_error("NotAuthorizedException", "SignUp is not permitted for this user pool"):
        sign_up(public_idp, closed_pool[1])


def test_pool_without_auto_verification_sends_no_code(public_idp: Any, idp: Any, closed_pool: tuple[str, str]) -> None:
    pool_id, client_id = closed_pool
    idp.update_user_pool(UserPoolId=pool_id, AdminCreateUserConfig={"AllowAdminCreateUserOnly": False})
    with raises_client_error(
        "InvalidParameterException", "Attributes did not conform to the schema: name: The attribute is required\n"
    ):
        sign_up(public_idp, client_id)
    answer = sign_up(public_idp, client_id, UserAttributes=attributes(name="Newcomer", email="new@example.com"))
    assert "CodeDeliveryDetails" not in answer
    with raises_client_error("InvalidParameterException", "Auto verification not turned on."):
        public_idp.resend_confirmation_code(ClientId=client_id, Username=answer["Username"])


@pytest.mark.parametrize("items", ["email", [{"Value": "without a name"}], ["email"]])
def test_invalid_user_attributes_are_refused(emulator: Emulator, items: Any) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp"}
    body = {"ClientId": "1public", "Username": "x", "Password": PASSWORD, "UserAttributes": items}
    answer = requests.post(emulator.endpoint_url, json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")
