"""Rejected requests are explained: on the error page, in the log and on the index page; apps get the code alone."""

from collections.abc import Iterator

import pytest
import requests
from local_cognito_support.hosted_site import (
    ALL_SCOPES,
    CALLBACK,
    LOGOUT_URI,
    VERIFIER,
    Browser,
    Site,
    is_oauth_error,
    read_query,
    running_site,
)

OTHER = "http://localhost:8001/auth/callback/"
SCOPES = ", ".join(ALL_SCOPES)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def authorize(site: Site, **changes: str | None) -> requests.Response:
    parameters = site.authorize_parameters(**changes)
    return requests.get(f"{site.url}/oauth2/authorize", params=parameters, allow_redirects=False, timeout=30)


@pytest.mark.mistake("redirect URI not registered", by="page")
def test_redirect_uri_page_has_sent_and_registered_uris(site: Site) -> None:
    text = authorize(site, redirect_uri=OTHER).text
    assert "<h1>Redirect URI mismatch</h1>" in text
    assert f"redirect_uri {OTHER} is not registered for the app client 1public." in text
    assert f"<li><code>{CALLBACK}</code></li>" in text
    line = f"callback_urls: [&#34;{CALLBACK}&#34;, &#34;myapp://callback&#34;, &#34;{OTHER}&#34;]"
    assert f"<pre><code>{line}</code></pre>" in text


@pytest.mark.mistake("wrong client id", by="page")
def test_client_id_page_has_the_client_and_those_of_the_pools(site: Site) -> None:
    text = authorize(site, client_id="1wrong").text
    assert "client_id 1wrong is not an app client of this local Cognito." in text
    assert "<li><code>1public (Fieldnotes web, eu-west-1_First)</code></li>" in text
    assert "3otherpool" in text
    assert str(site.confidential.secret) not in text


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"logout_uri": OTHER}, f"logout_uri {OTHER} is not registered for the app client 1public."),
        ({"logout_uri": OTHER}, f"<li><code>{LOGOUT_URI}</code></li>"),
        ({"logout_uri": OTHER}, f"logout_urls: [&#34;{LOGOUT_URI}&#34;, &#34;{OTHER}&#34;]"),
        ({"client_id": ""}, "client_id (empty) is not an app client"),
        ({}, "redirect_uri was sent 0 times."),
    ],
)
def test_logout_page_has_sent_and_registered_values(site: Site, parameters: dict[str, str], expected: str) -> None:
    query = {"client_id": site.public.id, **parameters}
    assert expected in requests.get(f"{site.url}/logout", params=query, timeout=30).text


def test_error_page_escapes_values_and_shows_no_secret(site: Site) -> None:
    secrets = {"state": "secret-state", "nonce": "secret-nonce", "login_hint": "secret-hint", "code": "secret-code"}
    answer = authorize(site, redirect_uri='https://x.example/"><script>', client_secret="secret-s", **secrets)
    details = answer.text.partition("<h2>Request</h2>")[2]
    assert "<script>" not in answer.text
    assert "<dt>redirect_uri</dt>" in details
    assert "secret-" not in answer.text


def test_error_page_shortens_long_values(site: Site) -> None:
    assert "x" * 301 not in authorize(site, redirect_uri="https://" + "x" * 2000).text


REDIRECTED = [
    ({"response_type": None}, "invalid_request", "response_type is missing. Send response_type=code."),
    ({"response_type": "banana"}, "invalid_request", "response_type banana is unknown."),
    ({"response_type": "token"}, "unauthorized_client", "response_type token is not supported."),
    ({"code_challenge_method": None}, "invalid_request", "code_challenge_method is missing."),
    ({"code_challenge_method": "plain"}, "invalid_request", "code_challenge_method is plain. Send code_challenge_"),
    ({"code_challenge": None}, "invalid_request", "code_challenge_method was sent without code_challenge."),
    ({"code_challenge": "too-short"}, "invalid_request", "code_challenge has 9 characters"),
    ({"scope": "openid orders/read"}, "invalid_scope", "scope orders/read is not allowed for the app client 1public"),
    ({"scope": "openid orders/read"}, "invalid_scope", f"Allowed: {SCOPES}. Add it to scopes of the app client"),
    ({"scope": "email"}, "invalid_scope", "The scopes email were requested without openid."),
    ({"identity_provider": "Google"}, "invalid_request", "identity_provider Google is not allowed"),
    ({"idp_identifier": "a.example"}, "invalid_request", "idp_identifier a.example belongs to no provider"),
    ({"prompt": "none login"}, "invalid_request", "prompt none login is invalid."),
    ({"max_age": "soon"}, "invalid_request", "max_age soon is no number of seconds."),
    ({"resource": "api.example"}, "invalid_request", "resource api.example is not a valid resource."),
]


