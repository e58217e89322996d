"""A user pool with an OpenID provider: oidc-provider-mock, over real HTTP."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from local_cognito import Emulator

from .hosted_site import CALLBACK, Browser, Site, read_query

with warnings.catch_warnings(record=True):  # of its dependencies
    import oidc_provider_mock

POOL_ID = "eu-west-1_Federated"
MAPPING = {"email": "email", "email_verified": "email_verified", "name": "name", "custom:teams": "teams"}


@dataclass(frozen=True)
class Provider:
    """The provider: its origin and its users."""

    url: str

    def put(self, subject: str, **claims: Any) -> str:
        """Create or replace a user of the provider, with these claims. Return their `sub`."""
        answer = requests.put(f"{self.url}/users/{quote(subject)}", json=claims, timeout=30)
        assert answer.status_code == 204
        return subject

    def submit(self, url: str, **form: str) -> str:
        """Submit the form of the provider's page at `url` and return the URL of the redirect."""
        answer = requests.post(url, data=form, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


def seed(provider_url: str, unreachable: str) -> dict[str, Any]:
    """Return a seed with two OpenID providers, stand-ins for Google and SAML, and an unreachable provider."""
    common = {"client_id": "cognito-here", "client_secret": "a provider's secret", "attribute_mapping": MAPPING}

    def provider(name: str, **changes: Any) -> dict[str, Any]:
        return {"name": name, "oidc_issuer": provider_url, **common, **changes}

    providers = [
        provider("Corporate", idp_identifiers=["corporate.example"], attributes_request_method="POST"),
        provider("Plain", attribute_mapping={"email": "email"}),
        provider("Google", type="Google"),
        provider("StaffSaml", type="SAML"),
        provider("Gone", oidc_issuer=unreachable),
    ]
    names = [item["name"] for item in providers]
    urls = {"callback_urls": [CALLBACK], "logout_urls": [CALLBACK], "scopes": ["openid", "email", "profile"]}
    clients = [
        {"id": "1both", **urls, "identity_providers": ["COGNITO", *names]},
        {"id": "2others", **urls, "identity_providers": ["Corporate", "Plain"]},
        {"id": "3one", **urls, "identity_providers": ["Corporate"]},
        {"id": "4own", **urls},
    ]
    users = [{"username": "alice", "password": "Correct-horse-7", "email": "alice@example.com", "email_verified": True}]
    pool = {"id": POOL_ID, "alias_attributes": ["email"], "identity_providers": providers, "clients": clients}
    return {"pools": [{**pool, "users": users}]}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield Provider(f"http://localhost:{server.server_port}")


@pytest.fixture(scope="session")
def federated_emulator(provider: Provider) -> Iterator[Emulator]:
    """Yield a local Cognito with the providers."""
    # No server listens on port 1.
    with Emulator(seed=seed(provider.url, "http://localhost:1")) as emulator:
        yield emulator


def site_for(emulator: Emulator, client_id: str) -> Site:
    """Return the emulator as a site. All its clients are `client_id`."""
    client = emulator.service.client(client_id)
    assert client is not None
    clock: Any = emulator.service.now
    return Site(emulator.url, clock, emulator.service, client, client, client)


@dataclass
class FederatedFlow:
    """A sign-in through the provider in a browser."""

    browser: Browser
    provider: Provider

    def start_sign_in(self, **changes: str | None) -> str:
        """Open the authorize endpoint as an app does and return the provider's URL that it redirects to."""
        self.browser.authorize(**changes)
        url = self.browser.current_response.headers["Location"]
        assert url.startswith(f"{self.provider.url}/oauth2/authorize?"), url
        return url

    def finish_sign_in(self, url: str) -> str:
        """Open the provider's redirect to the local Cognito and return the URL of the next redirect."""
        answer = self.browser.get(url, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def sign_in(self, subject: str, **changes: str | None) -> str:
        """Sign the user in at the provider and return the URL of the redirect to the app."""
        url = self.start_sign_in(**{"identity_provider": "Corporate", **changes})
        return self.finish_sign_in(self.provider.submit(url, sub=subject))

    def tokens(self, subject: str, **changes: str | None) -> dict[str, Any]:
        """Sign the user in and return the token endpoint's response."""
        callback_url = self.sign_in(subject, **changes)
        tokens: dict[str, Any] = self.browser.site.redeem(read_query(callback_url)["code"]).json()
        return tokens
