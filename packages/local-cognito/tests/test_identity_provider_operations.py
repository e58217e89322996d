"""Identity providers through the API, with boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error

DETAILS = {
    "client_id": "us",
    "client_secret": "theirs",
    "authorize_scopes": "openid email",
    "oidc_issuer": "https://issuer.example",
    "attributes_request_method": "GET",
}


@pytest.fixture
def pool_id(idp: Any) -> Iterator[str]:
    pool_id = idp.create_user_pool(PoolName="With providers")["UserPool"]["Id"]
    yield pool_id
    idp.delete_user_pool(UserPoolId=pool_id)


def create(idp: Any, pool_id: str, name: str = "Corporate", **changes: Any) -> Any:
    given = {"ProviderType": "OIDC", "ProviderDetails": DETAILS, "IdpIdentifiers": ["corporate.example"], **changes}
    return idp.create_identity_provider(UserPoolId=pool_id, ProviderName=name, **given)["IdentityProvider"]


def test_a_provider_that_the_api_makes_is_one_of_its_clients(idp: Any, emulator: Emulator, pool_id: str) -> None:
    create(idp, pool_id, AttributeMapping={"email": "mail"})
    config = {"SupportedIdentityProviders": ["COGNITO", "Corporate"], "ClientName": "web"}
    client_id = idp.create_user_pool_client(UserPoolId=pool_id, **config)["UserPoolClient"]["ClientId"]
    client = emulator.service.client(client_id)
    assert client is not None
    (provider,) = client.providers
    assert (provider.client_id, provider.issuer, provider.scopes) == ("us", "https://issuer.example", "openid email")
    assert provider.mapping == {"email": "mail"}
    assert "theirs" not in repr(provider)


def test_a_provider_is_found_by_its_identifier(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    found = idp.get_identity_provider_by_identifier(UserPoolId=pool_id, IdpIdentifier="corporate.example")
    assert found["IdentityProvider"]["ProviderName"] == "Corporate"
    assert found["IdentityProvider"]["ProviderDetails"] == DETAILS
    assert found["IdentityProvider"]["CreationDate"].year > 2000
    with raises_client_error("ResourceNotFoundException", "No identity provider has that identifier."):
        idp.get_identity_provider_by_identifier(UserPoolId=pool_id, IdpIdentifier="nobody.example")


def test_a_name_or_an_identifier_stands_once(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    with raises_client_error("DuplicateProviderException", "A provider already exists with the name Corporate."):
        create(idp, pool_id)
    with raises_client_error("DuplicateProviderException", "Corporate has the identifier corporate.example already."):
        create(idp, pool_id, "Another")


NEEDED = "client_id, oidc_issuer, authorize_scopes, attributes_request_method"
TYPES = "OIDC, SAML, Google, Facebook, LoginWithAmazon, SignInWithApple"
UNSAFE = "must be https (plain http is for loopback hosts only)"
ELSEWHERE = "http://elsewhere.example"


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("Corporate", {"ProviderDetails": {}}, f"Missing required provider details: {NEEDED}"),
        ("Corporate", {"ProviderDetails": {**DETAILS, "oidc_issuer": ELSEWHERE}}, f"oidc_issuer {UNSAFE}"),
        ("Corporate", {"ProviderDetails": {**DETAILS, "token_url": ELSEWHERE}}, f"token_url {UNSAFE}"),
        ("Gooogle", {"ProviderType": "Google"}, "A provider of the type Google cannot be called Gooogle"),
        ("Facebook", {}, "A provider of the type OIDC cannot be called Facebook"),
        ("Corporate", {"ProviderType": "Banana"}, f"ProviderType must be one of: {TYPES}"),
    ],
)
def test_what_could_not_work_is_refused(idp: Any, pool_id: str, name: str, changes: dict[str, Any], said: str) -> None:
    with raises_client_error("InvalidParameterException", said):
        create(idp, pool_id, name, **changes)


def test_a_social_provider_needs_no_stand_in_to_be_made(idp: Any, pool_id: str) -> None:
    details = {"client_id": "us", "client_secret": "theirs", "authorize_scopes": "public_profile,email"}
    create(idp, pool_id, "Facebook", ProviderType="Facebook", ProviderDetails=details)


def test_a_provider_is_changed_and_deleted(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    changed = {**DETAILS, "client_id": "we"}
    idp.update_identity_provider(UserPoolId=pool_id, ProviderName="Corporate", ProviderDetails=changed)
    idp.update_identity_provider(UserPoolId=pool_id, ProviderName="Corporate", IdpIdentifiers=["corporate.example"])
    described = idp.describe_identity_provider(UserPoolId=pool_id, ProviderName="Corporate")["IdentityProvider"]
    assert described["ProviderDetails"]["client_id"] == "we"
    with raises_client_error("InvalidParameterException"):
        idp.update_identity_provider(UserPoolId=pool_id, ProviderName="Corporate", ProviderDetails={"client_id": "x"})
    idp.delete_identity_provider(UserPoolId=pool_id, ProviderName="Corporate")
    with raises_client_error("ResourceNotFoundException", "Identity provider Corporate does not exist."):
        idp.update_identity_provider(UserPoolId=pool_id, ProviderName="Corporate", ProviderDetails=changed)


def test_a_provider_without_details_is_none(idp: Any, emulator: Emulator, pool_id: str) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.CreateIdentityProvider"}
    body = {"UserPoolId": pool_id, "ProviderName": "Corporate", "ProviderType": "OIDC"}
    answer = requests.post(emulator.endpoint_url, json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")
