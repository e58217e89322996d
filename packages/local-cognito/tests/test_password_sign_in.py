"""USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH over HTTP: tokens, challenges and errors."""

import json
from typing import Any

import pytest
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.sign_up import secret_hash
from local_cognito_support.user_pools import OTHER_POOL_ID, PASSWORD, POOL_ID, Clock, Users


def sign_in(
    idp: Any, client_id: str = "1public", flow: str = "USER_PASSWORD_AUTH", **parameters: str
) -> dict[str, Any]:
    parameters = {"USERNAME": "alice", "PASSWORD": PASSWORD, **parameters}
    answer: dict[str, Any] = idp.initiate_auth(AuthFlow=flow, ClientId=client_id, AuthParameters=parameters)
    return answer


def admin_sign_in(
    idp: Any, client_id: str = "1public", flow: str = "ADMIN_USER_PASSWORD_AUTH", **parameters: str
) -> dict[str, Any]:
    parameters = {"USERNAME": "alice", "PASSWORD": PASSWORD, **parameters}
    answer: dict[str, Any] = idp.admin_initiate_auth(
        UserPoolId=POOL_ID, AuthFlow=flow, ClientId=client_id, AuthParameters=parameters
    )
    return answer


def set_new_password(
    idp: Any, challenge: dict[str, Any], username: str, password: str = "Own-horse-9"
) -> dict[str, Any]:
    answer: dict[str, Any] = idp.respond_to_auth_challenge(
        ClientId="1public",
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": password},
    )
    return answer


def test_secret_hash_helper_matches_the_published_example() -> None:
    hashed = secret_hash("my-test-user", "1example23456789", "9example87654321secretvalue")
    assert hashed == "qs0qD1prhSE1f4a/hSx8fNx6Qgx5riY1/7dPaJsv0jo="


def test_password_sign_in_needs_no_aws_credentials(public_idp: Any) -> None:
    result = sign_in(public_idp)["AuthenticationResult"]
    assert result["TokenType"] == "Bearer"
    assert result["ExpiresIn"] == 300


def test_administrator_signs_a_user_in(idp: Any) -> None:
    assert "RefreshToken" in admin_sign_in(idp)["AuthenticationResult"]


def test_admin_no_srp_auth_flow_is_accepted(idp: Any) -> None:
    assert "AuthenticationResult" in admin_sign_in(idp, flow="ADMIN_NO_SRP_AUTH")


def test_wrong_password_is_refused(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, PASSWORD="Wrong-horse-7")


def test_unknown_user_gets_the_error_of_a_wrong_password(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, USERNAME="nobody")


def test_unknown_user_is_revealed_if_the_client_allows_it(public_idp: Any) -> None:
    with raises_client_error("UserNotFoundException", "User does not exist."):
        sign_in(public_idp, "4talkative", USERNAME="nobody")


def test_user_of_another_pool_is_unknown(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, USERNAME="sue@example.com")


