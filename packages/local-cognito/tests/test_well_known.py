"""The public documents of a pool: JWKS and OpenID configuration."""

from collections.abc import Iterator

import jwt
import pytest
import requests
from local_cognito_support.hosted_site import Site, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def test_jwks_has_the_keys_that_sign_the_tokens(site: Site) -> None:
    answer = requests.get(f"{site.url}/{site.public.pool_id}/.well-known/jwks.json", timeout=30)
    kids = [key["kid"] for key in answer.json()["keys"]]
    tokens = site.tokens()
    token_kids = {jwt.get_unverified_header(tokens[name])["kid"] for name in ("access_token", "id_token")}
    assert token_kids == set(kids)
    assert len(kids) == 2


def test_discovery_document_has_the_endpoint_urls(site: Site) -> None:
    issuer = f"{site.url}/{site.public.pool_id}"
    document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
    assert document["issuer"] == issuer
    assert document["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    endpoints = {name: document[name] for name in document if name.endswith("_endpoint")}
    assert endpoints == {
        "authorization_endpoint": f"{site.url}/oauth2/authorize",
        "token_endpoint": f"{site.url}/oauth2/token",
        "userinfo_endpoint": f"{site.url}/oauth2/userInfo",
        "revocation_endpoint": f"{site.url}/oauth2/revoke",
        "end_session_endpoint": f"{site.url}/logout",
    }
    assert all(requests.get(url, timeout=30).status_code != 404 for url in endpoints.values())


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_unknown_pool_has_no_public_documents(site: Site, document: str) -> None:
    answer = requests.get(f"{site.url}/eu-west-1_Nowhere/.well-known/{document}", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (404, "ResourceNotFoundException")
