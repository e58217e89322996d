""" "Remember me": a session outlives the browser only if its user has chosen that at the sign-in."""

from pathlib import Path
from typing import Any

import pytest
from django.template import engines
from django.test import Client, RequestFactory
from local_cognito_support.scripted_server import ScriptedServer

from tests.support.scenarios.login import CALLBACK, finish_sign_in, read_query, refusal, token_response

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("remember_me"),
]
DAY = 86_400
SECONDS = 30 * DAY
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
BROWSER_SESSION = ""  # the Max-Age of a cookie without one


@pytest.fixture
def remember_me(cognito: Any) -> None:
    cognito(REMEMBER_ME_SECONDS=SECONDS)


@pytest.fixture
def server(token_endpoint: ScriptedServer, cognito: Any) -> ScriptedServer:
    cognito(REMEMBER_ME_SECONDS=SECONDS)
    return token_endpoint


def sign_in_at(
    client: Client,
    server: ScriptedServer,
    username: str = "alice",
    *,
    page: str = "login",
    headers: Any = SAME_ORIGIN,
    **query: str,
) -> Any:
    """Sign in by the pages of the site; return the Max-Age of the session cookie."""
    params = read_query(client.get(f"/auth/{page}/", query, headers=headers)["Location"])
    server.script(token_response(username, nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302
    return client.cookies["sessionid"]["max-age"]


def is_about(seconds: Any, expected: int) -> bool:
    return expected - 60 <= seconds <= expected


def test_session_of_a_user_who_did_not_choose_ends_with_the_browser(client: Client, server: ScriptedServer) -> None:
    assert sign_in_at(client, server) == BROWSER_SESSION
    assert client.session.get_expire_at_browser_close()


@pytest.mark.parametrize("page", ["login", "sign-up", "forgot-password"])
def test_session_of_a_user_who_chose_outlives_the_browser(client: Client, server: ScriptedServer, page: str) -> None:
    assert is_about(sign_in_at(client, server, page=page, remember="1"), SECONDS)
    assert not client.session.get_expire_at_browser_close()


def test_remembered_session_ends_with_the_age_of_its_login(
    client: Client, server: ScriptedServer, cognito: Any
) -> None:
    cognito(SESSION_MAX_SECONDS=7 * DAY)
    assert is_about(sign_in_at(client, server, remember="1"), 7 * DAY)


@pytest.mark.parametrize("value", ["0", "", "true", "on"])
def test_other_values_are_no_choice(client: Client, server: ScriptedServer, value: str) -> None:
    assert sign_in_at(client, server, remember=value) == BROWSER_SESSION


@pytest.mark.parametrize("site", ["cross-site", "none", ""])
def test_link_of_another_site_does_not_choose(client: Client, server: ScriptedServer, site: str) -> None:
    assert sign_in_at(client, server, headers={"sec-fetch-site": site}, remember="1") == BROWSER_SESSION


def test_parameter_of_the_callback_does_not_choose(client: Client, server: ScriptedServer) -> None:
    params = read_query(client.get("/auth/login/")["Location"])
    server.script(token_response(nonce=params["nonce"]))
    client.get(CALLBACK, {"code": "a-code", "state": params["state"], "remember": "1"}, headers=SAME_ORIGIN)
    assert client.cookies["sessionid"]["max-age"] == BROWSER_SESSION


def test_choice_is_not_sent_to_cognito(client: Client) -> None:
    assert "remember" not in read_query(client.get("/auth/login/?remember=1", headers=SAME_ORIGIN)["Location"])


def test_step_up_keeps_the_choice(client: Client, server: ScriptedServer) -> None:
    sign_in_at(client, server, remember="1")
    expiry = client.session.get_expiry_date()
    sign_in_at(client, server, page="step-up", max_age="300")
    assert client.session.get_expiry_date() == expiry


def test_step_up_of_a_browser_session_ends_with_the_browser(client: Client, server: ScriptedServer) -> None:
    sign_in_at(client, server)
    assert sign_in_at(client, server, page="step-up", max_age="300") == BROWSER_SESSION


def test_another_user_in_the_same_browser_is_not_remembered(client: Client, server: ScriptedServer) -> None:
    sign_in_at(client, server, remember="1")
    assert sign_in_at(client, server, "bob") == BROWSER_SESSION


def test_sign_in_after_a_sign_out_is_not_remembered(client: Client, server: ScriptedServer) -> None:
    sign_in_at(client, server, remember="1")
    client.post("/auth/logout/", {"where": "here"})
    assert sign_in_at(client, server) == BROWSER_SESSION


def test_long_anonymous_session_does_not_choose(client: Client, server: ScriptedServer) -> None:
    session = client.session
    session.set_expiry(365 * DAY)
    session.save()
    client.cookies["sessionid"] = session.session_key
    assert sign_in_at(client, server) == BROWSER_SESSION


def test_failed_sign_in_that_starts_again_keeps_the_choice(client: Client, server: ScriptedServer) -> None:
    params = read_query(client.get("/auth/login/?remember=1", headers=SAME_ORIGIN)["Location"])
    server.script(refusal())
    page = finish_sign_in(client, params).content.decode()
    assert 'href="/auth/login/?remember=1"' in page


def test_without_the_setting_django_decides(client: Client, token_endpoint: ScriptedServer, cognito: Any) -> None:
    cognito(REMEMBER_ME_SECONDS=None)
    assert sign_in_at(client, token_endpoint) == 14 * DAY
    assert sign_in_at(client, token_endpoint, "bob", remember="1") == 14 * DAY


@pytest.mark.parametrize("engine", ["cache", "cached_db", "file", "signed_cookies"])
def test_choice_counts_with_every_session_engine(
    client: Client, server: ScriptedServer, settings: Any, tmp_path: Path, engine: str
) -> None:
    settings.SESSION_ENGINE, settings.SESSION_FILE_PATH = f"django.contrib.sessions.backends.{engine}", str(tmp_path)
    client.handler.load_middleware()
    assert is_about(sign_in_at(client, server, remember="1"), SECONDS)
    assert client.get("/who/").content == b"alice"
    other = Client()
    assert sign_in_at(other, server) == BROWSER_SESSION


@pytest.mark.parametrize("source", ["{% sign_in_by_email %}", '{% include "django_cognito/sign_in_by_email.html" %}'])
def test_form_for_the_email_address_has_a_checkbox(cognito: Any, source: str) -> None:
    def render() -> str:
        request = RequestFactory().get("/")
        return engines["django"].from_string("{% load cognito %}" + source).render({}, request)

    assert '<input type="checkbox" name="remember" value="1">' in render()
    cognito(REMEMBER_ME_SECONDS=None)
    assert "remember" not in render()
