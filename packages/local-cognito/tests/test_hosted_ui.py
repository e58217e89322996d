"""The hosted UI's authorize endpoint, single sign-on, logout and error pages."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests
from local_cognito_support.hosted_site import (
    ALL_SCOPES,
    CALLBACK,
    LOGOUT_URI,
    Browser,
    Site,
    read_query,
    read_unverified,
    running_site,
)


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def test_authorize_redirects_to_login_with_the_same_parameters(site: Site) -> None:
    parameters = site.authorize_parameters()
    answer = requests.get(f"{site.url}/oauth2/authorize", params=parameters, allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    assert urlsplit(answer.headers["Location"]).path == "/login"
    assert read_query(answer.headers["Location"]) == parameters


def test_sign_in_redirects_to_the_app_with_code_and_state(browser: Browser) -> None:
    browser.authorize(state='a "state" & more=1')
    answer = browser.sign_in()
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")
    assert read_query(answer.headers["Location"])["state"] == 'a "state" & more=1'


def test_request_without_state_gets_no_state(browser: Browser) -> None:
    browser.authorize(state=None)
    assert set(read_query(browser.sign_in().headers["Location"])) == {"code"}


# The login page checks the parameters of the authorization request again, in the same function: five of each there.
ERRORS_ON_A_PAGE = [
    ({"client_id": None}, "invalid_request"),
    ({"client_id": "nobody"}, "invalid_client"),
    ({"redirect_uri": None}, "invalid_request"),
    ({"redirect_uri": "https://evil.example/"}, "redirect_mismatch"),
    ({"redirect_uri": CALLBACK.rstrip("/")}, "redirect_mismatch"),
    ({"redirect_uri": CALLBACK + "?next=/"}, "redirect_mismatch"),
    ({"redirect_uri": CALLBACK.replace("localhost", "LOCALHOST")}, "redirect_mismatch"),
]


@pytest.mark.parametrize(
    ("path", "changes", "code"),
    [
        *(("/oauth2/authorize", *case) for case in ERRORS_ON_A_PAGE),
        *(("/login", *case) for case in ERRORS_ON_A_PAGE[:5]),
    ],
)
def test_invalid_client_or_redirect_uri_is_an_error_page(
    site: Site, path: str, changes: dict[str, str | None], code: str
) -> None:
    parameters = site.authorize_parameters(**changes)
    answer = requests.get(site.url + path, params=parameters, allow_redirects=False, timeout=30)
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert f"<code>{code}</code>" in answer.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
def test_repeated_client_id_or_redirect_uri_is_an_error_page(site: Site, name: str) -> None:
    parameters = [*site.authorize_parameters().items(), (name, "https://evil.example/")]
    answer = requests.get(f"{site.url}/oauth2/authorize", params=parameters, allow_redirects=False, timeout=30)
    assert answer.status_code == 400


ERRORS_AT_THE_APP = [
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "banana"}, "invalid_request"),
    ({"response_type": "token"}, "unauthorized_client"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": "too-short"}, "invalid_request"),
    ({"scope": "openid orders/read"}, "invalid_scope"),
    ({"scope": "email"}, "invalid_scope"),
    ({"prompt": "none"}, "login_required"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "please"}, "invalid_request"),
    ({"max_age": "soon"}, "invalid_request"),
    ({"identity_provider": "Google"}, "invalid_request"),
    ({"resource": "an API of ours"}, "invalid_request"),
    ({"resource": "api.example.com"}, "invalid_request"),
    ({"resource": "https://api.example.com/#notes"}, "invalid_request"),
    ({"resource": "http://api.example.com"}, "invalid_request"),
    ({"resource": "http://localhost.example.com"}, "invalid_request"),
    ({"resource": "https://api.example.com https://files.example.com"}, "invalid_request"),
]


@pytest.mark.parametrize(
    ("path", "changes", "error"),
    [
        *(("/oauth2/authorize", *case) for case in ERRORS_AT_THE_APP),
        *(("/login", *case) for case in ERRORS_AT_THE_APP[::4]),
    ],
)
def test_authorization_error_redirects_to_the_app_with_state(
    browser: Browser, path: str, changes: dict[str, str | None], error: str
) -> None:
    answer = browser.open(path, **browser.site.authorize_parameters(**changes))
    assert answer.headers["Location"].startswith(CALLBACK)
    assert read_query(answer.headers["Location"]) == {"error": error, "state": "a state"}


@pytest.mark.parametrize("name", ["nonce", "resource"])
def test_repeated_authorization_parameter_is_invalid_request(site: Site, name: str) -> None:
    parameters = [*site.authorize_parameters().items(), (name, "https://one"), (name, "https://two")]
    answer = requests.get(f"{site.url}/oauth2/authorize", params=parameters, allow_redirects=False, timeout=30)
    assert read_query(answer.headers["Location"])["error"] == "invalid_request"


def test_client_without_code_flow_is_unauthorized_client(browser: Browser) -> None:
    moto_client = browser.site.service.pools.get(browser.site.public.pool_id).clients[browser.site.public.id]
    moto_client.extended_config["AllowedOAuthFlows"] = ["implicit"]
    assert read_query(browser.authorize().headers["Location"])["error"] == "unauthorized_client"


def test_request_without_scope_gets_all_client_scopes(site: Site) -> None:
    assert read_unverified(site.tokens()["access_token"])["scope"].split() == ALL_SCOPES


def test_requested_scopes_are_granted(site: Site) -> None:
    claims = read_unverified(site.tokens(scope="openid email")["access_token"])
    assert claims["scope"].split() == ["openid", "email"]


def test_request_without_openid_scope_gets_no_id_token(site: Site) -> None:
    assert "id_token" not in site.tokens(scope="aws.cognito.signin.user.admin")


def test_nonce_is_in_the_id_token(site: Site) -> None:
    assert read_unverified(site.tokens(nonce="n-0S6_WzA2Mj")["id_token"])["nonce"] == "n-0S6_WzA2Mj"


@pytest.mark.parametrize(
    "resource",
    ["https://api.example.com", "https://api.example.com/notes/?v=2", "http://localhost:8000", "myapp://api"],
)
def test_resource_is_the_audience_of_the_access_token_only(site: Site, resource: str) -> None:
    tokens = site.tokens(resource=resource)
    assert read_unverified(tokens["access_token"])["aud"] == resource
    assert read_unverified(tokens["id_token"])["aud"] == site.public.id


@pytest.mark.parametrize("resource", [None, ""])
def test_access_token_without_resource_has_no_audience(site: Site, resource: str | None) -> None:
    assert "aud" not in read_unverified(site.tokens(resource=resource)["access_token"])


def test_signed_in_browser_may_request_another_resource(browser: Browser) -> None:
    browser.authorize(resource="https://one.example.com")
    browser.sign_in()
    answer = browser.authorize(resource="https://two.example.com")
    tokens = browser.site.redeem(read_query(answer.headers["Location"])["code"]).json()
    assert read_unverified(tokens["access_token"])["aud"] == "https://two.example.com"


def test_redirect_uri_with_custom_scheme_gets_a_code(browser: Browser) -> None:
    browser.authorize(redirect_uri="myapp://callback")
    assert browser.sign_in().headers["Location"].startswith("myapp://callback?code=")


def test_signed_in_browser_gets_a_code_for_any_client_of_the_pool(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    answer = browser.authorize(browser.site.confidential)
    assert "code" in read_query(answer.headers["Location"])


def test_signed_in_browser_is_not_signed_in_to_another_pool(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    assert browser.authorize(browser.site.other_pool).status_code == 200


def test_session_in_the_cookie_of_another_pool_is_ignored(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    first, second = browser.site.public.pool_id, browser.site.other_pool.pool_id
    stolen = browser.cookies[f"cognito-emulator-session-{first}"]
    browser.cookies.set(f"cognito-emulator-session-{second}", stolen, domain="localhost.local", path="/")
    assert browser.authorize(browser.site.other_pool).status_code == 200


def test_sign_in_to_a_second_pool_preserves_the_first_session(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    browser.authorize(browser.site.other_pool)
    browser.sign_in()
    assert "code" in read_query(browser.authorize().headers["Location"])


def test_browser_session_expires_an_hour_after_the_password(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    browser.site.clock.pass_seconds(3599)
    assert "code" in read_query(browser.authorize().headers["Location"])
    browser.site.clock.pass_seconds(1)
    assert browser.authorize().status_code == 200


def test_silent_sign_in_preserves_auth_time(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    signed_in_at = int(browser.site.clock.time)
    browser.site.clock.pass_seconds(1000)
    code = read_query(browser.authorize(prompt="none").headers["Location"])["code"]
    claims = read_unverified(browser.site.redeem(code).json()["id_token"])
    assert (claims["auth_time"], claims["iat"]) == (signed_in_at, signed_in_at + 1000)


@pytest.mark.parametrize("changes", [{"prompt": "login"}, {"max_age": "99"}])
def test_prompt_login_and_max_age_require_the_password_again(browser: Browser, changes: dict[str, str]) -> None:
    browser.authorize()
    browser.sign_in()
    browser.site.clock.pass_seconds(100)
    browser.authorize(**changes)
    assert "code" in read_query(browser.sign_in().headers["Location"])


def test_sign_in_within_max_age_is_accepted(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    browser.site.clock.pass_seconds(98)
    assert "code" in read_query(browser.authorize(max_age="99").headers["Location"])


def test_session_of_a_disabled_user_is_ignored(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    browser.site.user("alice").enabled = False
    assert browser.authorize().status_code == 200


def test_session_of_a_deleted_user_is_ignored(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    pools = browser.site.service.pools
    pools.backend("eu-west-1").admin_delete_user(browser.site.public.pool_id, "alice")
    assert browser.authorize().status_code == 200


def test_logout_ends_the_session_and_redirects_to_logout_uri(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    answer = browser.open("/logout", client_id=browser.site.public.id, logout_uri=LOGOUT_URI)
    assert (answer.status_code, answer.headers["Location"]) == (302, LOGOUT_URI)
    assert [name for name in browser.cookies.keys() if "session" in name] == []  # noqa: SIM118 - a jar is no dict
    assert browser.authorize().status_code == 200


def test_session_cookie_is_invalid_after_logout(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    saved_cookies = browser.cookies.copy()
    browser.open("/logout", client_id=browser.site.public.id, logout_uri=LOGOUT_URI)
    browser.cookies.update(saved_cookies)
    assert browser.authorize().status_code == 200


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"logout_uri": "https://evil.example/"}, "logout_mismatch"),
        ({"logout_uri": LOGOUT_URI + "?next=/"}, "logout_mismatch"),
        ({"logout_uri": CALLBACK}, "logout_mismatch"),
        ({}, "invalid_request"),
        ({"client_id": "nobody", "logout_uri": LOGOUT_URI}, "invalid_client"),
        ({"redirect_uri": "https://evil.example/", "response_type": "code"}, "redirect_mismatch"),
    ],
)
def test_invalid_logout_is_an_error_page_and_preserves_the_session(
    browser: Browser, parameters: dict[str, str], code: str
) -> None:
    browser.authorize()
    browser.sign_in()
    answer = browser.open("/logout", **{"client_id": browser.site.public.id, **parameters})
    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert f"<code>{code}</code>" in answer.text
    assert "code" in read_query(browser.authorize().headers["Location"])


def test_logout_with_authorization_parameters_opens_login(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in()
    answer = browser.open("/logout", **browser.site.authorize_parameters())
    assert (answer.status_code, "Sign in" in answer.text) == (200, True)
    assert browser.authorize().status_code == 200


def test_error_page_does_not_repeat_the_error_parameter(site: Site) -> None:
    answer = requests.get(f"{site.url}/error", params={"error": "<b>call 555</b>"}, timeout=30)
    assert (answer.status_code, "555" in answer.text) == (400, False)
