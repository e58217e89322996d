"""A sign-in is bound to the pool of its authorization request and to its `max_age`; a rejected one writes nothing.

Two pools, one browser. `come_back` checks that a rejected callback leaves session and rows unchanged.
"""

import base64
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.login.state import open_state
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.scenarios.login import (
    finish_sign_in,
    read_form,
    read_query,
    refusal,
    start_sign_in,
    token_response,
    unchanged,
    username_at,
)
from tests.support.two_pools import ACME_CLIENT, ZEN_CLIENT, ZEN_POOL, TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

ISSUERS = {
    "acme": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1",
    "zen": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ZenPool01",
}


@pytest.fixture(params=["nobody", "bob"])
def username_before(request: pytest.FixtureRequest, client: Client, two_pools: TwoPools) -> str:
    """Return the user of the session before a rejected request; the test checks that it is the same after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


def get_failure(page: Any) -> tuple[int, str]:
    return page.status_code, page.context["code"]


# Start of the sign-in


@pytest.mark.parametrize(
    ("path", "page", "alias", "client_id"),
    [
        ("login", "/oauth2/authorize", "acme", ACME_CLIENT),
        ("login", "/oauth2/authorize", "zen", ZEN_CLIENT),
        ("sign-up", "/signup", "zen", ZEN_CLIENT),
        ("forgot-password", "/forgotPassword", "acme", ACME_CLIENT),
    ],
)
def test_each_sign_in_url_redirects_to_its_page_of_the_pools_hosted_ui(
    client: Client, two_pools: TwoPools, path: str, page: str, alias: str, client_id: str
) -> None:
    url = client.get(f"/auth/{path}/", {"at": alias, "next": "/mine/", "lang": "de"})["Location"]
    assert url.startswith(f"{two_pools.server(alias).url}{page}?")
    params = read_query(url)
    assert (params["client_id"], params["lang"], params["code_challenge_method"]) == (client_id, "de", "S256")
    two_pools.server(alias).script(token_response(nonce=params["nonce"], alias=alias))
    assert finish_sign_in(client, params)["Location"] == "/mine/"
    assert username_at(client) == "alice"


def test_all_authorize_params_reach_the_hosted_ui(client: Client, two_pools: TwoPools, settings: Any) -> None:
    zen = {**two_pools.settings_of("zen"), "RESOURCE": "https://api.example.com", "SCOPES": ["openid", "orders/read"]}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"zen": zen}}
    authorize_params = {
        "idp_identifier": "umbrella.example",
        "login_hint": "alice & co@example.com",
        "lang": "pt-BR",
        "prompt": "login consent",
        "acr_values": "urn:silver 2",
        "max_age": "60",
    }
    params = start_sign_in(client, at="zen", next="/", **authorize_params)
    assert {name: params[name] for name in authorize_params} == authorize_params
    assert (params["resource"], params["scope"]) == ("https://api.example.com", "openid orders/read")
    assert "at" not in params
    assert open_state(params["state"]).authorize_params == authorize_params


def test_invalid_parameter_or_tenant_starts_no_sign_in(
    client: Client, two_pools: TwoPools, username_before: str
) -> None:
    with unchanged(client):
        for path in ("login", "sign-up", "forgot-password"):
            assert get_failure(client.get(f"/auth/{path}/", {"lang": "Deutsch"})) == (400, "invalid_parameter")
            assert get_failure(client.get(f"/auth/{path}/", {"at": "umbrella"})) == (400, "tenant_unknown")
    assert username_at(client) == username_before
    assert two_pools.counts == (0, 0)


# Bound to its pool


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_code_is_sent_to_the_pool_that_started_the_sign_in(client: Client, two_pools: TwoPools, alias: str) -> None:
    assert two_pools.sign_in(client, alias).status_code == 302
    (request,) = two_pools.server(alias).requests
    assert two_pools.counts == ((1, 0) if alias == "acme" else (0, 1))
    basic = "Basic " + base64.b64encode(b"1zen:of-zen").decode()
    assert request.headers.get("authorization") == (basic if alias == "zen" else None)
    assert read_form(request).get("client_id") == (None if alias == "zen" else ACME_CLIENT)
    assert (username_at(client), CognitoUser.objects.get().user_pool_id) == (
        "alice",
        two_pools.settings_of(alias)["USER_POOL_ID"],
    )


def test_two_tabs_of_two_pools_return_to_their_own_pages(client: Client, two_pools: TwoPools) -> None:
    at_acme, at_zen = start_sign_in(client, at="acme", next="/a/"), start_sign_in(client, at="zen", next="/z/")
    two_pools.acme.script(token_response(nonce=at_acme["nonce"], alias="acme"))
    two_pools.zen.script(token_response("zoe", nonce=at_zen["nonce"], alias="zen"))
    assert [finish_sign_in(client, params)["Location"] for params in (at_zen, at_acme)] == ["/z/", "/a/"]
    assert username_at(client) == "alice"
    assert sorted(CognitoUser.objects.values_list("username", "user_pool_id")) == [
        ("alice", "eu-west-1_AcmePool1"),
        ("zoe", "us-east-1_ZenPool01"),
    ]


@pytest.mark.defends("RP-13")
def test_same_sub_in_two_pools_is_two_users(client: Client, two_pools: TwoPools) -> None:
    two_pools.sign_in(client, "acme")
    two_pools.sign_in(Client(), "zen")
    assert get_user_model().objects.count() == CognitoUser.objects.count() == 2
    assert len(set(CognitoUser.objects.values_list("sub"))) == 1


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize(
    ("at", "code", "counts"), [("acme", "invalid_grant", (1, 0)), ("zen", "state_unknown", (0, 0))]
)
def test_code_of_another_pool_is_only_sent_to_the_starting_pool(
    client: Client, two_pools: TwoPools, username_before: str, at: str, code: str, counts: tuple[int, int]
) -> None:
    start_sign_in(client, at="zen")
    params = start_sign_in(client, at="acme")
    two_pools.acme.script(refusal())
    two_pools.zen.script(token_response(nonce=params["nonce"], alias="zen"))
    assert get_failure(finish_sign_in(client, params, code="a-code-of-zen", at=at)) == (400, code)
    assert two_pools.counts == counts
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("query", [{}, {"code": None, "error": "access_denied"}], ids=["a code", "an error"])
@pytest.mark.defends("RP-09")
def test_issuer_of_another_pool_is_rejected_without_a_request(
    client: Client, two_pools: TwoPools, username_before: str, query: dict[str, Any]
) -> None:
    for alias, other in (("acme", "zen"), ("zen", "acme")):
        page = finish_sign_in(client, start_sign_in(client, at=alias), iss=ISSUERS[other], **query)
        assert get_failure(page) == (400, "wrong_issuer")
    assert two_pools.counts == (0, 0)
    assert username_at(client) == username_before


def test_own_issuer_of_the_pool_is_accepted(client: Client, two_pools: TwoPools) -> None:
    params = start_sign_in(client, at="zen")
    two_pools.zen.script(token_response(nonce=params["nonce"], alias="zen"))
    assert finish_sign_in(client, params, iss=ISSUERS["zen"]).status_code == 302


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize(
    ("names_of_zen", "code"),
    [
        (("access_token", "id_token"), "wrong_client"),
        (("access_token",), "wrong_client"),
        (("id_token",), "wrong_client"),
    ],
)
@pytest.mark.defends("RP-09")
def test_tokens_of_another_pool_are_rejected(
    client: Client, two_pools: TwoPools, username_before: str, names_of_zen: tuple[str, ...], code: str
) -> None:
    params = start_sign_in(client, at="acme")
    tokens_of_zen = {
        "access_token": make_token(alias="zen"),
        "id_token": make_token(token_use="id", nonce=params["nonce"], alias="zen"),
    }
    answer = token_response(nonce=params["nonce"], **{name: tokens_of_zen[name] for name in names_of_zen})
    two_pools.acme.script(answer)
    assert get_failure(finish_sign_in(client, params)) == (403, code)
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
def test_tokens_of_another_pool_with_the_same_client_id_are_rejected(
    client: Client, two_pools: TwoPools, settings: Any, username_before: str
) -> None:
    zen = {**two_pools.settings_of("zen"), "CLIENT_ID": ACME_CLIENT}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme"), "zen": zen}}
    params = start_sign_in(client, at="acme")
    two_pools.acme.script(token_response("mallory", nonce=params["nonce"], alias="zen"))
    assert get_failure(finish_sign_in(client, params)) == (400, "malformed_response")
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
def test_tokens_of_another_client_of_the_same_pool_are_rejected(
    client: Client, two_pools: TwoPools, settings: Any, username_before: str
) -> None:
    beta = {**two_pools.settings_of("acme"), "CLIENT_ID": "1beta"}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme"), "beta": beta}}
    params = start_sign_in(client, at="acme")
    two_pools.acme.script(token_response(nonce=params["nonce"], alias="beta"))
    assert get_failure(finish_sign_in(client, params)) == (403, "wrong_client")
    assert username_at(client) == username_before


def test_machine_to_machine_token_is_no_sign_in(client: Client, two_pools: TwoPools, username_before: str) -> None:
    params = start_sign_in(client, at="acme")
    client_claims = {"username": None, "sub": ACME_CLIENT, "origin_jti": None}
    id_token = make_token(token_use="id", nonce=params["nonce"], sub=ACME_CLIENT, origin_jti=None)
    two_pools.acme.script(token_response(access_token=make_token(**client_claims), id_token=id_token))
    assert get_failure(finish_sign_in(client, params)) == (400, "malformed_response")
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("at", ["acme", "umbrella"])
def test_callback_at_another_tenants_host_is_rejected(
    client: Client, two_pools: TwoPools, username_before: str, at: str
) -> None:
    params = start_sign_in(client, at="zen")
    assert get_failure(finish_sign_in(client, params, at=at)) == (400, "state_unknown")
    assert (two_pools.counts, username_at(client)) == ((0, 0), username_before)


@pytest.mark.parametrize("has_own_redirect_uri", [True, False])
def test_alias_with_its_own_redirect_uri_may_return_to_any_host(
    client: Client, two_pools: TwoPools, settings: Any, has_own_redirect_uri: bool
) -> None:
    central = {"REDIRECT_URI": "http://localhost/auth/callback/"}
    pools = {
        "acme": two_pools.settings_of("acme"),
        "zen": {**two_pools.settings_of("zen"), **(central if has_own_redirect_uri else {})},
    }
    settings.COGNITO = {**two_pools.settings, **({} if has_own_redirect_uri else central), "POOLS": pools}
    params = start_sign_in(client, at="zen", redirected="1")
    assert params["redirect_uri"] == central["REDIRECT_URI"]
    two_pools.zen.script(token_response(nonce=params["nonce"], alias="zen"))
    answer = finish_sign_in(client, params, at="acme")
    assert (answer.status_code, two_pools.counts) == ((302, (0, 1)) if has_own_redirect_uri else (400, (0, 0)))
    if has_own_redirect_uri:
        assert CognitoUser.objects.get().user_pool_id == ZEN_POOL


def test_sign_in_of_a_pool_removed_meanwhile_is_state_unknown(
    client: Client, two_pools: TwoPools, settings: Any, username_before: str
) -> None:
    params = start_sign_in(client, at="zen")
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme")}}
    assert get_failure(finish_sign_in(client, params)) == (400, "state_unknown")
    assert two_pools.counts == (0, 0)
    assert username_at(client) == username_before


@pytest.mark.defends("RP-09")
def test_sign_in_of_an_alias_with_another_pool_now_is_state_unknown(
    client: Client, two_pools: TwoPools, settings: Any, username_before: str
) -> None:
    params = start_sign_in(client, at="zen")
    settings.COGNITO = {**two_pools.settings, "POOLS": {"zen": two_pools.settings_of("acme")}}
    two_pools.acme.script(token_response(nonce=params["nonce"], alias="zen"))
    assert get_failure(finish_sign_in(client, params)) == (400, "state_unknown")
    assert two_pools.counts == (0, 0)
    assert username_at(client) == username_before


# max_age


def signed_in_seconds_ago(client: Client, server: ScriptedServer, seconds: int | None, **query: str) -> Any:
    params = start_sign_in(client, **query)
    auth_time = None if seconds is None else int(time.time()) - seconds
    server.script(token_response("newcomer", nonce=params["nonce"], both={"auth_time": auth_time}))
    return finish_sign_in(client, params)


@pytest.mark.usefixtures("stopped_clock")
@pytest.mark.parametrize("seconds", [0, 60, 65])  # LEEWAY_SECONDS is 10
def test_recent_sign_in_is_accepted_with_max_age(client: Client, two_pools: TwoPools, seconds: int) -> None:
    assert signed_in_seconds_ago(client, two_pools.acme, seconds, max_age="60").status_code == 302
    assert username_at(client) == "newcomer"


@pytest.mark.parametrize(("max_age", "seconds"), [("60", 75), ("0", 20), ("60", None)])
def test_sign_in_older_than_max_age_is_rejected_and_writes_nothing(
    client: Client, two_pools: TwoPools, username_before: str, max_age: str, seconds: int | None
) -> None:
    page = signed_in_seconds_ago(client, two_pools.acme, seconds, max_age=max_age)
    assert get_failure(page) == (400, "sign_in_too_old")
    assert username_at(client) == username_before
    assert not get_user_model().objects.filter(username="newcomer").exists()


@pytest.mark.parametrize("seconds", [100_000, None])
def test_old_sign_in_is_accepted_without_max_age(client: Client, two_pools: TwoPools, seconds: int | None) -> None:
    assert signed_in_seconds_ago(client, two_pools.acme, seconds).status_code == 302


def test_page_of_a_too_old_sign_in_links_to_a_login_with_prompt_login(client: Client, two_pools: TwoPools) -> None:
    page = signed_in_seconds_ago(client, two_pools.acme, 75, max_age="60", next="/mine/", lang="de")
    assert 'href="/auth/login/?next=%2Fmine%2F&amp;prompt=login&amp;lang=de&amp;max_age=60"' in page.content.decode()


# Requests for an existing login


def test_sign_out_uses_the_hosted_ui_and_client_of_the_login(client: Client, two_pools: TwoPools) -> None:
    two_pools.sign_in(client, "zen", refresh_token="of-zen's-alice")
    login = CognitoLogin.objects.get()
    assert store.get_settings_for_login(login).alias == "zen"
    answer = client.post("/auth/logout/", {"at": "acme"})
    (_, revoke_request) = two_pools.zen.requests
    assert (revoke_request.path, read_form(revoke_request)["token"]) == ("/oauth2/revoke", "of-zen's-alice")
    assert answer["Location"].startswith(f"{two_pools.zen.url}/logout?client_id={ZEN_CLIENT}&")
    assert two_pools.acme.count == 0
    assert urlsplit(read_query(answer["Location"])["logout_uri"]).netloc == "testserver"
