"""USER_SRP_AUTH over HTTP, with pycognito as the client."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pycognito
import pytest
from local_cognito import Emulator
from local_cognito.api import srp
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import OTHER_POOL_ID, PASSWORD, POOL_ID, SECRET, Users
from pycognito.aws_srp import AWSSRP


def srp_client(idp: Any, username: str, password: str = PASSWORD, **options: Any) -> AWSSRP:
    options = {"pool_id": POOL_ID, "client_id": "1public", **options}
    return AWSSRP(username=username, password=password, client=idp, **options)


def start_srp(idp: Any, client: AWSSRP) -> dict[str, str]:
    """Start USER_SRP_AUTH and return the parameters of the PASSWORD_VERIFIER challenge."""
    answer = idp.initiate_auth(
        AuthFlow="USER_SRP_AUTH", ClientId=client.client_id, AuthParameters=client.get_auth_params()
    )
    assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
    parameters: dict[str, str] = answer["ChallengeParameters"]
    return parameters


def respond(idp: Any, client: AWSSRP, responses: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = idp.respond_to_auth_challenge(
        ClientId=client.client_id, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=responses
    )
    return answer


def proof(client: AWSSRP, parameters: dict[str, str]) -> dict[str, str]:
    responses: dict[str, str] = client.process_challenge(parameters, client.get_auth_params())
    return responses


def test_pycognito_signs_in_and_verifies_the_tokens(emulator: Emulator) -> None:
    user = pycognito.Cognito(
        POOL_ID,
        "1public",
        username="alice",
        access_key="any",
        secret_key="any",
        boto3_client_kwargs={"endpoint_url": emulator.endpoint_url, "region_name": "eu-west-1"},
    )
    user.authenticate(password=PASSWORD)  # it verifies both tokens, by issuer and keys over HTTP
    assert user.id_claims["email"] == "alice@example.com"
    assert user.access_claims["username"] == "alice"


def test_srp_with_wrong_password_is_refused(public_idp: Any) -> None:
    with pytest.raises(public_idp.exceptions.NotAuthorizedException, match="Incorrect username or password"):
        srp_client(public_idp, "alice", "Wrong-horse-7").authenticate_user()


def test_srp_sign_in_by_alias_succeeds(public_idp: Any) -> None:
    assert "AuthenticationResult" in srp_client(public_idp, "alice@example.com").authenticate_user()


def test_srp_sign_in_of_confidential_client_with_secret_hash(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice", client_id="2confidential", client_secret=SECRET)
    assert "AuthenticationResult" in client.authenticate_user()


def test_srp_response_without_secret_hash_is_refused(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice", client_id="2confidential", client_secret=SECRET)
    responses = proof(client, start_srp(public_idp, client))
    del responses["SECRET_HASH"]
    with raises_client_error(
        "NotAuthorizedException", "Client 2confidential is configured with secret but SECRET_HASH was not received"
    ):
        respond(public_idp, client, responses)


def test_srp_response_may_have_user_id_for_srp_as_username(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice@example.com")
    parameters = start_srp(public_idp, client)
    responses = {**proof(client, parameters), "USERNAME": parameters["USER_ID_FOR_SRP"]}
    assert "AuthenticationResult" in respond(public_idp, client, responses)


def test_srp_response_with_another_username_signs_in_the_first(public_idp: Any, users: Users) -> None:
    username = users.create()
    client = srp_client(public_idp, username)
    answer = respond(public_idp, client, {**proof(client, start_srp(public_idp, client)), "USERNAME": "alice"})
    user = public_idp.get_user(AccessToken=answer["AuthenticationResult"]["AccessToken"])
    assert user["Username"] == username


def test_srp_proof_is_accepted_once(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    respond(public_idp, client, responses)
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        respond(public_idp, client, responses)


def test_srp_exchange_allows_one_attempt(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        respond(public_idp, client, {**responses, "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(bytes(32)).decode()})
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        respond(public_idp, client, responses)


def test_srp_proof_of_another_client_is_refused(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    client.client_id = "3frugal"
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        respond(public_idp, client, responses)


@pytest.mark.parametrize("minutes", [-2, 2])
def test_srp_proof_with_a_wrong_time_is_refused(public_idp: Any, minutes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    client = srp_client(public_idp, "alice")
    wrong = srp.format_timestamp(datetime.now(UTC) + timedelta(minutes=minutes))
    monkeypatch.setattr(client, "get_cognito_formatted_timestamp", lambda moment: wrong)
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        respond(public_idp, client, proof(client, start_srp(public_idp, client)))


def test_srp_proof_signs_the_timestamp(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    other = srp.format_timestamp(srp.parse_timestamp(responses["TIMESTAMP"]) + timedelta(seconds=1))
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        respond(public_idp, client, {**responses, "TIMESTAMP": other})


def test_malformed_timestamp_is_invalid_parameter(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    with raises_client_error("InvalidParameterException"):
        respond(public_idp, client, {**responses, "TIMESTAMP": "2026-03-03T07:08:09Z"})


def test_srp_sign_in_of_unknown_user_is_refused_after_the_challenge(public_idp: Any) -> None:
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        srp_client(public_idp, "nobody").authenticate_user()


def test_srp_salt_of_an_unknown_user_is_stable(public_idp: Any) -> None:
    salts = {start_srp(public_idp, srp_client(public_idp, "nobody"))["SALT"] for _ in range(2)}
    assert len(salts) == 1


def test_unknown_user_is_revealed_if_the_client_allows_it(public_idp: Any) -> None:
    with raises_client_error("UserNotFoundException", "User does not exist."):
        start_srp(public_idp, srp_client(public_idp, "nobody", client_id="4talkative"))


@pytest.mark.parametrize("srp_a", ["0", f"{srp.N:x}", "not hexadecimal"])
def test_invalid_srp_a_is_refused(public_idp: Any, srp_a: str) -> None:
    with raises_client_error("InvalidParameterException", "SRP_A is not valid"):
        public_idp.initiate_auth(
            AuthFlow="USER_SRP_AUTH", ClientId="1public", AuthParameters={"USERNAME": "alice", "SRP_A": srp_a}
        )


def test_user_without_password_is_refused_an_empty_password(idp: Any, public_idp: Any) -> None:
    idp.admin_create_user(UserPoolId=POOL_ID, Username="passwordless")
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        srp_client(public_idp, "passwordless", "").authenticate_user()


def test_srp_with_changed_password_requires_the_new_one(idp: Any, public_idp: Any, users: Users) -> None:
    username = users.create()
    idp.admin_set_user_password(UserPoolId=POOL_ID, Username=username, Password="Other-horse-8", Permanent=True)
    with raises_client_error("NotAuthorizedException", "Incorrect username or password."):
        srp_client(public_idp, username).authenticate_user()
    assert "AuthenticationResult" in srp_client(public_idp, username, "Other-horse-8").authenticate_user()


def test_user_disabled_before_the_srp_proof_is_refused(idp: Any, public_idp: Any, users: Users) -> None:
    username = users.create()
    client = srp_client(public_idp, username)
    responses = proof(client, start_srp(public_idp, client))
    idp.admin_disable_user(UserPoolId=POOL_ID, Username=username)
    with raises_client_error("NotAuthorizedException", "User is disabled."):
        respond(public_idp, client, responses)


def test_invalid_srp_secret_block_is_refused(public_idp: Any) -> None:
    client = srp_client(public_idp, "alice")
    responses = proof(client, start_srp(public_idp, client))
    with raises_client_error("NotAuthorizedException", "Invalid session for the user."):
        respond(public_idp, client, {**responses, "PASSWORD_CLAIM_SECRET_BLOCK": "not base64"})


def test_temporary_password_is_replaced_after_the_srp_proof(idp: Any, public_idp: Any, users: Users) -> None:
    username = users.create(permanent_password=False)
    tokens = srp_client(public_idp, username).set_new_password_challenge("Own-horse-9")
    assert "AuthenticationResult" in tokens


def test_pool_with_email_usernames_uses_the_sub_for_srp(public_idp: Any) -> None:
    client = srp_client(public_idp, "sue@example.com", pool_id=OTHER_POOL_ID, client_id="9strict")
    parameters = start_srp(public_idp, client)
    assert parameters["USER_ID_FOR_SRP"] == "50e00000-0000-4000-8000-000000000001"
    assert respond(public_idp, client, proof(client, parameters))["ChallengeName"] == "MFA_SETUP"
