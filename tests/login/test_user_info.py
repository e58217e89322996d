"""The profile from userInfo: one request per sign-in, with the `sub` of the tokens; a failure signs no user in.

`come_back` checks that a failed sign-in leaves session and rows unchanged.
"""

import json
import logging
import time
from itertools import product
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import (
    Answer,
    Drip,
    Flood,
    Raw,
    Reset,
    ScriptedServer,
    Silence,
    Step,
    json_answer,
)

from django_cognito.core.tokens.jws import decode_jws
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support.callers import bearer, with_id_token
from tests.support.cases import cases
from tests.support.scenarios.login import (
    change_login,
    finish_sign_in,
    read_query,
    refusal,
    start_sign_in,
    token_response,
    username_at,
)
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site"), pytest.mark.usefixtures("site")]


@pytest.fixture
def site(settings: Any, token_endpoint: ScriptedServer) -> None:
    """Read profiles from userInfo."""
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo"}


@pytest.fixture(params=["nobody", "bob"])
def username_before(request: pytest.FixtureRequest, client: Client) -> str:
    """Return the user of the session before a failure; the test checks that it is the same after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


def sub_of(username: str = "alice") -> str:
    return str(decode_jws(make_token(username=username))[1]["sub"])


def user_info_answer(username: str = "alice", **attributes: Any) -> Answer:
    """Return a userInfo response for a user; a member that is None is left out."""
    answer = {"sub": sub_of(username), "username": username, "email_verified": "true", **attributes}
    return json_answer({name: value for name, value in answer.items() if value is not None})


def sign_in_alice(client: Client, server: ScriptedServer, user_info: Step, **tokens: Any) -> Any:
    """Return the response to the callback of a sign-in of alice, with `user_info` as the userInfo response."""
    params = start_sign_in(client)
    server.script(token_response(nonce=params["nonce"], **tokens), user_info, Answer(500))
    return finish_sign_in(client, params)


def get_alice() -> Any:
    return User.objects.get(username="alice")


# The profile


def test_sign_in_reads_the_profile_with_one_user_info_request(client: Client, token_endpoint: ScriptedServer) -> None:
    answer = user_info_answer(email="new@example.com", given_name="Alice", family_name="Liddell")
    assert sign_in_alice(client, token_endpoint, answer).status_code == 302
    assert (get_alice().email, get_alice().first_name, get_alice().last_name) == ("new@example.com", "Alice", "Liddell")
    exchange, user_info = token_endpoint.requests
    assert (exchange.path, user_info.method, user_info.path) == ("/oauth2/token", "GET", "/oauth2/userInfo")
    raw = user_info.headers["authorization"].removeprefix("Bearer ")
    assert decode_jws(raw)[1]["token_use"] == "access"
    assert "cookie" not in user_info.headers
    assert username_at(client) == "alice"


def test_id_token_does_not_change_the_profile(client: Client, token_endpoint: ScriptedServer) -> None:
    id_token = {"given_name": "Of the token", "email": "of-the-token@example.com"}
    sign_in_alice(client, token_endpoint, user_info_answer(family_name="Liddell"), both=id_token)
    assert (get_alice().email, get_alice().first_name, get_alice().last_name) == ("", "", "Liddell")


def test_user_info_is_not_requested_by_default(client: Client, token_endpoint: ScriptedServer, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "id_token"}
    sign_in_alice(client, token_endpoint, user_info_answer(email="new@example.com"))
    assert (get_alice().email, token_endpoint.count) == ("alice@example.com", 1)


def test_groups_are_read_from_the_token_only(client: Client, token_endpoint: ScriptedServer, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    sign_in_alice(client, token_endpoint, user_info_answer(**{"cognito:groups": ["admins"]}))
    assert (get_alice().is_staff, CognitoMembership.objects.count()) == (False, 0)


def test_username_of_a_new_user_may_come_from_user_info(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "USERNAME": "preferred_username"}
    sign_in_alice(
        client, token_endpoint, user_info_answer(preferred_username="al"), both={"preferred_username": "of-the-token"}
    )
    assert User.objects.get().username == "al"


def test_verified_email_of_user_info_links_no_user(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    """Only the signed ID token proves which email address Cognito verified."""
    settings.COGNITO = {**settings.COGNITO, "LINK_BY_VERIFIED_EMAIL": True}
    existing_user = User.objects.create_user("her", "her@example.com")
    sign_in_alice(client, token_endpoint, user_info_answer(email="her@example.com"))
    assert get_alice() != existing_user
    assert not existing_user.cognito_users.exists()


def test_boolean_field_is_set_from_a_boolean_or_its_text(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"is_staff": "custom:internal"}}
    sign_in(Client())
    values = {"true": True, "false": False, "True": True, "FALSE": False, True: True, False: False, "1": True}
    with cases() as case:
        for value, expected in values.items():
            with case(repr(value)):
                User.objects.update(is_staff=not expected)
                sign_in_alice(client, token_endpoint, user_info_answer(**{"custom:internal": value}))
                assert get_alice().is_staff is expected


def test_value_that_is_no_boolean_leaves_the_field_unchanged(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"is_staff": "custom:internal"}}
    sign_in(Client())
    values: list[Any] = ["yes", "", " true", "truefalse", 2, [], ["true"], {"a": 1}, None]
    with cases() as case:
        for value, is_staff in product(values, (True, False)):
            with case(f"{value!r} and {is_staff}"):
                User.objects.update(is_staff=is_staff)
                answer = user_info_answer(**{"custom:internal": value})
                assert sign_in_alice(client, token_endpoint, answer).status_code == 302
                assert get_alice().is_staff is is_staff


def test_invalid_value_is_left_out_or_truncated(client: Client, token_endpoint: ScriptedServer) -> None:
    values: list[Any] = ["a\0b", "\0", ["\0"], {"\0": 1}, {"a": "\0"}, 10**30, 1e300, [[[[]]]], {"a": {}}, "x" * 9_000]
    with cases() as case:
        for value in values:
            with case(repr(value)[:50]):
                User.objects.all().delete()
                answer = user_info_answer(given_name=value, family_name="Liddell", email=value)
                assert sign_in_alice(client, token_endpoint, answer).status_code == 302
                assert get_alice().last_name == "Liddell"
                assert "\0" not in get_alice().first_name
                assert get_alice().email == ""


# Repeated and out of order


def test_same_user_info_at_the_next_sign_in_writes_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    answer, claims = user_info_answer(email="new@example.com", given_name="Alice"), {"iat": int(time.time())}
    sign_in_alice(client, token_endpoint, answer, both=claims)
    User.objects.update(first_name="By hand")
    link = CognitoUser.objects.values().get()
    sign_in_alice(client, token_endpoint, answer, both=claims)
    assert CognitoUser.objects.values().get() == link
    assert get_alice().first_name == "By hand"


def test_changed_user_info_at_the_next_sign_in_is_stored(client: Client, token_endpoint: ScriptedServer) -> None:
    for name in ("Alice", "Alicia", "Alice"):
        sign_in_alice(client, token_endpoint, user_info_answer(given_name=name))
        assert get_alice().first_name == name


def test_change_of_groups_does_not_restore_an_old_profile(client: Client, token_endpoint: ScriptedServer) -> None:
    """The userInfo response has no groups, so a change of groups does not apply the same profile again."""
    answer = user_info_answer(given_name="Alice")
    sign_in_alice(client, token_endpoint, answer)
    User.objects.update(first_name="By hand")
    link = CognitoUser.objects.get()
    earlier_time = int(link.as_of.timestamp())
    CognitoUser.objects.update(as_of=link.as_of.replace(year=link.as_of.year - 1))
    client.get("/who/", headers=bearer(make_token(groups=["editors"], iat=earlier_time, auth_time=earlier_time)))
    assert CognitoUser.objects.get().groups == ["editors"]
    sign_in_alice(client, token_endpoint, answer)
    assert get_alice().first_name == "By hand"


def test_late_older_sign_in_stores_no_old_profile(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_alice(client, token_endpoint, user_info_answer(given_name="New"))
    earlier_time = int(CognitoUser.objects.get().as_of.timestamp()) - 60
    sign_in_alice(
        Client(),
        token_endpoint,
        user_info_answer(given_name="Old"),
        both={"iat": earlier_time, "auth_time": earlier_time},
    )
    assert get_alice().first_name == "New"


# Requests without userInfo


@pytest.mark.parametrize("client_class", [Client, AsyncClient], ids=["sync", "async"])
def test_refresh_makes_no_user_info_request_and_leaves_the_profile(
    token_endpoint: ScriptedServer, client_class: Any
) -> None:
    browser = Client()
    sign_in_alice(browser, token_endpoint, user_info_answer(given_name="Alice"))
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    token_endpoint.requests.clear()
    token_endpoint.script(token_response(both={"given_name": "Of the token"}), Answer(500))
    other = client_class()
    other.cookies = browser.cookies
    get = async_to_sync(other.get) if isinstance(other, AsyncClient) else other.get
    assert get("/who/").content == b"alice"
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/token"]
    assert get_alice().first_name == "Alice"


def test_request_with_tokens_makes_no_user_info_request(client: Client, token_endpoint: ScriptedServer) -> None:
    raw, id_token = make_token(), make_token(token_use="id", given_name="Of the token")
    for headers in (bearer(raw), with_id_token(raw, id_token)):
        assert client.get("/who/", headers=headers).content == b"alice"
    assert (token_endpoint.count, get_alice().first_name, get_alice().email) == (0, "", "")


# Another user


OTHER_SUBS: dict[str, Any] = {
    "missing": None,
    "empty": "",
    "of another user": sub_of("mallory"),
    "in capitals": sub_of().upper(),
    "with a space": f" {sub_of()}",
    "with a NUL": f"{sub_of()}\0",
    "a list": [sub_of()],
    "an object": {sub_of(): True},
    "a number": 5,
    "true": True,
}


@pytest.mark.defends("RP-18")
def test_user_info_with_another_sub_is_no_sign_in(
    client: Client, token_endpoint: ScriptedServer, username_before: str
) -> None:
    with cases() as case:
        for name, sub in OTHER_SUBS.items():
            with case(name):
                page = sign_in_alice(client, token_endpoint, user_info_answer(sub=sub, given_name="Mallory"))
                assert (page.status_code, page.context["code"]) == (400, "user_info_mismatch")
                assert username_at(client) == username_before


@pytest.mark.parametrize(
    ("answer", "status"), [(user_info_answer("mallory"), 400), (Answer(500), 503), (refusal("invalid_token", 401), 403)]
)
def test_failed_user_info_links_no_account(
    client: Client, token_endpoint: ScriptedServer, answer: Step, status: int
) -> None:
    sign_in(client, "bob")
    params = read_query(client.post("/auth/link/")["Location"])
    token_endpoint.script(token_response(nonce=params["nonce"]), answer)
    assert finish_sign_in(client, params).status_code == status
    assert CognitoUser.objects.get().username == "bob"
    assert username_at(client) == "bob"


# Refused, and unavailable


@pytest.mark.parametrize("status", [400, 401])
def test_token_rejected_by_user_info_is_no_sign_in(
    client: Client, token_endpoint: ScriptedServer, username_before: str, status: int
) -> None:
    page = sign_in_alice(client, token_endpoint, refusal("invalid_token", status))
    assert (page.status_code, page.context["code"]) == (403, "invalid_token")
    assert username_at(client) == username_before


def _json(body: bytes) -> Answer:
    return Answer(body=body, headers={"content-type": "application/json"})


OUTAGES: dict[str, Step] = {
    "500": Answer(500, b'{"error":"server_error"}'),
    "503 with the right answer": Answer(503, user_info_answer().body),
    "403 of a firewall": Answer(403, b"<html>Forbidden</html>"),
    "429": json_answer({"error": "slow_down"}, 429),
    "204": Answer(204),
    "nothing": Answer(),
    "HTML": Answer(body=b"<html>maintenance</html>", headers={"content-type": "text/html"}),
    "a list": _json(b"[]"),
    "a string": _json(b'"sub"'),
    "null": _json(b"null"),
    "no UTF-8": _json(b'{"sub":"\xff"}'),
    "truncated JSON": _json(user_info_answer().body[:-1]),
    "silence": Silence(),
    "a drip": Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
    "a reset": Reset(),
    "no HTTP": Raw(b"220 smtp.example.com\r\n"),
    "a flood": Flood(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65_536),
    "too large": _json(json.dumps({"sub": sub_of(), "nickname": "x" * 70_000}).encode()),
    "packed": Answer(body=user_info_answer().body, headers={"content-encoding": "gzip"}),
    "a redirect with the right answer": Answer(
        302, user_info_answer().body, {"location": "https://elsewhere.example/"}
    ),
    # Not allowed in a token either, see `core.compact`: it could not be stored.
    "a lone surrogate": _json(user_info_answer(given_name="\ud800").body),
    "NaN": _json(user_info_answer(zoneinfo=float("nan")).body),
    "a member twice": _json(user_info_answer("mallory").body[:-1] + b", " + user_info_answer().body[1:]),
    "nested": _json(b'{"sub":"%s","a":%s}' % (sub_of().encode(), b"[" * 900 + b"]" * 900)),
    "nested beyond reading": _json(b'{"sub":"%s","a":%s}' % (sub_of().encode(), b"[" * 30_000 + b"]" * 30_000)),
}


def test_user_info_outage_is_503_and_no_sign_in(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    username_before: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    patient = settings.COGNITO
    with cases() as case:
        for name, answer in OUTAGES.items():
            is_endless = isinstance(answer, Silence | Drip)
            settings.COGNITO = {**patient, "HTTP_TIMEOUT_SECONDS": 0.5} if is_endless else patient
            with case(name):
                caplog.clear()
                with caplog.at_level(logging.DEBUG):
                    page = sign_in_alice(client, token_endpoint, answer)
                assert (page.status_code, page.context["code"]) == (503, "cognito_unavailable")
                assert page["Retry-After"]
                assert "eyJ" not in caplog.text
                assert username_at(client) == username_before


@pytest.mark.defends("RP-25")
def test_user_info_redirect_is_not_followed(client: Client, token_endpoint: ScriptedServer) -> None:
    with ScriptedServer(user_info_answer()) as elsewhere:
        redirect = Answer(307, headers={"location": f"{elsewhere.url}/oauth2/userInfo"})
        assert sign_in_alice(client, token_endpoint, redirect).status_code == 503
        assert (elsewhere.count, token_endpoint.count) == (0, 2)


def test_inactive_user_does_not_sign_in_with_user_info(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(Client())
    User.objects.update(is_active=False)
    page = sign_in_alice(client, token_endpoint, user_info_answer(given_name="Alice"))
    assert (page.status_code, page.context["code"]) == (403, "user_inactive")
    assert (get_alice().first_name, username_at(client)) == ("", "nobody")


def test_sign_in_after_a_user_info_failure_succeeds(client: Client, token_endpoint: ScriptedServer) -> None:
    assert sign_in_alice(client, token_endpoint, Answer(500)).status_code == 503
    assert sign_in_alice(client, token_endpoint, user_info_answer(given_name="Alice")).status_code == 302
    assert get_alice().first_name == "Alice"


# Several pools


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_user_info_is_requested_at_the_pools_own_hosted_ui(
    client: Client, two_pools: TwoPools, settings: Any, alias: str
) -> None:
    settings.COGNITO = {**two_pools.settings, "PROFILE_SOURCE": "userinfo"}
    params, server = start_sign_in(client, at=alias), two_pools.server(alias)
    server.script(token_response(nonce=params["nonce"], alias=alias), user_info_answer(given_name="Alice"))
    assert finish_sign_in(client, params).status_code == 302
    assert [request.path for request in server.requests] == ["/oauth2/token", "/oauth2/userInfo"]
    assert two_pools.counts == ((2, 0) if alias == "acme" else (0, 2))
    assert server.requests[1].headers["authorization"].startswith("Bearer ")
    assert get_alice().first_name == "Alice"
