"""Requests to a provider, and the errors for invalid or missing responses."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from local_cognito.accounts.identity_providers import IdentityProvider, identity_provider
from local_cognito.federation.failures import FederationFailed
from local_cognito.federation.provider_client import ProviderClient
from local_cognito_support.provider_tokens import GOOD, ISSUER, KEYS, NOW, token
from local_cognito_support.scripted_server import Answer, ScriptedServer, Silence, json_answer

CLIENT = ProviderClient(lambda: NOW, timeout_seconds=30)  # a loaded computer is slow
TOKENS = {"id_token": token(), "access_token": "the access token"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def provider(**details: str) -> IdentityProvider:
    name, provider_type = details.pop("name", "Corporate"), details.pop("type", "OIDC")
    all_details = {"client_id": "us", "client_secret": "s3cret", "oidc_issuer": ISSUER, **details}
    return identity_provider(name, {"ProviderType": provider_type, "ProviderDetails": all_details})


def claims(server: ScriptedServer, *steps: Any, has_user_info: bool = True, **details: str) -> dict[str, Any]:
    """Return the claims of a provider that responds with `steps`: tokens, JWKS, userInfo.

    The timeout is short for the request without a response only: others may be slow on a loaded computer.
    """
    client = ProviderClient(lambda: NOW, timeout_seconds=30)
    *earlier, last = steps
    if isinstance(last, Silence) and earlier:
        earlier[-1] = replace(earlier[-1], before=lambda: setattr(client, "_timeout_seconds", 0.3))
    elif isinstance(last, Silence):
        client = ProviderClient(lambda: NOW, timeout_seconds=0.3)
    server.script(*earlier, last)
    names = ("token_url", "jwks_uri", *(["attributes_url"] if has_user_info else []))
    urls = {name: f"{server.url}/{name}" for name in names}
    return client.claims(
        provider(**details),
        urls,
        code="the code",
        verifier="the verifier",
        nonce="the nonce",
        callback="http://us",
    )


def failure_description(server: ScriptedServer, *steps: Any, **options: Any) -> str:
    with pytest.raises(FederationFailed) as failure:
        claims(server, *steps, **options)
    assert failure.value.error == "invalid_request"
    return failure.value.description


def test_code_is_redeemed_at_the_provider_for_claims(server: ScriptedServer) -> None:
    user_info_claims = {"sub": "fay", "email": "fay@example.com"}
    response = claims(server, json_answer(TOKENS), json_answer(KEYS), json_answer(user_info_claims))
    assert response == {**GOOD, **user_info_claims, **TOKENS}
    token_request, _, user_info = server.requests
    assert (token_request.method, token_request.path) == ("POST", "/token_url")
    assert token_request.body == (
        b"grant_type=authorization_code&code=the+code&redirect_uri=http%3A%2F%2Fus&client_id=us"
        b"&code_verifier=the+verifier&client_secret=s3cret"
    )
    assert (user_info.method, user_info.headers["authorization"]) == ("GET", "Bearer the access token")


def test_user_info_request_uses_the_configured_method(server: ScriptedServer) -> None:
    steps = json_answer(TOKENS), json_answer(KEYS), json_answer({"sub": "fay"})
    claims(server, *steps, attributes_request_method="POST")
    assert server.requests[2].method == "POST"


def test_token_request_without_client_secret_sends_none(server: ScriptedServer) -> None:
    claims(server, json_answer(TOKENS), json_answer(KEYS), json_answer({"sub": "fay"}), client_secret="")
    assert b"client_secret" not in server.requests[0].body


def test_provider_without_user_info_url_gets_no_user_info_request(server: ScriptedServer) -> None:
    assert claims(server, json_answer(TOKENS), json_answer(KEYS), has_user_info=False)["sub"] == "fay"
    assert server.count == 2


def test_response_without_access_token_makes_no_user_info_request(server: ScriptedServer) -> None:
    assert claims(server, json_answer({"id_token": token()}), json_answer(KEYS))["sub"] == "fay"


TOKEN_ERROR = "Corporate Error - 200 error getting token"
JWKS_ERROR = "error_description=Timeout in calling jwks uri"


@pytest.mark.parametrize(
    ("steps", "description"),
    [
        ([Silence()], "Timeout occurred in calling IdP token endpoint"),
        ([Answer(body=b"x" * 270_000)], "Timeout occurred in calling IdP token endpoint"),
        ([Answer(500)], "Corporate Error - 500 error getting token"),
        ([json_answer({"error": "invalid_client"}, 401)], "Corporate Error - 401 error getting token"),
        ([Answer(302, headers={"location": "http://127.0.0.1:1/"})], "Corporate Error - 302 error getting token"),
        ([Answer(body=b"no json")], TOKEN_ERROR),
        ([json_answer([])], TOKEN_ERROR),
        ([json_answer({}), json_answer(KEYS)], "Invalid id_token"),
        ([json_answer(TOKENS), Silence()], JWKS_ERROR),
        ([json_answer(TOKENS), Answer(404)], JWKS_ERROR),
        ([json_answer(TOKENS), json_answer([])], JWKS_ERROR),
        ([json_answer(TOKENS), json_answer({"keys": []})], "Invalid id_token"),
        ([json_answer(TOKENS), json_answer(KEYS), Silence()], "Timeout occurred in calling IdP user info endpoint"),
        ([json_answer(TOKENS), json_answer(KEYS), Answer(403)], "Corporate Error - 403 error getting user info"),
        ([json_answer(TOKENS), json_answer(KEYS), Answer(body=b"{")], "Corporate Error - 200 error getting user info"),
        ([json_answer(TOKENS), json_answer(KEYS), json_answer({"sub": "eve"})], "Bad sub in the userInfo response"),
    ],
)
def test_provider_failure_has_the_error_description_of_cognito(
    server: ScriptedServer, steps: list[Any], description: str
) -> None:
    assert failure_description(server, *steps) == description


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        (json_answer({"error": "invalid_grant"}, 400), "Google Error - 400 invalid_grant"),
        (json_answer({"error": "<b>Not a word</b>"}, 400), "Google Error - 400 error getting token"),
        (json_answer({"error": 7}, 400), "Google Error - 400 error getting token"),
        (json_answer(["error"], 400), "Google Error - 400 error getting token"),
        (Answer(502, b"<html>"), "Google Error - 502 error getting token"),
    ],
)
def test_google_token_error_includes_the_error_code(server: ScriptedServer, answer: Answer, description: str) -> None:
    assert failure_description(server, answer, name="Google", type="Google") == description


def discovery_document(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    fields = {"issuer": server.url, "authorization_endpoint": f"{server.url}/a", "token_endpoint": f"{server.url}/t"}
    return {**fields, "jwks_uri": f"{server.url}/k", "userinfo_endpoint": 7, **changes}


def discover(server: ScriptedServer, *steps: Any, **details: str) -> Any:
    server.script(*steps)
    return CLIENT.endpoints(provider(oidc_issuer=server.url, **details))


def test_discovery_returns_the_endpoint_urls(server: ScriptedServer) -> None:
    urls = discover(server, json_answer(discovery_document(server)))
    assert urls == {
        "authorize_url": f"{server.url}/a",
        "token_url": f"{server.url}/t",
        "jwks_uri": f"{server.url}/k",
    }
    assert server.requests[0].path == "/.well-known/openid-configuration"


def test_configured_url_has_priority_over_discovery(server: ScriptedServer) -> None:
    urls = discover(server, json_answer(discovery_document(server)), token_url="https://tokens.example/")
    assert urls["token_url"] == "https://tokens.example/"


def test_no_discovery_request_if_all_urls_are_configured(server: ScriptedServer) -> None:
    urls = {name: f"https://{name}.example/" for name in ("authorize_url", "token_url", "attributes_url", "jwks_uri")}
    names = {name: value.replace("_", "-") for name, value in urls.items()}
    assert discover(server, Answer(500), **names) == names
    assert server.count == 0


@pytest.mark.parametrize(
    ("answer", "description"),
    [
        (json_answer({"issuer": "https://evil.example"}), "Bad issuer in the discovery document"),
        (json_answer({}), "Bad issuer in the discovery document"),
        (Answer(404), "Timeout occurred in calling IdP discovery endpoint"),
        (Answer(body=b"<html>"), "Timeout occurred in calling IdP discovery endpoint"),
    ],
)
def test_failed_discovery_is_an_error(server: ScriptedServer, answer: Answer, description: str) -> None:
    with pytest.raises(FederationFailed, match=description):
        discover(server, answer)


def test_plain_http_url_of_a_provider_is_not_requested(server: ScriptedServer) -> None:
    with pytest.raises(FederationFailed, match="The provider's token_url is neither https nor on this machine"):
        CLIENT.claims(
            provider(),
            {"token_url": "http://elsewhere.example/"},
            code="c",
            verifier="v",
            nonce="n",
            callback="http://us",
        )


def test_google_without_oidc_issuer_is_an_error() -> None:
    with pytest.raises(FederationFailed, match="Google has no oidc_issuer"):
        CLIENT.endpoints(provider(name="Google", type="Google", oidc_issuer=""))
