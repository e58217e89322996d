"""Each link and redirect that starts a sign-in again repeats what was requested: page, provider, language, next."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.login.state import open_state
from django_cognito.models import CognitoUser
from django_cognito.testing import sign_in
from tests.support.cases import cases
from tests.support.scenarios.login import (
    CALLBACK,
    finish_sign_in,
    read_error_code,
    read_query,
    refusal,
    reseal,
    secret_cookie,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

PARAMS = {
    "identity_provider": "Google",
    "login_hint": "alice@example.com",
    "lang": "de",
    "prompt": "select_account",
    "acr_values": "urn:mfa",
    "max_age": "600",
}
QUERY = {"next": "/mine/?q=1", **PARAMS}
PAGES = {"login": "/oauth2/authorize", "sign-up": "/signup", "forgot-password": "/forgotPassword"}
PRE_SIGN_UP = "PreSignUp failed with error only members of Fieldnotes Ltd may join."
ALREADY = "Already found an entry for username google_104857600000000000001"


@pytest.fixture(autouse=True)
def _hosted_ui(token_endpoint: ScriptedServer, settings: Any) -> None:
    """Use the scripted server as the hosted UI in each test."""
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


def start(client: Client, path: str = "login", query: Any = QUERY, **options: Any) -> dict[str, str]:
    return read_query(client.get(f"/auth/{path}/", query, **options)["Location"])


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def buttons(page: Any) -> list[str]:
    return [unescape(url) for url in re.findall(r'class="cognito-button"[^>]* href="([^"]+)"', page.content.decode())]


FAILURES: dict[str, dict[str, Any]] = {
    "refused": {"code": None, "error": "access_denied"},
    "refused by a trigger": {"code": None, "error": "invalid_request", "error_description": PRE_SIGN_UP},
    "provider trouble": {"code": None, "error": "server_error"},
    "misconfigured": {"code": None, "error": "invalid_scope"},
    "another issuer": {"iss": "https://op.invalid/"},
    "two codes": {"code": ["a", "b"]},
}


@pytest.mark.parametrize("path", PAGES)
def test_failure_page_links_to_the_same_sign_in(path: str) -> None:
    with cases() as case:
        for name, changes in FAILURES.items():
            with case(name):
                client = Client()
                page = finish_sign_in(client, start(client, path), **changes)
                url = page.context["again"]
                assert (urlsplit(url).path, query_of(url)) == (f"/auth/{path}/", QUERY)
                again = client.get(url)["Location"]
                assert urlsplit(again).path == PAGES[path]
                assert PARAMS.items() <= read_query(again).items()
                pending = open_state(read_query(again)["state"])
                assert (pending.next_url, pending.authorize_params, pending.attempt) == (QUERY["next"], PARAMS, 1)


@pytest.mark.parametrize("answer", [refusal("invalid_grant"), refusal("invalid_client"), Answer(500)])
def test_page_of_a_refused_code_links_to_the_same_sign_in(
    client: Client, token_endpoint: ScriptedServer, answer: Answer
) -> None:
    token_endpoint.script(answer)
    assert query_of(finish_sign_in(client, start(client)).context["again"]) == QUERY


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("fault", ["no cookie", "expired"])
def test_page_of_an_old_state_links_to_the_same_sign_in(client: Client, path: str, fault: str) -> None:
    params = start(client, path)
    if fault == "no cookie":
        del client.cookies[secret_cookie(params["state"])]
    else:
        params = reseal(client, params, started_at=1)
    url = finish_sign_in(client, params).context["again"]
    assert (urlsplit(url).path, query_of(url)) == (f"/auth/{path}/", QUERY)


def test_page_of_another_account_repeats_all_but_the_hint(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CREATE_USERS": False}
    params = start(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    url = finish_sign_in(client, params).context["again"]
    expected = {name: value for name, value in QUERY.items() if name != "login_hint"}
    assert query_of(url) == {**expected, "prompt": "login"}


def test_silent_sign_in_that_fails_otherwise_repeats_its_prompt(client: Client) -> None:
    params = start(client, query={**QUERY, "prompt": "none"})
    page = finish_sign_in(client, params, code=None, error="server_error")
    assert query_of(page.context["again"]) == {**QUERY, "prompt": "none"}


def test_provider_buttons_repeat_all_but_the_provider(client: Client, settings: Any) -> None:
    settings.COGNITO = {
        **settings.COGNITO,
        "IDENTITY_PROVIDERS": ["Google", {"idp_identifier": "acme.com", "label": "Acme"}],
    }
    page = finish_sign_in(client, start(client), code=None, error="server_error")
    others = {name: value for name, value in QUERY.items() if name != "identity_provider"}
    assert [query_of(url) for url in buttons(page)] == [
        {**others, "identity_provider": "Google"},
        {**others, "idp_identifier": "acme.com"},
    ]


def test_lost_session_cookie_page_links_to_the_same_sign_in(client: Client, token_endpoint: ScriptedServer) -> None:
    client.cookies["cognito_signed_in_sessionid"] = "2"
    page = client.get("/auth/sign-up/", QUERY)
    assert read_error_code(page) == "session_cookie_lost"
    assert (urlsplit(page.context["again"]).path, query_of(page.context["again"])) == ("/auth/sign-up/", QUERY)


def test_page_of_an_invalid_parameter_repeats_next_only(client: Client) -> None:
    page = client.get("/auth/login/", {**QUERY, "lang": "Deutsch"})
    assert (read_error_code(page), page.context["again"]) == (
        "invalid_parameter",
        "/auth/login/?next=%2Fmine%2F%3Fq%3D1",
    )


@pytest.mark.parametrize("path", PAGES)
def test_redirect_to_the_host_of_redirect_uri_repeats_all(client: Client, settings: Any, path: str) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com", "login.example.com"]
    uri = "https://login.example.com/auth/callback/"
    settings.COGNITO = {**settings.COGNITO, "REDIRECT_URI": uri, "REDIRECT_HOSTS": ["www.example.com"]}
    query = {**QUERY, "prompt": "none", "unseen": "1"}
    client.cookies["cognito_silent_sessionid"] = "1"
    answer = client.get(f"/auth/{path}/", query, headers={"host": "www.example.com"}, secure=True)
    assert urlsplit(answer["Location"]).path == f"/auth/{path}/"
    expected = {**query, "next": f"https://www.example.com{QUERY['next']}", "redirected": "1"}
    assert query_of(answer["Location"]) == expected


@pytest.mark.parametrize("path", PAGES)
def test_retry_of_a_linked_user_repeats_page_and_parameters(client: Client, path: str) -> None:
    answer = finish_sign_in(client, start(client, path), code=None, error="invalid_request", error_description=ALREADY)
    assert urlsplit(answer["Location"]).path == PAGES[path]
    assert PARAMS.items() <= read_query(answer["Location"]).items()
    pending = open_state(read_query(answer["Location"])["state"])
    assert (pending.next_url, pending.attempt, pending.page.replace("_", "-")) == (QUERY["next"], 2, path)


def test_htmx_redirect_repeats_the_parameters(client: Client) -> None:
    headers = {"hx-request": "true", "hx-current-url": "http://testserver/notes/?page=2"}
    answer = client.get("/auth/login/", QUERY, headers=headers)
    assert query_of(answer["HX-Redirect"]) == {**QUERY, "next": "/notes/?page=2"}
    assert answer.json()["login_url"] == answer["HX-Redirect"]


# Case 01 and case 02


def test_trigger_refusal_is_final_and_its_words_are_only_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    page = finish_sign_in(client, start(client), **FAILURES["refused by a trigger"])
    assert (page.status_code, read_error_code(page)) == (400, "refused_by_provider")
    assert "only members of Fieldnotes Ltd" in caplog.text
    assert "only members" not in page.content.decode()


@pytest.mark.parametrize("state", [None, "forged", "", ["a", "b"]])
def test_error_without_its_state_is_logged(client: Client, caplog: pytest.LogCaptureFixture, state: Any) -> None:
    query = {"error": "invalid_request", "error_description": PRE_SIGN_UP}
    with_state = query if state is None else {**query, "state": state}
    assert client.get(CALLBACK, with_state).status_code == 400
    (record,) = [record for record in caplog.records if record.name == "django_cognito.login.error_response"]
    assert record.levelname == "WARNING"
    assert repr(PRE_SIGN_UP) in record.getMessage()


def test_error_is_logged_if_the_site_fails_at_the_callback(
    client: Client, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    def resolve(request: Any) -> str:
        raise ZeroDivisionError

    params = start(client)
    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": resolve}
    client.raise_request_exception = False
    query = {"state": params["state"], "error": "invalid_request", "error_description": PRE_SIGN_UP}
    assert client.get(CALLBACK, query).status_code == 500
    assert "only members of Fieldnotes Ltd" in caplog.text


def test_expected_error_of_a_silent_sign_in_is_no_warning(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    params = start(client, query={"prompt": "none"})
    assert finish_sign_in(client, params, code=None, error="login_required").status_code == 302
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


@pytest.mark.parametrize(
    "secret", ["1b5cf4a4-0001-4c5e-9b7e-1f6a3d1e2a01", "eyJraWQiOiJhIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"]
)
def test_code_or_token_in_an_error_description_is_not_logged(
    client: Client, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    client.get(CALLBACK, {"error": secret, "error_description": f"bad code {secret}"})
    assert secret not in "".join(record.getMessage() for record in caplog.records if "cognito" in record.name)


# Links


def test_failed_link_starts_again_by_its_form(client: Client, token_endpoint: ScriptedServer) -> None:
    alice = sign_in(client, "alice")
    form = {"next": "/mine/", "identity_provider": "Google", "lang": "de"}
    params = read_query(client.post("/auth/link/", form)["Location"])
    page = finish_sign_in(client, params, code=None, error="invalid_request", error_description=ALREADY)
    assert (page.status_code, read_error_code(page), page.context["again"]) == (503, "provider_trouble", "")
    assert page.context["link_fields"] == {**form, "prompt": "login"}
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode()))
    assert fields.pop("csrfmiddlewaretoken")
    again = read_query(client.post("/auth/link/", fields)["Location"])
    assert open_state(again["state"]).links_to == str(alice.pk)
    token_endpoint.script(token_response("google_1", nonce=again["nonce"]), Answer())
    assert finish_sign_in(client, again)["Location"] == "/mine/"
    assert set(CognitoUser.objects.values_list("user", flat=True)) == {alice.pk}


def test_form_of_a_failed_link_needs_its_csrf_token(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, "alice")
    assert strict.post("/auth/link/", {"identity_provider": "Google"}).status_code == 403


@pytest.mark.parametrize("other", ["carol", None])
def test_failed_link_of_another_user_has_no_form(client: Client, other: str | None) -> None:
    sign_in(client, "alice")
    params = read_query(client.post("/auth/link/", {"identity_provider": "Google"})["Location"])
    cookie = {secret_cookie(params["state"]): client.cookies[secret_cookie(params["state"])].value}
    client.cookies.clear()
    if other:
        sign_in(client, other)
    client.cookies.load(cookie)
    page = finish_sign_in(client, params, code=None, error="access_denied")
    assert page.context["link_fields"] == {}
    assert urlsplit(page.context["again"]).path == "/auth/login/"
    assert username_at(client) == (other or "nobody")
    assert get_user_model().objects.count() == (2 if other else 1)


def test_urls_of_restarts_are_escaped(client: Client) -> None:
    query = {"next": '/mine/?q="><script>', "login_hint": '"><script>@example.com'}
    page = finish_sign_in(client, start(client, query=query), code=None, error="access_denied")
    assert "<script>" not in page.content.decode()
    assert page.context["again"] == f"/auth/login/?{urlencode(query)}"
