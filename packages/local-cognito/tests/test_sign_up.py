"""Sign-up through the API, with boto3: the account, the code, another code, and every refusal by its name."""

from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import refused
from local_cognito_support.codes import another, latest
from local_cognito_support.sign_up import EXPIRED, LIMIT, MISMATCH, UNKNOWN, attribute, attributes, secret_hash, sign_up
from local_cognito_support.user_pools import OTHER_POOL_ID, PASSWORD, POOL_ID, Clock, People


def confirm(idp: Any, username: str, code: str, client_id: str = "1public", **more: Any) -> None:
    idp.confirm_sign_up(ClientId=client_id, Username=username, ConfirmationCode=code, **more)


def test_somebody_new_is_confirmed_by_the_code_in_the_mailbox(
    public_idp: Any, emulator: Emulator, people: People
) -> None:
    answer = sign_up(public_idp)
    username = answer["Username"]
    assert answer["UserConfirmed"] is False
    assert answer["CodeDeliveryDetails"] == {
        "Destination": "n***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    with refused("UserNotConfirmedException", "User is not confirmed."):
        people.sign_in(username)
    assert attribute(people.idp, username, "email_verified") == "false"
    confirm(public_idp, username, latest(emulator, username))
    assert attribute(people.idp, username, "email_verified") == "true"
    assert people.idp.admin_get_user(UserPoolId=POOL_ID, Username=username)["UserStatus"] == "CONFIRMED"
    assert people.tokens(username)["IdToken"]


def test_codes_are_six_digits_and_no_two_alike(public_idp: Any, emulator: Emulator) -> None:
    codes = {latest(emulator, sign_up(public_idp)["Username"]) for _ in range(8)}
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert len(codes) > 1


def test_the_sub_is_the_one_that_tokens_name(public_idp: Any, emulator: Emulator) -> None:
    answer = sign_up(public_idp)
    assert emulator.service.find_user_by_sub(POOL_ID, answer["UserSub"]) is not None


def test_a_wrong_code_does_not_confirm_and_the_right_one_still_does(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest(emulator, username)
    with refused(*MISMATCH):
        confirm(public_idp, username, another(code))
    confirm(public_idp, username, code)


def test_a_code_confirms_once(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest(emulator, username)
    confirm(public_idp, username, code)
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, username, code)


def test_a_confirmed_person_is_not_told_from_an_unknown_one(public_idp: Any, people: People) -> None:
    for username in (people.new(), "nobody-at-all"):
        with refused(*EXPIRED):
            confirm(public_idp, username, "123456")


def test_somebody_disabled_since_is_not_confirmed(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with refused(*MISMATCH):
        confirm(public_idp, username, latest(emulator, username))


def test_a_client_that_tells_says_who_exists(public_idp: Any, people: People) -> None:
    with refused("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED"):
        confirm(public_idp, people.new(), "123456", "4talkative")
    with refused(*UNKNOWN):
        confirm(public_idp, "nobody-at-all", "123456", "4talkative")


def test_a_code_dies_after_a_day(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    clock.pass_seconds(86_400)
    with refused(*EXPIRED):
        confirm(public_idp, username, latest(emulator, username))


def test_another_code_replaces_the_one_before(public_idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    before = latest(emulator, username)
    answer = public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert answer["CodeDeliveryDetails"]["Destination"] == "n***@e***"
    code = latest(emulator, username)
    if code != before:
        with refused(*MISMATCH):
            confirm(public_idp, username, before)
    confirm(public_idp, username, code)


def test_fifteen_wrong_codes_are_enough_for_an_hour(public_idp: Any, emulator: Emulator, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]
    code = latest(emulator, username)
    for _ in range(15):
        with refused(*MISMATCH):
            confirm(public_idp, username, another(code))
    with refused(*LIMIT):
        confirm(public_idp, username, code)
    clock.pass_seconds(3600)
    confirm(public_idp, username, code)


def test_five_codes_are_sent_within_an_hour(public_idp: Any, clock: Clock) -> None:
    username = sign_up(public_idp)["Username"]  # the first
    for _ in range(4):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    with refused(*LIMIT):
        public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    clock.pass_seconds(3600)
    public_idp.resend_confirmation_code(ClientId="1public", Username=username)


def test_a_code_for_nobody_looks_as_if_it_were_sent_and_is_limited_alike(
    public_idp: Any, emulator: Emulator, people: People
) -> None:
    sent = len(emulator.mailbox.messages())
    for username in ("nobody-here", people.new()):
        answers = [public_idp.resend_confirmation_code(ClientId="1public", Username=username) for _ in range(5)]
        details = answers[0]["CodeDeliveryDetails"]
        assert all(answer["CodeDeliveryDetails"] == details for answer in answers)
        assert (details["DeliveryMedium"], details["Destination"][1:5]) == ("EMAIL", "***@")
        with refused(*MISMATCH):
            confirm(public_idp, username, "123456")
        with refused(*LIMIT):
            public_idp.resend_confirmation_code(ClientId="1public", Username=username)
    assert len(emulator.mailbox.messages()) == sent


def test_a_client_that_tells_says_why_no_code_is_sent(public_idp: Any, people: People) -> None:
    with refused("InvalidParameterException", "User is already confirmed."):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username=people.new())
    with refused(*UNKNOWN):
        public_idp.resend_confirmation_code(ClientId="4talkative", Username="nobody")


def test_a_name_that_is_taken_is_refused(public_idp: Any) -> None:
    with refused("UsernameExistsException", "User already exists"):
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
    with refused("InvalidPasswordException", f"Password did not conform with policy: {problem}"):
        sign_up(public_idp, Username="weak", Password=password)
    with refused("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=POOL_ID, Username="weak")


@pytest.mark.parametrize("name", ["email_verified", "phone_number_verified", "sub", "identities"])
def test_nobody_says_of_themselves_what_cognito_says(public_idp: Any, name: str) -> None:
    with refused("NotAuthorizedException", "A client attempted to write unauthorized attribute"):
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
    with refused("InvalidParameterException", message):
        sign_up(public_idp, **changes)


def test_an_unknown_client_is_named(public_idp: Any) -> None:
    with refused("ResourceNotFoundException", "User pool client 0nobody does not exist."):
        sign_up(public_idp, "0nobody")


def test_a_client_with_a_secret_proves_it_at_each_step(public_idp: Any, emulator: Emulator) -> None:
    with refused(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        sign_up(public_idp, "2confidential")
    with refused("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        sign_up(public_idp, "2confidential", Username="secretive", SecretHash=secret_hash("another"))
    proof = {"SecretHash": secret_hash("secretive")}
    sign_up(public_idp, "2confidential", Username="secretive", **proof)
    with refused("NotAuthorizedException"):
        public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive")
    public_idp.resend_confirmation_code(ClientId="2confidential", Username="secretive", **proof)
    code = latest(emulator, "secretive")
    with refused("NotAuthorizedException"):
        confirm(public_idp, "secretive", code, "2confidential")
    confirm(public_idp, "secretive", code, "2confidential", **proof)


def test_where_people_sign_in_by_email_the_address_is_the_name(public_idp: Any, emulator: Emulator, idp: Any) -> None:
    answer = sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    person = idp.admin_get_user(UserPoolId=OTHER_POOL_ID, Username="nora@example.com")
    assert person["Username"] == answer["UserSub"]
    with refused("UsernameExistsException", "An account with the given email already exists."):
        sign_up(public_idp, "9strict", Username="nora@example.com", UserAttributes=[])
    with refused("InvalidParameterException", "Username should be an email."):
        sign_up(public_idp, "9strict", Username="nora", UserAttributes=[])
    confirm(public_idp, "nora@example.com", latest(emulator, answer["UserSub"]), "9strict")


def test_a_verified_address_is_taken_from_nobody(public_idp: Any, emulator: Emulator, people: People) -> None:
    owner = people.new_with_email()
    address = f"{owner}@example.com"
    username = sign_up(public_idp, UserAttributes=attributes(email=address))["Username"]
    code = latest(emulator, username)
    with refused("AliasExistsException", "An account with the given email already exists."):
        confirm(public_idp, username, code)
    assert people.sign_in(address)["AuthenticationResult"]  # the owner's still
    confirm(public_idp, username, code, ForceAliasCreation=True)
    assert attribute(people.idp, owner, "email_verified") == "false"
    assert attribute(people.idp, username, "email_verified") == "true"


def test_an_address_that_is_not_verified_signs_nobody_in(people: People) -> None:
    username = people.new_with_email(verified=False)
    with refused("NotAuthorizedException", "Incorrect username or password."):
        people.sign_in(f"{username}@example.com")


def test_an_address_that_has_changed_since_is_not_verified(public_idp: Any, idp: Any, emulator: Emulator) -> None:
    username = sign_up(public_idp)["Username"]
    changed = attributes(email="changed@example.com")
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=changed)
    confirm(public_idp, username, latest(emulator, username))
    assert attribute(idp, username, "email_verified") == "false"


def test_without_an_address_no_code_is_sent(public_idp: Any) -> None:
    answer = sign_up(public_idp, UserAttributes=[])
    assert "CodeDeliveryDetails" not in answer
    with refused("InvalidParameterException"):
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
    with refused("NotAuthorizedException", "SignUp is not permitted for this user pool"):
        sign_up(public_idp, closed[1])


def test_a_pool_that_verifies_nothing_by_itself_sends_nothing(
    public_idp: Any, idp: Any, closed: tuple[str, str]
) -> None:
    pool_id, client_id = closed
    idp.update_user_pool(UserPoolId=pool_id, AdminCreateUserConfig={"AllowAdminCreateUserOnly": False})
    with refused(
        "InvalidParameterException", "Attributes did not conform to the schema: name: The attribute is required\n"
    ):
        sign_up(public_idp, client_id)
    answer = sign_up(public_idp, client_id, UserAttributes=attributes(name="Newcomer", email="new@example.com"))
    assert "CodeDeliveryDetails" not in answer
    with refused("InvalidParameterException", "Auto verification not turned on."):
        public_idp.resend_confirmation_code(ClientId=client_id, Username=answer["Username"])


@pytest.mark.parametrize("items", ["email", [{"Value": "without a name"}], ["email"]])
def test_attributes_that_are_none_are_refused(emulator: Emulator, items: Any) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.SignUp"}
    body = {"ClientId": "1public", "Username": "x", "Password": PASSWORD, "UserAttributes": items}
    answer = requests.post(emulator.endpoint_url, json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")
