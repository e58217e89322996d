"""Sign-ins through a real hosted UI over HTTP, what becomes of them, and what is left of them after a sign-out."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from django.contrib.auth import get_user_model
from django.test import Client
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD, Browser, query_of

from django_cognito import factories
from django_cognito.core.errors import SignInError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from tests.support.callers import bearer
from tests.support.local_cognito import (
    ADMIN_SCOPE,
    POOL_ID,
    SCOPES,
    SECRET,
    hosted_ui,
    seed_for,
    settings_for,
    sign_in_by_hand,
)
from tests.support.login_scenario import change, code_verifier_of, secret_cookies, who

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

API = "https://api.example.com"


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(seed=seed_for("http://testserver")) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, settings: Any) -> Iterator[Emulator]:
    settings.COGNITO = settings_for(running)
    yield running
    factories.reset()


@pytest.fixture
def browser(emulator: Emulator) -> Iterator[Browser]:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        yield browser


@pytest.fixture
def token_requests(caplog: pytest.LogCaptureFixture) -> Any:
    """How often the token endpoint has been asked so far."""
    caplog.set_level(logging.INFO, "local_cognito")
    return lambda: caplog.text.count("POST /oauth2/token")


def ask(emulator: Emulator, operation: str, **parameters: str) -> Any:
    """An operation of the AWS API on the pool, as its administrator."""
    credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("cognito-idp", "eu-west-1", endpoint_url=emulator.endpoint_url, **credentials)
    try:
        return getattr(client, operation)(UserPoolId=POOL_ID, **parameters)
    finally:
        client.close()


def only_login(**state: float) -> CognitoLogin:
    login = CognitoLogin.objects.select_related("cognito_user").get()
    return change(login, **state) if state else login


# In


@pytest.mark.parametrize("client_id", ["1public", "2confidential", "3rotating"])
def test_somebody_signs_in(client: Client, emulator: Emulator, browser: Browser, settings: Any, client_id: str) -> None:
    settings.COGNITO = settings_for(emulator, client_id)
    visitor = client.session
    visitor["basket"] = "pears"
    visitor.save()
    client.cookies["sessionid"] = visitor.session_key
    answer = sign_in_by_hand(browser, client, next="/mine/")
    assert (answer.status_code, answer["Location"]) == (302, "/mine/")
    assert client.get("/mine/").content == b"alice"
    assert (client.session["basket"], client.session.session_key == visitor.session_key) == ("pears", False)
    assert client.get("/subject/").content.decode() == CognitoUser.objects.get().sub


@pytest.mark.defends("RP-20")
def test_tokens_rest_encrypted_and_not_in_the_session(client: Client, emulator: Emulator, browser: Browser) -> None:
    sign_in_by_hand(browser, client)
    login = only_login()
    tokens = store.decrypt_tokens(login)
    for raw in (tokens.access_token, tokens.id_token, tokens.refresh_token):
        assert raw
        assert raw.encode() not in bytes(login.tokens)
        assert raw not in json.dumps(dict(client.session.items()))


def test_a_wrong_password_comes_back_with_nothing(client: Client, emulator: Emulator, browser: Browser) -> None:
    hosted_ui(browser, client)
    answer = browser.sign_in(password="wrong")
    assert "Location" not in answer.headers
    assert who(client) == "nobody"


@pytest.mark.defends("RP-08")
def test_a_callback_that_is_opened_again_asks_nothing(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any
) -> None:
    hosted_ui(browser, client)
    address = browser.sign_in().headers["Location"]
    answers = [client.get(address) for _ in range(2)]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/"), (302, "/")]
    assert token_requests() == 1
    assert who(client) == "alice"


@pytest.mark.defends("RP-07")
def test_an_attackers_callback_is_worth_nothing_to_their_victim(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any
) -> None:
    attacker = Client()
    hosted_ui(browser, attacker)
    address = browser.sign_in("bob").headers["Location"]
    client.get("/auth/login/")  # the victim has a sign-in under way too
    assert client.get(address).status_code == 400
    assert (who(client), token_requests()) == ("nobody", 0)


@pytest.mark.defends("RP-04")
def test_a_stolen_code_is_worth_nothing_in_another_sign_in(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    hosted_ui(browser, Client())
    stolen = query_of(browser.sign_in("bob").headers["Location"])["code"]
    state = query_of(client.get("/auth/login/")["Location"])["state"]
    answer = client.get("/auth/callback/", {"code": stolen, "state": state})
    assert (answer.status_code, answer.context["code"]) == (400, "invalid_grant")  # PKCE: the verifier is another
    assert who(client) == "nobody"


def test_who_is_sent_back_with_an_error_stays_who_they_were(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    sign_in_by_hand(browser, client)
    settings.COGNITO = {**settings.COGNITO, "SCOPES": ["openid", "of/nobody"]}
    answer = client.get(hosted_ui(browser, client).headers["Location"])
    assert (answer.status_code, answer.context["code"]) == (400, "client_refused")
    assert who(client) == "alice"


def test_cognito_stops_between_the_way_in_and_the_way_back(client: Client, settings: Any) -> None:
    with Emulator(seed=seed_for("http://testserver")) as emulator, Browser(emulator) as browser:  # type: ignore[arg-type]
        settings.COGNITO = settings_for(emulator)
        hosted_ui(browser, client)
        address = browser.sign_in().headers["Location"]
    answer = client.get(address)
    assert (answer.status_code, answer.context["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert who(client) == "nobody"


def test_keys_that_cannot_be_had_are_an_outage(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    answer = sign_in_by_hand(browser, client)
    assert (answer.status_code, answer.context["code"]) == (503, "cognito_unavailable")
    assert who(client) == "nobody"
    assert not CognitoUser.objects.exists()


@pytest.mark.defends("RP-20")
def test_nothing_secret_is_logged_from_the_way_in_to_the_way_out(
    client: Client, emulator: Emulator, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        asked = client.get("/auth/login/")["Location"]
        asked_of_cognito = query_of(asked)
        own = [asked_of_cognito["nonce"], code_verifier_of(client, asked_of_cognito), *secret_cookies(client).values()]
        browser.open("/oauth2/authorize", **query_of(asked))
        back = browser.sign_in().headers["Location"]
        client.get(back)
        first = store.decrypt_tokens(only_login())
        only_login(ends_in=-1)
        assert who(client) == "alice"
        second = store.decrypt_tokens(only_login())
        client.post("/auth/logout/")
        client.get(back)
    mine = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    tokens = (first.access_token, first.id_token, first.refresh_token, second.access_token, second.id_token)
    secrets = [*tokens, *query_of(back).values(), *own, PASSWORD]
    assert "a sign-in failed" in mine
    assert [secret for secret in secrets if not secret or secret in mine] == []
    # urllib3 tells the addresses that this test's browser opens, and with them state and nonce; no more than these.
    browsers_own = {query_of(back)["state"], own[0]}
    assert [secret for secret in secrets if str(secret) in caplog.text and secret not in browsers_own] == []


# For one API alone


def verdict(raw: str) -> tuple[int, str]:
    """What the site makes of a token in an API request: the status, and the person or the error's code."""
    answer = Client().get("/who/", headers=bearer(raw))
    return answer.status_code, answer.content.decode() if answer.status_code == 200 else answer.json()["code"]


