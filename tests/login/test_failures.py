"""A failed sign-in: the error page for the user, the site's signal, the log line for the operator.

Each error code in the table of docs/troubleshooting.md is caused by a real failure.
"""

import logging
import re
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils.html import escape
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito import signals
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, SignInError
from django_cognito.login.failures import describe_failure
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users.account_status import record_disabled
from django_cognito.web.error_catalogue import CATALOGUE, FAILED_SIGN_IN, UNAVAILABLE
from tests.support.cases import cases
from tests.support.failure_pages import PAGES, table
from tests.support.scenarios.login import (
    finish_sign_in,
    refusal,
    reseal,
    start_sign_in,
    token_response,
    unchanged,
    username_at,
)
from tests.support.timeouts import pool_settings
from tests.support.two_pools import alias_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

PAGE_CODES = {code for code, entry in CATALOGUE.items() if entry.heading and entry not in (FAILED_SIGN_IN, UNAVAILABLE)}
ERROR_DESCRIPTION = "<b>Bad</b>\nWARNING all is well " + "x" * 5_000  # from Cognito, or from anyone who wrote the URL


class FailureScenario:
    """A browser, the hosted UI's token endpoint and the site's settings; one method per failure."""

    def __init__(self, client: Client, server: ScriptedServer, settings: Any, clock: pytest.MonkeyPatch) -> None:
        self.client, self.server, self.settings, self.clock = client, server, settings, clock

    def set(self, **changes: Any) -> None:
        self.settings.COGNITO = {**self.settings.COGNITO, **changes}

    def run_sign_in(self, answer: Answer | None = None, *, both: Any = None, **changes: Any) -> Any:
        """Run a sign-in. The token endpoint sends `answer`, or tokens with the claims in `both`."""
        params = start_sign_in(self.client)
        self.server.script(answer or token_response(nonce=params["nonce"], both=both))
        return finish_sign_in(self.client, params, **changes)

    def run_sign_in_with_error(self, error: str) -> Any:
        return self.run_sign_in(code=None, error=error, error_description=ERROR_DESCRIPTION)

    def state_used_twice(self) -> Any:
        params = start_sign_in(self.client)
        self.server.script(refusal())
        finish_sign_in(self.client, params)
        return finish_sign_in(self.client, params)

    def state_expired(self) -> Any:
        params, later = start_sign_in(self.client, next="/mine/"), time.time() + 901
        with self.clock.context() as patched:
            patched.setattr("django_cognito.login.state.time.time", lambda: later)
            return finish_sign_in(self.client, params)

    def session_cookie_lost(self) -> Any:
        browser = Client()  # drops the session cookie
        for _ in range(2):
            params = start_sign_in(browser)
            self.server.script(token_response(nonce=params["nonce"]))
            browser.get("/auth/callback/", {"code": "a-code", "state": params["state"]})
            del browser.cookies["sessionid"]
        return browser.get("/auth/login/")

    def idp_initiated(self) -> Any:
        self.set(IDENTITY_PROVIDERS=["COGNITO", {"name": "AcmeSAML", "label": "Acme"}])
        return self.client.get("/auth/callback/?code=a-code")

    def cognito_unavailable(self) -> Any:
        return self.run_sign_in(Answer(500))

    def token_not_yet_valid(self) -> Any:
        return self.run_sign_in(both={"iat": int(time.time()) + 60, "auth_time": int(time.time()) + 60})

    def token_expired(self) -> Any:
        return self.run_sign_in(both={"exp": int(time.time()) - 60, "iat": int(time.time()) - 120, "auth_time": 1})

    def user_inactive(self) -> Any:
        sign_in(Client(), "alice")
        get_user_model().objects.filter(username="alice").update(is_active=False)
        return self.run_sign_in()

    def user_disabled_in_cognito(self) -> Any:
        sign_in(Client(), "alice")
        record_disabled(CognitoUser.objects.get(username="alice"))
        params = reseal(self.client, start_sign_in(self.client), attempt=2)
        self.server.script(token_response(nonce=params["nonce"]))
        return finish_sign_in(self.client, params)

    def revocation_unavailable(self) -> Any:
        caches = self.settings.CACHES
        self.settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
        self.set(WITHOUT_CACHE="reject")
        try:
            return self.run_sign_in()
        finally:
            self.settings.CACHES = caches
            self.set(WITHOUT_CACHE="allow")

    def backend_missing(self) -> Any:
        params = start_sign_in(self.client)
        self.settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
        return finish_sign_in(self.client, params)

    def user_unknown(self) -> Any:
        self.set(CREATE_USERS=False)
        return self.run_sign_in()

    def tenant_unknown(self) -> Any:
        # "allow": the next page has no tenant either, and would be anonymous.
        self.set(POOL_RESOLVER=alias_of, TOKENS_OF_OTHER_POOLS="allow")
        return self.client.get("/auth/login/?at=umbrella")


