"""Identity provider operations of the AWS API, with boto3."""

import json
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
    parameters = {
        "ProviderType": "OIDC",
        "ProviderDetails": DETAILS,
        "IdpIdentifiers": ["corporate.example"],
        **changes,
    }
    return idp.create_identity_provider(UserPoolId=pool_id, ProviderName=name, **parameters)["IdentityProvider"]


def test_created_provider_is_a_provider_of_its_client(idp: Any, emulator: Emulator, pool_id: str) -> None:
    create(idp, pool_id, AttributeMapping={"email": "mail"})
    config = {"SupportedIdentityProviders": ["COGNITO", "Corporate"], "ClientName": "web"}
    client_id = idp.create_user_pool_client(UserPoolId=pool_id, **config)["UserPoolClient"]["ClientId"]
    client = emulator.service.client(client_id)
    assert client is not None
    (provider,) = client.providers
    assert (provider.client_id, provider.issuer, provider.scopes) == ("us", "https://issuer.example", "openid email")
    assert provider.mapping == {"email": "mail"}
    assert "theirs" not in repr(provider)


def test_provider_is_returned_by_its_identifier(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    response = idp.get_identity_provider_by_identifier(UserPoolId=pool_id, IdpIdentifier="corporate.example")
    assert response["IdentityProvider"]["ProviderName"] == "Corporate"
    assert response["IdentityProvider"]["ProviderDetails"] == DETAILS
    assert response["IdentityProvider"]["CreationDate"].year > 2000
    with raises_client_error("ResourceNotFoundException", "No identity provider has that identifier."):
        idp.get_identity_provider_by_identifier(UserPoolId=pool_id, IdpIdentifier="nobody.example")


def test_duplicate_provider_name_or_identifier_is_refused(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    with raises_client_error("DuplicateProviderException", "A provider already exists with the name Corporate."):
        create(idp, pool_id)
    with raises_client_error("DuplicateProviderException", "Corporate already has the identifier corporate.example."):
        create(idp, pool_id, "Another")


REQUIRED_DETAILS = "client_id, oidc_issuer, authorize_scopes, attributes_request_method"
TYPES = "OIDC, SAML, Google, Facebook, LoginWithAmazon, SignInWithApple"
INSECURE_URL = "must be https (plain http is for loopback hosts only)"
PLAIN_HTTP_URL = "http://elsewhere.example"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("Corporate", {"ProviderDetails": {}}, f"Missing required provider details: {REQUIRED_DETAILS}"),
        ("Corporate", {"ProviderDetails": {**DETAILS, "oidc_issuer": PLAIN_HTTP_URL}}, f"oidc_issuer {INSECURE_URL}"),
        ("Corporate", {"ProviderDetails": {**DETAILS, "token_url": PLAIN_HTTP_URL}}, f"token_url {INSECURE_URL}"),
        ("Gooogle", {"ProviderType": "Google"}, "A provider of the type Google cannot be called Gooogle"),
        ("Facebook", {}, "A provider of the type OIDC cannot be called Facebook"),
        ("Corporate", {"ProviderType": "Banana"}, f"ProviderType must be one of: {TYPES}"),
    ],
)
def test_invalid_provider_details_are_refused(
    idp: Any, pool_id: str, name: str, changes: dict[str, Any], message: str
) -> None:
    with raises_client_error("InvalidParameterException", message):
        create(idp, pool_id, name, **changes)


def test_social_provider_is_created_without_oidc_issuer(idp: Any, pool_id: str) -> None:
    details = {"client_id": "us", "client_secret": "theirs", "authorize_scopes": "public_profile,email"}
    create(idp, pool_id, "Facebook", ProviderType="Facebook", ProviderDetails=details)


def test_provider_is_updated_and_deleted(idp: Any, pool_id: str) -> None:
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


def test_provider_without_details_is_invalid_parameter(idp: Any, emulator: Emulator, pool_id: str) -> None:
    headers = {"X-Amz-Target": "AWSCognitoIdentityProviderService.CreateIdentityProvider"}
    body = {"UserPoolId": pool_id, "ProviderName": "Corporate", "ProviderType": "OIDC"}
    answer = requests.post(emulator.endpoint_url, json=body, headers=headers, timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (400, "InvalidParameterException")


def link(idp: Any, pool_id: str, username: str = "ann", **source: str) -> None:
    destination = {"ProviderName": "Cognito", "ProviderAttributeValue": username}
    identity = {"ProviderName": "Corporate", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "7"}
    idp.admin_link_provider_for_user(UserPoolId=pool_id, DestinationUser=destination, SourceUser={**identity, **source})


def identities_of(idp: Any, pool_id: str) -> list[Any]:
    user = idp.admin_get_user(UserPoolId=pool_id, Username="ann")
    values = [item["Value"] for item in user["UserAttributes"] if item["Name"] == "identities"]
    return json.loads(values[0]) if values else []


def test_identity_is_linked_and_unlinked(idp: Any, pool_id: str) -> None:
    create(idp, pool_id)
    idp.admin_create_user(UserPoolId=pool_id, Username="ann")
    link(idp, pool_id)
    (identity,) = identities_of(idp, pool_id)
    assert (identity["providerName"], identity["userId"], identity["primary"]) == ("Corporate", "7", False)
    user = {"ProviderName": "Corporate", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "7"}
    idp.admin_disable_provider_for_user(UserPoolId=pool_id, User=user)
    assert identities_of(idp, pool_id) == []
    with raises_client_error("UserNotFoundException"):
        idp.admin_disable_provider_for_user(UserPoolId=pool_id, User=user)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"username": "absent"}, "UserNotFoundException"),
        ({"ProviderName": "Absent"}, "ResourceNotFoundException"),
        ({"ProviderName": "Cognito"}, "InvalidParameterException"),
        ({"ProviderAttributeName": "email"}, "InvalidParameterException"),
    ],
)
def test_link_of_an_unknown_user_or_identity_is_refused(
    idp: Any, pool_id: str, changes: dict[str, str], code: str
) -> None:
    create(idp, pool_id)
    idp.admin_create_user(UserPoolId=pool_id, Username="ann")
    with raises_client_error(code):
        link(idp, pool_id, **changes)
    assert identities_of(idp, pool_id) == []
