"""The browser's way in and out, attacked at every step. The token endpoint is scripted; `whole_sign_in` has a real one.

Whatever fails changes nothing: who was signed in still is.
"""

import base64
import hashlib
import json
import logging
import re
import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import translation

from django_cognito.core.hosted_ui import SignInSecrets
from django_cognito.login.state import open_state
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.login_scenario import (
    CALLBACK,
    assert_private,
    begin,
    code_of,
    come_back,
    form_of,
    login_of,
    post_logout,
    query_of,
    refusal,
    reseal,
    secret_cookies,
    standing,
    token_answer,
    who,
)
from tests.support.scripted_server import Answer, Reset, ScriptedServer, Silence, json_answer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

CLIENT_ID = "1testclient23456789"


@pytest.fixture(autouse=True)
def _token_endpoint(token_endpoint: ScriptedServer) -> None:
    """Every test has one: a request that should not be is counted."""


def come_back_with(client: Client, server: ScriptedServer, **tokens: Any) -> Any:
    """A whole sign-in at `client`, for which the token endpoint gives `tokens` (see `token_answer`)."""
    asked = begin(client)
    server.script(token_answer(**{"nonce": asked["nonce"], **tokens}))
    return come_back(client, asked)


def everything_of(client: Client) -> dict[str, Any]:
    """All that a failed sign-in must not change: the session, whose it is, and every row."""
    return {**standing(client), "who": who(client)}


# The way in