CAUSES: dict[str, Any] = {
    "state_unknown": FailureScenario.state_used_twice,
    "state_expired": FailureScenario.state_expired,
    "session_cookie_lost": FailureScenario.session_cookie_lost,
    "state_missing": FailureScenario.idp_initiated,
    "refused_by_provider": lambda scenario: scenario.run_sign_in_with_error("access_denied"),
    "provider_trouble": lambda scenario: scenario.run_sign_in_with_error("server_error"),
    "cognito_unavailable": FailureScenario.cognito_unavailable,
    "token_not_yet_valid": FailureScenario.token_not_yet_valid,
    "token_expired": FailureScenario.token_expired,
    "unauthorized_client": lambda scenario: scenario.run_sign_in(refusal("unauthorized_client")),
    "client_refused": lambda scenario: scenario.run_sign_in_with_error("unauthorized_client"),
    "invalid_grant": lambda scenario: scenario.run_sign_in(refusal("invalid_grant")),
    "invalid_client": lambda scenario: scenario.run_sign_in(refusal("invalid_client", 401)),
    "backend_missing": FailureScenario.backend_missing,
    "user_inactive": FailureScenario.user_inactive,
    "user_disabled_in_cognito": FailureScenario.user_disabled_in_cognito,
    "revocation_unavailable": FailureScenario.revocation_unavailable,
    "user_unknown": FailureScenario.user_unknown,
    "tenant_unknown": FailureScenario.tenant_unknown,
}


