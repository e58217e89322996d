"""The user-pool API of this package at the local Cognito: refresh, revocation, disabled users, client secrets."""

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from local_cognito import Emulator

from django_cognito.core import UserPool
from django_cognito.core.auth_api.user_api import UserPoolApi
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, SignInError
from django_cognito.core.hosted_ui import HostedUi
from tests.support.timeouts import patient_http

POOL_ID = "eu-west-1_ApiTests1"
FIRST, SECOND = "first_secret_of_24_letters", "second_secret_of_24_letters"
PASSWORD = "Correct-horse-7"
FLOWS = ["ALLOW_USER_PASSWORD_AUTH"]
SEED = {
    "pools": [
        {
            "id": POOL_ID,
            "clients": [
                {"id": "1public", "auth_flows": FLOWS},
                {"id": "4irrevocable", "auth_flows": FLOWS, "enable_token_revocation": False},
                {"id": "2rotating", "auth_flows": FLOWS, "rotate_refresh_tokens": True},
                {"id": "3confidential", "auth_flows": [*FLOWS, "ALLOW_ADMIN_USER_PASSWORD_AUTH"], "secret": FIRST},
            ],
            "users": [{"username": "alice", "password": PASSWORD}],
        }
    ]
}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as running:
        yield running


@pytest.fixture
def administration(emulator: Emulator) -> Any:
    key = emulator.admin_credentials
    return boto3.client(
        "cognito-idp",
        endpoint_url=emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
    )


@pytest.fixture
def open_api(emulator: Emulator) -> Callable[..., UserPoolApi]:
    pool = UserPool(POOL_ID, endpoint_url=emulator.endpoint_url)
    return lambda client_id, secret="": UserPoolApi(pool, client_id, secret, http=patient_http())


def sign_in(emulator: Emulator, client_id: str) -> dict[str, str]:
    client = emulator.service.client(client_id)
    assert client is not None
    user = emulator.service.get_user(client, "alice")
    tokens: dict[str, str] = emulator.service.issue_api_tokens(client, user)
    return tokens


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(CognitoError) as caught:
        call()
    return caught.value.code


def test_replaced_refresh_token_is_reported_as_reused(emulator: Emulator, open_api: Any) -> None:
    api, raw = open_api("2rotating"), sign_in(emulator, "2rotating")["RefreshToken"]
    rotated = api.refresh(raw)
    assert rotated.refresh_token not in (None, raw)
    assert code_of(lambda: api.refresh(raw)) == "refresh_token_reused"
    assert api.refresh(rotated.refresh_token).access_token


def test_revoked_refresh_token_is_an_invalid_grant(emulator: Emulator, open_api: Any) -> None:
    api, raw = open_api("1public"), sign_in(emulator, "1public")["RefreshToken"]
    assert api.refresh(raw).refresh_token is None
    api.revoke(raw)
    api.revoke(raw)
    assert code_of(lambda: api.refresh(raw)) == "invalid_grant"


def test_refresh_token_is_irrevocable_if_revocation_is_off(emulator: Emulator, open_api: Any) -> None:
    api, raw = open_api("4irrevocable"), sign_in(emulator, "4irrevocable")["RefreshToken"]
    hosted_ui = HostedUi(UserPool(POOL_ID, domain=emulator.url), "4irrevocable", http=patient_http())
    assert {code_of(lambda: api.revoke(raw)), code_of(lambda: hosted_ui.revoke(raw))} == {"revocation_disabled"}
    assert api.refresh(raw).access_token


def test_global_sign_out_ends_the_other_refresh_token(emulator: Emulator, open_api: Any) -> None:
    api, first, second = open_api("1public"), sign_in(emulator, "1public"), sign_in(emulator, "1public")
    api.sign_out_everywhere(first["AccessToken"])
    assert code_of(lambda: api.refresh(second["RefreshToken"])) == "invalid_grant"


def test_attribute_that_was_removed_or_emptied_is_not_returned(
    emulator: Emulator, open_api: Any, administration: Any
) -> None:
    api, raw = open_api("1public"), sign_in(emulator, "1public")["AccessToken"]
    user = {"UserPoolId": POOL_ID, "Username": "alice"}
    names = [{"Name": name, "Value": "Ada"} for name in ("given_name", "nickname", "locale")]
    administration.admin_update_user_attributes(**user, UserAttributes=names)
    assert {"given_name", "nickname", "locale"} <= api.get_user(raw).keys()
    administration.admin_delete_user_attributes(**user, UserAttributeNames=["given_name"])
    administration.admin_update_user_attributes(**user, UserAttributes=[{"Name": "nickname", "Value": ""}])
    attributes = api.get_user(raw)
    assert ("given_name" in attributes, attributes.get("nickname", ""), attributes["locale"]) == (False, "", "Ada")


def test_disabled_and_deleted_users_have_codes_of_their_own(
    emulator: Emulator, open_api: Any, administration: Any
) -> None:
    api, raw = open_api("1public"), sign_in(emulator, "1public")["RefreshToken"]
    administration.admin_disable_user(UserPoolId=POOL_ID, Username="alice")
    assert code_of(lambda: api.refresh(raw)) == "user_disabled_in_cognito"
    administration.admin_enable_user(UserPoolId=POOL_ID, Username="alice")
    assert code_of(lambda: api.refresh(raw)) == "invalid_grant"  # disabling has revoked it
    administration.admin_delete_user(UserPoolId=POOL_ID, Username="alice")
    assert code_of(lambda: api.refresh(raw)) == "user_not_found_in_cognito"


def test_wrong_secret_or_client_is_an_invalid_client(emulator: Emulator, open_api: Any) -> None:
    raw = sign_in(emulator, "3confidential")["RefreshToken"]
    for api in (open_api("3confidential", SECOND), open_api("3confidential"), open_api("unknown")):
        for call in (lambda api=api: api.refresh(raw), lambda api=api: api.revoke(raw)):
            assert code_of(call) == "invalid_client"
    assert open_api("3confidential", FIRST).refresh(raw).access_token


def test_replaced_secret_is_read_again_by_refresh_and_revoke(emulator: Emulator, open_api: Any) -> None:
    raw = sign_in(emulator, "3confidential")["RefreshToken"]
    for call in ("refresh", "revoke"):
        current = [FIRST]
        secret = ClientSecret(lambda current=current: current[0], cooldown_seconds=0)
        assert secret.read() == FIRST
        current[0] = SECOND
        emulator.replace_client_secret("3confidential", SECOND)
        getattr(open_api("3confidential", secret), call)(raw)
        emulator.replace_client_secret("3confidential", FIRST)


def test_unreachable_api_is_unavailable() -> None:
    pool = UserPool(POOL_ID, endpoint_url="http://127.0.0.1:9")
    with pytest.raises(CognitoUnavailableError):
        UserPoolApi(pool, "1public").refresh("a-refresh-token")
    assert not issubclass(CognitoUnavailableError, SignInError)
