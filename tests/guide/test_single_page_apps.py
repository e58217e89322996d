"""docs/single-page-apps.md: the app of the page in Chromium, and CORS of its API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.chromium import running_chromium
from local_cognito_support.hosted_site import read_query
from playwright.sync_api import Browser, Page, Request, expect

from demo.ports import find_free_port
from tests.support.new_project import NewProject

CORS_SCRIPT = """
def send(method="get", **headers):
    headers = {"origin": "http://localhost:5173", **headers}
    response = getattr(Client(), method)("/api/me/", headers=headers)
    names = ("Access-Control-Allow-Origin", "Access-Control-Allow-Headers", "Access-Control-Allow-Credentials")
    body = response.json() if response.headers["Content-Type"] == "application/json" else {}
    return [response.status_code, body.get("code", ""), *(response.headers.get(name, "") for name in names)]

preflight = {"access-control-request-method": "GET", "access-control-request-headers": "authorization"}
result = {
    "preflight": send("options", **preflight),
    "preflight of another origin": send("options", **preflight, origin="https://other.example"),
    "app": send(**bearer(username="ada", client_id="3local4spa5client6example7")),
    "unknown client": send(**bearer(client_id="9unknown9client")),
}
"""


@dataclass(frozen=True)
class Running:
    """The project of the page, the URLs of its three servers, and the browser."""

    project: NewProject
    app: str
    cognito: str
    browser: Browser


@pytest.fixture(scope="module")
def project(follow: Callable[[str], NewProject]) -> NewProject:
    return follow("single-page-apps")


@pytest.fixture(scope="module")
def cors(project: NewProject) -> Any:
    return project.run_script(CORS_SCRIPT)


@pytest.fixture(scope="module")
def running(project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    project = project.copy(tmp_path_factory.mktemp("single-page-app"))
    site_port, app_port = find_free_port(0), find_free_port(0)
    project.replace_texts({"localhost:8000": f"localhost:{site_port}", "localhost:5173": f"localhost:{app_port}"})
    with Emulator(seed=project.folder / "mysite" / "seed.yaml") as emulator, running_chromium() as browser:
        project.replace_texts({"http://localhost:9229": emulator.url})
        with serving_app(project, app_port), project.serve(site_port):
            yield Running(project, f"http://localhost:{app_port}", emulator.url, browser)


@pytest.fixture
def page(running: Running) -> Iterator[Page]:
    with running.browser.new_context() as context:
        page = context.new_page()
        page.goto(running.app)
        yield page


def test_preflight_allows_both_headers_of_tokens(cors: Any) -> None:
    status, _, origin, headers, credentials = cors["preflight"]
    assert (status, origin, credentials) == (200, "http://localhost:5173", "")
    assert {"authorization", "x-cognito-id-token"} <= set(headers.split(", "))


def test_preflight_of_another_origin_allows_nothing(cors: Any) -> None:
    assert cors["preflight of another origin"][2:] == ["", "", ""]


def test_token_of_the_app_is_accepted(cors: Any) -> None:
    assert cors["app"][:3] == [200, "", "http://localhost:5173"]


def test_token_of_an_unknown_client_is_wrong_client(cors: Any) -> None:
    assert cors["unknown client"][:3] == [401, "wrong_client", "http://localhost:5173"]


@pytest.mark.needs("chromium")
def test_app_signs_in_and_calls_the_api(page: Page, running: Running) -> None:
    sign_in(page, running)
    assert page.url == f"{running.app}/"
    assert page.evaluate("[sessionStorage.length, localStorage.length]") == [0, 0]


@pytest.mark.needs("chromium")
def test_app_without_tokens_starts_a_sign_in(page: Page) -> None:
    page.get_by_role("button", name="Who am I?").click()
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.needs("chromium")
def test_parallel_requests_of_the_app_share_one_refresh(page: Page, running: Running) -> None:
    page.clock.install()
    sign_in(page, running)
    grants = record_grants(page)
    page.clock.fast_forward("01:00:00")
    with page.expect_response("**/api/me/"):
        page.evaluate("for (const _ of [1, 2]) document.querySelector('#load').click()")
    expect(page.locator("#status")).to_have_text("alice, of editors")
    assert grants == ["refresh_token"]


@pytest.mark.needs("chromium")
def test_revoked_refresh_token_starts_a_sign_in(page: Page, running: Running) -> None:
    page.clock.install()
    with page.expect_response(f"{running.cognito}/oauth2/token") as answer:
        sign_in(page, running)
    fields = {"client_id": "3local4spa5client6example7", "token": answer.value.json()["refresh_token"]}
    assert requests.post(f"{running.cognito}/oauth2/revoke", fields, timeout=30).ok
    page.clock.fast_forward("01:00:00")
    with page.expect_request(f"{running.cognito}/oauth2/authorize**") as authorization:
        page.get_by_role("button", name="Who am I?").click()
    assert read_query(authorization.value.url)["prompt"] == "login"
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.needs("chromium")
def test_sign_in_after_a_sign_out_everywhere_asks_for_the_password(page: Page, running: Running) -> None:
    sign_in(page, running)
    running.project.sign_out_everywhere("alice")
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#status")).to_have_text("401: token_revoked")
    sign_in(page, running)


@pytest.mark.needs("chromium")
def test_sign_in_without_prompt_login_is_revoked_again(page: Page, running: Running) -> None:
    sign_in(page, running)
    running.project.sign_out_everywhere("alice")
    page.goto(running.app)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#status")).to_have_text("401: token_revoked")
    sign_in(page, running)


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("challenge", [{"max_age": 600}, {"acr_values": "urn:cognito:loa:4 urn:cognito:loa:3"}])
def test_sign_in_has_the_parameters_of_the_challenge(page: Page, running: Running, challenge: dict[str, Any]) -> None:
    sign_in(page, running)
    body = {"code": "insufficient_user_authentication", **challenge}
    headers = {"Access-Control-Allow-Origin": running.app}
    page.route("**/api/me/", lambda route: route.fulfill(status=401, json=body, headers=headers))
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#status")).to_have_text("401: insufficient_user_authentication")
    with page.expect_request(f"{running.cognito}/oauth2/authorize**") as authorization:
        page.get_by_role("button", name="Sign in").click()
    query = read_query(authorization.value.url)
    parameters = {name: query[name] for name in ("prompt", "max_age", "acr_values") if name in query}
    assert parameters == {"prompt": "login", **{name: str(value) for name, value in challenge.items()}}


@pytest.mark.needs("chromium")
@pytest.mark.parametrize(("code", "grants"), [("token_expired", ["refresh_token"]), ("wrong_client", [])])
def test_401_of_an_expired_token_is_repeated_once(page: Page, running: Running, code: str, grants: list[str]) -> None:
    sign_in(page, running)
    recorded = record_grants(page)
    headers = {"Access-Control-Allow-Origin": running.app}
    page.route("**/api/me/", lambda route: route.fulfill(status=401, json={"code": code}, headers=headers))
    page.get_by_role("button", name="Who am I?").click()
    expect(page.locator("#status")).to_have_text(f"401: {code}")
    assert recorded == grants


@pytest.mark.needs("chromium")
def test_sign_out_of_the_app_revokes_and_ends_the_session(page: Page, running: Running) -> None:
    sign_in(page, running)
    page.evaluate("window.isSignedIn = true")
    with page.expect_response(f"{running.cognito}/oauth2/revoke") as revocation:
        page.get_by_role("button", name="Sign out").click()
    assert revocation.value.ok
    page.wait_for_function("!window.isSignedIn && document.readyState === 'complete'")  # at the same URL as before
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Password")).to_be_visible()


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("starts_before", [False, True])
def test_code_with_a_foreign_state_is_never_sent(page: Page, running: Running, starts_before: bool) -> None:
    if starts_before:
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_label("Password")).to_be_visible()
    grants = record_grants(page)
    page.goto(f"{running.app}/?code=attacker&state=attacker")
    expect(page.locator("#status")).to_have_text("Failed: this sign-in was not started in this tab")
    assert grants == []


def sign_in(page: Page, running: Running) -> None:
    """Sign in as alice, with the password of the page's seed."""
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{running.cognito}/**")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("Alice-local-1")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("alice, of editors")


def record_grants(page: Page) -> list[str]:
    """Return a list to which each token request of the page adds its grant type."""
    grants: list[str] = []

    def record(request: Request) -> None:
        if request.url.endswith("/oauth2/token"):
            grants.extend(parse_qs(request.post_data or "")["grant_type"])

    page.on("request", record)
    return grants


@contextmanager
def serving_app(project: NewProject, port: int) -> Iterator[None]:
    """Serve the folder `spa`, as `python -m http.server` does."""
    handler = partial(_QuietHandler, directory=project.folder / "spa")
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield
        server.shutdown()
        thread.join()


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""