@pytest.mark.defends("RP-04", "RP-21")
def test_a_login_sends_the_browser_to_the_hosted_ui_with_all_that_protects_it(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    answer = client.get("/auth/login/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    asked = query_of(answer["Location"])
    secrets = {name: asked.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://testserver/auth/callback/",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
    }
    assert min(map(len, secrets.values())) >= 43
    assert len(secrets["state"]) <= 1_536
    assert len(set(secrets.values())) == 3
    assert_private(answer)


@pytest.mark.defends("RP-04")
def test_the_token_request_carries_the_verifier_that_was_challenged(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    asked = begin(client)
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    come_back(client, asked, code="the-code")
    form = form_of(token_endpoint.requests[0])
    verifier = form.pop("code_verifier")
    assert form == {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "code": "the-code",
        "redirect_uri": "http://testserver/auth/callback/",
    }
    assert SignInSecrets("", "", verifier).code_challenge == asked["code_challenge"]


@pytest.mark.defends("RP-10")
def test_the_redirect_uri_can_be_set(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": "https://www.example.com/auth/callback/"}
    asked = begin(client, redirected="1")
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    come_back(client, asked)
    assert asked["redirect_uri"] == "https://www.example.com/auth/callback/"
    assert form_of(token_endpoint.requests[0])["redirect_uri"] == "https://www.example.com/auth/callback/"


@pytest.mark.defends("RP-10")
def test_a_forwarded_host_has_no_effect(client: Client) -> None:
    headers = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example", "x-forwarded-proto": "https"}
    answer = client.get("/auth/login/", headers=headers)
    assert query_of(answer["Location"])["redirect_uri"] == "http://testserver/auth/callback/"


@pytest.mark.defends("RP-10")
@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/", CALLBACK])
def test_a_host_that_is_not_allowed_gets_nothing(client: Client, path: str) -> None:
    assert client.get(path, headers={"host": "evil.example"}).status_code == 400


def test_a_forwarded_host_counts_where_the_site_believes_it_and_allowed_hosts_do(client: Client, settings: Any) -> None:
    settings.USE_X_FORWARDED_HOST = True
    asked = query_of(client.get("/auth/login/", headers={"x-forwarded-host": "localhost"})["Location"])
    assert asked["redirect_uri"] == "http://localhost/auth/callback/"
    assert client.get("/auth/login/", headers={"x-forwarded-host": "evil.example"}).status_code == 400
    assert client.post("/auth/logout/", headers={"x-forwarded-host": "evil.example"}).status_code == 400


def test_a_forwarded_host_has_no_effect_on_a_logout(client: Client) -> None:
    sign_in(client)
    answer = client.post("/auth/logout/", headers={"x-forwarded-host": "evil.example"})
    assert query_of(answer["Location"])["logout_uri"] == "http://testserver/"


def test_a_site_without_a_domain_is_told_what_is_missing(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    with pytest.raises(ImproperlyConfigured, match="DOMAIN"):
        client.get("/auth/login/")


@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/", CALLBACK])
def test_a_way_in_is_got_and_never_posted(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_the_ways_in_and_out_are_open_on_a_site_that_requires_logins(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get("/who/")["Location"] == "/auth/login/?next=/who/"
    for path in ("login", "sign-up", "forgot-password"):
        assert client.get(f"/auth/{path}/")["Location"].startswith(token_endpoint.url)
    assert client.get(CALLBACK).status_code == 400
    assert client.get("/auth/logout/").status_code == 200
    assert come_back_with(client, token_endpoint)["Location"] == "/"


# The way back


@pytest.mark.defends("RP-06", "RP-21")
def test_who_comes_back_is_signed_in(client: Client, token_endpoint: ScriptedServer) -> None:
    before = client.session.session_key
    answer = come_back_with(client, token_endpoint)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert_private(answer)
    assert who(client) == "alice"
    assert client.session.session_key != before
    login = CognitoLogin.objects.get()
    assert client.session[store.SESSION_KEY] == str(login.pk)
    assert store.decrypt_tokens(login).refresh_token == "a-refresh-token"


@pytest.mark.defends("RP-20")
def test_no_token_is_in_the_session(client: Client, token_endpoint: ScriptedServer) -> None:
    come_back_with(client, token_endpoint)
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    kept = json.dumps(dict(client.session.items()))
    assert not [raw for raw in (tokens.access_token, tokens.id_token, tokens.refresh_token) if raw in kept]


def test_somebody_new_is_made_of_the_id_token(client: Client, token_endpoint: ScriptedServer) -> None:
    come_back_with(client, token_endpoint)
    user = get_user_model().objects.get()
    assert (user.get_username(), user.email, user.has_usable_password()) == ("alice", "alice@example.com", False)


@pytest.mark.defends("RP-06")
def test_a_second_person_on_the_same_browser_ends_the_firsts_login(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    come_back_with(client, token_endpoint, username="alice", refresh_token="of-alice")
    asked = begin(client)
    token_endpoint.script(token_answer("bob", nonce=asked["nonce"]), Answer())
    come_back(client, asked)
    assert who(client) == "bob"
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == ["bob"]
    assert form_of(token_endpoint.requests[-1])["token"] == "of-alice"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_the_token_types_case_does_not_matter(client: Client, token_endpoint: ScriptedServer, token_type: str) -> None:
    come_back_with(client, token_endpoint, token_type=token_type)
    assert who(client) == "alice"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("expires_in", [None, "soon", -1])
def test_the_tokens_say_themselves_when_they_end(
    client: Client, token_endpoint: ScriptedServer, expires_in: Any
) -> None:
    come_back_with(client, token_endpoint, expires_in=expires_in)
    assert who(client) == "alice"


@pytest.mark.defends("RP-08")
def test_fifty_tabs_come_back_each_to_its_page(client: Client, token_endpoint: ScriptedServer) -> None:
    tabs = [(f"/notes/{number}/", begin(client, next=f"/notes/{number}/")) for number in range(50)]
    for page, asked in reversed(tabs):
        token_endpoint.script(token_answer(nonce=asked["nonce"]), Answer())
        assert come_back(client, asked)["Location"] == page


@pytest.mark.parametrize("before", ["nobody", "alice", "carol"])
def test_a_tabs_sign_in_outlives_somebody_elses_on_the_same_browser(
    client: Client, token_endpoint: ScriptedServer, before: str
) -> None:
    if before != "nobody":
        sign_in(client, before)
    tab, other = begin(client, next="/notes/7/"), begin(client)
    token_endpoint.script(token_answer("bob", nonce=other["nonce"]), Answer())
    come_back(client, other)
    assert who(client) == "bob"
    token_endpoint.script(token_answer("alice", nonce=tab["nonce"]), Answer())
    assert come_back(client, tab)["Location"] == "/notes/7/"
    assert who(client) == "alice"
    assert secret_cookies(client) == {}
    # Of the two only alice's is in her session: bob's ended with his.
    assert come_back(client, tab)["Location"] == "/"
    assert code_of(come_back(client, other)) == "state_unknown"
    assert who(client) == "alice"


def test_a_sign_out_ends_the_sign_ins_under_way(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    asked = begin(client)
    post_logout(client)
    assert code_of(come_back(client, asked)) == "state_unknown"


# States


@pytest.fixture(params=["nobody", "bob"])
def signed_in_before(request: pytest.FixtureRequest, client: Client) -> str:
    """Who the browser is before something fails; and must be after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


@pytest.mark.defends("RP-01", "RP-02")
@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("code=a-code", "state_missing", id="missing"),
        pytest.param("code=a-code&state=", "state_unknown", id="empty"),
        pytest.param("code=a-code&state=forged", "state_unknown", id="forged"),
        pytest.param("code=a-code&state={state}&state={state}", "state_unknown", id="twice"),
        pytest.param("code=a-code&state={state}&state=forged", "state_unknown", id="with another"),
        pytest.param("code=a-code&state[]={state}", "state_missing", id="as an array"),
        pytest.param("code=a-code&state={state}x", "state_unknown", id="longer"),
        pytest.param("code=a-code&state=%00", "state_unknown", id="a NUL"),
        pytest.param("code=a-code&State={state}", "state_missing", id="of another name"),
        pytest.param("", "state_unknown", id="nothing at all"),
        pytest.param("error=access_denied", "state_unknown", id="an error without state"),
        pytest.param("error=access_denied&state=forged", "state_unknown", id="an error with a forged state"),
        pytest.param("error=access_denied&state={state}&state={state}", "state_unknown", id="an error with two states"),
    ],
)
def test_without_the_one_good_state_nothing_is_believed_and_nothing_is_asked(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, query: str, code: str
) -> None:
    state = begin(client)["state"]
    before = everything_of(client)
    answer = client.get(f"{CALLBACK}?{query.format(state=state)}")
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert everything_of(client) == before
    assert before["who"] == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01", "RP-07")
def test_an_attackers_state_and_code_are_worth_nothing_in_another_browser(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    asked = begin(Client())
    assert code_of(come_back(client, asked)) == "state_unknown"
    assert who(client) == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01", "RP-08")
def test_a_state_is_good_once(client: Client, token_endpoint: ScriptedServer) -> None:
    asked = begin(client, next="/mine/")
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    come_back(client, asked)
    before = everything_of(client)
    assert come_back(client, asked)["Location"] == "/"  # no failure: the session completed it, and is signed in
    assert everything_of(client) == before
    assert before["who"] == "alice"
    assert token_endpoint.count == 1


@pytest.mark.defends("RP-08")
def test_a_state_is_good_once_even_where_the_sign_in_failed(client: Client, token_endpoint: ScriptedServer) -> None:
    asked = begin(client)
    token_endpoint.script(refusal())
    assert [code_of(come_back(client, asked)) for _ in range(2)] == ["invalid_grant", "state_unknown"]
    assert token_endpoint.count == 1


@pytest.mark.defends("RP-08")
@pytest.mark.parametrize("fault", [Answer(500), Answer(200, b"<html>"), Reset()], ids=["500", "HTML", "reset"])
def test_a_state_is_good_once_even_where_cognito_did_not_answer(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, fault: Any
) -> None:
    asked = begin(client)
    token_endpoint.script(fault, token_answer(nonce=asked["nonce"]))
    assert [code_of(come_back(client, asked)) for _ in range(2)] == ["cognito_unavailable", "state_unknown"]
    assert token_endpoint.count == 1
    assert who(client) == signed_in_before


@pytest.mark.defends("RP-01")
def test_a_state_is_good_for_a_quarter_of_an_hour(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, later = begin(client), time.time() + 901
    with monkeypatch.context() as patched:
        patched.setattr("django_cognito.login.state.time.time", lambda: later)
        answer = come_back(client, asked)
    assert (answer.status_code, code_of(answer)) == (400, "state_expired")
    assert who(client) == signed_in_before
    assert token_endpoint.count == 0


# Refused by the hosted UI


@pytest.mark.defends("RP-02")
def test_an_error_of_the_hosted_ui_is_a_page_and_changes_nothing(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    asked = begin(client, next="/notes/7/?a=1&b=2")
    answer = come_back(client, asked, code=None, error="access_denied", error_description="<script>alert(1)</script>")
    assert (answer.status_code, code_of(answer)) == (400, "refused_by_provider")
    assert "script" not in answer.content.decode()
    assert 'href="/auth/login/?next=%2Fnotes%2F7%2F%3Fa%3D1%26b%3D2"' in answer.content.decode()
    assert who(client) == signed_in_before
    assert token_endpoint.count == 0


def test_an_error_beside_a_code_is_an_error(client: Client, token_endpoint: ScriptedServer) -> None:
    assert code_of(come_back(client, begin(client), error="access_denied")) == "refused_by_provider"
    assert token_endpoint.count == 0


@pytest.mark.parametrize("code", [None, "", ["a-code", "a-code"]], ids=["missing", "empty", "twice"])
def test_one_code_is_due(client: Client, token_endpoint: ScriptedServer, signed_in_before: str, code: Any) -> None:
    answer = come_back(client, begin(client), code=code)
    assert (answer.status_code, code_of(answer)) == (400, "state_unknown")
    assert who(client) == signed_in_before
    assert token_endpoint.count == 0


ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1"


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize(
    "issuer",
    [
        "https://op.invalid/",
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another",
        f"{ISSUER}/",
        ISSUER.upper(),
        "",
        [ISSUER, ISSUER],
        [ISSUER, "https://op.invalid/"],
    ],
)
@pytest.mark.parametrize("said", [{}, {"code": None, "error": "access_denied"}], ids=["a code", "an error"])
def test_a_callback_of_another_issuer_is_refused_and_nothing_is_asked(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, issuer: Any, said: dict[str, Any]
) -> None:
    answer = come_back(client, begin(client), iss=issuer, **said)
    assert (answer.status_code, code_of(answer)) == (400, "wrong_issuer")
    assert who(client) == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-09")
def test_a_callback_may_name_the_pools_issuer(client: Client, token_endpoint: ScriptedServer) -> None:
    asked = begin(client)
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    come_back(client, asked, iss=ISSUER)
    assert who(client) == "alice"


# Tokens that are not this sign-in's


@pytest.mark.defends("RP-03", "RP-11")
@pytest.mark.parametrize(
    ("tokens", "code"),
    [
        pytest.param({"nonce": "another"}, "nonce_mismatch", id="another nonce"),
        pytest.param({"nonce": None}, "nonce_mismatch", id="no nonce"),
        pytest.param({"nonce": ["another"]}, "nonce_mismatch", id="an array of nonces"),
        pytest.param({"id": {"sub": "somebody-else"}}, "token_mismatch", id="another person's ID token"),
        pytest.param({"id": {"aud": "another"}}, "wrong_client", id="another client's ID token"),
        pytest.param({"id": {"at_hash": "another"}}, "at_hash_mismatch", id="another access token's ID token"),
        pytest.param({"id": {"exp": 1_000_000_000}}, "token_expired", id="an ID token that is over"),
        pytest.param({"id": {"iss": "https://evil.example"}}, "wrong_issuer", id="another pool's ID token"),
        pytest.param({"id_token": make_token}, "wrong_token_use", id="an access token as ID token"),
        pytest.param({"id_token": lambda: "a.b.c"}, "malformed_token", id="no ID token at all"),
        pytest.param(
            {"access_token": lambda: make_token(client_id="another")},
            "wrong_client",
            id="another client's access token",
        ),
        pytest.param(
            {"access_token": lambda: make_token(token_use="id")}, "wrong_token_use", id="an ID token as access token"
        ),
    ],
)
def test_tokens_that_are_not_this_sign_ins_are_refused(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, tokens: dict[str, Any], code: str
) -> None:
    asked, known = begin(client), get_user_model().objects.count()
    made: dict[str, Any] = {name: make() for name, make in tokens.items() if callable(make)}
    nonce = tokens.get("nonce", asked["nonce"])
    made.setdefault("id_token", make_token(**{"token_use": "id", "nonce": nonce, **tokens.get("id", {})}))
    token_endpoint.script(token_answer(**made))
    answer = come_back(client, asked)
    assert (answer.status_code, code_of(answer)) == (403, code)
    assert who(client) == signed_in_before
    assert get_user_model().objects.count() == known


def test_another_clients_tokens_are_no_sign_in_even_where_the_api_takes_them(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IDS": [CLIENT_ID, "another"]}
    asked = begin(client)
    id_token = make_token(token_use="id", nonce=asked["nonce"], aud="another")
    token_endpoint.script(token_answer(access_token=make_token(client_id="another"), id_token=id_token))
    assert code_of(come_back(client, asked)) == "wrong_client"


def test_a_machine_does_not_sign_in(client: Client, token_endpoint: ScriptedServer, signed_in_before: str) -> None:
    asked = begin(client)
    alike = {"sub": CLIENT_ID, "origin_jti": "of-one-sign-in"}
    access_token = make_token(username=None, **alike)
    id_token = make_token(token_use="id", nonce=asked["nonce"], **alike)
    token_endpoint.script(token_answer(access_token=access_token, id_token=id_token))
    answer = come_back(client, asked)
    assert (answer.status_code, code_of(answer)) == (400, "malformed_response")
    assert who(client) == signed_in_before


@pytest.mark.defends("RP-11")
def test_a_right_at_hash_is_right(client: Client, token_endpoint: ScriptedServer) -> None:
    asked, access_token = begin(client), make_token()
    left_half = hashlib.sha256(access_token.encode()).digest()[:16]
    at_hash = base64.urlsafe_b64encode(left_half).rstrip(b"=").decode()
    id_token = make_token(token_use="id", nonce=asked["nonce"], at_hash=at_hash)
    token_endpoint.script(token_answer(access_token=access_token, id_token=id_token))
    come_back(client, asked)
    assert who(client) == "alice"


# A token endpoint at fault


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        pytest.param(refusal("invalid_grant"), 400, "invalid_grant", id="the code was used"),
        pytest.param(refusal("invalid_client", 401), 400, "invalid_client", id="a wrong secret"),
        pytest.param(refusal("no word", 400), 503, "cognito_unavailable", id="a refusal in no word of OAuth"),
        pytest.param(json_answer({"error": "of_their_own"}, 400), 400, "sign_in_refused", id="an unknown refusal"),
        pytest.param(Answer(400, b"no"), 503, "cognito_unavailable", id="a refusal without JSON"),
        pytest.param(Answer(429), 503, "cognito_unavailable", id="too many"),
        pytest.param(Answer(500), 503, "cognito_unavailable", id="a fault"),
        pytest.param(Answer(200, b"<html>Sign in to this Wi-Fi"), 503, "cognito_unavailable", id="HTML"),
        pytest.param(Answer(200, b"[]"), 503, "cognito_unavailable", id="no object"),
        pytest.param(Answer(200, b"{" * 70_000), 503, "cognito_unavailable", id="too much"),
        pytest.param(json_answer({}), 400, "malformed_response", id="nothing in it"),
        pytest.param(Silence(), 503, "cognito_unavailable", id="silence"),
    ],
)
def test_a_token_endpoint_at_fault_is_a_page_and_changes_nothing(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    signed_in_before: str,
    answer: Any,
    status: int,
    code: str,
) -> None:
    if isinstance(answer, Silence):
        settings.COGNITO = {**settings.COGNITO, "TOKEN_TIMEOUT_SECONDS": 0.2}
    asked = begin(client)
    token_endpoint.script(answer)
    page = come_back(client, asked)
    assert (page.status_code, code_of(page)) == (status, code)
    assert ("Retry-After" in page) == (status == 503)
    assert who(client) == signed_in_before
    assert token_endpoint.count == 1


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("missing", ["access_token", "id_token", "token_type"])
def test_an_answer_that_lacks_something_is_no_sign_in(
    client: Client, token_endpoint: ScriptedServer, missing: str
) -> None:
    asked = begin(client)
    token_endpoint.script(token_answer(nonce=asked["nonce"], **{missing: None}))
    assert code_of(come_back(client, asked)) == "malformed_response"
    assert who(client) == "nobody"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_token_endpoints_redirect_is_not_followed(
    client: Client, token_endpoint: ScriptedServer, status: int
) -> None:
    asked = begin(client)
    with ScriptedServer(token_answer(nonce=asked["nonce"])) as elsewhere:
        token_endpoint.script(Answer(status, headers={"location": f"{elsewhere.url}/oauth2/token"}))
        page = come_back(client, asked)
        assert elsewhere.count == 0
    assert (page.status_code, code_of(page)) == (503, "cognito_unavailable")


@pytest.mark.defends("RP-24")
def test_an_outage_of_cognito_is_said_as_such(client: Client, settings: Any, unreachable: str) -> None:
    asked = begin(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": unreachable}
    page = come_back(client, asked)
    assert (page.status_code, code_of(page)) == (503, "cognito_unavailable")
    assert int(page["Retry-After"]) > 0
    assert "cannot be reached" in page.content.decode()


# People who may not in


@pytest.mark.defends("RP-15")
def test_somebody_disabled_here_does_not_get_in(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    sign_in(Client(), "alice")
    get_user_model().objects.filter(username="alice").update(is_active=False)
    page = come_back_with(client, token_endpoint)
    assert (page.status_code, code_of(page)) == (403, "user_inactive")
    assert "disabled" in page.content.decode()
    assert who(client) == signed_in_before


def test_somebody_unknown_does_not_get_in_where_no_users_are_made(
    client: Client, settings: Any, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CREATE_USERS": False}
    page = come_back_with(client, token_endpoint)
    assert (page.status_code, code_of(page)) == (403, "user_unknown")
    assert who(client) == signed_in_before
    assert not get_user_model().objects.filter(username="alice").exists()


# Where they go next

EVIL = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "https:evil.example",
    "https:///evil.example",
    "https://evil.example",
    "http://evil.example",
    "https://testserver@evil.example",
    "https://testserver.evil.example",
    "https://testserver:8443/",
    "http://testserver:81/",
    "http://TESTSERVER.:80/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//",
    "data:text/html,hello",
    "ftp://testserver/",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\n/evil.example",
    "\x08//evil.example",
    "\x00//evil.example",
    "%2F%2Fevil.example",
    "%2F/evil.example",
    "evil.example",
    "?next=//evil.example",
    "http://[evil.example/",
    "//\u2044evil.example",
    "/" + "a" * 2_048,
]


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("evil", EVIL)
def test_next_leads_nowhere_else(client: Client, token_endpoint: ScriptedServer, evil: str) -> None:
    asked = begin(client, next=evil)
    assert open_state(asked["state"]).next_url == ""
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    assert come_back(client, asked)["Location"] == "/"
    assert who(client) == "alice"


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("evil", EVIL)
def test_next_leads_nowhere_else_even_where_it_was_taken_in(
    client: Client, token_endpoint: ScriptedServer, evil: str
) -> None:
    asked = reseal(client, begin(client, next="/notes/"), next_url=evil)
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    assert come_back(client, asked)["Location"] == "/"


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("page", ["/notes/7/?a=1&b=%2F#there", "/", "http://testserver/notes/", "/n%C3%B6tes/"])
def test_next_leads_back_to_this_site(client: Client, token_endpoint: ScriptedServer, page: str) -> None:
    asked = begin(client, next=page)
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    assert come_back(client, asked)["Location"] == page


@pytest.mark.defends("RP-05")
def test_next_may_lead_to_hosts_that_the_site_names(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": ["app.example.com"]}
    asked = begin(client, next="https://app.example.com/notes/")
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    assert come_back(client, asked)["Location"] == "https://app.example.com/notes/"


@pytest.mark.defends("RP-05")
def test_next_stays_on_https(client: Client, token_endpoint: ScriptedServer) -> None:
    asked = query_of(client.get("/auth/login/", {"next": "http://testserver/"}, secure=True)["Location"])
    assert asked["redirect_uri"] == "https://testserver/auth/callback/"
    token_endpoint.script(token_answer(nonce=asked["nonce"]))
    answer = client.get(CALLBACK, {"code": "a-code", "state": asked["state"]}, secure=True)
    assert answer["Location"] == "/"


def test_without_next_the_site_says_where(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.LOGIN_REDIRECT_URL = "home"
    assert come_back_with(client, token_endpoint)["Location"] == "/"
    settings.LOGIN_REDIRECT_URL = "/welcome/"
    assert come_back_with(client, token_endpoint)["Location"] == "/welcome/"


# The way out


@pytest.mark.defends("RP-19")
def test_a_logout_revokes_ends_the_session_and_goes_through_cognitos(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, refresh_token="the-refresh-token")
    kept, key = client.session, client.session.session_key
    answer = post_logout(client)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert query_of(answer["Location"]) == {"client_id": CLIENT_ID, "logout_uri": "http://testserver/"}
    assert_private(answer)
    assert [(request.path, form_of(request)["token"]) for request in token_endpoint.requests] == [
        ("/oauth2/revoke", "the-refresh-token")
    ]
    assert CognitoLogin.objects.count() == 0
    assert not kept.exists(key)
    assert who(client) == "nobody"


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize(
    ("changes", "logout_uri"),
    [
        ({}, "http://testserver/goodbye/"),
        ({"LOGOUT_URI": "https://www.example.com/bye/"}, "https://www.example.com/bye/"),
    ],
)
def test_where_a_logout_ends_is_a_setting(client: Client, settings: Any, changes: Any, logout_uri: str) -> None:
    settings.LOGOUT_REDIRECT_URL = "/goodbye/"
    settings.COGNITO = {**settings.COGNITO, **changes}
    sign_in(client)
    assert query_of(post_logout(client)["Location"])["logout_uri"] == logout_uri


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize("ends_in", [3_600, -1])
def test_a_logout_with_cognito_down_signs_out_all_the_same(
    client: Client, token_endpoint: ScriptedServer, ends_in: float
) -> None:
    login_of(client, ends_in=ends_in)
    token_endpoint.script(Answer(500))
    assert post_logout(client).status_code == 302
    assert who(client) == "nobody"
    assert CognitoLogin.objects.count() == 0
    # Nor are tokens renewed that nobody needs any more.
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/revoke"]


def test_a_local_logins_logout_does_not_leave_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_locally(client)
    assert post_logout(client)["Location"] == "http://testserver/"
    assert who(client) == "nobody"
    assert token_endpoint.count == 0


@pytest.mark.parametrize("where", ["", "everywhere"])
@pytest.mark.parametrize("gone", ["never signed in", "the session", "the login"])
def test_logout_after_the_session_expired_goes_through_cognito(
    client: Client, token_endpoint: ScriptedServer, gone: str, where: str
) -> None:
    if gone != "never signed in":
        login_of(client)
    if gone == "the session":
        client.cookies.pop("sessionid")
    if gone == "the login":
        CognitoLogin.objects.all().delete()
    location = client.post("/auth/logout/", {"where": where})["Location"]
    assert location.startswith(f"{token_endpoint.url}/logout?")
    assert query_of(location) == {"client_id": CLIENT_ID, "logout_uri": "http://testserver/"}
    assert (token_endpoint.count, who(client)) == (0, "nobody")


def test_logout_here_without_a_session_stays_on_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    assert client.post("/auth/logout/", {"where": "here"})["Location"] == "http://testserver/"


@pytest.mark.parametrize("name", ["logout_uri", "next", "redirect_uri"])
def test_logout_uri_is_never_a_parameter(client: Client, token_endpoint: ScriptedServer, name: str) -> None:
    login_of(client)
    evil = {name: "https://evil.example/"}
    location = client.post(f"/auth/logout/?{name}=https://evil.example/", evil)["Location"]
    assert query_of(location)["logout_uri"] == "http://testserver/"


EXPIRED = ["not signed in here any more", "sign out of the sign-in service in this browser"]
SIGN_OUT_PAGES = {
    # who asks, with which `where`, and which sentences the page shows
    "a login": ("login", "", ["here and at the sign-in service."]),
    "a login, here": ("login", "here", ["You will be signed out here."]),
    "a login, everywhere": ("login", "everywhere", ["on all your devices"]),
    "a local password": ("local", "", ["You will be signed out here."]),
    "nobody": ("", "", EXPIRED),
    "nobody, here": ("", "here", EXPIRED[:1]),
    "nobody, everywhere": ("", "everywhere", [*EXPIRED, "Other devices stay signed in."]),
    "an ended login, everywhere": ("ended", "everywhere", [*EXPIRED, "Other devices stay signed in."]),
    "nobody, with what is no place": ("", '"><script>', EXPIRED),
}
ALL_SENTENCES = {sentence for _, _, sentences in SIGN_OUT_PAGES.values() for sentence in sentences}


@pytest.mark.parametrize(("by", "where", "sentences"), SIGN_OUT_PAGES.values(), ids=SIGN_OUT_PAGES)
def test_sign_out_page_says_what_will_end(
    client: Client, token_endpoint: ScriptedServer, by: str, where: str, sentences: list[str]
) -> None:
    if by == "local":
        sign_in_locally(client)
    elif by:
        login_of(client)
    if by == "ended":
        CognitoLogin.objects.all().delete()
    page = client.get("/auth/logout/", {"where": where}).content.decode()
    assert {sentence for sentence in ALL_SENTENCES if sentence in page} == set(sentences)
    assert ('name="where"' in page) == (where in ("here", "everywhere"))
    assert "<script>" not in page
    assert token_endpoint.count == 0


def sign_in_locally(client: Client, username: str = "local") -> Any:
    user = get_user_model().objects.create(username=username)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return user


@pytest.mark.parametrize("where", ["", "here", "everywhere"])
def test_a_logout_without_a_domain_does_not_leave_the_site(client: Client, settings: Any, where: str) -> None:
    sign_in(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert client.post("/auth/logout/", {"where": where})["Location"] == "http://testserver/"
    assert who(client) == "nobody"


@pytest.mark.defends("RP-19")
def test_a_visit_of_the_logout_asks_first(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client)
    answer = client.get("/auth/logout/")
    assert answer.status_code == 200
    assert '<form method="post" action="/auth/logout/">' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert who(client) == "alice"
    assert token_endpoint.count == 0


def test_the_logouts_page_may_be_framed_by_nobody_and_can_post_its_form(client: Client, settings: Any) -> None:
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    answer = client.get("/auth/logout/")
    assert answer["X-Frame-Options"] == "DENY"
    # With "no-referrer" browsers would post with "Origin: null", which Django's CSRF check refuses.
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.defends("RP-19")
def test_a_logout_from_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    answer = post_logout(client)
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert_private(answer)
    assert who(client) == "alice"


@pytest.mark.defends("RP-19")
def test_a_logout_from_another_site_is_refused_even_without_djangos_csrf_middleware(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    answer = post_logout(client)
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert_private(answer)
    assert who(client) == "alice"


@pytest.mark.parametrize(("where", "query"), [("everywhere", "?where=everywhere"), ("here", "?where=here"), ("//", "")])
def test_logout_without_a_token_leads_to_the_page_that_asks(where: str, query: str) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/auth/logout/", {"where": where}, headers={"origin": "https://evil.example"})
    assert answer["Location"] == f"/auth/logout/{query}"
    page = client.get(answer["Location"]).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    answer = client.post("/auth/logout/", {"csrfmiddlewaretoken": token[1]})
    assert "/logout?client_id=" in answer["Location"]


@pytest.mark.defends("RP-19")
def test_a_logout_from_its_own_page_is_good() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    client.get("/auth/logout/")
    client.post("/auth/logout/", headers={"x-csrftoken": client.cookies["csrftoken"].value})
    assert who(client) == "nobody"


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_a_logout_is_posted(client: Client, method: str) -> None:
    sign_in(client)
    assert getattr(client, method)("/auth/logout/").status_code == 405
    assert who(client) == "alice"


# What is told to whom


@pytest.mark.defends("RP-20")
def test_a_failed_sign_in_is_told_to_the_operator_without_a_secret(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    asked, answer = begin(client), token_answer(nonce="another", expires_in=None, token_type="bearer")
    token_endpoint.script(answer)
    with caplog.at_level(logging.DEBUG):
        come_back(client, asked, code="the-code")
    (record,) = [record for record in caplog.records if record.name == "django_cognito.login.views"]
    assert (record.levelname, "nonce_mismatch" in record.getMessage()) == ("WARNING", True)
    verifier = form_of(token_endpoint.requests[0])["code_verifier"]
    secrets = ["the-code", asked["state"], asked["nonce"], verifier, *json.loads(answer.body).values()]
    assert not [secret for secret in secrets if secret != "bearer" and secret in caplog.text]


@pytest.mark.defends("RP-02")
def test_a_log_line_cannot_be_forged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    come_back(client, begin(client), error="a\nWARNING all is well\x1b[31m")
    assert "\nWARNING all" not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize(
    "failing",
    [
        {"error": "access_denied"},
        {"state": "forged"},
        {},  # no answer of the token endpoint that could be understood
    ],
)
def test_every_text_of_the_failure_page_can_be_translated(
    client: Client, token_endpoint: ScriptedServer, failing: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begin(client)
    token_endpoint.script(Answer(500))
    mark_translations(monkeypatch)
    assert_translated(come_back(client, asked, **failing))


def test_every_text_of_the_logout_page_can_be_translated(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_translations(monkeypatch)
    assert_translated(client.get("/auth/logout/"))


def mark_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every translation puts its text between marks."""
    for name in ("gettext", "pgettext"):
        monkeypatch.setattr(translation._trans, name, lambda *texts: f"\u00ab{texts[-1]}\u00bb", raising=False)


def assert_translated(answer: Any) -> None:
    texts = re.sub(r"\u00ab[^\u00bb]*\u00bb", "", re.sub(r"(?s)^.*?<title>", "", answer.content.decode()))
    left = [text.strip() for text in re.sub(r"<[^>]*>", "\n", texts).splitlines()]
    assert [text for text in left if text] == []


@pytest.mark.parametrize(("language", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_the_pages_say_their_language_and_its_direction(client: Client, language: str, direction: str) -> None:
    with translation.override(language):
        page = client.get("/auth/logout/").content.decode()
    assert f'<html lang="{language}" dir="{direction}">' in page