def test_a_sign_in_s_tokens_are_bound_to_this_api_and_so_are_the_renewed_ones(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    sign_in_by_hand(browser, client)
    for version in range(2):
        assert who(client) == "alice"
        assert only_login().version == version
        assert store.get_access_token(only_login()).claims["aud"] == API
        assert verdict(store.decrypt_tokens(only_login()).access_token) == (200, "alice")
        only_login(ends_in=-1)


@pytest.mark.parametrize("bound_to", ["", "https://files.example.com", f"{API}/"])
def test_a_token_that_is_bound_to_another_api_or_to_none_is_refused(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, bound_to: str
) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=bound_to)
    sign_in_by_hand(browser, client)
    raw = store.decrypt_tokens(only_login()).access_token
    assert verdict(raw) == (200, "alice")
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    assert verdict(raw) == (401, "wrong_resource")


def test_a_login_from_before_the_setting_ends_with_its_next_renewal(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    sign_in_by_hand(browser, client)
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    assert who(client) == "alice"
    only_login(ends_in=-1)
    assert (who(client), CognitoLogin.objects.exists()) == ("nobody", False)


def test_an_id_token_is_bound_to_no_api(client: Client, emulator: Emulator, browser: Browser, settings: Any) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API, TOKEN_USE="id")
    sign_in_by_hand(browser, client)
    assert verdict(store.decrypt_tokens(only_login()).id_token) == (200, "alice")


def test_a_machine_is_bound_to_no_api(emulator: Emulator, settings: Any) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API, CLIENT_IDS=["1public", "4machine"])
    form = {"grant_type": "client_credentials", "client_id": "4machine", "client_secret": SECRET}
    answer = requests.post(f"{emulator.url}/oauth2/token", data=form, timeout=30)
    assert verdict(answer.json()["access_token"]) == (200, "4machine")


# Later


def test_tokens_are_renewed(client: Client, emulator: Emulator, browser: Browser, token_requests: Any) -> None:
    sign_in_by_hand(browser, client)
    only_login(ends_in=-1)
    for _ in range(3):
        assert client.get("/subject/").content.decode() == CognitoUser.objects.get().sub
    assert (only_login().version, token_requests()) == (1, 2)


