"""The scripted provider sends what Cognito sends, so that a module's fault is the only deviation."""

from typing import Any

import pytest
import requests

from django_cognito.core.tokens.token import read_unverified
from tests.support.scenarios.login import read_query

from .fault import Fault
from .provider import Provider

pytestmark = pytest.mark.django_db

CALLBACK = "https://site.example/auth/callback/"
VERIFIER, CHALLENGE = (
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
)  # RFC 7636


def code_of(provider: Provider, **changes: str) -> str:
    """Sign in; return the code of the callback."""
    params = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid email profile",
        "state": "the-state",
        "nonce": "the-nonce",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    answer = requests.get(f"{provider.url}/oauth2/authorize", params=params, allow_redirects=False, timeout=30)
    back = read_query(answer.headers["Location"])
    assert answer.headers["Location"].startswith(f"{CALLBACK}?")
    assert back == {"code": back["code"], "state": "the-state"}  # and no `iss`
    return back["code"]


def post(provider: Provider, path: str = "/oauth2/token", **form: str) -> Any:
    return requests.post(f"{provider.url}{path}", data={"client_id": provider.client_id, **form}, timeout=30)


def exchange(provider: Provider, code: str, **changes: str) -> Any:
    form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **changes}
    return post(provider, code=code, **form)


def test_tokens_for_a_code_have_the_claims_of_cognito(provider: Provider) -> None:
    answer = exchange(provider, code_of(provider)).json()
    assert answer.keys() == {"access_token", "id_token", "refresh_token", "token_type", "expires_in"}
    access, profile = (read_unverified(answer[name]) for name in ("access_token", "id_token"))
    both = {"sub", "iss", "token_use", "auth_time", "iat", "exp", "jti", "origin_jti", "event_id"}
    assert access.keys() == both | {"client_id", "username", "scope", "version"}
    assert profile.keys() == both | {"aud", "cognito:username", "email", "email_verified", "nonce", "at_hash"}
    assert {name: access[name] for name in ("sub", "iss", "origin_jti")} == {
        name: profile[name] for name in ("sub", "iss", "origin_jti")
    }
    assert (profile["nonce"], access["iss"]) == ("the-nonce", provider.issuer)


def test_id_and_access_tokens_have_separate_keys(provider: Provider) -> None:
    published = requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=30).json()["keys"]
    assert {key["kid"] for key in published} == {"id-1", "access-1"}
    provider.rotate()
    published = requests.get(f"{provider.issuer}/.well-known/jwks.json", timeout=30).json()["keys"]
    assert {key["kid"] for key in published}.isdisjoint({"id-1", "access-1"})


@pytest.mark.parametrize("changes", [{"code_verifier": "another" * 8}, {"redirect_uri": f"{CALLBACK}else/"}])
def test_code_with_other_verifier_or_redirect_uri_is_refused(provider: Provider, changes: dict[str, str]) -> None:
    answer = exchange(provider, code_of(provider), **changes)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_code_is_redeemed_once(provider: Provider) -> None:
    code = code_of(provider)
    assert [exchange(provider, code).status_code for _ in range(2)] == [200, 400]


def test_authorization_request_without_pkce_is_refused(provider: Provider) -> None:
    params = {"response_type": "code", "client_id": provider.client_id, "redirect_uri": CALLBACK, "state": "s"}
    answer = requests.get(f"{provider.url}/oauth2/authorize", params=params, allow_redirects=False, timeout=30)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_refresh_returns_no_refresh_token_and_fails_after_revocation(provider: Provider) -> None:
    refresh_token = exchange(provider, code_of(provider)).json()["refresh_token"]
    assert refresh_token.count(".") == 4
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answer = post(provider, **form).json()
    assert answer.keys() == {"access_token", "id_token", "token_type", "expires_in"}
    assert "nonce" not in read_unverified(answer["id_token"])
    assert [post(provider, "/oauth2/revoke", token=refresh_token).status_code for _ in range(2)] == [200, 200]
    assert post(provider, **form).json() == {"error": "invalid_grant"}


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke"])
def test_unknown_client_id_is_invalid_client(provider: Provider, path: str) -> None:
    answer = post(provider, path, client_id="another", token="t", grant_type="refresh_token", refresh_token="t")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})


@pytest.mark.parametrize("authorization", ["", "Bearer a.b.c", "Basic eDp5"])
def test_user_info_without_a_valid_access_token_is_401(provider: Provider, authorization: str) -> None:
    headers = {"authorization": authorization}
    assert requests.get(f"{provider.url}/oauth2/userInfo", headers=headers, timeout=30).status_code == 401


def test_fault_changes_the_user_info_response(provider: Provider) -> None:
    raw = exchange(provider, code_of(provider)).json()["access_token"]
    provider.fault = Fault(user_info={"sub": "another-user", "email": None})
    headers = {"authorization": f"Bearer {raw}"}
    document = requests.get(f"{provider.url}/oauth2/userInfo", headers=headers, timeout=30).json()
    assert document == {"sub": "another-user", "username": "alice", "email_verified": "true"}


def test_discovery_document_lists_the_endpoints(provider: Provider) -> None:
    document = requests.get(f"{provider.issuer}/.well-known/openid-configuration", timeout=30).json()
    assert document["issuer"] == provider.issuer
    endpoints = {name: document[name] for name in document if name.endswith("_endpoint")}
    assert endpoints == {
        "authorization_endpoint": f"{provider.url}/oauth2/authorize",
        "token_endpoint": f"{provider.url}/oauth2/token",
        "userinfo_endpoint": f"{provider.url}/oauth2/userInfo",
        "revocation_endpoint": f"{provider.url}/oauth2/revoke",
        "end_session_endpoint": f"{provider.url}/logout",
    }
    assert requests.get(document["jwks_uri"], timeout=30).json()["keys"]


def test_request_to_an_unknown_path_is_counted(provider: Provider) -> None:
    assert requests.get(f"{provider.url}/latest/meta-data/", timeout=30).status_code == 404
    assert provider.counts == {"/latest/meta-data/": 1}