@pytest.mark.parametrize(("changes", "error", "expected"), REDIRECTED)
def test_redirected_error_is_logged_and_shown_on_the_index(
    site: Site, caplog: pytest.LogCaptureFixture, changes: dict[str, str | None], error: str, expected: str
) -> None:
    answer = authorize(site, **changes)
    assert read_query(answer.headers["Location"]) == {"error": error, "state": "a state"}
    assert f"/oauth2/authorize rejected: {error}: " in caplog.text
    assert expected in caplog.text
    assert "a state" not in caplog.text
    assert expected in index(site)


def index(site: Site) -> str:
    return requests.get(f"{site.url}/", timeout=30).text


def test_silent_sign_in_without_a_session_is_not_reported(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert "login_required" in authorize(site, prompt="none").headers["Location"]
    assert "rejected" not in caplog.text


def test_sign_up_page_for_a_provider_request_is_explained() -> None:
    with running_site() as site, Browser(site) as browser:
        pool = site.service.pools.get(site.public.pool_id)
        pool.clients[site.public.id].extended_config["SupportedIdentityProviders"] = ["Corporate"]
        browser.open("/signup", **site.authorize_parameters())
        assert "This page is for users of the user pool" in index(site)


def test_log_of_a_rejection_has_no_control_characters(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    authorize(site, redirect_uri="https://x.example/\x1b[2J\n")
    assert "https://x.example/?[2J?" in caplog.text


TOKEN_REQUESTS = [
    ({"client_id": "1wrong"}, "invalid_client", "client_id 1wrong is not an app client"),
    ({"client_secret": "not-the-secret"}, "invalid_client", "The app client 1public is public, and the request has"),
    ({"redirect_uri": OTHER}, "invalid_grant", f"redirect_uri {OTHER} is not that of the authorization request."),
    ({"redirect_uri": OTHER}, "invalid_grant", f"Authorization request: {CALLBACK}."),
    ({"code_verifier": None}, "invalid_grant", "code_verifier is missing."),
    ({"code_verifier": f"x{VERIFIER}"}, "invalid_grant", "code_verifier is a different one."),
    ({"code": "unknown-code"}, "invalid_grant", "The code is unknown, has expired (after 5 minutes) or was redeemed"),
    ({"code": None}, "invalid_request", "The field code is missing."),
    ({"grant_type": None}, "invalid_request", "The field grant_type is missing."),
    ({"grant_type": "password"}, "unsupported_grant_type", "grant_type password is not supported."),
    ({"grant_type": "client_credentials"}, "unauthorized_client", "does not allow the flow client_credentials"),
    ({"grant_type": "refresh_token", "refresh_token": "secret-x"}, "invalid_grant", "Invalid Refresh Token"),
]


@pytest.mark.parametrize(("changes", "error", "expected"), TOKEN_REQUESTS)
def test_token_error_is_explained_without_secrets(
    site: Site, caplog: pytest.LogCaptureFixture, changes: dict[str, str | None], error: str, expected: str
) -> None:
    code = site.sign_in()
    answer = site.redeem(code, **changes)
    assert is_oauth_error(answer, error)
    assert f"/oauth2/token rejected: {error}: " in caplog.text
    assert expected in caplog.text
    assert expected in index(site)
    for secret in (code, VERIFIER, "not-the-secret", "unknown-code", "secret-x"):
        assert secret not in caplog.text + index(site)


@pytest.mark.parametrize(("secret", "problem"), [(None, "missing"), ("a-wrong-secret", "wrong")])
def test_client_secret_error_has_the_problem_without_the_secret(
    site: Site, caplog: pytest.LogCaptureFixture, secret: str | None, problem: str
) -> None:
    site.redeem("x", site.confidential, client_secret=secret)
    assert f"The client secret of the app client 2confidential is {problem}." in caplog.text
    assert "a-wrong-secret" not in caplog.text
    assert str(site.confidential.secret) not in caplog.text


def test_verifier_for_a_code_without_challenge_is_explained(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.redeem(site.sign_in(code_challenge=None, code_challenge_method=None))
    assert "code_verifier was sent, but the authorization request had no code_challenge." in caplog.text


def test_code_of_another_client_is_explained(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.redeem(site.sign_in(), site.confidential)
    assert "The code was issued to the app client 1public, not to 2confidential." in caplog.text


def test_token_endpoint_opened_in_a_browser_is_a_page(site: Site) -> None:
    headers = {"Accept": "text/html,*/*;q=0.8"}
    answer = requests.get(f"{site.url}/oauth2/token?client_id=1public&code=secret-x", headers=headers, timeout=30)
    assert answer.status_code == 405
    assert "The token endpoint accepts POST requests of apps only." in answer.text
    assert "secret-x" not in answer.text


def test_token_endpoint_refuses_get_of_a_program_with_json(site: Site) -> None:
    answer = requests.get(f"{site.url}/oauth2/token", timeout=30)
    assert (answer.status_code, answer.json()["__type"]) == (405, "MethodNotAllowed")
