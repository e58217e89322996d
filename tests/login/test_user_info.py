"""The profile from userInfo: asked once a login, believed of the very person alone, and of nobody where it fails.

Whatever fails is shown by `come_back`, which sees that session and rows are as before.
"""

import json
import logging
import time
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from django_cognito.core.tokens.jws import decode_jws
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, with_id_token
from tests.support.login_scenario import begin, change, come_back, query_of, refusal, token_answer, who
from tests.support.scripted_server import Answer, Drip, Flood, Raw, Reset, ScriptedServer, Silence, Step, json_answer
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site"), pytest.mark.usefixtures("site")]


@pytest.fixture
def site(settings: Any, token_endpoint: ScriptedServer) -> None:
    """A site that takes profiles from userInfo, and does not wait long for it."""
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo", "HTTP_TIMEOUT_SECONDS": 0.5}


@pytest.fixture(params=["nobody", "bob"])
def before(request: pytest.FixtureRequest, client: Client) -> str:
    """Who the browser is before something fails, and must be after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


def sub_of(username: str = "alice") -> str:
    return str(decode_jws(make_token(username=username))[1]["sub"])


def said(username: str = "alice", **attributes: Any) -> Answer:
    """What userInfo says of somebody; None takes a member away."""
    answer = {"sub": sub_of(username), "username": username, "email_verified": "true", **attributes}
    return json_answer({name: value for name, value in answer.items() if value is not None})


def signed_in(client: Client, server: ScriptedServer, user_info: Step, **tokens: Any) -> Any:
    """The site's answer to alice, who comes back while userInfo answers so."""
    asked = begin(client)
    server.script(token_answer(nonce=asked["nonce"], **tokens), user_info, Answer(500))
    return come_back(client, asked)


def alice() -> Any:
    return User.objects.get(username="alice")


# What it gives


def test_a_login_takes_its_profile_from_user_info_which_is_asked_once(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    answer = said(email="new@example.com", given_name="Alice", family_name="Liddell")
    assert signed_in(client, token_endpoint, answer).status_code == 302
    assert (alice().email, alice().first_name, alice().last_name) == ("new@example.com", "Alice", "Liddell")
    exchange, user_info = token_endpoint.requests
    assert (exchange.path, user_info.method, user_info.path) == ("/oauth2/token", "GET", "/oauth2/userInfo")
    raw = user_info.headers["authorization"].removeprefix("Bearer ")
    assert decode_jws(raw)[1]["token_use"] == "access"
    assert "cookie" not in user_info.headers
    assert who(client) == "alice"


def test_none_of_it_is_taken_from_the_id_token(client: Client, token_endpoint: ScriptedServer) -> None:
    id_token = {"given_name": "Of the token", "email": "of-the-token@example.com"}
    signed_in(client, token_endpoint, said(family_name="Liddell"), both=id_token)
    assert (alice().email, alice().first_name, alice().last_name) == ("", "", "Liddell")


def test_without_the_setting_nobody_is_asked(client: Client, token_endpoint: ScriptedServer, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "id_token"}
    signed_in(client, token_endpoint, said(email="new@example.com"))
    assert (alice().email, token_endpoint.count) == ("alice@example.com", 1)


def test_groups_are_the_tokens_whatever_user_info_says(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    signed_in(client, token_endpoint, said(**{"cognito:groups": ["admins"]}))
    assert (alice().is_staff, CognitoMembership.objects.count()) == (False, 0)


def test_the_name_of_a_new_user_may_be_user_infos(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "USERNAME": "preferred_username"}
    signed_in(client, token_endpoint, said(preferred_username="al"), both={"preferred_username": "of-the-token"})
    assert User.objects.get().username == "al"


def test_an_address_that_user_info_calls_verified_links_nobody(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    """The ID token says which address Cognito verified; what is signed is what counts."""
    settings.COGNITO = {**settings.COGNITO, "LINK_BY_VERIFIED_EMAIL": True}
    her = User.objects.create_user("her", "her@example.com")
    signed_in(client, token_endpoint, said(email="her@example.com"))
    assert alice() != her
    assert not her.cognito_users.exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [("true", True), ("false", False), ("True", True), ("FALSE", False), (True, True), (False, False), ("1", True)],
)
def test_words_for_truths_go_into_a_boolean_field(
    client: Client, token_endpoint: ScriptedServer, settings: Any, words: Any, expected: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"is_staff": "custom:internal"}}
    sign_in(Client())
    User.objects.update(is_staff=not expected)
    signed_in(client, token_endpoint, said(**{"custom:internal": words}))
    assert alice().is_staff is expected


@pytest.mark.parametrize("odd", ["yes", "", " true", "truefalse", 2, [], ["true"], {"a": 1}, None])
def test_what_is_no_truth_leaves_it_as_it_was(
    client: Client, token_endpoint: ScriptedServer, settings: Any, odd: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"is_staff": "custom:internal"}}
    sign_in(Client())
    for was in (True, False):
        User.objects.update(is_staff=was)
        assert signed_in(client, token_endpoint, said(**{"custom:internal": odd})).status_code == 302
        assert alice().is_staff is was


