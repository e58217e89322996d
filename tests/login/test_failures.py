"""What a failed sign-in says: to the person on the page, to the site's signal, to the operator in the log.

The causes are those of the table of docs/signing-in.md, each one brought about.
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

from django_cognito import signals
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, SignInError
from django_cognito.login.failures import describe_failure
from django_cognito.testing import make_token, sign_in
from django_cognito.web.error_catalogue import CATALOGUE, FAILED_SIGN_IN, UNAVAILABLE
from tests.support.failure_pages import PAGES, table
from tests.support.login_scenario import begin, come_back, refusal, token_answer, unchanged, who
from tests.support.scripted_server import Answer, ScriptedServer
from tests.support.timeouts import pool_settings
from tests.support.two_pools import alias_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

PAGE_CODES = {code for code, entry in CATALOGUE.items() if entry.heading and entry not in (FAILED_SIGN_IN, UNAVAILABLE)}
SAID = "<b>Bad</b>\nWARNING all is well " + "x" * 5_000  # Cognito's words, or whoever's who wrote the address


class Scene:
    """A browser, the hosted UI's token endpoint and the site's settings."""

    def __init__(self, client: Client, server: ScriptedServer, settings: Any, clock: pytest.MonkeyPatch) -> None:
        self.client, self.server, self.settings, self.clock = client, server, settings, clock

    def set(self, **changes: Any) -> None:
        self.settings.COGNITO = {**self.settings.COGNITO, **changes}

    def back(self, answer: Answer | None = None, *, both: Any = None, **changes: Any) -> Any:
        """Begin and come back, to a token endpoint that gives `answer`, or tokens whose claims are `both`."""
        asked = begin(self.client)
        self.server.script(answer or token_answer(nonce=asked["nonce"], both=both))
        return come_back(self.client, asked, **changes)

    def back_with_error(self, error: str) -> Any:
        return self.back(code=None, error=error, error_description=SAID)

    def state_used_before(self) -> Any:
        asked = begin(self.client)
        self.server.script(refusal())
        come_back(self.client, asked)
        return come_back(self.client, asked)

    def state_expired(self) -> Any:
        asked, later = begin(self.client, next="/mine/"), time.time() + 901
        with self.clock.context() as patched:
            patched.setattr("django_cognito.login.state.time.time", lambda: later)
            return come_back(self.client, asked)

    def session_cookie_lost(self) -> Any:
        browser = Client()  # which drops it
        for _ in range(2):
            asked = begin(browser)
            self.server.script(token_answer(nonce=asked["nonce"]))
            browser.get("/auth/callback/", {"code": "a-code", "state": asked["state"]})
            del browser.cookies["sessionid"]
        return browser.get("/auth/login/")

    def idp_initiated(self) -> Any:
        self.set(IDENTITY_PROVIDERS=["COGNITO", {"name": "AcmeSAML", "label": "Acme"}])
        return self.client.get("/auth/callback/?code=a-code")

    def unreachable(self) -> Any:
        return self.back(Answer(500))

    def early(self) -> Any:
        return self.back(both={"iat": int(time.time()) + 60, "auth_time": int(time.time()) + 60})

    def late(self) -> Any:
        return self.back(both={"exp": int(time.time()) - 60, "iat": int(time.time()) - 120, "auth_time": 1})

    def inactive(self) -> Any:
        sign_in(Client(), "alice")
        get_user_model().objects.filter(username="alice").update(is_active=False)
        return self.back()

    def unknown(self) -> Any:
        self.set(CREATE_USERS=False)
        return self.back()

    def no_tenant(self) -> Any:
        # "allow": the page that follows names no tenant either, and would be anonymous.
        self.set(POOL_RESOLVER=alias_of, TOKENS_OF_OTHER_POOLS="allow")
        return self.client.get("/auth/login/?at=umbrella")


CAUSES: dict[str, Any] = {
    "state_unknown": Scene.state_used_before,
    "state_expired": Scene.state_expired,
    "session_cookie_lost": Scene.session_cookie_lost,
    "state_missing": Scene.idp_initiated,
    "refused_by_provider": lambda scene: scene.back_with_error("access_denied"),
    "provider_trouble": lambda scene: scene.back_with_error("server_error"),
    "cognito_unavailable": Scene.unreachable,
    "token_not_yet_valid": Scene.early,
    "token_expired": Scene.late,
    "unauthorized_client": lambda scene: scene.back(refusal("unauthorized_client")),
    "client_refused": lambda scene: scene.back_with_error("unauthorized_client"),
    "invalid_grant": lambda scene: scene.back(refusal("invalid_grant")),
    "invalid_client": lambda scene: scene.back(refusal("invalid_client", 401)),
    "user_inactive": Scene.inactive,
    "user_unknown": Scene.unknown,
    "tenant_unknown": Scene.no_tenant,
}


@pytest.fixture
def scene(client: Client, token_endpoint: ScriptedServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(client, token_endpoint, settings, monkeypatch)


@pytest.fixture
def heard() -> Iterator[list[tuple[str, str]]]:
    """What `sign_in_failed` told."""
    told: list[tuple[str, str]] = []

    def listen(code: str, alias: str, **_: Any) -> None:
        told.append((code, alias))

    signals.sign_in_failed.connect(listen)
    yield told
    signals.sign_in_failed.disconnect(listen)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of the login's own log, so far."""
    caplog.set_level(logging.DEBUG)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "django_cognito.login.views"]


