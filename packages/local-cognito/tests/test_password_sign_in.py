"""USER_PASSWORD_AUTH and ADMIN_USER_PASSWORD_AUTH over HTTP: who gets in, who is asked for more, who is refused."""

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


def new_password(idp: Any, challenge: dict[str, Any], username: str, password: str = "Own-horse-9") -> dict[str, Any]:
    answer: dict[str, Any] = idp.respond_to_auth_challenge(
        ClientId="1public",
        ChallengeName="NEW_PASSWORD_REQUIRED",
        Session=challenge["Session"],
        ChallengeResponses={"USERNAME": username, "NEW_PASSWORD": password},
    )
    return answer


def test_the_secret_hash_of_these_tests_is_the_published_one() -> None:
    hashed = secret_hash("my-test-user", "1example23456789", "9example87654321secretvalue")
    assert hashed == "qs0qD1prhSE1f4a/hSx8fNx6Qgx5riY1/7dPaJsv0jo="


def test_no_credentials_are_needed_for_a_password(public_idp: Any) -> None:
    result = sign_in(public_idp)["AuthenticationResult"]
    assert result["TokenType"] == "Bearer"
    assert result["ExpiresIn"] == 300


def test_an_administrator_signs_a_person_in(idp: Any) -> None:
    assert "RefreshToken" in admin_sign_in(idp)["AuthenticationResult"]


def test_the_old_name_of_the_admin_flow_works(idp: Any) -> None:
    assert "AuthenticationResult" in admin_sign_in(idp, flow="ADMIN_NO_SRP_AUTH")


def test_a_wrong_password_is_refused(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, PASSWORD="Wrong-horse-7")


def test_an_unknown_person_is_refused_as_a_wrong_password_is(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, USERNAME="nobody")


def test_a_talkative_client_says_that_a_person_is_unknown(public_idp: Any) -> None:
    with raises_client_error("UserNotFoundException", "User does not exist."):
        sign_in(public_idp, "4talkative", USERNAME="nobody")


