"""Sign-in, token refresh and sign-out through a real hosted UI over HTTP."""

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
from local_cognito_support.hosted_site import PASSWORD, Browser, read_query, read_unverified

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
from tests.support.scenarios.login import (
    change_login,
    code_verifier_of,
    read_error_code,
    secret_cookies,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

API = "https://api.example.com"


@pytest.fixture(scope="module")
def running_emulator() -> Iterator[Emulator]:
    with Emulator(seed=seed_for("http://testserver")) as emulator:
        yield emulator


@pytest.fixture
def emulator(running_emulator: Emulator, settings: Any) -> Iterator[Emulator]:
    settings.COGNITO = settings_for(running_emulator)
    yield running_emulator
    factories.discard_instances()


@pytest.fixture
def browser(emulator: Emulator) -> Iterator[Browser]:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        yield browser


@pytest.fixture
def token_requests(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that counts the requests to the token endpoint."""
    caplog.set_level(logging.INFO, "local_cognito")
    return lambda: caplog.text.count("POST /oauth2/token")


def call_admin_api(emulator: Emulator, operation: str, **parameters: str) -> Any:
    """Call an operation of the AWS API on the pool, as its administrator."""
    credentials = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("cognito-idp", "eu-west-1", endpoint_url=emulator.endpoint_url, **credentials)
    try:
        return getattr(client, operation)(UserPoolId=POOL_ID, **parameters)
    finally:
        client.close()


def only_login(**state: float) -> CognitoLogin:
    login = CognitoLogin.objects.select_related("cognito_user").get()
    return change_login(login, **state) if state else login


# Sign-in


@pytest.mark.parametrize("client_id", ["1public", "2confidential", "3rotating"])
def test_sign_in_keeps_session_data_and_changes_the_session_key(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, client_id: str
) -> None:
    settings.COGNITO = settings_for(emulator, client_id)
    anonymous_session = client.session
    anonymous_session["basket"] = "pears"
    anonymous_session.save()
    client.cookies["sessionid"] = anonymous_session.session_key
    answer = sign_in_by_hand(browser, client, next="/mine/")
    assert (answer.status_code, answer["Location"]) == (302, "/mine/")
    assert client.get("/mine/").content == b"alice"
    assert (client.session["basket"], client.session.session_key == anonymous_session.session_key) == ("pears", False)
    assert client.get("/subject/").content.decode() == CognitoUser.objects.get().sub


@pytest.mark.defends("RP-20")
def test_tokens_are_stored_encrypted_and_not_in_the_session(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client)
    login = only_login()
    tokens = store.decrypt_tokens(login)
    for raw in (tokens.access_token, tokens.id_token, tokens.refresh_token):
        assert raw
        assert raw.encode() not in bytes(login.tokens)
        assert raw not in json.dumps(dict(client.session.items()))


def test_wrong_password_is_no_sign_in(client: Client, emulator: Emulator, browser: Browser) -> None:
    hosted_ui(browser, client)
    answer = browser.sign_in(password="wrong")
    assert "Location" not in answer.headers
    assert username_at(client) == "nobody"


@pytest.mark.defends("RP-08")
def test_callback_opened_again_requests_no_tokens(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any
) -> None:
    hosted_ui(browser, client)
    callback_url = browser.sign_in().headers["Location"]
    answers = [client.get(callback_url) for _ in range(2)]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/"), (302, "/")]
    assert token_requests() == 1
    assert username_at(client) == "alice"


@pytest.mark.defends("RP-07")
def test_attackers_callback_url_does_not_sign_the_victim_in(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any
) -> None:
    attacker = Client()
    hosted_ui(browser, attacker)
    callback_url = browser.sign_in("bob").headers["Location"]
    client.get("/auth/login/")  # the victim has a pending sign-in too
    assert client.get(callback_url).status_code == 400
    assert (username_at(client), token_requests()) == ("nobody", 0)


@pytest.mark.defends("RP-04")
def test_stolen_code_is_invalid_grant_in_another_sign_in(client: Client, emulator: Emulator, browser: Browser) -> None:
    hosted_ui(browser, Client())
    stolen_code = read_query(browser.sign_in("bob").headers["Location"])["code"]
    state = read_query(client.get("/auth/login/")["Location"])["state"]
    answer = client.get("/auth/callback/", {"code": stolen_code, "state": state})
    assert (answer.status_code, answer.context["code"]) == (400, "invalid_grant")  # PKCE: another verifier
    assert username_at(client) == "nobody"


def test_callback_with_an_error_leaves_the_user_signed_in(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    sign_in_by_hand(browser, client)
    settings.COGNITO = {**settings.COGNITO, "SCOPES": ["openid", "of/nobody"]}
    answer = client.get(hosted_ui(browser, client).headers["Location"])
    assert (answer.status_code, answer.context["code"]) == (400, "client_refused")
    assert username_at(client) == "alice"


def test_cognito_outage_before_the_callback_is_503(client: Client, settings: Any) -> None:
    with Emulator(seed=seed_for("http://testserver")) as emulator, Browser(emulator) as browser:  # type: ignore[arg-type]
        settings.COGNITO = settings_for(emulator)
        hosted_ui(browser, client)
        callback_url = browser.sign_in().headers["Location"]
    answer = client.get(callback_url)
    assert (answer.status_code, answer.context["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert username_at(client) == "nobody"


def test_unreachable_jwks_is_503(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, unreachable: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    answer = sign_in_by_hand(browser, client)
    assert (answer.status_code, answer.context["code"]) == (503, "cognito_unavailable")
    assert username_at(client) == "nobody"
    assert not CognitoUser.objects.exists()


@pytest.mark.defends("RP-20")
def test_no_secret_is_logged_from_sign_in_to_sign_out(
    client: Client, emulator: Emulator, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        login_url = client.get("/auth/login/")["Location"]
        params = read_query(login_url)
        sign_in_secrets = [params["nonce"], code_verifier_of(client, params), *secret_cookies(client).values()]
        browser.open("/oauth2/authorize", **read_query(login_url))
        callback_url = browser.sign_in().headers["Location"]
        client.get(callback_url)
        first = store.decrypt_tokens(only_login())
        only_login(ends_in=-1)
        assert username_at(client) == "alice"
        second = store.decrypt_tokens(only_login())
        client.post("/auth/logout/")
        client.get(callback_url)
    site_log = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    tokens = (first.access_token, first.id_token, first.refresh_token, second.access_token, second.id_token)
    secrets = [*tokens, *read_query(callback_url).values(), *sign_in_secrets, PASSWORD]
    assert "a sign-in failed" in site_log
    assert [secret for secret in secrets if not secret or secret in site_log] == []
    # urllib3 logs the URLs that this test's browser opens, and so state and nonce; no other secrets.
    secrets_of_the_browser = {read_query(callback_url)["state"], sign_in_secrets[0]}
    assert [secret for secret in secrets if str(secret) in caplog.text and secret not in secrets_of_the_browser] == []


# Bound to one API


def get_verdict(raw: str) -> tuple[int, str]:
    """Return the response to an API request with a token: the status, and the user or the error's code."""
    answer = Client().get("/who/", headers=bearer(raw))
    return answer.status_code, answer.content.decode() if answer.status_code == 200 else answer.json()["code"]


def test_tokens_are_bound_to_the_resource_before_and_after_refresh(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    sign_in_by_hand(browser, client)
    for version in range(2):
        assert username_at(client) == "alice"
        assert only_login().version == version
        assert store.get_access_token(only_login()).claims["aud"] == API
        assert get_verdict(store.decrypt_tokens(only_login()).access_token) == (200, "alice")
        only_login(ends_in=-1)


@pytest.mark.parametrize("bound_to", ["", "https://files.example.com", f"{API}/"])
def test_token_bound_to_another_resource_or_none_is_rejected(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, bound_to: str
) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=bound_to)
    sign_in_by_hand(browser, client)
    raw = store.decrypt_tokens(only_login()).access_token
    assert get_verdict(raw) == (200, "alice")
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    assert get_verdict(raw) == (401, "wrong_resource")


def test_login_older_than_the_resource_setting_ends_at_its_refresh(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    sign_in_by_hand(browser, client)
    settings.COGNITO = settings_for(emulator, RESOURCE=API)
    assert username_at(client) == "alice"
    only_login(ends_in=-1)
    assert (username_at(client), CognitoLogin.objects.exists()) == ("nobody", False)


def test_id_token_is_not_bound_to_the_resource(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API, TOKEN_USE="id")
    sign_in_by_hand(browser, client)
    assert get_verdict(store.decrypt_tokens(only_login()).id_token) == (200, "alice")


def get_machine_token(emulator: Emulator) -> str:
    form = {"grant_type": "client_credentials", "client_id": "4machine", "client_secret": SECRET}
    answer = requests.post(f"{emulator.url}/oauth2/token", data=form, timeout=30)
    return str(answer.json()["access_token"])


def test_machine_to_machine_token_is_not_bound_to_the_resource(emulator: Emulator, settings: Any) -> None:
    settings.COGNITO = settings_for(emulator, RESOURCE=API, CLIENT_IDS=["1public", "4machine"])
    assert get_verdict(get_machine_token(emulator)) == (200, "4machine")


def test_machine_to_machine_client_is_its_service_user(emulator: Emulator, settings: Any) -> None:
    users = {"4machine": "importer"}
    settings.COGNITO = settings_for(emulator, CLIENT_IDS=["1public", "4machine"], SERVICE_USERS=users)
    raw = get_machine_token(emulator)
    assert get_verdict(raw) == (401, "service_user_rejected")
    user = get_user_model().objects.create_user("importer")
    assert get_verdict(raw) == (200, "importer")
    user.is_active = False
    user.save()
    assert get_verdict(raw) == (401, "user_inactive")
    assert (get_user_model().objects.count(), CognitoUser.objects.count()) == (1, 0)


# Refresh


def test_expired_tokens_are_refreshed_once(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any
) -> None:
    sign_in_by_hand(browser, client)
    only_login(ends_in=-1)
    for _ in range(3):
        assert client.get("/subject/").content.decode() == CognitoUser.objects.get().sub
    assert (only_login().version, token_requests()) == (1, 2)


@pytest.mark.urls("tests.support.step_up_site")
@pytest.mark.parametrize("is_signed_in", [False, True], ids=["anonymous", "signed in"])
@pytest.mark.parametrize("page", ["/mfa/", "/mfa/async/"])
def test_user_without_a_second_factor_gets_mfa_missing(
    client: Client, emulator: Emulator, browser: Browser, page: str, is_signed_in: bool
) -> None:
    """The page redirects an anonymous user to the login, and a signed-in user to the step-up; each with acr_values."""
    if is_signed_in:
        sign_in_by_hand(browser, client)
    url = client.get(client.get(page)["Location"])["Location"]
    browser.open(urlsplit(url).path, **read_query(url))
    callback = browser.sign_in("alice").headers["Location"]
    assert read_query(callback)["error"] == "access_denied"
    answer = client.get(callback)
    assert (answer.status_code, read_error_code(answer)) == (400, "mfa_missing")
    assert "If you have none, set one up first." in answer.content.decode()
    assert username_at(client) == ("alice" if is_signed_in else "nobody")


def test_refresh_keeps_the_moment_and_the_level_of_the_sign_in(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client, acr_values="urn:cognito:loa:1")
    before = store.decrypt_tokens(only_login(ends_in=-1))
    assert username_at(client) == "alice"
    after = store.decrypt_tokens(only_login())
    assert after.id_token != before.id_token
    claims = [read_unverified(tokens.id_token) for tokens in (before, after)]
    assert [item["acr"] for item in claims] == ["urn:cognito:loa:1"] * 2
    assert claims[0]["auth_time"] == claims[1]["auth_time"]


def test_rotated_refresh_tokens_are_stored(client: Client, emulator: Emulator, browser: Browser, settings: Any) -> None:
    settings.COGNITO = settings_for(emulator, "3rotating")
    sign_in_by_hand(browser, client)
    refresh_tokens = [store.decrypt_tokens(only_login()).refresh_token]
    for _ in range(2):
        only_login(ends_in=-1)
        assert username_at(client) == "alice"
        refresh_tokens.append(store.decrypt_tokens(only_login()).refresh_token)
    assert len(set(refresh_tokens)) == 3


def test_changed_attribute_is_stored_at_the_next_refresh(client: Client, emulator: Emulator, browser: Browser) -> None:
    sign_in_by_hand(browser, client, "bob")
    before = get_user_model().objects.get()
    attributes: Any = [{"Name": "given_name", "Value": "Robert"}]
    call_admin_api(emulator, "admin_update_user_attributes", Username="bob", UserAttributes=attributes)
    only_login(ends_in=-1)
    time.sleep(1.01 - time.time() % 1)  # if two ID tokens have the same second, the attributes of the first stay
    assert username_at(client) == "bob"
    assert (before.first_name, get_user_model().objects.get().first_name) == ("", "Robert")


@pytest.mark.parametrize("operation", ["admin_user_global_sign_out", "admin_disable_user"])
def test_user_signed_out_in_the_pool_is_redirected_to_login_once(
    client: Client, emulator: Emulator, browser: Browser, token_requests: Any, operation: str
) -> None:
    sign_in_by_hand(browser, client)
    call_admin_api(emulator, operation, Username="alice")
    try:
        only_login(ends_in=-1)
        answer = client.get("/mine/")
        assert (answer.status_code, answer["Location"]) == (302, "/auth/login/?next=/mine/")
        assert [username_at(client), client.get(answer["Location"]).status_code] == ["nobody", 302]
        assert token_requests() == 2
        assert not CognitoLogin.objects.exists()
    finally:
        call_admin_api(emulator, "admin_enable_user", Username="alice")


# Sign-out


def test_refresh_token_is_invalid_grant_after_a_logout(client: Client, emulator: Emulator, browser: Browser) -> None:
    sign_in_by_hand(browser, client)
    refresh_token = store.decrypt_tokens(only_login()).refresh_token
    assert refresh_token
    assert factories.get_hosted_ui().refresh(refresh_token).access_token
    client.post("/auth/logout/")
    with pytest.raises(SignInError) as caught:
        factories.get_hosted_ui().refresh(refresh_token)
    assert caught.value.oauth_error == "invalid_grant"
    assert (username_at(client), CognitoLogin.objects.exists()) == ("nobody", False)


@pytest.mark.parametrize(
    ("client_id", "scopes"),
    [("1public", SCOPES), ("3rotating", [*SCOPES, ADMIN_SCOPE])],
    ids=["one by one", "by GlobalSignOut"],
)
def test_all_refresh_tokens_are_invalid_after_a_logout_everywhere(
    client: Client, emulator: Emulator, browser: Browser, settings: Any, client_id: str, scopes: list[str]
) -> None:
    settings.COGNITO = settings_for(emulator, client_id, SCOPES=scopes)
    refresh_tokens = []
    for browser_client in (Client(), client):
        answer = hosted_ui(browser, browser_client)
        browser_client.get((answer if "Location" in answer.headers else browser.sign_in()).headers["Location"])
        login = store.get_login(browser_client.session[store.SESSION_KEY])
        refresh_tokens.append(store.decrypt_tokens(login).refresh_token)
    client.post("/auth/logout/", {"where": "everywhere"})
    for refresh_token in refresh_tokens:
        with pytest.raises(SignInError):
            factories.get_hosted_ui().refresh(refresh_token)
    assert not CognitoLogin.objects.exists()


def test_hosted_ui_requires_the_password_after_a_logout(client: Client, emulator: Emulator, browser: Browser) -> None:
    sign_in_by_hand(browser, client)
    without_password = hosted_ui(browser, Client())
    assert without_password.headers["Location"].startswith("http://testserver/auth/callback/?code=")
    logout_url = client.post("/auth/logout/")["Location"]
    answer = browser.open(urlsplit(logout_url).path, **read_query(logout_url))
    assert answer.headers["Location"] == "http://testserver/"
    with_password = hosted_ui(browser, client)
    assert (with_password.status_code, 'type="password"' in with_password.text) == (200, True)


def test_logout_uri_that_is_not_registered_is_rejected_by_cognito(
    client: Client, emulator: Emulator, browser: Browser, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://evil.example/"}
    sign_in_by_hand(browser, client)
    answer = requests.get(client.post("/auth/logout/")["Location"], allow_redirects=False, timeout=30)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)


def test_second_user_of_a_browser_ends_the_login_of_the_first(
    client: Client, emulator: Emulator, browser: Browser
) -> None:
    sign_in_by_hand(browser, client)
    first = store.decrypt_tokens(only_login()).refresh_token
    assert first
    with Browser(emulator) as second_browser:  # type: ignore[arg-type]
        sign_in_by_hand(second_browser, client, "bob")
    assert username_at(client) == "bob"
    assert only_login().cognito_user.username == "bob"
    with pytest.raises(SignInError):
        factories.get_hosted_ui().refresh(first)