def test_every_cause_of_the_table_is_brought_about_here() -> None:
    assert CAUSES.keys() == dict(table()).keys()


@pytest.mark.parametrize(("code", "status"), [*table()])
def test_a_cause_is_a_page_a_signal_and_a_line_in_the_log(
    scene: Scene, heard: list[tuple[str, str]], logged: Any, code: str, status: int
) -> None:
    page = CAUSES[code](scene)
    assert (page.status_code, page.context["code"]) == (status, code)
    begun_here = code not in ("state_missing", "tenant_unknown", "session_cookie_lost")
    assert heard[-1] == (code, "default" if begun_here else "")
    assert logged()[-1].startswith(f"a sign-in failed: {code}: ")
    assert len(heard) == len(logged()) == (2 if code == "state_unknown" else 1)


@pytest.mark.parametrize("code", CAUSES)
def test_the_person_reads_what_happened_and_what_to_do_and_the_operator_what_to_look_at(
    scene: Scene, logged: Any, code: str
) -> None:
    page = CAUSES[code](scene)
    text, cause = page.content.decode(), describe_failure(SignInError("", code=code))
    if code == "cognito_unavailable":
        cause = describe_failure(CognitoUnavailableError(""))
    assert f"<h1>{escape(cause.sentence)}</h1>\n<p>{escape(cause.remedy)}</p>" in text
    assert f"<code>{code}</code>" in text
    assert not cause.hint or (cause.hint in logged()[-1] and cause.hint not in text)
    assert ("Retry-After" in page) == (page.status_code == 503)


def check_page(text: str, code: str) -> None:
    """Compare a page with PAGES: the heading, and the links before those of the identity providers."""
    page = PAGES[code]
    (heading,) = re.findall("<h1>(.*)</h1>", text)
    assert page.heading in heading
    (actions,) = re.findall(r'<p class="actions">(.*?)</p>', text, re.S)
    links = [(label, unescape(url)) for url, label in re.findall('href="([^"]+)">([^<]+)</a>', actions)]
    assert [label for label, _ in links] == [*([page.link] if page.link else []), "Back to the site"]
    prompts = [parse_qs(urlsplit(url).query).get("prompt") for _, url in links[:-1]]
    assert prompts == ([["login"] if page.is_password_required else None] if page.link else [])


@pytest.mark.parametrize("code", CAUSES)
def test_failure_that_is_brought_about_shows_the_next_steps_of_its_code(scene: Scene, code: str) -> None:
    check_page(CAUSES[code](scene).content.decode(), code)


@pytest.mark.parametrize("code", PAGES)
def test_each_code_has_its_heading_and_its_next_steps(client: Client, settings: Any, code: str) -> None:
    def fail(request: Any) -> str:
        raise (CognitoUnavailableError if code == "cognito_unavailable" else SignInError)("", code=code)

    with patch("django_cognito.login.views.get_settings_for_request", fail):
        check_page(client.get("/auth/login/").content.decode(), code)


def test_each_cause_has_its_heading_and_next_steps_written_out() -> None:
    assert PAGES.keys() == PAGE_CODES | {"cognito_unavailable"}


@pytest.mark.parametrize("code", CAUSES)
def test_a_page_has_nothing_that_came_with_the_request(scene: Scene, logged: Any, code: str) -> None:
    text = CAUSES[code](scene).content.decode()
    assert not [said for said in ("Bad", "all is well", "xxxx", "a-code", "umbrella") if said in text]


@pytest.mark.parametrize("error", ["access_denied", "server_error", "unauthorized_client", SAID])
def test_what_cognito_said_is_in_the_log_alone_quoted_and_cut(scene: Scene, logged: Any, error: str) -> None:
    page = scene.back_with_error(error)
    (line,) = logged()
    assert "<b>Bad</b>\\nWARNING all is well x" in line
    assert "\n" not in line
    assert len(line) < 700
    assert "WARNING all" not in page.content.decode()