@pytest.mark.parametrize(
    "odd", ["a\0b", "\0", ["\0"], {"\0": 1}, {"a": "\0"}, 10**30, 1e300, [[[[]]]], {"a": {}}, "x" * 9_000]
)
def test_an_odd_value_is_left_out_or_cut_off_and_the_login_goes_on(
    client: Client, token_endpoint: ScriptedServer, odd: Any
) -> None:
    answer = said(given_name=odd, family_name="Liddell", email=odd)
    assert signed_in(client, token_endpoint, answer).status_code == 302
    assert alice().last_name == "Liddell"
    assert "\0" not in alice().first_name
    assert alice().email == ""


# Steady, and in order


def test_the_same_answer_at_the_next_login_writes_nothing_of_the_person(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    answer, moment = said(email="new@example.com", given_name="Alice"), {"iat": int(time.time())}
    signed_in(client, token_endpoint, answer, both=moment)
    User.objects.update(first_name="By hand")
    link = CognitoUser.objects.values().get()
    signed_in(client, token_endpoint, answer, both=moment)
    assert CognitoUser.objects.values().get() == link
    assert alice().first_name == "By hand"


def test_another_answer_at_the_next_login_is_written(client: Client, token_endpoint: ScriptedServer) -> None:
    for name in ("Alice", "Alicia", "Alice"):
        signed_in(client, token_endpoint, said(given_name=name))
        assert alice().first_name == name


def test_a_change_of_groups_does_not_bring_an_old_profile_back(client: Client, token_endpoint: ScriptedServer) -> None:
    """UserInfo speaks of no groups, so a change of them is no reason to hear the same once more."""
    answer = said(given_name="Alice")
    signed_in(client, token_endpoint, answer)
    User.objects.update(first_name="By hand")
    link = CognitoUser.objects.get()
    then = int(link.as_of.timestamp())
    CognitoUser.objects.update(as_of=link.as_of.replace(year=link.as_of.year - 1))
    client.get("/who/", headers=bearer(make_token(groups=["editors"], iat=then, auth_time=then)))
    assert CognitoUser.objects.get().groups == ["editors"]
    signed_in(client, token_endpoint, answer)
    assert alice().first_name == "By hand"


def test_an_old_login_that_comes_late_brings_no_old_profile(client: Client, token_endpoint: ScriptedServer) -> None:
    signed_in(client, token_endpoint, said(given_name="New"))
    then = int(CognitoUser.objects.get().as_of.timestamp()) - 60
    signed_in(Client(), token_endpoint, said(given_name="Old"), both={"iat": then, "auth_time": then})
    assert alice().first_name == "New"


# When it is not asked


@pytest.mark.parametrize("make", [Client, AsyncClient], ids=["sync", "async"])
def test_a_renewal_asks_no_user_info_and_keeps_the_profile(token_endpoint: ScriptedServer, make: Any) -> None:
    browser = Client()
    signed_in(browser, token_endpoint, said(given_name="Alice"))
    change(CognitoLogin.objects.get(), ends_in=-1)
    token_endpoint.requests.clear()
    token_endpoint.script(token_answer(both={"given_name": "Of the token"}), Answer(500))
    other = make()
    other.cookies = browser.cookies
    get = async_to_sync(other.get) if isinstance(other, AsyncClient) else other.get
    assert get("/who/").content == b"alice"
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/token"]
    assert alice().first_name == "Alice"


def test_a_request_with_tokens_asks_nobody(client: Client, token_endpoint: ScriptedServer) -> None:
    raw, id_token = make_token(), make_token(token_use="id", given_name="Of the token")
    for headers in (bearer(raw), with_id_token(raw, id_token)):
        assert client.get("/who/", headers=headers).content == b"alice"
    assert (token_endpoint.count, alice().first_name, alice().email) == (0, "", "")


# Not the person


OTHERS: dict[str, Any] = {
    "missing": None,
    "empty": "",
    "of another person": sub_of("mallory"),
    "in capitals": sub_of().upper(),
    "with a space": f" {sub_of()}",
    "with a NUL": f"{sub_of()}\0",
    "a list": [sub_of()],
    "an object": {sub_of(): True},
    "a number": 5,
    "true": True,
}


@pytest.mark.defends("RP-18")
@pytest.mark.parametrize("sub", OTHERS.values(), ids=OTHERS)
def test_user_info_of_somebody_else_is_no_sign_in(
    client: Client, token_endpoint: ScriptedServer, before: str, sub: Any
) -> None:
    page = signed_in(client, token_endpoint, said(sub=sub, given_name="Mallory"))
    assert (page.status_code, page.context["code"]) == (400, "user_info_mismatch")
    assert who(client) == before


@pytest.mark.parametrize(
    ("answer", "status"), [(said("mallory"), 400), (Answer(500), 503), (refusal("invalid_token", 401), 403)]
)
def test_no_further_account_is_linked_by_it(
    client: Client, token_endpoint: ScriptedServer, answer: Step, status: int
) -> None:
    sign_in(client, "bob")
    asked = query_of(client.post("/auth/link/")["Location"])
    token_endpoint.script(token_answer(nonce=asked["nonce"]), answer)
    assert come_back(client, asked).status_code == status
    assert CognitoUser.objects.get().username == "bob"
    assert who(client) == "bob"


# Refused, and unavailable


@pytest.mark.parametrize("status", [400, 401])
def test_where_user_info_refuses_the_token_nobody_is_signed_in(
    client: Client, token_endpoint: ScriptedServer, before: str, status: int
) -> None:
    page = signed_in(client, token_endpoint, refusal("invalid_token", status))
    assert (page.status_code, page.context["code"]) == (403, "invalid_token")
    assert who(client) == before


def _long(body: bytes) -> Answer:
    return Answer(body=body, headers={"content-type": "application/json"})


OUTAGES: dict[str, Step] = {
    "500": Answer(500, b'{"error":"server_error"}'),
    "503 with the very answer": Answer(503, said().body),
    "403 of a firewall": Answer(403, b"<html>Forbidden</html>"),
    "429": json_answer({"error": "slow_down"}, 429),
    "204": Answer(204),
    "nothing": Answer(),
    "HTML": Answer(body=b"<html>maintenance</html>", headers={"content-type": "text/html"}),
    "a list": _long(b"[]"),
    "a word": _long(b'"sub"'),
    "null": _long(b"null"),
    "no UTF-8": _long(b'{"sub":"\xff"}'),
    "half of it": _long(said().body[:-1]),
    "silence": Silence(),
    "a drip": Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
    "a reset": Reset(),
    "no HTTP": Raw(b"220 smtp.example.com\r\n"),
    "a flood": Flood(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65_536),
    "too large": _long(json.dumps({"sub": sub_of(), "nickname": "x" * 70_000}).encode()),
    "packed": Answer(body=said().body, headers={"content-encoding": "gzip"}),
    "a redirect with the very answer": Answer(302, said().body, {"location": "https://elsewhere.example/"}),
    # What no token may say either, see `core.compact`: none of it could be kept.
    "a lone surrogate": _long(said(given_name="\ud800").body),
    "NaN": _long(said(zoneinfo=float("nan")).body),
    "a member twice": _long(said("mallory").body[:-1] + b", " + said().body[1:]),
    "nested": _long(b'{"sub":"%s","a":%s}' % (sub_of().encode(), b"[" * 900 + b"]" * 900)),
    "nested beyond reading": _long(b'{"sub":"%s","a":%s}' % (sub_of().encode(), b"[" * 30_000 + b"]" * 30_000)),
}


@pytest.mark.parametrize("answer", OUTAGES.values(), ids=OUTAGES)
def test_where_user_info_cannot_be_had_nobody_is_signed_in_and_may_try_again(
    client: Client, token_endpoint: ScriptedServer, before: str, answer: Step, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        page = signed_in(client, token_endpoint, answer)
    assert (page.status_code, page.context["code"]) == (503, "cognito_unavailable")
    assert page["Retry-After"]
    assert "eyJ" not in caplog.text
    assert who(client) == before


@pytest.mark.defends("RP-25")
def test_a_redirect_takes_the_token_nowhere(client: Client, token_endpoint: ScriptedServer) -> None:
    with ScriptedServer(said()) as elsewhere:
        redirect = Answer(307, headers={"location": f"{elsewhere.url}/oauth2/userInfo"})
        assert signed_in(client, token_endpoint, redirect).status_code == 503
        assert (elsewhere.count, token_endpoint.count) == (0, 2)


def test_who_is_disabled_here_is_so_whatever_user_info_says(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(Client())
    User.objects.update(is_active=False)
    page = signed_in(client, token_endpoint, said(given_name="Alice"))
    assert (page.status_code, page.context["code"]) == (403, "user_inactive")
    assert (alice().first_name, who(client)) == ("", "nobody")


def test_after_a_failure_the_next_sign_in_is_as_ever(client: Client, token_endpoint: ScriptedServer) -> None:
    assert signed_in(client, token_endpoint, Answer(500)).status_code == 503
    assert signed_in(client, token_endpoint, said(given_name="Alice")).status_code == 302
    assert alice().first_name == "Alice"


# Several pools


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_each_pool_is_asked_at_its_own_hosted_ui(
    client: Client, two_pools: TwoPools, settings: Any, alias: str
) -> None:
    settings.COGNITO = {**two_pools.settings, "PROFILE_SOURCE": "userinfo"}
    asked, server = begin(client, at=alias), two_pools.server(alias)
    server.script(token_answer(nonce=asked["nonce"], alias=alias), said(given_name="Alice"))
    assert come_back(client, asked).status_code == 302
    assert [request.path for request in server.requests] == ["/oauth2/token", "/oauth2/userInfo"]
    assert two_pools.counts == ((2, 0) if alias == "acme" else (0, 2))
    assert "basic" not in server.requests[1].headers["authorization"].lower()
    assert alice().first_name == "Alice"
