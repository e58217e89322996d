"""Usernames, email addresses and preferred usernames in pools that ignore case, and in pools that do not."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from local_cognito import Emulator
from local_cognito.seeds.reading import read_seed
from local_cognito.seeds.values import SeedError
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import PASSWORD

EMAIL_POOL, ALIAS_POOL, CASE_POOL = "eu-west-1_Emails", "eu-west-1_Aliases", "eu-west-1_Case"


def pool(pool_id: str, client_id: str, username: str, **config: Any) -> dict[str, Any]:
    clients = [{"id": client_id, "auth_flows": ["ALLOW_USER_PASSWORD_AUTH"]}]
    user = {"username": username, "password": PASSWORD, "email": "ada@example.com", "email_verified": True}
    return {"id": pool_id, "clients": clients, "users": [{**user, "preferred_username": "Countess"}], **config}


@pytest.fixture(scope="module")
def idp() -> Iterator[Any]:
    aliases = ["email", "preferred_username"]
    pools = [
        pool(EMAIL_POOL, "1emails", "ada@example.com", username_attributes=["email"]),
        pool(ALIAS_POOL, "2aliases", "Ada", alias_attributes=aliases),
        pool(CASE_POOL, "3case", "Ada", alias_attributes=aliases, case_sensitive=True),
    ]
    config = Config(retries={"max_attempts": 0})
    with Emulator(seed={"pools": pools}) as emulator:
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "config": config}
        yield boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, region_name="eu-west-1", **keys)


def sign_in(idp: Any, client_id: str, username: str) -> Any:
    parameters = {"USERNAME": username, "PASSWORD": PASSWORD}
    return idp.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client_id, AuthParameters=parameters)


@pytest.mark.parametrize(
    ("pool_id", "client_id", "username"),
    [
        (EMAIL_POOL, "1emails", "ada@example.com"),
        (EMAIL_POOL, "1emails", "Ada@Example.com"),
        (ALIAS_POOL, "2aliases", "ADA"),
        (ALIAS_POOL, "2aliases", "ADA@example.COM"),
        (ALIAS_POOL, "2aliases", "countess"),
        (CASE_POOL, "3case", "Ada"),
    ],
)
def test_user_signs_in_with_a_name_of_the_pool(idp: Any, pool_id: str, client_id: str, username: str) -> None:
    assert "AuthenticationResult" in sign_in(idp, client_id, username)
    name = "ada@example.com" if pool_id == EMAIL_POOL else "Ada"
    expected = idp.admin_get_user(UserPoolId=pool_id, Username=name)["Username"]
    assert idp.admin_get_user(UserPoolId=pool_id, Username=username)["Username"] == expected


@pytest.mark.parametrize("username", ["ada", "ADA@example.com", "countess"])
def test_case_counts_in_a_case_sensitive_pool(idp: Any, username: str) -> None:
    with raises_client_error("NotAuthorizedException"):
        sign_in(idp, "3case", username)
    with raises_client_error("UserNotFoundException"):
        idp.admin_get_user(UserPoolId=CASE_POOL, Username=username)


@pytest.mark.parametrize(
    ("pool_id", "client_id", "username"), [(EMAIL_POOL, "1emails", "Ada@Example.com"), (ALIAS_POOL, "2aliases", "aDA")]
)
def test_name_in_another_case_exists_already(idp: Any, pool_id: str, client_id: str, username: str) -> None:
    attributes = [{"Name": "email", "Value": "Ada@Example.com"}]
    with raises_client_error("UsernameExistsException"):
        idp.sign_up(ClientId=client_id, Username=username, Password=PASSWORD, UserAttributes=attributes)
    with raises_client_error("UsernameExistsException"):
        idp.admin_create_user(UserPoolId=pool_id, Username=username)


def test_verified_email_in_another_case_is_an_alias_that_exists(idp: Any) -> None:
    verified = [{"Name": "email", "Value": "ADA@EXAMPLE.COM"}, {"Name": "email_verified", "Value": "true"}]
    with raises_client_error("AliasExistsException"):
        idp.admin_create_user(UserPoolId=ALIAS_POOL, Username="other", UserAttributes=verified)
    idp.admin_create_user(UserPoolId=CASE_POOL, Username="other", UserAttributes=verified)


@pytest.mark.parametrize(
    ("config", "is_found"), [({}, False), ({"UsernameConfiguration": {"CaseSensitive": False}}, True)]
)
def test_pool_of_the_api_is_case_sensitive_by_default(idp: Any, config: dict[str, Any], is_found: bool) -> None:
    pool_id = idp.create_user_pool(PoolName="Made", **config)["UserPool"]["Id"]
    idp.admin_create_user(UserPoolId=pool_id, Username="MixedCase")
    if is_found:
        assert idp.admin_get_user(UserPoolId=pool_id, Username="mixedcase")["Username"] == "MixedCase"
    else:
        with raises_client_error("UserNotFoundException"):
            idp.admin_get_user(UserPoolId=pool_id, Username="mixedcase")
    idp.delete_user_pool(UserPoolId=pool_id)


def test_seed_with_a_username_in_two_cases_is_refused() -> None:
    users = [{"username": "ada"}, {"username": "Ada"}]
    with pytest.raises(SeedError, match="the username 'ada' occurs twice"):
        read_seed({"pools": [{"id": ALIAS_POOL, "users": users}]})
    assert read_seed({"pools": [{"id": CASE_POOL, "users": users, "case_sensitive": True}]}).pools[0].users