@pytest.mark.parametrize("text", ["\r\n", "\x1b[31m", "\u2028", "\u202e", "\x00", "\x85"])
def test_no_line_of_the_log_can_be_forged_or_hidden(scene: Scene, logged: Any, text: str) -> None:
    scene.back(code=None, error=f"a{text}b", error_description=f"c{text}d")
    (line,) = logged()
    assert not set(text) & set(line) - set("[31m")


def test_without_a_state_of_ours_the_page_has_the_buttons(scene: Scene) -> None:
    text = Scene.idp_initiated(scene).content.decode()
    assert 'href="/auth/login/?identity_provider=COGNITO"' in text
    assert 'href="/auth/login/?identity_provider=AcmeSAML"' in text
    assert "Continue with Acme</a>" in text


def test_the_buttons_are_those_of_the_tenant(client: Client, token_endpoint: ScriptedServer, settings: Any) -> None:
    pool = pool_settings(settings.COGNITO)
    acme = {**pool, "IDENTITY_PROVIDERS": ["Google"]}
    beta = {**pool, "CLIENT_ID": "1beta", "IDENTITY_PROVIDERS": ["Facebook"]}
    settings.COGNITO = {"POOLS": {"acme": acme, "beta": beta}, "POOL_RESOLVER": alias_of}
    for at, own, other in (("acme", "Google", "Facebook"), ("beta", "Facebook", "Google")):
        text = client.get(f"/auth/callback/?code=a-code&at={at}").content.decode()
        assert (f"Continue with {own}" in text, f"Continue with {other}" in text) == (True, False)
    assert "cognito-button" not in client.get("/auth/callback/?code=a-code&at=umbrella").content.decode()


@pytest.mark.parametrize("code", CAUSES)
@pytest.mark.parametrize("person", ["nobody", "bob"])
def test_whoever_was_signed_in_still_is(scene: Scene, code: str, person: str) -> None:
    if person != "nobody":
        sign_in(scene.client, person)
    CAUSES[code](scene)
    assert who(scene.client) == person


def test_an_uninvited_code_changes_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    begin(client)
    with unchanged(client):
        client.get("/auth/callback/?code=a-code")
    assert token_endpoint.count == 0


def test_a_sign_in_that_took_too_long_is_begun_again_for_the_same_page(scene: Scene) -> None:
    assert 'href="/auth/login/?next=%2Fmine%2F"' in scene.state_expired().content.decode()


def test_a_receiver_that_fails_changes_no_page(scene: Scene) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.sign_in_failed.connect(fail)
    try:
        assert scene.back(refusal()).context["code"] == "invalid_grant"
    finally:
        signals.sign_in_failed.disconnect(fail)


def test_a_sign_in_that_succeeds_is_no_failure(scene: Scene, heard: list[Any], logged: Any) -> None:
    assert scene.back().status_code == 302
    assert (heard, logged()) == ([], [])


def test_what_has_no_words_of_its_own_is_said_in_general() -> None:
    assert str(describe_failure(SignInError("", code="invalid_scope")).sentence) == "The sign-in failed."
    assert (
        str(describe_failure(CognitoUnavailableError("", code="any")).sentence)
        == "The sign-in service cannot be reached."
    )
    assert describe_failure(CognitoError("")).hint == ""


@pytest.mark.parametrize("code", sorted(PAGE_CODES))
def test_every_cause_says_what_happened_and_what_to_do(code: str) -> None:
    cause = describe_failure(SignInError("", code=code))
    assert str(cause.sentence).endswith((".", "?"))
    assert str(cause.remedy).endswith((".", "?"))
    assert cause.sentence != cause.remedy
    assert not re.search(r"[<>&%]", f"{cause.sentence}{cause.remedy}")


@pytest.mark.parametrize("error", ["temporarily_unavailable", "invalid_request", "server_error"])
def test_trouble_at_the_provider_is_nobodys_fault_and_may_pass(scene: Scene, error: str) -> None:
    page = scene.back_with_error(error)
    assert (page.status_code, page.context["code"]) == (503, "provider_trouble")
    assert int(page["Retry-After"]) > 0


@pytest.mark.parametrize("error", ["invalid_scope", "unsupported_response_type"])
def test_what_is_set_up_wrong_is_for_the_operator(scene: Scene, error: str) -> None:
    page = scene.back_with_error(error)
    assert (page.status_code, page.context["code"]) == (400, "client_refused")


def test_a_token_bound_to_another_api_says_that_the_site_is_set_up_wrong(scene: Scene) -> None:
    scene.set(RESOURCE="https://api.example.com")
    asked = begin(scene.client)
    scene.server.script(token_answer(nonce=asked["nonce"], access_token=make_token(aud="https://other.example.com")))
    page = come_back(scene.client, asked)
    assert (page.status_code, page.context["code"]) == (403, "wrong_resource")
    assert "is misconfigured" in page.content.decode()
