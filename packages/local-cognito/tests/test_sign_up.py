"""Sign-up through the API, with boto3: the account, the code, another code, and every refusal by its name."""

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


def confirm(idp: Any, username: str, code: str, client_id: str = "1public", **more: Any) -> None:
    idp.confirm_sign_up(ClientId=client_id, Username=username, ConfirmationCode=code, **more)


def test_somebody_new_is_confirmed_by_the_code_in_the_mailbox(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
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


def test_codes_are_six_digits_and_no_two_alike(public_idp: Any, emulator: Emulator) -> None:
    codes = {latest_code(emulator, sign_up(public_idp)["Username"]) for _ in range(8)}
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 1


def test_the_sub_is_the_one_that_tokens_name(public_idp: Any, emulator: Emulator) -> None:
    answer = sign_up(public_idp)
    assert emulator.service.find_user_by_sub(POOL_ID, answer["UserSub"]) is not None


def test_a_wrong_code_does_not_confirm_and_the_right_one_still_does(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    with raises_client_error(*CODE_MISMATCH):
        confirm(public_idp, username, different_code(code))
    confirm(public_idp, username, code)


def test_a_code_confirms_once(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    confirm(public_idp, username, code)
    with raises_client_error("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, username, code)


def test_a_confirmed_person_is_not_told_from_an_unknown_one(public_idp: Any, users: Users) -> None:
    for username in (users.create(), "nobody-at-all"):
        with raises_client_error(*CODE_EXPIRED):
            confirm(public_idp, username, "123456")


def test_somebody_disabled_since_is_not_confirmed(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error(*CODE_MISMATCH):
        confirm(public_idp, username, latest_code(emulator, username))


def test_a_client_that_tells_says_who_exists(public_idp: Any, users: Users) -> None:
    with raises_client_error("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, users.create(), "123456", "4talkative")
    with raises_client_error(*USER_NOT_FOUND):
        confirm(public_idp, "nobody-at-all", "123456", "4talkative")


def test_a_code_dies_after_a_day(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    clock.pass_seconds(86_400)
    with raises_client_error(*CODE_EXPIRED):
        confirm(public_idp, username, latest_code(emulator, username))


def test_another_code_replaces_the_one_before(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    before = latest_code(emulator, username)
    answer = public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert answer["CodeDeliveryDetails"]["Destination"] == "n***@e***"
    code = latest_code(emulator, username)
    if code != before:
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, before)
    confirm(public_idp, username, code)


def test_fifteen_wrong_codes_are_enough_for_an_hour(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest_code(emulator, username)
    for _ in range(15):
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, different_code(code))
    with raises_client_error(*LIMIT_EXCEEDED):
        confirm(public_idp, username, code)
    clock.pass_seconds(3600)
    confirm(public_idp, username, code)


def test_five_codes_are_sent_within_an_hour(public_idp: Any, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]  # the first
    for _ in range(4):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    with raises_client_error(*LIMIT_EXCEEDED):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    clock.pass_seconds(3600)
    public_idp.resend_confirmation_code(ClientId="1public", Username=username)


def test_a_code_for_nobody_looks_as_if_it_were_sent_and_is_limited_alike(
    public_idp: Any, emulator: Emulator, users: Users
) -> None:
    sent = len(emulator.mailbox.messages())
    for username in ("nobody-here", users.create()):
        answers = [public_idp.resend_confirmation_code(ClientId="1public", Username=username) for _ in range(5)]
        details = answers[0]["CodeDeliveryDetails"]
        assert all(answer["CodeDeliveryDetails"] == details for answer in answers)
        assert (details["DeliveryMedium"], details["Destination"][1:5]) == ("EMAIL", "***@")
        with raises_client_error(*CODE_MISMATCH):
            confirm(public_idp, username, "123456")
        with raises_client_error(*LIMIT_EXCEEDED):
            public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert len(emulator.mailbox.messages()) == sent


def test_a_client_that_tells_says_why_no_code_is_sent(public_idp: Any, users: Users) -> None:
    with raises_client_error("InvalidParameterException", "User is already confirmed."):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username=users.create())
    with raises_client_error(*USER_NOT_FOUND):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username="nobody")


def test_a_name_that_is_taken_is_refused(public_idp: Any) -> None:
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
def test_a_password_against_the_policy_is_refused_and_makes_nobody(
    public_idp: Any, idp: Any, password: str, problem: str
) -> None:
    with raises_client_error("InvalidPasswordException", f"Password did not conform with policy: {problem}"):
        sign_up(public_idp, Username="weak", Password=password)
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username="weak")


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub", "identities"])
def test_nobody_says_of_themselves_what_cognito_says(public_idp: Any, name: str) -> None:
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
def test_what_is_malformed_is_refused(public_idp: Any, changes: dict[str, Any], message: str) -> None:
    with raises_client_error("InvalidParameterException", message):
        sign_up(public_idp, **changes)


def test_an_unknown_client_is_named(public_idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client 0nobody does not exist."):
        sign_up(public_idp, "0nobody")


def test_a_client_with_a_secret_proves_it_at_each_step(public_idp: Any, emulator: Emulator) -> None:
    with raises_client_error(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        sign_up(public_idp, "2confidential")
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        sign_up(public_idp, "2confidential", Username="secretive", SecretHash=secret_hash("another"))
    proof = {"SecretHash": secret_hash("secretive")}
    sign_up(public_idp, "2confidential", Username="secretive", **proof)
    with raises_client_error("NotAuthorizedException"):
        public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive")
    public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive", **proof)
    code = latest_code(emulator, "secretive")
    with raises_client_error("NotAuthorizedException"):
        confirm(public_idp, "secretive", code, "2confidential")
    confirm(public_idp, "secretive", code, "2confidential", **proof)


def test_where_people_sign_in_by_email_the_address_is_the_name(public_idp: Any, emulator: Emulator, idp: Any) -> None:
    answer = sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    person = idp.admin_get_user(UserPoolId=OTHER_POOL_ID, Username="nora@example.com")
    assert person["Username"] == answer["UserSub"]
    with raises_client_error("UsernameExistsException", "An account with the given email already exists."):
        sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    with raises_client_error("InvalidParameterException", "Username should be an email."):
        sign_up(public_idp, "9strict", Username="nora", UserAttributes=[])
    confirm(public_idp, "nora@example.com", latest_code(emulator, answer["UserSub"]), "9strict")


def test_a_verified_address_is_taken_from_nobody(public_idp: Any, emulator: Emulator, users: Users) -> None:
    owner = users.create_with_email()
    address = f"{owner}@example.com"
    username = sign_up(public_idp, UserAttributes=attributes(email=address))["Username"]
    code = latest_code(emulator, username)
    with raises_client_error("AliasExistsException", "An account with the given email already exists."):
        confirm(public_idp, username, code)
    assert users.sign_in(address)["AuthenticationResult"]  # the owner's still
    confirm(public_idp, username, code, ForceAliasCreation=True)
    assert read_attribute(users.idp, owner, "email_verified") == "false"
    assert read_attribute(users.idp, username, "email_verified") == "true"


def test_an_address_that_is_not_verified_signs_nobody_in(users: Users) -> None:
    username = users.create_with_email(verified=False)
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        users.sign_in(f"{username}@example.com")


def test_an_address_that_has_changed_since_is_not_verified(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    changed = attributes(email="changed@example.com")
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=changed)
    confirm(public_idp, username, latest_code(emulator, username))
    assert read_attribute(idp, username, "email_verified") == "false"


def test_without_an_address_no_code_is_sent(public_idp: Any) -> None:
    answer = sign_up(public_idp, UserAttributes=[])
    assert "CodeDeliveryDetails" not in answer
    with raises_client_error("InvalidParameterException"):
        public_idp.resend_confirmation_code(ClientId="1public", Username=answer["Username"])


@pytest.fixture
def closed(idp: Any) -> Any:
    """The client of a pool that takes no sign-ups, verifies nothing, and asks for a name."""
    pool_id = idp.create_user_pool(
        PoolName="Closed",
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        Schema=[{"Name": "name", "Required": True}],
    )["UserPool"]["Id"]
    yield pool_id, idp.create_user_pool_client(UserPoolId=pool_id, ClientName="web")["UserPoolClient"]["ClientId"]
    idp.delete_user_pool(UserPoolId=pool_id)


def test_a_closed_pool_takes_nobody(public_idp: Any, closed: tuple[str, str]) -> None:
    with raises_client_error("NotAuthorizedException", "SignUp is not permitted for this user pool"):
        sign_up(public_idp, closed[1])


def test_a_pool_that_verifies_nothing_by_itself_sends_nothing(
    public_idp: Any, idp: Any, closed: tuple[str, str]
) -> None:
    pool_id, client_id = closed
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
def test_attributes_that_are_none_are_refused(emulator: Emulator, items: Any) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp"}
    body = {"ClientId": "1public", "Username": "x", "Password": PASSWORD, "UserAttributes": items}
    answer = requests.post(emulator.endpoint_url, json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")