@pytest.fixture
def scenario(
    client: Client, token_endpoint: ScriptedServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> FailureScenario:
    return FailureScenario(client, token_endpoint, settings, monkeypatch)


@pytest.fixture
def failure_signals() -> Iterator[list[tuple[str, str]]]:
    """Yield the arguments of each `sign_in_failed` signal."""
    received: list[tuple[str, str]] = []

    def listen(code: str, alias: str, **_: Any) -> None:
        received.append((code, alias))

    signals.sign_in_failed.connect(listen)
    yield received
    signals.sign_in_failed.disconnect(listen)


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Return a function that lists the messages logged by the login views."""
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "django_cognito.login.views"]


def test_each_documented_error_code_has_a_scenario() -> None:
    assert CAUSES.keys() == dict(table()).keys()


@pytest.mark.parametrize(("code", "status"), [*table()])
def test_failure_has_a_page_a_signal_and_a_log_line(
    scenario: FailureScenario, failure_signals: list[tuple[str, str]], log_lines: Any, code: str, status: int
) -> None:
    page = CAUSES[code](scenario)
    assert (page.status_code, page.context["code"]) == (status, code)
    has_pending_sign_in = code not in ("state_missing", "tenant_unknown", "session_cookie_lost")
    assert failure_signals[-1] == (code, "default" if has_pending_sign_in else "")
    assert log_lines()[-1].startswith(f"a sign-in failed: {code}: ")
    assert len(failure_signals) == len(log_lines()) == (2 if code == "state_unknown" else 1)
    check_texts(page, code, log_lines()[-1])
    check_page(page.content.decode(), code)
    if code != "backend_missing":  # without the backend, no session has a user
        assert username_at(scenario.client) == "nobody"


def check_texts(page: Any, code: str, log_line: str) -> None:
    """Assert that a page has the remedy, only the log has the hint, and the page has no text from the request."""
    text, cause = page.content.decode(), describe_failure(SignInError("", code=code))
    if code == "cognito_unavailable":
        cause = describe_failure(CognitoUnavailableError(""))
    assert f"<h1>{escape(cause.sentence)}</h1>\n<p>{escape(cause.remedy)}</p>" in text
    assert f"<code>{code}</code>" in text
    assert not cause.hint or (cause.hint in log_line and cause.hint not in text)
    assert ("Retry-After" in page) == (page.status_code == 503)
    assert not [word for word in ("Bad", "all is well", "xxxx", "a-code", "umbrella") if word in text]


def check_page(text: str, code: str) -> None:
    """Compare a page with PAGES: the heading and the links, without those of the identity providers."""
    page = PAGES[code]
    (heading,) = re.findall("<h1>(.*)</h1>", text)
    assert page.heading in heading
    (actions,) = re.findall(r'<p class="actions">(.*?)</p>', text, re.S)
    links = [(label, unescape(url)) for url, label in re.findall('href="([^"]+)">([^<]+)</a>', actions)]
    assert [label for label, _ in links] == [*([page.link] if page.link else []), "Back to the site"]
    prompts = [parse_qs(urlsplit(url).query).get("prompt") for _, url in links[:-1]]
    assert prompts == ([["login"] if page.is_password_required else None] if page.link else [])


def test_each_code_has_its_heading_and_its_next_steps(client: Client, settings: Any) -> None:
    with cases() as case:
        for code in PAGES:
            error = (CognitoUnavailableError if code == "cognito_unavailable" else SignInError)("", code=code)
            with case(code), patch("django_cognito.login.views.get_settings_for_request", side_effect=error):
                check_page(client.get("/auth/login/").content.decode(), code)


def test_each_page_code_has_an_expected_heading_and_link() -> None:
    assert PAGES.keys() == PAGE_CODES | {"cognito_unavailable"}


@pytest.mark.parametrize("error", ["access_denied", "server_error", "unauthorized_client", ERROR_DESCRIPTION])
def test_error_description_is_only_logged_escaped_and_truncated(
    scenario: FailureScenario, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    page = scenario.run_sign_in_with_error(error)
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith(".error_response")]
    assert "<b>Bad</b>\\nWARNING all is well x" in line
    assert "\n" not in line
    assert len(line) < 700
    assert "WARNING all" not in page.content.decode()


@pytest.mark.parametrize("text", ["\r\n", "\x1b[31m", "\u2028", "\u202e", "\x00", "\x85"])
def test_control_characters_in_an_error_are_escaped_in_the_log(
    scenario: FailureScenario, log_lines: Any, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    scenario.run_sign_in(code=None, error=f"a{text}b", error_description=f"c{text}d")
    lines = [*log_lines(), *(record.getMessage() for record in caplog.records)]
    assert not set(text) & set("".join(lines)) - set("[31m")


def test_failure_page_without_a_state_has_the_provider_buttons(scenario: FailureScenario) -> None:
    text = FailureScenario.idp_initiated(scenario).content.decode()
    assert 'href="/auth/login/?identity_provider=COGNITO"' in text
    assert 'href="/auth/login/?identity_provider=AcmeSAML"' in text
    assert "Continue with Acme</a>" in text


def test_failure_page_has_the_provider_buttons_of_the_tenant(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    pool = pool_settings(settings.COGNITO)
    acme = {**pool, "IDENTITY_PROVIDERS": ["Google"]}
    beta = {**pool, "CLIENT_ID": "1beta", "IDENTITY_PROVIDERS": ["Facebook"]}
    settings.COGNITO = {"POOLS": {"acme": acme, "beta": beta}, "POOL_RESOLVER": alias_of}
    for at, own, other in (("acme", "Google", "Facebook"), ("beta", "Facebook", "Google")):
        text = client.get(f"/auth/callback/?code=a-code&at={at}").content.decode()
        assert (f"Continue with {own}" in text, f"Continue with {other}" in text) == (True, False)
    assert "cognito-button" not in client.get("/auth/callback/?code=a-code&at=umbrella").content.decode()


@pytest.mark.parametrize(
    "code", sorted(CAUSES.keys() - {"backend_missing"})
)  # without the backend, no session has a user
def test_failed_sign_in_leaves_the_user_signed_in(scenario: FailureScenario, code: str) -> None:
    sign_in(scenario.client, "bob")
    CAUSES[code](scenario)
    assert username_at(scenario.client) == "bob"


def test_code_without_a_state_changes_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    start_sign_in(client)
    with unchanged(client):
        client.get("/auth/callback/?code=a-code")
    assert token_endpoint.count == 0


def test_expired_sign_in_page_links_to_login_with_the_same_next(scenario: FailureScenario) -> None:
    assert 'href="/auth/login/?next=%2Fmine%2F"' in scenario.state_expired().content.decode()


def test_failing_signal_receiver_does_not_change_the_page(scenario: FailureScenario) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.sign_in_failed.connect(fail)
    try:
        assert scenario.run_sign_in(refusal()).context["code"] == "invalid_grant"
    finally:
        signals.sign_in_failed.disconnect(fail)


def test_successful_sign_in_sends_no_failure_signal(
    scenario: FailureScenario, failure_signals: list[Any], log_lines: Any
) -> None:
    assert scenario.run_sign_in().status_code == 302
    assert (failure_signals, log_lines()) == ([], [])


def test_code_without_an_entry_has_the_general_sentence() -> None:
    assert str(describe_failure(SignInError("", code="invalid_scope")).sentence) == "The sign-in failed."
    assert (
        str(describe_failure(CognitoUnavailableError("", code="any")).sentence)
        == "The sign-in service cannot be reached."
    )
    assert describe_failure(CognitoError("")).hint == ""


def test_each_page_code_has_a_sentence_and_a_remedy() -> None:
    with cases() as case:
        for code in sorted(PAGE_CODES):
            cause = describe_failure(SignInError("", code=code))
            with case(code):
                assert str(cause.sentence).endswith((".", "?"))
                assert str(cause.remedy).endswith((".", "?"))
                assert cause.sentence != cause.remedy
                assert not re.search(r"[<>&%]", f"{cause.sentence}{cause.remedy}")


@pytest.mark.parametrize("error", ["temporarily_unavailable", "invalid_request", "server_error"])
def test_error_at_the_provider_is_503_with_retry_after(scenario: FailureScenario, error: str) -> None:
    page = scenario.run_sign_in_with_error(error)
    assert (page.status_code, page.context["code"]) == (503, "provider_trouble")
    assert int(page["Retry-After"]) > 0


@pytest.mark.parametrize("error", ["invalid_scope", "unsupported_response_type"])
def test_misconfigured_client_is_client_refused(scenario: FailureScenario, error: str) -> None:
    page = scenario.run_sign_in_with_error(error)
    assert (page.status_code, page.context["code"]) == (400, "client_refused")


def test_token_for_another_resource_shows_the_misconfigured_page(scenario: FailureScenario) -> None:
    scenario.set(RESOURCE="https://api.example.com")
    params = start_sign_in(scenario.client)
    scenario.server.script(
        token_response(nonce=params["nonce"], access_token=make_token(aud="https://other.example.com"))
    )
    page = finish_sign_in(scenario.client, params)
    assert (page.status_code, page.context["code"]) == (403, "wrong_resource")
    assert "is misconfigured" in page.content.decode()
