"""A sign-in is bound to the pool at which it was begun, and to the age that was asked for; it writes nothing before.

Two pools, one browser. Whatever is refused is refused by `come_back`, which sees that all is as before.
"""

import base64
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_cognito.login.state import open_state
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.login_scenario import begin, come_back, form_of, query_of, refusal, token_answer, unchanged, who
from tests.support.scripted_server import ScriptedServer
from tests.support.two_pools import ACME_CLIENT, ZEN_CLIENT, ZEN_POOL, TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

ISSUERS = {
    "acme": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1",
    "zen": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_ZenPool01",
}


@pytest.fixture(params=["nobody", "bob"])
def before(request: pytest.FixtureRequest, client: Client, two_pools: TwoPools) -> str:
    """Who the browser is before something is refused, and must be after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


def told(page: Any) -> tuple[int, str]:
    return page.status_code, page.context["code"]


# Where it begins


@pytest.mark.parametrize(
    ("path", "page"), [("login", "/oauth2/authorize"), ("sign-up", "/signup"), ("forgot-password", "/forgotPassword")]
)
@pytest.mark.parametrize(("alias", "client_id"), [("acme", ACME_CLIENT), ("zen", ZEN_CLIENT)])
def test_each_way_in_begins_at_its_page_of_the_pools_hosted_ui(
    client: Client, two_pools: TwoPools, path: str, page: str, alias: str, client_id: str
) -> None:
    address = client.get(f"/auth/{path}/", {"at": alias, "next": "/mine/", "lang": "de"})["Location"]
    assert address.startswith(f"{two_pools.server(alias).url}{page}?")
    asked = query_of(address)
    assert (asked["client_id"], asked["lang"], asked["code_challenge_method"]) == (client_id, "de", "S256")
    two_pools.server(alias).script(token_answer(nonce=asked["nonce"], alias=alias))
    assert come_back(client, asked)["Location"] == "/mine/"
    assert who(client) == "alice"


def test_all_that_a_login_may_ask_reaches_the_hosted_ui(client: Client, two_pools: TwoPools, settings: Any) -> None:
    zen = {**two_pools.settings_of("zen"), "RESOURCE": "https://api.example.com", "SCOPES": ["openid", "orders/read"]}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"zen": zen}}
    given = {
        "idp_identifier": "umbrella.example",
        "login_hint": "alice & co@example.com",
        "lang": "pt-BR",
        "prompt": "login consent",
        "acr_values": "urn:silver 2",
        "max_age": "60",
    }
    asked = begin(client, at="zen", next="/", **given)
    assert {name: asked[name] for name in given} == given
    assert (asked["resource"], asked["scope"]) == ("https://api.example.com", "openid orders/read")
    assert "at" not in asked
    assert open_state(asked["state"]).authorize_params == given


def test_what_the_site_does_not_pass_on_begins_nothing(client: Client, two_pools: TwoPools, before: str) -> None:
    with unchanged(client):
        for path in ("login", "sign-up", "forgot-password"):
            assert told(client.get(f"/auth/{path}/", {"lang": "Deutsch"})) == (400, "invalid_parameter")
            assert told(client.get(f"/auth/{path}/", {"at": "umbrella"})) == (400, "tenant_unknown")
    assert who(client) == before
    assert two_pools.counts == (0, 0)


# Bound to its pool


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_a_sign_in_ends_at_the_pool_where_it_began(client: Client, two_pools: TwoPools, alias: str) -> None:
    assert two_pools.sign_in(client, alias).status_code == 302
    (request,) = two_pools.server(alias).requests
    assert two_pools.counts == ((1, 0) if alias == "acme" else (0, 1))
    basic = "Basic " + base64.b64encode(b"1zen:of-zen").decode()
    assert request.headers.get("authorization") == (basic if alias == "zen" else None)
    assert form_of(request).get("client_id") == (None if alias == "zen" else ACME_CLIENT)
    assert (who(client), CognitoUser.objects.get().user_pool_id) == (
        "alice",
        two_pools.settings_of(alias)["USER_POOL_ID"],
    )


def test_two_tabs_at_two_pools_come_back_each_to_its_own(client: Client, two_pools: TwoPools) -> None:
    at_acme, at_zen = begin(client, at="acme", next="/a/"), begin(client, at="zen", next="/z/")
    two_pools.acme.script(token_answer(nonce=at_acme["nonce"], alias="acme"))
    two_pools.zen.script(token_answer("zoe", nonce=at_zen["nonce"], alias="zen"))
    assert [come_back(client, asked)["Location"] for asked in (at_zen, at_acme)] == ["/z/", "/a/"]
    assert who(client) == "alice"
    assert sorted(CognitoUser.objects.values_list("username", "user_pool_id")) == [
        ("alice", "eu-west-1_AcmePool1"),
        ("zoe", "us-east-1_ZenPool01"),
    ]


@pytest.mark.defends("RP-13")
def test_the_same_sub_in_two_pools_is_two_people(client: Client, two_pools: TwoPools) -> None:
    two_pools.sign_in(client, "acme")
    two_pools.sign_in(Client(), "zen")
    assert get_user_model().objects.count() == CognitoUser.objects.count() == 2
    assert len(set(CognitoUser.objects.values_list("sub"))) == 1


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize(
    ("at", "code", "counts"), [("acme", "invalid_grant", (1, 0)), ("zen", "state_unknown", (0, 0))]
)
def test_another_pools_code_is_sent_to_nobody_but_the_pool_where_the_sign_in_began(
    client: Client, two_pools: TwoPools, before: str, at: str, code: str, counts: tuple[int, int]
) -> None:
    begin(client, at="zen")
    asked = begin(client, at="acme")
    two_pools.acme.script(refusal())
    two_pools.zen.script(token_answer(nonce=asked["nonce"], alias="zen"))
    assert told(come_back(client, asked, code="a-code-of-zen", at=at)) == (400, code)
    assert two_pools.counts == counts
    assert who(client) == before


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("said", [{}, {"code": None, "error": "access_denied"}], ids=["a code", "an error"])
@pytest.mark.defends("RP-09")
def test_another_pools_issuer_is_refused_and_nobody_is_asked(
    client: Client, two_pools: TwoPools, before: str, said: dict[str, Any]
) -> None:
    for alias, other in (("acme", "zen"), ("zen", "acme")):
        page = come_back(client, begin(client, at=alias), iss=ISSUERS[other], **said)
        assert told(page) == (400, "wrong_issuer")
    assert two_pools.counts == (0, 0)
    assert who(client) == before


def test_the_pools_own_issuer_is_taken(client: Client, two_pools: TwoPools) -> None:
    asked = begin(client, at="zen")
    two_pools.zen.script(token_answer(nonce=asked["nonce"], alias="zen"))
    assert come_back(client, asked, iss=ISSUERS["zen"]).status_code == 302


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize(
    ("of_zen", "code"),
    [
        (("access_token", "id_token"), "wrong_client"),
        (("access_token",), "wrong_client"),
        (("id_token",), "wrong_client"),
    ],
)
@pytest.mark.defends("RP-09")
def test_another_pools_tokens_are_refused(
    client: Client, two_pools: TwoPools, before: str, of_zen: tuple[str, ...], code: str
) -> None:
    asked = begin(client, at="acme")
    theirs = {
        "access_token": make_token(alias="zen"),
        "id_token": make_token(token_use="id", nonce=asked["nonce"], alias="zen"),
    }
    answer = token_answer(nonce=asked["nonce"], **{name: theirs[name] for name in of_zen})
    two_pools.acme.script(answer)
    assert told(come_back(client, asked)) == (403, code)
    assert who(client) == before


@pytest.mark.defends("RP-09")
def test_another_pools_tokens_are_refused_even_where_both_call_their_client_the_same(
    client: Client, two_pools: TwoPools, settings: Any, before: str
) -> None:
    zen = {**two_pools.settings_of("zen"), "CLIENT_ID": ACME_CLIENT}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme"), "zen": zen}}
    asked = begin(client, at="acme")
    two_pools.acme.script(token_answer("mallory", nonce=asked["nonce"], alias="zen"))
    assert told(come_back(client, asked)) == (400, "malformed_response")
    assert who(client) == before


@pytest.mark.defends("RP-09")
def test_another_clients_tokens_of_the_same_pool_are_refused(
    client: Client, two_pools: TwoPools, settings: Any, before: str
) -> None:
    beta = {**two_pools.settings_of("acme"), "CLIENT_ID": "1beta"}
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme"), "beta": beta}}
    asked = begin(client, at="acme")
    two_pools.acme.script(token_answer(nonce=asked["nonce"], alias="beta"))
    assert told(come_back(client, asked)) == (403, "wrong_client")
    assert who(client) == before


def test_a_machines_token_is_no_sign_in(client: Client, two_pools: TwoPools, before: str) -> None:
    asked = begin(client, at="acme")
    machine = {"username": None, "sub": ACME_CLIENT, "origin_jti": None}
    id_token = make_token(token_use="id", nonce=asked["nonce"], sub=ACME_CLIENT, origin_jti=None)
    two_pools.acme.script(token_answer(access_token=make_token(**machine), id_token=id_token))
    assert told(come_back(client, asked)) == (400, "malformed_response")
    assert who(client) == before


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("at", ["acme", "umbrella"])
def test_sign_in_that_comes_back_at_another_tenants_host_is_refused(
    client: Client, two_pools: TwoPools, before: str, at: str
) -> None:
    asked = begin(client, at="zen")
    assert told(come_back(client, asked, at=at)) == (400, "state_unknown")
    assert (two_pools.counts, who(client)) == ((0, 0), before)


@pytest.mark.parametrize("is_own", [True, False])
def test_alias_with_a_redirect_uri_of_its_own_may_come_back_anywhere(
    client: Client, two_pools: TwoPools, settings: Any, is_own: bool
) -> None:
    central = {"REDIRECT_URI": "http://localhost/auth/callback/"}
    pools = {
        "acme": two_pools.settings_of("acme"),
        "zen": {**two_pools.settings_of("zen"), **(central if is_own else {})},
    }
    settings.COGNITO = {**two_pools.settings, **({} if is_own else central), "POOLS": pools}
    asked = begin(client, at="zen", redirected="1")
    assert asked["redirect_uri"] == central["REDIRECT_URI"]
    two_pools.zen.script(token_answer(nonce=asked["nonce"], alias="zen"))
    answer = come_back(client, asked, at="acme")
    assert (answer.status_code, two_pools.counts) == ((302, (0, 1)) if is_own else (400, (0, 0)))
    if is_own:
        assert CognitoUser.objects.get().user_pool_id == ZEN_POOL


def test_a_sign_in_at_a_pool_that_was_taken_out_meanwhile_is_over(
    client: Client, two_pools: TwoPools, settings: Any, before: str
) -> None:
    asked = begin(client, at="zen")
    settings.COGNITO = {**two_pools.settings, "POOLS": {"acme": two_pools.settings_of("acme")}}
    assert told(come_back(client, asked)) == (400, "state_unknown")
    assert two_pools.counts == (0, 0)
    assert who(client) == before


@pytest.mark.defends("RP-09")
def test_a_sign_in_whose_alias_means_another_pool_meanwhile_is_over(
    client: Client, two_pools: TwoPools, settings: Any, before: str
) -> None:
    asked = begin(client, at="zen")
    settings.COGNITO = {**two_pools.settings, "POOLS": {"zen": two_pools.settings_of("acme")}}
    two_pools.acme.script(token_answer(nonce=asked["nonce"], alias="zen"))
    assert told(come_back(client, asked)) == (400, "state_unknown")
    assert two_pools.counts == (0, 0)
    assert who(client) == before


# No older than was asked for


def signed_in_seconds_ago(client: Client, server: ScriptedServer, seconds: int | None, **query: str) -> Any:
    asked = begin(client, **query)
    auth_time = None if seconds is None else int(time.time()) - seconds
    server.script(token_answer("newcomer", nonce=asked["nonce"], both={"auth_time": auth_time}))
    return come_back(client, asked)


@pytest.mark.parametrize("seconds", [0, 60, 65])  # LEEWAY_SECONDS is 10
def test_who_signed_in_lately_enough_gets_in(client: Client, two_pools: TwoPools, seconds: int) -> None:
    assert signed_in_seconds_ago(client, two_pools.acme, seconds, max_age="60").status_code == 302
    assert who(client) == "newcomer"


@pytest.mark.parametrize(("max_age", "seconds"), [("60", 75), ("0", 20), ("60", None)])
def test_who_signed_in_longer_ago_does_not_and_nothing_is_written_of_them(
    client: Client, two_pools: TwoPools, before: str, max_age: str, seconds: int | None
) -> None:
    page = signed_in_seconds_ago(client, two_pools.acme, seconds, max_age=max_age)
    assert told(page) == (400, "sign_in_too_old")
    assert who(client) == before
    assert not get_user_model().objects.filter(username="newcomer").exists()


@pytest.mark.parametrize("seconds", [100_000, None])
def test_without_max_age_it_does_not_matter(client: Client, two_pools: TwoPools, seconds: int | None) -> None:
    assert signed_in_seconds_ago(client, two_pools.acme, seconds).status_code == 302


def test_who_signed_in_too_long_ago_is_asked_for_the_password_by_the_pages_link(
    client: Client, two_pools: TwoPools
) -> None:
    page = signed_in_seconds_ago(client, two_pools.acme, 75, max_age="60", next="/mine/", lang="de")
    assert 'href="/auth/login/?next=%2Fmine%2F&amp;prompt=login&amp;max_age=60"' in page.content.decode()


# What is left of a login


def test_a_logins_tokens_go_to_its_own_hosted_ui_as_its_own_client(client: Client, two_pools: TwoPools) -> None:
    two_pools.sign_in(client, "zen", refresh_token="of-zen's-alice")
    login = CognitoLogin.objects.get()
    assert store.get_settings_for_login(login).alias == "zen"
    answer = client.post("/auth/logout/", {"at": "acme"})
    (_, revoked) = two_pools.zen.requests
    assert (revoked.path, form_of(revoked)["token"]) == ("/oauth2/revoke", "of-zen's-alice")
    assert answer["Location"].startswith(f"{two_pools.zen.url}/logout?client_id={ZEN_CLIENT}&")
    assert two_pools.acme.count == 0
    assert urlsplit(query_of(answer["Location"])["logout_uri"]).netloc == "testserver"