def test_unknown_client_is_named(public_idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client unknown does not exist."):
        sign_in(public_idp, "unknown")


def test_client_of_another_pool_is_refused_for_an_administrator(idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client 9strict does not exist."):
        admin_sign_in(idp, "9strict")


@pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH"])
def test_unsupported_auth_flow_is_refused(public_idp: Any, flow: str) -> None:
    with raises_client_error("InvalidParameterException", "Initiate Auth method not supported."):
        sign_in(public_idp, flow=flow)


def test_admin_sign_in_with_user_password_auth_is_refused(idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "Initiate Auth method not supported."):
        admin_sign_in(idp, flow="USER_PASSWORD_AUTH")


def test_flow_not_enabled_for_the_client_is_refused(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
        sign_in(public_idp, "3frugal")


def test_admin_flow_not_enabled_for_the_client_is_refused(idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "ADMIN_USER_PASSWORD_AUTH flow not enabled for this client"):
        admin_sign_in(idp, "3frugal")


def test_missing_auth_parameter_is_named(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "Missing required parameter PASSWORD"):
        public_idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", ClientId="1public", AuthParameters={"USERNAME": "alice"}
        )


def test_confidential_client_requires_secret_hash(public_idp: Any) -> None:
    with raises_client_error(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        sign_in(public_idp, "2confidential")


def test_secret_hash_of_another_username_is_refused(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        sign_in(public_idp, "2confidential", SECRET_HASH=secret_hash("bob"))


def test_secret_hash_of_the_sent_alias_is_accepted(public_idp: Any) -> None:
    name = "alice@example.com"
    answer = sign_in(public_idp, "2confidential", USERNAME=name, SECRET_HASH=secret_hash(name))
    assert "AuthenticationResult" in answer


def test_admin_flow_requires_secret_hash(idp: Any) -> None:
    with raises_client_error("NotAuthorizedException"):
        admin_sign_in(idp, "2confidential")


@pytest.mark.parametrize("operation", ["sign_up", "forgot_password"])
def test_sign_up_and_forgot_password_require_secret_hash(public_idp: Any, operation: str) -> None:
    extra = {"Password": PASSWORD} if operation == "sign_up" else {}
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        getattr(public_idp, operation)(ClientId="2confidential", Username="alice", SecretHash="d3Jvbmc=", **extra)


def test_disabled_user_is_refused(idp: Any, users: Users) -> None:
    username = users.create()
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User is disabled."):
        users.sign_in(username)


def test_unconfirmed_user_is_refused(public_idp: Any, users: Users) -> None:
    public_idp.sign_up(ClientId="1public", Username="newcomer", Password=PASSWORD)
    with raises_client_error("UserNotConfirmedException", "User is not confirmed."):
        users.sign_in("newcomer")


def test_user_with_reset_password_is_refused(idp: Any, users: Users) -> None:
    username = users.create()
    verified = [{"Name": "email", "Value": "x@example.com"}, {"Name": "email_verified", "Value": "true"}]
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=verified)
    idp.admin_reset_user_password(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("PasswordResetRequiredException", "Password reset required for the user"):
        users.sign_in(username)


def test_temporary_password_must_be_replaced(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(challenge["ChallengeParameters"]["requiredAttributes"]) == []
    assert "AuthenticationResult" in set_new_password(idp, challenge, username)
    assert "AuthenticationResult" in users.sign_in(username, password="Own-horse-9")


def test_new_password_against_the_policy_may_be_retried(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    with raises_client_error("InvalidPasswordException"):
        set_new_password(idp, challenge, username, "short")
    assert "AuthenticationResult" in set_new_password(idp, challenge, username)


def test_challenge_session_is_accepted_once(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    set_new_password(idp, challenge, username)
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        set_new_password(idp, challenge, username, "Thief-horse-9")


def test_challenge_session_expires(idp: Any, users: Users, clock: Clock) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    clock.pass_seconds(181)
    with raises_client_error("NotAuthorizedException", "Invalid session for the user, session is expired."):
        set_new_password(idp, challenge, username)


def test_user_disabled_during_a_challenge_gets_no_tokens(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User is disabled."):
        set_new_password(idp, challenge, username)


def test_invalid_challenge_session_is_refused(idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        set_new_password(idp, {"Session": "x" * 30}, "alice")


def test_unsupported_challenge_is_named(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "The challenge SMS_MFA is not supported here"):
        public_idp.respond_to_auth_challenge(
            ClientId="1public", ChallengeName="SMS_MFA", Session="x" * 30, ChallengeResponses={"USERNAME": "alice"}
        )


def test_administrator_responds_to_a_challenge(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = admin_sign_in(idp, USERNAME=username)
    answer = idp.admin_respond_to_auth_challenge(
        UserPoolId=POOL_ID,
        ClientId="1public",
        ChallengeName=challenge["ChallengeName"],
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": "Own-horse-9"},
    )
    assert "AuthenticationResult" in answer


def test_pool_with_email_usernames_signs_in_by_email(public_idp: Any) -> None:
    answer = public_idp.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId="9strict",
        AuthParameters={"USERNAME": "sue@example.com", "PASSWORD": PASSWORD},
    )
    assert answer["ChallengeName"] == "MFA_SETUP"


def test_changed_password_replaces_the_old_one(public_idp: Any, users: Users) -> None:
    username = users.create()
    access_token = users.tokens(username)["AccessToken"]
    public_idp.change_password(AccessToken=access_token, PreviousPassword=PASSWORD, ProposedPassword="Own-horse-9")
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        users.sign_in(username)
    assert "AuthenticationResult" in users.sign_in(username, password="Own-horse-9")


def test_change_password_requires_the_previous_password(public_idp: Any, users: Users) -> None:
    access_token = users.tokens(users.create())["AccessToken"]
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        public_idp.change_password(
            AccessToken=access_token, PreviousPassword="Wr0ng-one", ProposedPassword="Own-horse-9"
        )


def test_user_deleted_during_a_challenge_gets_no_tokens(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    idp.admin_delete_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("UserNotFoundException"):
        set_new_password(idp, challenge, username)


def test_pool_of_another_region_is_described(idp: Any) -> None:
    assert idp.describe_user_pool(UserPoolId=OTHER_POOL_ID)["UserPool"]["MfaConfiguration"] == "ON"
