"""A pool whose people may come from an OpenID provider, which runs beside it: oidc-provider-mock, over real HTTP."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import requests
from local_cognito import Emulator

from .hosted_site import CALLBACK, Browser, Site, query_of

with warnings.catch_warnings(record=True):  # of the libraries under it
    import oidc_provider_mock

POOL_ID = "eu-west-1_Federated"
MAPPING = {"email": "email", "email_verified": "email_verified", "name": "name", "custom:teams": "teams"}


@dataclass(frozen=True)
class Provider:
    """The provider: its origin, and the people that it has."""

    url: str

    def put(self, subject: str, **claims: Any) -> str:
        """Somebody whom the provider knows, with these claims; their `sub`."""
        answer = requests.put(f"{self.url}/users/{quote(subject)}", json=claims, timeout=30)
        assert answer.status_code == 204
        return subject

    def answer(self, address: str, **form: str) -> str:
        """Where the provider's page at `address` leads once its form has been sent."""
        answer = requests.post(address, data=form, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]


def seed(provider_url: str, unreachable: str) -> dict[str, Any]:
    """Two OpenID providers, stand-ins for Google and for SAML, and one that nobody answers for."""
    common = {"client_id": "cognito-here", "client_secret": "a provider's secret", "attribute_mapping": MAPPING}

    def provider(name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "oidc_issuer": provider_url, **common, **more}

    providers = [
        provider("Corporate", idp_identifiers=["corporate.example"], attributes_request_method="POST"),
        provider("Plain", attribute_mapping={"email": "email"}),
        provider("Google", type="Google"),
        provider("StaffSaml", type="SAML"),
        provider("Gone", oidc_issuer=unreachable),
    ]
    names = [each["name"] for each in providers]
    addresses = {"callback_urls": [CALLBACK], "logout_urls": [CALLBACK], "scopes": ["openid", "email", "profile"]}
    clients = [
        {"id": "1both", **addresses, "identity_providers": ["COGNITO", *names]},
        {"id": "2others", **addresses, "identity_providers": ["Corporate", "Plain"]},
        {"id": "3one", **addresses, "identity_providers": ["Corporate"]},
        {"id": "4own", **addresses},
    ]
    users = [{"username": "alice", "password": "Correct-horse-7", "email": "alice@example.com", "email_verified": True}]
    pool = {"id": POOL_ID, "alias_attributes": ["email"], "identity_providers": providers, "clients": clients}
    return {"pools": [{**pool, "users": users}]}


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    with oidc_provider_mock.run_server_in_thread() as server:
        yield Provider(f"http://localhost:{server.server_port}")


@pytest.fixture(scope="session")
def federated(provider: Provider) -> Iterator[Emulator]:
    """The local Cognito."""
    # Nothing listens on port 1.
    with Emulator(seed=seed(provider.url, "http://localhost:1")) as emulator:
        yield emulator


def site_for(emulator: Emulator, client_id: str) -> Site:
    """The emulator as a browser's site, whose app is that client."""
    client = emulator.service.client(client_id)
    assert client is not None
    clock: Any = emulator.service.now
    return Site(emulator.url, clock, emulator.service, client, client, client)


@dataclass
class Visitor:
    """Somebody at a browser who goes to a provider and back."""

    browser: Browser
    provider: Provider

    def set_out(self, **changes: str | None) -> str:
        """Start as an app does; the address at the provider that the browser is led to."""
        self.browser.authorize(**changes)
        address = self.browser.shown.headers["Location"]
        assert address.startswith(f"{self.provider.url}/oauth2/authorize?"), address
        return address

    def come_back(self, address: str) -> str:
        """Where the local Cognito leads on to from the provider's answer."""
        answer = self.browser.get(address, allow_redirects=False, timeout=30)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def sign_in(self, subject: str, **changes: str | None) -> str:
        """The app's address, after the provider has signed that person in."""
        address = self.set_out(**{"identity_provider": "Corporate", **changes})
        return self.come_back(self.provider.answer(address, sub=subject))

    def tokens(self, subject: str, **changes: str | None) -> dict[str, Any]:
        """All tokens of that person."""
        answer = self.sign_in(subject, **changes)
        tokens: dict[str, Any] = self.browser.site.redeem(query_of(answer)["code"]).json()
        return tokens