def test_a_person_of_another_pool_is_unknown(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        sign_in(public_idp, USERNAME="sue@example.com")


def test_an_unknown_client_is_named(public_idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client unknown does not exist."):
        sign_in(public_idp, "unknown")


def test_an_administrator_names_the_pool_of_the_client(idp: Any) -> None:
    with raises_client_error("ResourceNotFoundException", "User pool client 9strict does not exist."):
        admin_sign_in(idp, "9strict")


@pytest.mark.parametrize("flow", ["ADMIN_USER_PASSWORD_AUTH", "CUSTOM_AUTH", "USER_AUTH"])
def test_a_flow_that_the_operation_does_not_have_is_refused(public_idp: Any, flow: str) -> None:
    with raises_client_error("InvalidParameterException", "Initiate Auth method not supported."):
        sign_in(public_idp, flow=flow)


def test_an_administrator_has_no_user_password_flow(idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "Initiate Auth method not supported."):
        admin_sign_in(idp, flow="USER_PASSWORD_AUTH")


def test_a_flow_that_the_client_does_not_allow_is_refused(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client"):
        sign_in(public_idp, "3frugal")


def test_an_admin_flow_that_the_client_does_not_allow_is_refused(idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "ADMIN_USER_PASSWORD_AUTH flow not enabled for this client"):
        admin_sign_in(idp, "3frugal")


def test_a_missing_parameter_is_named(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "Missing required parameter PASSWORD"):
        public_idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", ClientId="1public", AuthParameters={"USERNAME": "alice"}
        )


def test_a_client_with_a_secret_must_hash(public_idp: Any) -> None:
    with raises_client_error(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        sign_in(public_idp, "2confidential")


def test_a_hash_of_another_name_is_refused(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        sign_in(public_idp, "2confidential", SECRET_HASH=secret_hash("bob"))


def test_a_hash_of_the_name_that_is_sent_is_taken(public_idp: Any) -> None:
    name = "alice@example.com"
    answer = sign_in(public_idp, "2confidential", USERNAME=name, SECRET_HASH=secret_hash(name))
    assert "AuthenticationResult" in answer


def test_an_admin_flow_needs_the_hash_too(idp: Any) -> None:
    with raises_client_error("NotAuthorizedException"):
        admin_sign_in(idp, "2confidential")


@pytest.mark.parametrize("operation", ["sign_up", "forgot_password"])
def test_operations_beside_the_sign_in_need_the_hash_too(public_idp: Any, operation: str) -> None:
    extra = {"Password": PASSWORD} if operation == "sign_up" else {}
    with raises_client_error("NotAuthorizedException", "Unable to verify secret hash for client 2confidential"):
        getattr(public_idp, operation)(ClientId="2confidential", Username="alice", SecretHash="d3Jvbmc=", **extra)


def test_a_disabled_person_is_told_so(idp: Any, users: Users) -> None:
    username = users.create()
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User is disabled."):
        users.sign_in(username)


def test_an_unconfirmed_person_is_told_so(public_idp: Any, users: Users) -> None:
    public_idp.sign_up(ClientId="1public", Username="newcomer", Password=PASSWORD)
    with raises_client_error("UserNotConfirmedException", "User is not confirmed."):
        users.sign_in("newcomer")


def test_a_person_whose_password_was_reset_is_told_so(idp: Any, users: Users) -> None:
    username = users.create()
    verified = [{"Name": "email", "Value": "x@example.com"}, {"Name": "email_verified", "Value": "true"}]
    idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=username, UserAttributes=verified)
    idp.admin_reset_user_password(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("PasswordResetRequiredException", "Password reset required for the user"):
        users.sign_in(username)


def test_a_given_password_must_be_replaced(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    assert challenge["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(challenge["ChallengeParameters"]["requiredAttributes"]) == []
    assert "AuthenticationResult" in new_password(idp, challenge, username)
    assert "AuthenticationResult" in users.sign_in(username, password="Own-horse-9")


def test_a_new_password_must_follow_the_policy_and_may_be_tried_again(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    with raises_client_error("InvalidPasswordException"):
        new_password(idp, challenge, username, "short")
    assert "AuthenticationResult" in new_password(idp, challenge, username)


def test_a_session_answers_once(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    new_password(idp, challenge, username)
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        new_password(idp, challenge, username, "Thief-horse-9")


def test_a_session_expires(idp: Any, users: Users, clock: Clock) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    clock.pass_seconds(181)
    with raises_client_error("NotAuthorizedException", "Invalid session for the user, session is expired."):
        new_password(idp, challenge, username)


def test_a_person_disabled_between_two_steps_gets_no_tokens(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User is disabled."):
        new_password(idp, challenge, username)


def test_an_invented_session_is_refused(idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        new_password(idp, {"Session": "x" * 30}, "alice")


def test_a_challenge_that_is_not_there_is_named(public_idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "The challenge SMS_MFA is not supported here"):
        public_idp.respond_to_auth_challenge(
            ClientId="1public", ChallengeName="SMS_MFA", Session="x" * 30, ChallengeResponses={"USERNAME": "alice"}
        )


def test_an_administrator_answers_a_challenge(idp: Any, users: Users) -> None:
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


def test_a_pool_of_addresses_knows_people_by_them(public_idp: Any) -> None:
    answer = public_idp.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId="9strict",
        AuthParameters={"USERNAME": "sue@example.com", "PASSWORD": PASSWORD},
    )
    assert answer["ChallengeName"] == "MFA_SETUP"


def test_a_changed_password_is_the_one_that_works(public_idp: Any, users: Users) -> None:
    username = users.create()
    access_token = users.tokens(username)["AccessToken"]
    public_idp.change_password(AccessToken=access_token, PreviousPassword=PASSWORD, ProposedPassword="Own-horse-9")
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        users.sign_in(username)
    assert "AuthenticationResult" in users.sign_in(username, password="Own-horse-9")


def test_changing_a_password_takes_the_old_one(public_idp: Any, users: Users) -> None:
    access_token = users.tokens(users.create())["AccessToken"]
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        public_idp.change_password(
            AccessToken=access_token, PreviousPassword="Wr0ng-one", ProposedPassword="Own-horse-9"
        )


def test_a_person_deleted_between_two_steps_gets_no_tokens(idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    challenge = users.sign_in(username)
    idp.admin_delete_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("UserNotFoundException"):
        new_password(idp, challenge, username)


def test_the_other_pool_is_in_its_own_region(idp: Any) -> None:
    assert idp.describe_user_pool(UserPoolId=OTHER_POOL_ID)["UserPool"]["MfaConfiguration"] == "ON"
