"""The two public documents of a pool."""

from collections.abc import Iterator

import jwt
import pytest
import requests
from local_cognito_support.hosted_site import Site, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def test_the_keys_of_a_pool_are_those_that_sign_its_tokens(site: Site) -> None:
    answer = requests.get(f"{site.url}/{site.public.pool_id}/.well-known/jwks.json", timeout=30)
    kids = [key["kid"] for key in answer.json()["keys"]]
    tokens = site.tokens()
    signed_by = {jwt.get_unverified_header(tokens[name])["kid"] for name in ("access_token", "id_token")}
    assert signed_by == set(kids)
    assert len(kids) == 2


def test_discovery_says_where_everything_is(site: Site) -> None:
    address = f"{site.url}/{site.public.pool_id}"
    document = requests.get(f"{address}/.well-known/openid-configuration", timeout=30).json()
    assert document["issuer"] == address
    assert document["jwks_uri"] == f"{address}/.well-known/jwks.json"
    places = {name: document[name] for name in document if name.endswith("_endpoint")}
    assert places == {
        "authorization_endpoint": f"{site.url}/oauth2/authorize",
        "token_endpoint": f"{site.url}/oauth2/token",
        "userinfo_endpoint": f"{site.url}/oauth2/userInfo",
        "revocation_endpoint": f"{site.url}/oauth2/revoke",
        "end_session_endpoint": f"{site.url}/logout",
    }
    assert all(requests.get(place, timeout=30).status_code != 404 for place in places.values())


@pytest.mark.parametrize("document", ["jwks.json", "openid-configuration"])
def test_an_unknown_pool_has_no_documents(site: Site, document: str) -> None:
    answer = requests.get(f"{site.url}/eu-west-1_Nowhere/.well-known/{document}", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (404, "ResourceNotFoundException")
