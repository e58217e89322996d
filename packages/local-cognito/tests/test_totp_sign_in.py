"""Authenticator apps over HTTP: secrets, accepted and refused codes, and setup during the sign-in."""

from typing import Any

import pyotp
import pytest
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import PASSWORD, POOL_ID, Clock, Users


def respond(idp: Any, challenge: dict[str, Any], username: str, code: str) -> dict[str, Any]:
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


def test_user_with_totp_gets_the_software_token_challenge(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    challenge = users.sign_in(username)
    assert challenge["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert "AuthenticationResult" in respond(idp, challenge, username, app.at(int(clock())))


@pytest.mark.parametrize("seconds", [-30, 30])
def test_totp_code_of_an_adjacent_time_step_is_accepted(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock, seconds: int
) -> None:
    code = app.at(int(clock()) + seconds)
    assert "AuthenticationResult" in respond(idp, users.sign_in(username), username, code)


@pytest.mark.parametrize("seconds", [-90, 90])
def test_totp_code_of_another_time_is_refused(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock, seconds: int
) -> None:
    code = app.at(int(clock()) + seconds)
    with raises_client_error("CodeMismatchException", "Invalid code received for user"):
        respond(idp, users.sign_in(username), username, code)


def test_wrong_totp_code_may_be_retried(idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock) -> None:
    challenge = users.sign_in(username)
    with raises_client_error("CodeMismatchException"):
        respond(idp, challenge, username, app.at(int(clock()) + 3600))
    assert "AuthenticationResult" in respond(idp, challenge, username, app.at(int(clock())))


def test_totp_code_is_refused_the_second_time(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    code = app.at(int(clock()))
    respond(idp, users.sign_in(username), username, code)
    with raises_client_error("ExpiredCodeException", "Your software token has already been used once."):
        respond(idp, users.sign_in(username), username, code)


def test_totp_code_of_another_user_is_refused(
    idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock
) -> None:
    other_app = users.enable_totp(users.create(), clock)
    with raises_client_error("CodeMismatchException"):
        respond(idp, users.sign_in(username), username, other_app.at(int(clock())))


def test_disabled_totp_is_not_requested(idp: Any, users: Users, username: str, app: pyotp.TOTP, clock: Clock) -> None:
    idp.admin_set_user_mfa_preference(
        UserPoolId=POOL_ID, Username=username, SoftwareTokenMfaSettings={"Enabled": False}
    )
    assert "AuthenticationResult" in users.sign_in(username)


def test_wrong_totp_code_does_not_register_the_app(public_idp: Any, users: Users, username: str) -> None:
    access_token = users.tokens(username)["AccessToken"]
    secret = public_idp.associate_software_token(AccessToken=access_token)["SecretCode"]
    with raises_client_error("EnableSoftwareTokenMFAException", "Code mismatch"):
        public_idp.verify_software_token(AccessToken=access_token, UserCode=pyotp.TOTP(secret).at(0))
    with raises_client_error("InvalidParameterException", "User has not verified software token mfa"):
        public_idp.set_user_mfa_preference(AccessToken=access_token, SoftwareTokenMfaSettings={"Enabled": True})


def test_two_users_get_different_totp_secrets(public_idp: Any, users: Users) -> None:
    tokens = [users.tokens(users.create())["AccessToken"] for _ in range(2)]
    secrets = {public_idp.associate_software_token(AccessToken=token)["SecretCode"] for token in tokens}
    assert len(secrets) == 2


def test_user_with_totp_has_the_mfa_setting(idp: Any, username: str, app: pyotp.TOTP) -> None:
    user = idp.admin_get_user(UserPoolId=POOL_ID, Username=username)
    assert user["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]


def test_required_totp_is_set_up_during_the_sign_in(public_idp: Any, clock: Clock) -> None:
    """This is one test, since each step needs the session of the previous one and it changes the pool's user."""

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
    association = public_idp.associate_software_token(Session=challenge["Session"])
    code = pyotp.TOTP(association["SecretCode"]).at(int(clock()))
    verified = public_idp.verify_software_token(Session=association["Session"], UserCode=code)
    assert "AuthenticationResult" in finish(verified["Session"])
    assert first_factor()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_totp_setup_with_an_invalid_session_is_refused(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        public_idp.associate_software_token(Session="x" * 30)
