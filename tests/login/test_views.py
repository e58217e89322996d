"""The login and logout views in a browser, with attacks at each step.

The token endpoint is scripted; test_whole_sign_in.py has a real one. A failure changes nothing: a user who was signed
in still is.
"""

import base64
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import translation
from local_cognito_support.scripted_server import Answer, Reset, ScriptedServer, Silence, Step, json_answer

from django_cognito.core.hosted_ui import SignInSecrets
from django_cognito.login.state import open_state
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from tests.support.cases import cases
from tests.support.scenarios.login import (
    CALLBACK,
    assert_private,
    create_login,
    finish_sign_in,
    post_logout,
    read_error_code,
    read_form,
    read_query,
    refusal,
    reseal,
    secret_cookies,
    start_sign_in,
    take_snapshot,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

CLIENT_ID = "1testclient23456789"


@pytest.fixture(autouse=True)
def _token_endpoint(token_endpoint: ScriptedServer) -> None:
    """Use the scripted server in each test, so that unexpected requests are counted."""


def sign_in_with_tokens(client: Client, server: ScriptedServer, **tokens: Any) -> Any:
    """Run a whole sign-in at `client`, with `tokens` from the token endpoint (see `token_answer`)."""
    params = start_sign_in(client)
    server.script(token_response(**{"nonce": params["nonce"], **tokens}))
    return finish_sign_in(client, params)


def state_of_site(client: Client) -> dict[str, Any]:
    """Return what a failed sign-in must not change: the session, its user and every row."""
    return {**take_snapshot(client), "who": username_at(client)}


# Sign-in


@pytest.mark.defends("RP-04", "RP-21")
def test_login_redirects_to_the_hosted_ui_with_state_nonce_and_pkce(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    answer = client.get("/auth/login/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    params = read_query(answer["Location"])
    secrets = {name: params.pop(name) for name in ("state", "nonce", "code_challenge")}
    assert params == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": "http://testserver/auth/callback/",
        "scope": "openid email profile",
        "code_challenge_method": "S256",
        "lang": "en",
    }
    assert min(map(len, secrets.values())) >= 43
    assert len(secrets["state"]) <= 1_536
    assert len(set(secrets.values())) == 3
    assert_private(answer)


@pytest.mark.defends("RP-04")
def test_token_request_has_the_code_verifier_of_the_challenge(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    finish_sign_in(client, params, code="the-code")
    form = read_form(token_endpoint.requests[0])
    verifier = form.pop("code_verifier")
    assert form == {
        "grant_type": "authorization_code",
        "client_id": CLIENT_ID,
        "code": "the-code",
        "redirect_uri": "http://testserver/auth/callback/",
    }
    assert SignInSecrets("", "", verifier).code_challenge == params["code_challenge"]


@pytest.mark.defends("RP-10")
def test_redirect_uri_can_be_set(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": "https://www.example.com/auth/callback/"}
    params = start_sign_in(client, redirected="1")
    token_endpoint.script(token_response(nonce=params["nonce"]))
    finish_sign_in(client, params)
    assert params["redirect_uri"] == "https://www.example.com/auth/callback/"
    assert read_form(token_endpoint.requests[0])["redirect_uri"] == "https://www.example.com/auth/callback/"


@pytest.mark.defends("RP-10")
def test_forwarded_host_is_ignored_by_login(client: Client) -> None:
    headers = {"x-forwarded-host": "evil.example", "forwarded": "host=evil.example", "x-forwarded-proto": "https"}
    answer = client.get("/auth/login/", headers=headers)
    assert read_query(answer["Location"])["redirect_uri"] == "http://testserver/auth/callback/"


@pytest.mark.defends("RP-10")
@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/", CALLBACK])
def test_host_that_is_not_allowed_is_400(client: Client, path: str) -> None:
    assert client.get(path, headers={"host": "evil.example"}).status_code == 400


def test_forwarded_host_is_used_if_the_site_trusts_and_allows_it(client: Client, settings: Any) -> None:
    settings.USE_X_FORWARDED_HOST = True
    params = read_query(client.get("/auth/login/", headers={"x-forwarded-host": "localhost"})["Location"])
    assert params["redirect_uri"] == "http://localhost/auth/callback/"
    assert client.get("/auth/login/", headers={"x-forwarded-host": "evil.example"}).status_code == 400
    assert client.post("/auth/logout/", headers={"x-forwarded-host": "evil.example"}).status_code == 400


def test_forwarded_host_is_ignored_by_logout(client: Client) -> None:
    sign_in(client)
    answer = client.post("/auth/logout/", headers={"x-forwarded-host": "evil.example"})
    assert read_query(answer["Location"])["logout_uri"] == "http://testserver/"


def test_login_without_a_domain_is_improperly_configured(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    with pytest.raises(ImproperlyConfigured, match="DOMAIN"):
        client.get("/auth/login/")


@pytest.mark.parametrize("path", ["/auth/login/", "/auth/sign-up/", "/auth/forgot-password/", CALLBACK])
def test_post_to_a_sign_in_url_is_405(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_login_urls_work_with_login_required_middleware(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get("/who/")["Location"] == "/auth/login/?next=/who/"
    for path in ("login", "sign-up", "forgot-password"):
        assert client.get(f"/auth/{path}/")["Location"].startswith(token_endpoint.url)
    assert client.get(CALLBACK).status_code == 400
    assert client.get("/auth/logout/").status_code == 200
    assert sign_in_with_tokens(client, token_endpoint)["Location"] == "/"


# Callback


@pytest.mark.defends("RP-06", "RP-21")
def test_callback_signs_the_user_in_with_a_new_session_key(client: Client, token_endpoint: ScriptedServer) -> None:
    before = client.session.session_key
    answer = sign_in_with_tokens(client, token_endpoint)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert_private(answer)
    assert username_at(client) == "alice"
    assert client.session.session_key != before
    login = CognitoLogin.objects.get()
    assert client.session[store.SESSION_KEY] == str(login.pk)
    assert store.decrypt_tokens(login).refresh_token == "a-refresh-token"


@pytest.mark.defends("RP-20")
def test_session_has_no_token(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_with_tokens(client, token_endpoint)
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    session_data = json.dumps(dict(client.session.items()))
    assert not [raw for raw in (tokens.access_token, tokens.id_token, tokens.refresh_token) if raw in session_data]


def test_new_user_is_created_from_the_id_token(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_with_tokens(client, token_endpoint)
    user = get_user_model().objects.get()
    assert (user.get_username(), user.email, user.has_usable_password()) == ("alice", "alice@example.com", False)


@pytest.mark.defends("RP-06")
def test_sign_in_of_a_second_user_ends_the_login_of_the_first(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_with_tokens(client, token_endpoint, username="alice", refresh_token="of-alice")
    params = start_sign_in(client)
    token_endpoint.script(token_response("bob", nonce=params["nonce"]), Answer())
    finish_sign_in(client, params)
    assert username_at(client) == "bob"
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == ["bob"]
    assert read_form(token_endpoint.requests[-1])["token"] == "of-alice"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
def test_token_type_is_case_insensitive(client: Client, token_endpoint: ScriptedServer, token_type: str) -> None:
    sign_in_with_tokens(client, token_endpoint, token_type=token_type)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("expires_in", [None, "soon", -1])
def test_sign_in_works_without_a_valid_expires_in(
    client: Client, token_endpoint: ScriptedServer, expires_in: Any
) -> None:
    sign_in_with_tokens(client, token_endpoint, expires_in=expires_in)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-08")
def test_fifty_tabs_return_to_their_own_pages(client: Client, token_endpoint: ScriptedServer) -> None:
    tabs = [(f"/notes/{number}/", start_sign_in(client, next=f"/notes/{number}/")) for number in range(50)]
    for page, params in reversed(tabs[::7]):  # the first, the last and six others
        token_endpoint.script(token_response(nonce=params["nonce"]), Answer())
        assert finish_sign_in(client, params)["Location"] == page


@pytest.mark.parametrize("before", ["nobody", "alice", "carol"])
def test_pending_sign_in_survives_a_sign_in_of_another_user(
    client: Client, token_endpoint: ScriptedServer, before: str
) -> None:
    if before != "nobody":
        sign_in(client, before)
    tab, other = start_sign_in(client, next="/notes/7/"), start_sign_in(client)
    token_endpoint.script(token_response("bob", nonce=other["nonce"]), Answer())
    finish_sign_in(client, other)
    assert username_at(client) == "bob"
    token_endpoint.script(token_response("alice", nonce=tab["nonce"]), Answer())
    assert finish_sign_in(client, tab)["Location"] == "/notes/7/"
    assert username_at(client) == "alice"
    assert secret_cookies(client) == {}
    # The session has alice's completed sign-in only: bob's ended with his session.
    assert finish_sign_in(client, tab)["Location"] == "/"
    assert read_error_code(finish_sign_in(client, other)) == "state_unknown"
    assert username_at(client) == "alice"


def test_sign_out_ends_pending_sign_ins(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client)
    params = start_sign_in(client)
    post_logout(client)
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"


# States


@pytest.fixture(params=["nobody", "bob"])
def signed_in_before(request: pytest.FixtureRequest, client: Client) -> str:
    """Return the user of the session before a failure; the test checks that it is the same after it."""
    if request.param != "nobody":
        sign_in(client, request.param)
    return str(request.param)


INVALID_STATES = {
    "missing": ("code=a-code", "state_missing"),
    "empty": ("code=a-code&state=", "state_unknown"),
    "forged": ("code=a-code&state=forged", "state_unknown"),
    "twice": ("code=a-code&state={state}&state={state}", "state_unknown"),
    "with another": ("code=a-code&state={state}&state=forged", "state_unknown"),
    "as an array": ("code=a-code&state[]={state}", "state_missing"),
    "longer": ("code=a-code&state={state}x", "state_unknown"),
    "a NUL": ("code=a-code&state=%00", "state_unknown"),
    "of another name": ("code=a-code&State={state}", "state_missing"),
    "nothing at all": ("", "state_unknown"),
    "an error without state": ("error=access_denied", "state_unknown"),
    "an error with a forged state": ("error=access_denied&state=forged", "state_unknown"),
    "an error with two states": ("error=access_denied&state={state}&state={state}", "state_unknown"),
}


@pytest.mark.defends("RP-01", "RP-02")
def test_callback_without_its_one_valid_state_is_rejected(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    state = start_sign_in(client)["state"]
    before = state_of_site(client)
    with cases() as case:
        for name, (query, code) in INVALID_STATES.items():
            with case(name):
                answer = client.get(f"{CALLBACK}?{query.format(state=state)}")
                assert (answer.status_code, read_error_code(answer)) == (400, code)
                assert state_of_site(client) == before
    assert before["who"] == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01", "RP-07")
def test_state_and_code_of_another_browser_are_rejected(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    params = start_sign_in(Client())
    assert read_error_code(finish_sign_in(client, params)) == "state_unknown"
    assert username_at(client) == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-01", "RP-08")
def test_state_is_accepted_once(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client, next="/mine/")
    token_endpoint.script(token_response(nonce=params["nonce"]))
    finish_sign_in(client, params)
    before = state_of_site(client)
    assert finish_sign_in(client, params)["Location"] == "/"  # no failure: this session completed the sign-in
    assert state_of_site(client) == before
    assert before["who"] == "alice"
    assert token_endpoint.count == 1


@pytest.mark.defends("RP-08")
def test_state_is_accepted_once_if_the_sign_in_failed(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client)
    token_endpoint.script(refusal())
    assert [read_error_code(finish_sign_in(client, params)) for _ in range(2)] == ["invalid_grant", "state_unknown"]
    assert token_endpoint.count == 1


@pytest.mark.defends("RP-08")
@pytest.mark.parametrize("fault", [Answer(500), Answer(200, b"<html>"), Reset()], ids=["500", "HTML", "reset"])
def test_state_is_accepted_once_if_cognito_is_unavailable(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, fault: Any
) -> None:
    params = start_sign_in(client)
    token_endpoint.script(fault, token_response(nonce=params["nonce"]))
    assert [read_error_code(finish_sign_in(client, params)) for _ in range(2)] == [
        "cognito_unavailable",
        "state_unknown",
    ]
    assert token_endpoint.count == 1
    assert username_at(client) == signed_in_before


@pytest.mark.defends("RP-01")
def test_state_expires_after_15_minutes(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, later = start_sign_in(client), time.time() + 901
    with monkeypatch.context() as patched:
        patched.setattr("django_cognito.login.state.time.time", lambda: later)
        answer = finish_sign_in(client, params)
    assert (answer.status_code, read_error_code(answer)) == (400, "state_expired")
    assert username_at(client) == signed_in_before
    assert token_endpoint.count == 0


# Errors from the hosted UI


@pytest.mark.defends("RP-02")
def test_hosted_ui_error_is_an_error_page_and_changes_nothing(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    params = start_sign_in(client, next="/notes/7/?a=1&b=2")
    answer = finish_sign_in(
        client, params, code=None, error="access_denied", error_description="<script>alert(1)</script>"
    )
    assert (answer.status_code, read_error_code(answer)) == (400, "refused_by_provider")
    assert "script" not in answer.content.decode()
    assert 'href="/auth/login/?next=%2Fnotes%2F7%2F%3Fa%3D1%26b%3D2"' in answer.content.decode()
    assert username_at(client) == signed_in_before
    assert token_endpoint.count == 0


def test_callback_with_error_and_code_is_an_error(client: Client, token_endpoint: ScriptedServer) -> None:
    assert (
        read_error_code(finish_sign_in(client, start_sign_in(client), error="access_denied")) == "refused_by_provider"
    )
    assert token_endpoint.count == 0


@pytest.mark.parametrize("code", [None, "", ["a-code", "a-code"]], ids=["missing", "empty", "twice"])
def test_callback_needs_exactly_one_code(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, code: Any
) -> None:
    answer = finish_sign_in(client, start_sign_in(client), code=code)
    assert (answer.status_code, read_error_code(answer)) == (400, "state_unknown")
    assert username_at(client) == signed_in_before
    assert token_endpoint.count == 0


ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_TestPool1"


OTHER_ISSUERS: list[Any] = [
    "https://op.invalid/",
    "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another",
    f"{ISSUER}/",
    ISSUER.upper(),
    "",
    [ISSUER, ISSUER],
    [ISSUER, "https://op.invalid/"],
]


@pytest.mark.defends("RP-09")
@pytest.mark.parametrize("query", [{}, {"code": None, "error": "access_denied"}], ids=["a code", "an error"])
def test_callback_with_another_issuer_is_rejected_without_a_request(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, query: dict[str, Any]
) -> None:
    with cases() as case:
        for issuer in OTHER_ISSUERS:
            with case(repr(issuer)):
                answer = finish_sign_in(client, start_sign_in(client), iss=issuer, **query)
                assert (answer.status_code, read_error_code(answer)) == (400, "wrong_issuer")
                assert username_at(client) == signed_in_before
    assert token_endpoint.count == 0


@pytest.mark.defends("RP-09")
def test_callback_with_the_pools_issuer_is_accepted(client: Client, token_endpoint: ScriptedServer) -> None:
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    finish_sign_in(client, params, iss=ISSUER)
    assert username_at(client) == "alice"


# Tokens that are not this sign-in's


OTHER_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"nonce": "another"}, "nonce_mismatch"),
    "no nonce": ({"nonce": None}, "nonce_mismatch"),
    "an array of nonces": ({"nonce": ["another"]}, "nonce_mismatch"),
    "another user's ID token": ({"id": {"sub": "somebody-else"}}, "token_mismatch"),
    "another client's ID token": ({"id": {"aud": "another"}}, "wrong_client"),
    "another access token's ID token": ({"id": {"at_hash": "another"}}, "at_hash_mismatch"),
    "an expired ID token": ({"id": {"exp": 1_000_000_000}}, "token_expired"),
    "another pool's ID token": ({"id": {"iss": "https://evil.example"}}, "wrong_issuer"),
    "an access token as ID token": ({"id_token": make_token}, "wrong_token_use"),
    "no ID token at all": ({"id_token": lambda: "a.b.c"}, "malformed_token"),
    "another client's access token": ({"access_token": lambda: make_token(client_id="another")}, "wrong_client"),
    "an ID token as access token": ({"access_token": lambda: make_token(token_use="id")}, "wrong_token_use"),
}


@pytest.mark.defends("RP-03", "RP-11")
def test_tokens_of_another_sign_in_are_rejected(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    with cases() as case:
        for name, (tokens, code) in OTHER_TOKENS.items():
            with case(name):
                params, user_count = start_sign_in(client), get_user_model().objects.count()
                token_members: dict[str, Any] = {
                    name: make_raw() for name, make_raw in tokens.items() if callable(make_raw)
                }
                nonce = tokens.get("nonce", params["nonce"])
                id_claims = {"token_use": "id", "nonce": nonce, **tokens.get("id", {})}
                token_members.setdefault("id_token", make_token(**id_claims))
                token_endpoint.script(token_response(**token_members))
                answer = finish_sign_in(client, params)
                assert (answer.status_code, read_error_code(answer)) == (403, code)
                assert username_at(client) == signed_in_before
                assert get_user_model().objects.count() == user_count


def test_tokens_of_another_allowed_api_client_are_no_sign_in(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IDS": [CLIENT_ID, "another"]}
    params = start_sign_in(client)
    id_token = make_token(token_use="id", nonce=params["nonce"], aud="another")
    token_endpoint.script(token_response(access_token=make_token(client_id="another"), id_token=id_token))
    assert read_error_code(finish_sign_in(client, params)) == "wrong_client"


def test_machine_to_machine_client_does_not_sign_in(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    params = start_sign_in(client)
    common_claims = {"sub": CLIENT_ID, "origin_jti": "of-one-sign-in"}
    access_token = make_token(username=None, **common_claims)
    id_token = make_token(token_use="id", nonce=params["nonce"], **common_claims)
    token_endpoint.script(token_response(access_token=access_token, id_token=id_token))
    answer = finish_sign_in(client, params)
    assert (answer.status_code, read_error_code(answer)) == (400, "malformed_response")
    assert username_at(client) == signed_in_before


@pytest.mark.defends("RP-11")
def test_matching_at_hash_is_accepted(client: Client, token_endpoint: ScriptedServer) -> None:
    params, access_token = start_sign_in(client), make_token()
    left_half = hashlib.sha256(access_token.encode()).digest()[:16]
    at_hash = base64.urlsafe_b64encode(left_half).rstrip(b"=").decode()
    id_token = make_token(token_use="id", nonce=params["nonce"], at_hash=at_hash)
    token_endpoint.script(token_response(access_token=access_token, id_token=id_token))
    finish_sign_in(client, params)
    assert username_at(client) == "alice"


# Faults of the token endpoint


UNAVAILABLE = (503, "cognito_unavailable")
FAULTS: dict[str, tuple[Any, tuple[int, str]]] = {
    "the code was used": (refusal("invalid_grant"), (400, "invalid_grant")),
    "a wrong secret": (refusal("invalid_client", 401), (400, "invalid_client")),
    "a refusal with an invalid error code": (refusal("no word", 400), UNAVAILABLE),
    "a refusal with an unknown error code": (json_answer({"error": "of_their_own"}, 400), (400, "sign_in_refused")),
    "a refusal without JSON": (Answer(400, b"no"), UNAVAILABLE),
    "too many requests": (Answer(429), UNAVAILABLE),
    "a fault": (Answer(500), UNAVAILABLE),
    "HTML": (Answer(200, b"<html>Sign in to this Wi-Fi"), UNAVAILABLE),
    "no JSON object": (Answer(200, b"[]"), UNAVAILABLE),
    "too large": (Answer(200, b"{" * 70_000), UNAVAILABLE),
    "an empty JSON object": (json_answer({}), (400, "malformed_response")),
    "silence": (Silence(), UNAVAILABLE),
}


@pytest.mark.defends("RP-24")
def test_token_endpoint_fault_is_an_error_page_and_changes_nothing(
    client: Client, token_endpoint: ScriptedServer, signed_in_before: str, end_soon: Callable[[Step], Step]
) -> None:
    with cases() as case:
        for name, (answer, failure) in FAULTS.items():
            with case(name):
                params = start_sign_in(client)
                token_endpoint.requests.clear()
                token_endpoint.script(end_soon(answer) if isinstance(answer, Silence) else answer)
                page = finish_sign_in(client, params)
                assert (page.status_code, read_error_code(page)) == failure
                assert ("Retry-After" in page) == (page.status_code == 503)
                assert username_at(client) == signed_in_before
                assert token_endpoint.count == 1


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("missing", ["access_token", "id_token", "token_type"])
def test_token_response_without_a_member_is_no_sign_in(
    client: Client, token_endpoint: ScriptedServer, missing: str
) -> None:
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"], **{missing: None}))
    assert read_error_code(finish_sign_in(client, params)) == "malformed_response"
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-24")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_token_endpoint_redirect_is_not_followed(client: Client, token_endpoint: ScriptedServer, status: int) -> None:
    params = start_sign_in(client)
    with ScriptedServer(token_response(nonce=params["nonce"])) as elsewhere:
        token_endpoint.script(Answer(status, headers={"location": f"{elsewhere.url}/oauth2/token"}))
        page = finish_sign_in(client, params)
        assert elsewhere.count == 0
    assert (page.status_code, read_error_code(page)) == (503, "cognito_unavailable")


@pytest.mark.defends("RP-24")
def test_unreachable_cognito_is_503_with_retry_after(client: Client, settings: Any, unreachable: str) -> None:
    params = start_sign_in(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": unreachable}
    page = finish_sign_in(client, params)
    assert (page.status_code, read_error_code(page)) == (503, "cognito_unavailable")
    assert int(page["Retry-After"]) > 0
    assert "cannot be reached" in page.content.decode()


# Users who may not sign in


@pytest.mark.defends("RP-15")
def test_inactive_user_does_not_sign_in(client: Client, token_endpoint: ScriptedServer, signed_in_before: str) -> None:
    sign_in(Client(), "alice")
    get_user_model().objects.filter(username="alice").update(is_active=False)
    page = sign_in_with_tokens(client, token_endpoint)
    assert (page.status_code, read_error_code(page)) == (403, "user_inactive")
    assert "disabled" in page.content.decode()
    assert username_at(client) == signed_in_before


def test_unknown_user_does_not_sign_in_without_create_users(
    client: Client, settings: Any, token_endpoint: ScriptedServer, signed_in_before: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CREATE_USERS": False}
    page = sign_in_with_tokens(client, token_endpoint)
    assert (page.status_code, read_error_code(page)) == (403, "user_unknown")
    assert username_at(client) == signed_in_before
    assert not get_user_model().objects.filter(username="alice").exists()


# next

UNSAFE_URLS = [
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
def test_unsafe_next_is_replaced_by_the_default(token_endpoint: ScriptedServer) -> None:
    with cases() as case:
        for number, unsafe_url in enumerate(UNSAFE_URLS):
            with case(repr(unsafe_url[:50])):
                client = Client()
                params = start_sign_in(client, next=unsafe_url)
                assert open_state(params["state"]).next_url == ""
                if number % 6 == 0:  # all states are now the same
                    token_endpoint.script(token_response(nonce=params["nonce"]))
                    assert finish_sign_in(client, params)["Location"] == "/"
                    assert username_at(client) == "alice"


@pytest.mark.defends("RP-05")
def test_unsafe_next_in_a_sealed_state_is_ignored(token_endpoint: ScriptedServer) -> None:
    with cases() as case:
        for unsafe_url in UNSAFE_URLS:
            with case(repr(unsafe_url[:50])):
                client = Client()
                params = reseal(client, start_sign_in(client, next="/notes/"), next_url=unsafe_url)
                token_endpoint.script(token_response(nonce=params["nonce"]))
                assert finish_sign_in(client, params)["Location"] == "/"


@pytest.mark.defends("RP-05")
@pytest.mark.parametrize("page", ["/notes/7/?a=1&b=%2F#there", "/", "http://testserver/notes/", "/n%C3%B6tes/"])
def test_next_on_this_site_is_followed(client: Client, token_endpoint: ScriptedServer, page: str) -> None:
    params = start_sign_in(client, next=page)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params)["Location"] == page


@pytest.mark.defends("RP-05")
def test_next_on_a_redirect_host_is_followed(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_HOSTS": ["app.example.com"]}
    params = start_sign_in(client, next="https://app.example.com/notes/")
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params)["Location"] == "https://app.example.com/notes/"


@pytest.mark.defends("RP-05")
def test_next_over_http_is_ignored_on_https(client: Client, token_endpoint: ScriptedServer) -> None:
    params = read_query(client.get("/auth/login/", {"next": "http://testserver/"}, secure=True)["Location"])
    assert params["redirect_uri"] == "https://testserver/auth/callback/"
    token_endpoint.script(token_response(nonce=params["nonce"]))
    answer = client.get(CALLBACK, {"code": "a-code", "state": params["state"]}, secure=True)
    assert answer["Location"] == "/"


def test_login_redirect_url_is_used_without_next(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.LOGIN_REDIRECT_URL = "home"
    assert sign_in_with_tokens(client, token_endpoint)["Location"] == "/"
    settings.LOGIN_REDIRECT_URL = "/welcome/"
    assert sign_in_with_tokens(client, token_endpoint)["Location"] == "/welcome/"


# Sign-out


@pytest.mark.defends("RP-19")
def test_logout_revokes_ends_the_session_and_redirects_to_cognito(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, refresh_token="the-refresh-token")
    session, key = client.session, client.session.session_key
    answer = post_logout(client)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{token_endpoint.url}/logout?")
    assert read_query(answer["Location"]) == {"client_id": CLIENT_ID, "logout_uri": "http://testserver/"}
    assert_private(answer)
    assert [(request.path, read_form(request)["token"]) for request in token_endpoint.requests] == [
        ("/oauth2/revoke", "the-refresh-token")
    ]
    assert CognitoLogin.objects.count() == 0
    assert not session.exists(key)
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize(
    ("changes", "logout_uri"),
    [
        ({}, "http://testserver/goodbye/"),
        ({"LOGOUT_URI": "https://www.example.com/bye/"}, "https://www.example.com/bye/"),
    ],
)
def test_logout_uri_is_read_from_the_settings(client: Client, settings: Any, changes: Any, logout_uri: str) -> None:
    settings.LOGOUT_REDIRECT_URL = "/goodbye/"
    settings.COGNITO = {**settings.COGNITO, **changes}
    sign_in(client)
    assert read_query(post_logout(client)["Location"])["logout_uri"] == logout_uri


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize("ends_in", [3_600, -1])
def test_logout_signs_out_if_cognito_is_unavailable(
    client: Client, token_endpoint: ScriptedServer, ends_in: float
) -> None:
    create_login(client, ends_in=ends_in)
    token_endpoint.script(Answer(500))
    assert post_logout(client).status_code == 302
    assert username_at(client) == "nobody"
    assert CognitoLogin.objects.active().count() == 0
    # Nor are expired tokens refreshed.
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/revoke"]


def test_logout_of_a_local_user_stays_on_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in_locally(client)
    assert post_logout(client)["Location"] == "http://testserver/"
    assert username_at(client) == "nobody"
    assert token_endpoint.count == 0


@pytest.mark.parametrize("where", ["", "everywhere"])
@pytest.mark.parametrize("missing", ["never signed in", "the session", "the login"])
def test_logout_after_the_session_expired_redirects_to_cognito(
    client: Client, token_endpoint: ScriptedServer, missing: str, where: str
) -> None:
    if missing != "never signed in":
        create_login(client)
    if missing == "the session":
        client.cookies.pop("sessionid")
    if missing == "the login":
        CognitoLogin.objects.all().delete()
    location = client.post("/auth/logout/", {"where": where})["Location"]
    assert location.startswith(f"{token_endpoint.url}/logout?")
    assert read_query(location) == {"client_id": CLIENT_ID, "logout_uri": "http://testserver/"}
    assert (token_endpoint.count, username_at(client)) == (0, "nobody")


def test_logout_here_without_a_session_stays_on_the_site(client: Client, token_endpoint: ScriptedServer) -> None:
    assert client.post("/auth/logout/", {"where": "here"})["Location"] == "http://testserver/"


@pytest.mark.parametrize("name", ["logout_uri", "next", "redirect_uri"])
def test_logout_uri_is_never_a_parameter(client: Client, token_endpoint: ScriptedServer, name: str) -> None:
    create_login(client)
    form = {name: "https://evil.example/"}
    location = client.post(f"/auth/logout/?{name}=https://evil.example/", form)["Location"]
    assert read_query(location)["logout_uri"] == "http://testserver/"


EXPIRED = ["not signed in here any more", "sign out of the sign-in service in this browser"]
SIGN_OUT_PAGES = {
    # the kind of user, the value of `where`, and the sentences on the page
    "a login": ("login", "", ["here and at the sign-in service."]),
    "a login, here": ("login", "here", ["You will be signed out here."]),
    "a login, everywhere": ("login", "everywhere", ["on all your devices"]),
    "a local password": ("local", "", ["You will be signed out here."]),
    "anonymous": ("", "", EXPIRED),
    "anonymous, here": ("", "here", EXPIRED[:1]),
    "anonymous, everywhere": ("", "everywhere", [*EXPIRED, "Other devices stay signed in."]),
    "an ended login, everywhere": ("ended", "everywhere", [*EXPIRED, "Other devices stay signed in."]),
    "anonymous, with an invalid value": ("", '"><script>', EXPIRED),
}
ALL_SENTENCES = {sentence for _, _, sentences in SIGN_OUT_PAGES.values() for sentence in sentences}


@pytest.mark.parametrize(("kind", "where", "sentences"), SIGN_OUT_PAGES.values(), ids=SIGN_OUT_PAGES)
def test_sign_out_page_states_its_effect(
    client: Client, token_endpoint: ScriptedServer, kind: str, where: str, sentences: list[str]
) -> None:
    if kind == "local":
        sign_in_locally(client)
    elif kind:
        create_login(client)
    if kind == "ended":
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
def test_logout_without_a_domain_stays_on_the_site(client: Client, settings: Any, where: str) -> None:
    sign_in(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert client.post("/auth/logout/", {"where": where})["Location"] == "http://testserver/"
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-19")
def test_get_of_logout_shows_a_form_and_does_not_sign_out(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    answer = client.get("/auth/logout/")
    assert answer.status_code == 200
    assert '<form method="post" action="/auth/logout/">' in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert username_at(client) == "alice"
    assert token_endpoint.count == 0


def test_logout_page_denies_framing_and_sends_its_origin(client: Client, settings: Any) -> None:
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"
    answer = client.get("/auth/logout/")
    assert answer["X-Frame-Options"] == "DENY"
    # With "no-referrer" browsers post with "Origin: null", which Django's CSRF check rejects.
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.defends("RP-19")
def test_cross_site_logout_is_rejected() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    answer = post_logout(client)
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert_private(answer)
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-19")
def test_cross_site_logout_without_djangos_csrf_middleware_is_rejected(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    answer = post_logout(client)
    assert (answer.status_code, answer["Location"]) == (302, "/auth/logout/")
    assert_private(answer)
    assert username_at(client) == "alice"


@pytest.mark.parametrize(("where", "query"), [("everywhere", "?where=everywhere"), ("here", "?where=here"), ("//", "")])
def test_logout_without_a_csrf_token_redirects_to_the_form(where: str, query: str) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/auth/logout/", {"where": where}, headers={"origin": "https://evil.example"})
    assert answer["Location"] == f"/auth/logout/{query}"
    page = client.get(answer["Location"]).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None
    answer = client.post("/auth/logout/", {"csrfmiddlewaretoken": token[1]})
    assert "/logout?client_id=" in answer["Location"]


@pytest.mark.defends("RP-19")
def test_logout_with_the_csrf_token_signs_out() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client)
    client.get("/auth/logout/")
    client.post("/auth/logout/", headers={"x-csrftoken": client.cookies["csrftoken"].value})
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-19")
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_put_patch_and_delete_of_logout_are_405(client: Client, method: str) -> None:
    sign_in(client)
    assert getattr(client, method)("/auth/logout/").status_code == 405
    assert username_at(client) == "alice"


# Logs and page texts


@pytest.mark.defends("RP-20")
def test_failed_sign_in_is_logged_without_a_secret(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    params, answer = start_sign_in(client), token_response(nonce="another", expires_in=None, token_type="bearer")
    token_endpoint.script(answer)
    with caplog.at_level(logging.DEBUG):
        finish_sign_in(client, params, code="the-code")
    (record,) = [record for record in caplog.records if record.name == "django_cognito.login.views"]
    assert (record.levelname, "nonce_mismatch" in record.getMessage()) == ("WARNING", True)
    verifier = read_form(token_endpoint.requests[0])["code_verifier"]
    secrets = ["the-code", params["state"], params["nonce"], verifier, *json.loads(answer.body).values()]
    assert not [secret for secret in secrets if secret != "bearer" and secret in caplog.text]


@pytest.mark.defends("RP-02")
def test_error_parameter_cannot_forge_a_log_line(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    finish_sign_in(client, start_sign_in(client), error="a\nWARNING all is well\x1b[31m")
    assert "\nWARNING all" not in caplog.text
    assert "\x1b" not in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "access_denied"},
        {"state": "forged"},
        {},  # a token response that cannot be parsed
    ],
)
def test_each_text_of_the_failure_page_is_translatable(
    client: Client, token_endpoint: ScriptedServer, changes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = start_sign_in(client)
    token_endpoint.script(Answer(500))
    mark_translations(monkeypatch)
    assert_translated(finish_sign_in(client, params, **changes))


def test_each_text_of_the_logout_page_is_translatable(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    mark_translations(monkeypatch)
    assert_translated(client.get("/auth/logout/"))


def mark_translations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace translation by putting each text between marks."""
    for name in ("gettext", "pgettext"):
        monkeypatch.setattr(translation._trans, name, lambda *texts: f"\u00ab{texts[-1]}\u00bb", raising=False)


def assert_translated(answer: Any) -> None:
    texts = re.sub(r"\u00ab[^\u00bb]*\u00bb", "", re.sub(r"(?s)^.*?<title>", "", answer.content.decode()))
    without_site = texts.replace(" | testserver", "").replace(">testserver<", "><")
    untranslated_texts = [text.strip() for text in re.sub(r"<[^>]*>", "\n", without_site).splitlines()]
    assert [text for text in untranslated_texts if text] == []


@pytest.mark.parametrize(("language", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_page_has_its_language_and_direction(client: Client, language: str, direction: str) -> None:
    with translation.override(language):
        page = client.get("/auth/logout/").content.decode()
    assert f'<html lang="{language}" dir="{direction}">' in page
