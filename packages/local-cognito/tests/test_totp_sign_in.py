"""Authenticator apps over HTTP: each person's own secret, codes that count, codes that do not."""

from typing import Any

import pyotp
import pytest
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import PASSWORD, POOL_ID, Clock, Users


def answer(idp: Any, challenge: dict[str, Any], username: str, code: str) -> dict[str, Any]:
    response: dict[str, Any] = idp.respond_to_auth_challenge(
        ClientId="1public",
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "SOFTWARE_TOKEN_MFA_CODE": code},
    )
    return response


@pytest.fixture
def username(users: Users) -> str:
    return users.create()


@pytest.fixture
def app(users: Users, username: str, clock: Clock) -> pyotp.TOTP:
    return users.enable_totp(username, clock)


def test_an_enrolled_person_is_asked_for_a_code(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    challenge = users.sign_in(username)
    assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "AuthenticationResult" in answer(idp, challenge, username, app.at(int(clock())))


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_code_of_the_step_before_or_after_counts(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock, seconds: int
) -> None:
    code = app.at(int(clock()) + seconds)
    assert "AuthenticationResult" in answer(idp, users.sign_in(username), username, code)


@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_code_of_another_time_is_refused(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock, seconds: int
) -> None:
    code = app.at(int(clock()) + seconds)
    with raises_client_error("CodeMismatchException", "Invalid code received for user"):
        answer(idp, users.sign_in(username), username, code)


def test_after_a_wrong_code_the_right_one_still_counts(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    challenge = users.sign_in(username)
    with raises_client_error("CodeMismatchException"):
        answer(idp, challenge, username, app.at(int(clock()) + 3600))
    assert "AuthenticationResult" in answer(idp, challenge, username, app.at(int(clock())))


def test_a_code_works_once(idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock) -> None:
    code = app.at(int(clock()))
    answer(idp, users.sign_in(username), username, code)
    with raises_client_error("ExpiredCodeException", "Your software token has already been used once."):
        answer(idp, users.sign_in(username), username, code)


def test_a_code_of_somebody_else_is_refused(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    other = users.enable_totp(users.create(), clock)
    with raises_client_error("CodeMismatchException"):
        answer(idp, users.sign_in(username), username, other.at(int(clock())))


def test_switching_the_app_off_ends_the_question(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    idp.admin_set_user_mfa_preference(
        UserPoolId=POOL_ID, Username=username, SoftwareTokenMfaSettings={"Enabled": False}
    )
    assert "AuthenticationResult" in users.sign_in(username)


def test_a_wrong_code_does_not_enrol(public_idp: Any, users: Users, username: str) -> None:
    access_token = users.tokens(username)["AccessToken"]
    secret = public_idp.associate_software_token(AccessToken=access_token)["SecretCode"]
    with raises_client_error("EnableSoftwareTokenMFAException", "Code mismatch"):
        public_idp.verify_software_token(AccessToken=access_token, UserCode=pyotp.TOTP(secret).at(0))
    with raises_client_error("InvalidParameterException", "User has not verified software token mfa"):
        public_idp.set_user_mfa_preference(AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": True})


def test_two_people_get_two_secrets(public_idp: Any, users: Users) -> None:
    tokens = [users.tokens(users.create())["AccessToken"] for _ in range(2)]
    secrets = {public_idp.associate_software_token(AccessToken=token)["SecretCode"] for token in tokens}
    assert len(secrets) == 2


def test_an_enrolled_person_is_shown_as_such(idp: Any, username: str, app: pyotp.TOTP) -> None:
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    assert user["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]


def test_where_a_second_factor_is_a_must_it_is_set_up_on_the_way_in(public_idp: Any, clock: Clock) -> None:
    """One test for the whole way: each step hands the next its session, and it changes the one person of that pool."""

    def first_factor() -> dict[str, Any]:
        response: dict[str, Any] = public_idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH",
            ClientId="9strict",
            AuthParameters={"USERNAME": "sam@example.com", "PASSWORD": PASSWORD},
        )
        return response

    def finish(session: str) -> dict[str, Any]:
        response: dict[str, Any] = public_idp.respond_to_auth_challenge(
            ClientId="9strict",
            ChallengeName="MFA_SETUP",
            Session=session,
            ChallengeResponses={"USERNAME": "sam@example.com"},
        )
        return response

    challenge = first_factor()
    assert challenge["ChallengeName"] == "MFA_SETUP"
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        finish(challenge["Session"])
    enrolment = public_idp.associate_software_token(Session=challenge["Session"])
    code = pyotp.TOTP(enrolment["SecretCode"]).at(int(clock()))
    verified = public_idp.verify_software_token(Session=enrolment["Session"], UserCode=code)
    assert "AuthenticationResult" in finish(verified["Session"])
    assert first_factor()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_an_invented_session_enrols_nobody(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        public_idp.associate_software_token(Session="x" * 30)
