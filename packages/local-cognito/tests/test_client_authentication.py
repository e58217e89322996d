"""Client authentication at the OAuth endpoints."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote_plus

import pytest
import requests
from local_cognito_support.hosted_site import CALLBACK, VERIFIER, Site, basic_credentials, is_oauth_error, running_site


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def test_client_secret_is_accepted_in_header_or_body(site: Site) -> None:
    by_body = site.redeem(site.sign_in(site.confidential), site.confidential)
    fields = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    fields["code"] = site.sign_in(site.confidential)
    by_header = requests.post(f"{site.url}/oauth2/token", data=fields, auth=basic_credentials(site), timeout=30)
    assert (by_body.status_code, by_header.status_code) == (200, 200)


@pytest.mark.parametrize("secret", [None, "", "wrong", "wröng"])
def test_confidential_client_without_its_secret_is_refused(site: Site, secret: str | None) -> None:
    code = site.sign_in(site.confidential)
    assert is_oauth_error(site.redeem(code, site.confidential, client_secret=secret), "invalid_client")


@pytest.mark.parametrize("header", ["Basic !", "Bearer abc", "Basic MmNvbmZpZGVudGlhbA=="])
def test_malformed_authorization_header_is_invalid_client(site: Site, header: str) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": "x"}
    answer = requests.post(f"{site.url}/oauth2/token", data=fields, headers={"Authorization": header}, timeout=30)
    assert is_oauth_error(answer, "invalid_client")


def test_public_client_with_a_secret_is_invalid_client(site: Site) -> None:
    assert is_oauth_error(site.redeem(site.sign_in(), client_secret="anything"), "invalid_client")


def test_unknown_client_is_invalid_client(site: Site) -> None:
    assert is_oauth_error(site.redeem(site.sign_in(), client_id="nobody"), "invalid_client")


def test_header_and_body_of_two_clients_are_invalid_request(site: Site) -> None:
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": site.public.id}
    answer = requests.post(f"{site.url}/oauth2/token", data=fields, auth=basic_credentials(site), timeout=30)
    assert is_oauth_error(answer, "invalid_request")


def test_failed_client_authentication_does_not_use_up_the_code(site: Site) -> None:
    code = site.sign_in(site.confidential)
    site.redeem(code, site.confidential, client_secret="wrong")
    assert site.redeem(code, site.confidential).status_code == 200


def test_revocation_requires_the_client_secret(site: Site) -> None:
    raw = site.tokens(site.confidential)["refresh_token"]
    url = f"{site.url}/oauth2/revoke"
    wrong = requests.post(url, data={"token": raw}, auth=basic_credentials(site, secret="wrong"), timeout=30)
    assert is_oauth_error(wrong, "invalid_client", status=401)
    assert requests.post(url, data={"token": raw}, auth=basic_credentials(site), timeout=30).status_code == 200


ODD_SECRET = "a:secret+of/50%=2B& \u20ac"


@pytest.fixture
def odd_secret(site: Site, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Set a client secret with characters that Basic credentials and forms encode, and return it."""
    secret: str = getattr(request, "param", ODD_SECRET)
    client, find_client = replace(site.confidential, secret=secret), site.service.client
    monkeypatch.setattr(site.service, "client", lambda name: client if name == client.id else find_client(name))
    return secret


def test_client_secret_with_plus_sign_is_accepted_encoded_or_not(site: Site, odd_secret: str) -> None:
    for sent in (odd_secret, quote_plus(odd_secret)):
        credentials = base64.b64encode(f"{site.confidential.id}:{sent}".encode()).decode()
        answer = requests.post(
            f"{site.url}/oauth2/token",
            data={"grant_type": "refresh_token", "refresh_token": "x", "client_id": site.confidential.id},
            headers={"Authorization": f"Basic {credentials}"},
            timeout=30,
        )
        assert is_oauth_error(answer, "invalid_grant")
