"""What is asked of a provider, and what is said of it where it answers badly or not at all."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito.accounts.identity_providers import IdentityProvider, identity_provider
from local_cognito.federation.failures import FederationFailed
from local_cognito.federation.provider_client import ProviderClient
from local_cognito_support.provider_tokens import GOOD, ISSUER, KEYS, NOW, token
from local_cognito_support.scripted_server import Answer, ScriptedServer, Silence, json_answer

CLIENT = ProviderClient(lambda: NOW, timeout_seconds=0.5)
TOKENS = {"id_token": token(), "access_token": "the access token"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def provider(**details: str) -> IdentityProvider:
    name, kind = details.pop("name", "Corporate"), details.pop("type", "OIDC")
    given = {"client_id": "us", "client_secret": "s3cret", "oidc_issuer": ISSUER, **details}
    return identity_provider(name, {"ProviderType": kind, "ProviderDetails": given})


def claims(server: ScriptedServer, *steps: Any, has_user_info: bool = True, **details: str) -> dict[str, Any]:
    """What the provider says, which answers with `steps`: tokens, keys, userInfo."""
    server.script(*steps)
    names = ("token_url", "jwks_uri", *(["attributes_url"] if has_user_info else []))
    addresses = {name: f"{server.url}/{name}" for name in names}
    return CLIENT.claims(
        provider(**details),
        addresses,
        code="the code",
        verifier="the verifier",
        nonce="the nonce",
        callback="http://us",
    )


def failed(server: ScriptedServer, *steps: Any, **more: Any) -> str:
    with pytest.raises(FederationFailed) as failure:
        claims(server, *steps, **more)
    assert failure.value.error == "invalid_request"
    return failure.value.description


def test_a_code_becomes_claims(server: ScriptedServer) -> None:
    told = {"sub": "fay", "email": "fay@example.com"}
    found = claims(server, json_answer(TOKENS), json_answer(KEYS), json_answer(told))
    assert found == {**GOOD, **told, **TOKENS}
    asked, _, user_info = server.requests
    assert (asked.method, asked.path) == ("POST", "/token_url")
    assert asked.body == (
        b"grant_type=authorization_code&code=the+code&redirect_uri=http%3A%2F%2Fus&client_id=us"
        b"&code_verifier=the+verifier&client_secret=s3cret"
    )
    assert (user_info.method, user_info.headers["authorization"]) == ("GET", "Bearer the access token")


def test_user_info_is_asked_by_post_where_the_provider_wants_that(server: ScriptedServer) -> None:
    steps = json_answer(TOKENS), json_answer(KEYS), json_answer({"sub": "fay"})
    claims(server, *steps, attributes_request_method="POST")
    assert server.requests[2].method == "POST"


def test_a_client_without_a_secret_sends_none(server: ScriptedServer) -> None:
    claims(server, json_answer(TOKENS), json_answer(KEYS), json_answer({"sub": "fay"}), client_secret="")
    assert b"client_secret" not in server.requests[0].body


def test_a_provider_without_user_info_is_asked_for_none(server: ScriptedServer) -> None:
    assert claims(server, json_answer(TOKENS), json_answer(KEYS), has_user_info=False)["sub"] == "fay"
    assert server.count == 2


def test_without_an_access_token_there_is_no_user_info(server: ScriptedServer) -> None:
    assert claims(server, json_answer({"id_token": token()}), json_answer(KEYS))["sub"] == "fay"


TOKEN_ERROR = "Corporate Error - 200 error getting token"
JWKS_ERROR = "error_description=Timeout in calling jwks uri"


@pytest.mark.parametrize(
    ("steps", "said"),
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
def test_each_failure_is_told_in_cognitos_words(server: ScriptedServer, steps: list[Any], said: str) -> None:
    assert failed(server, *steps) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (json_answer({"error": "invalid_grant"}, 400), "Google Error - 400 invalid_grant"),
        (json_answer({"error": "<b>Not a word</b>"}, 400), "Google Error - 400 error getting token"),
        (json_answer({"error": 7}, 400), "Google Error - 400 error getting token"),
        (json_answer(["error"], 400), "Google Error - 400 error getting token"),
        (Answer(502, b"<html>"), "Google Error - 502 error getting token"),
    ],
)
def test_of_googles_refusal_the_code_is_told(server: ScriptedServer, answer: Answer, said: str) -> None:
    assert failed(server, answer, name="Google", type="Google") == said


def document(server: ScriptedServer, **changes: Any) -> dict[str, Any]:
    found = {"issuer": server.url, "authorization_endpoint": f"{server.url}/a", "token_endpoint": f"{server.url}/t"}
    return {**found, "jwks_uri": f"{server.url}/k", "userinfo_endpoint": 7, **changes}


def discovered(server: ScriptedServer, *steps: Any, **details: str) -> Any:
    server.script(*steps)
    return CLIENT.addresses(provider(oidc_issuer=server.url, **details))


def test_discovery_finds_the_addresses(server: ScriptedServer) -> None:
    found = discovered(server, json_answer(document(server)))
    assert found == {
        "authorize_url": f"{server.url}/a",
        "token_url": f"{server.url}/t",
        "jwks_uri": f"{server.url}/k",
    }
    assert server.requests[0].path == "/.well-known/openid-configuration"


def test_what_the_details_say_goes_before_discovery(server: ScriptedServer) -> None:
    found = discovered(server, json_answer(document(server)), token_url="https://tokens.example/")
    assert found["token_url"] == "https://tokens.example/"


def test_where_the_details_say_it_all_nothing_is_asked(server: ScriptedServer) -> None:
    own = {name: f"https://{name}.example/" for name in ("authorize_url", "token_url", "attributes_url", "jwks_uri")}
    names = {name: value.replace("_", "-") for name, value in own.items()}
    assert discovered(server, Answer(500), **names) == names
    assert server.count == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (json_answer({"issuer": "https://evil.example"}), "Bad issuer in the discovery document"),
        (json_answer({}), "Bad issuer in the discovery document"),
        (Answer(404), "Timeout occurred in calling IdP discovery endpoint"),
        (Answer(body=b"<html>"), "Timeout occurred in calling IdP discovery endpoint"),
    ],
)
def test_discovery_that_fails_is_told(server: ScriptedServer, answer: Answer, said: str) -> None:
    with pytest.raises(FederationFailed, match=said):
        discovered(server, answer)


def test_an_address_in_plain_http_elsewhere_is_not_gone_to(server: ScriptedServer) -> None:
    with pytest.raises(FederationFailed, match="The provider's token_url is neither https nor on this machine"):
        CLIENT.claims(
            provider(),
            {"token_url": "http://elsewhere.example/"},
            code="c",
            verifier="v",
            nonce="n",
            callback="http://us",
        )


def test_a_provider_without_an_issuer_cannot_be_gone_to() -> None:
    with pytest.raises(FederationFailed, match="Google has no oidc_issuer"):
        CLIENT.addresses(provider(name="Google", type="Google", oidc_issuer=""))