def test_rotated_refresh_tokens_are_followed(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = settings_for(emulator, "3rotating")
    sign_in_by_hand(browser, client)
    seen = [store.decrypt_tokens(only_login()).refresh_token]
    for _ in range(2):
        only_login(ends_in=-1)
        assert who(client) == "alice"
        seen.append(store.decrypt_tokens(only_login()).refresh_token)
    assert len(set(seen)) == 3


def test_what_changed_in_the_pool_comes_with_the_next_tokens(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client, "bob")
    before = get_user_model().objects.get()
    attributes: Any = [{"Name": "given_name", "Value": "Robert"}]
    ask(emulator, "admin_update_user_attributes", Username="bob", UserAttributes=attributes)
    only_login(ends_in=-1)
    time.sleep(1.01 - time.time() % 1)  # of two ID tokens of one second the attributes of the first stay
    assert who(client) == "bob"
    assert (before.first_name, get_user_model().objects.get().first_name) == ("", "Robert")


@pytest.mark.parametrize("operation", ["admin_user_global_sign_out", "admin_disable_user"])
def test_who_was_signed_out_in_the_pool_is_sent_to_the_login_once(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any, operation: str
) -> None:
    sign_in_by_hand(browser, client)
    ask(emulator, operation, Username="alice")
    try:
        only_login(ends_in=-1)
        answer = client.get("/mine/")
        assert (answer.status_code, answer["Location"]) == (302, "/auth/login/?next=/mine/")
        assert [who(client), client.get(answer["Location"]).status_code] == ["nobody", 302]
        assert token_requests() == 2
        assert not CognitoLogin.objects.exists()
    finally:
        ask(emulator, "admin_enable_user", Username="alice")


# Out


def test_after_a_logout_the_refresh_token_is_worth_nothing(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client)
    refresh_token = store.decrypt_tokens(only_login()).refresh_token
    assert refresh_token
    assert factories.get_hosted_ui().refresh(refresh_token).access_token
    client.post("/auth/logout/")
    with pytest.raises(SignInError) as caught:
        factories.get_hosted_ui().refresh(refresh_token)
    assert caught.value.oauth_error == "invalid_grant"
    assert (who(client), CognitoLogin.objects.exists()) == ("nobody", False)


@pytest.mark.parametrize(
    ("client_id", "scopes"),
    [("1public", SCOPES), ("3rotating", [*SCOPES, ADMIN_SCOPE])],
    ids=["one by one", "by GlobalSignOut"],
)
def test_after_a_logout_everywhere_no_refresh_token_is_valid(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, client_id: str, scopes: list[str]
) -> None:
    settings.COGNITO = settings_for(emulator, client_id, SCOPES=scopes)
    refresh_tokens = []
    for each in (Client(), client):
        answer = hosted_ui(browser, each)
        each.get((answer if "Location" in answer.headers else browser.sign_in()).headers["Location"])
        login = store.get_login(each.session[store.SESSION_KEY])
        refresh_tokens.append(store.decrypt_tokens(login).refresh_token)
    client.post("/auth/logout/", {"where": "everywhere"})
    for refresh_token in refresh_tokens:
        with pytest.raises(SignInError):
            factories.get_hosted_ui().refresh(refresh_token)
    assert not CognitoLogin.objects.exists()


def test_after_a_logout_the_hosted_ui_asks_for_the_password_again(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client)
    without_password = hosted_ui(browser, Client())
    assert without_password.headers["Location"].startswith("http://testserver/auth/callback/?code=")
    goodbye = client.post("/auth/logout/")["Location"]
    answer = browser.open(urlsplit(goodbye).path, **query_of(goodbye))
    assert answer.headers["Location"] == "http://testserver/"
    with_password = hosted_ui(browser, client)
    assert (with_password.status_code, 'type="password"' in with_password.text) == (200, True)


def test_a_logout_address_that_the_client_does_not_allow_is_refused_by_cognito(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://evil.example/"}
    sign_in_by_hand(browser, client)
    answer = requests.get(client.post("/auth/logout/")["Location"], allow_redirects=False, timeout=30)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_the_second_person_at_a_browser_ends_the_firsts_login(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client)
    first = store.decrypt_tokens(only_login()).refresh_token
    assert first
    with Browser(emulator) as another:  # type: ignore[arg-type]
        sign_in_by_hand(another, client, "bob")
    assert who(client) == "bob"
    assert only_login().cognito_user.username == "bob"
    with pytest.raises(SignInError):
        factories.get_hosted_ui().refresh(first)
