"""docs/htmx.md: the page of the guide in Chromium with htmx from npm, and its responses without a browser."""

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito.seeds.reading import DEFAULT_SEED
from local_cognito_support.chromium import running_chromium
from playwright.sync_api import Page, expect

from demo.ports import find_free_port
from tests.support.new_project import NewProject

PACKAGE = "htmx.org@2.0"
SCRIPT = """
HTMX = {"hx-request": "true", "hx-current-url": "http://testserver/notes/?page=2"}

def send(client, path, method="get", **headers):
    data = {"text": "Hello"} if method == "post" else {}
    answer = getattr(client, method)(path, data, headers=headers, follow=True)
    body = answer.json() if answer.headers["Content-Type"] == "application/json" else answer.content.decode()
    return [answer.status_code, answer.headers.get("HX-Redirect"), body]

anonymous = {
    "htmx": send(Client(), "/notes/list/", **HTMX),
    "htmx form": send(Client(), "/notes/add/", "post", **HTMX),
    "boosted link": send(Client(), "/notes/", **HTMX, **{"hx-boosted": "true"}),
    "fetch": send(Client(), "/notes/count/", **{"sec-fetch-mode": "cors"}),
}

browser = Client(enforce_csrf_checks=True)
sign_in(browser, "eve")
csrf_token = str(browser.get("/notes/").context["csrf_token"])
result = {
    "anonymous": anonymous,
    "with CSRF token": send(browser, "/notes/add/", "post", **HTMX, **{"x-csrftoken": csrf_token}),
    "without CSRF token": send(browser, "/notes/add/", "post", **HTMX)[0],
}
"""


@pytest.fixture(scope="module")
def project(follow: Callable[[str], NewProject]) -> NewProject:
    return follow("htmx")


@pytest.fixture(scope="module")
def result(project: NewProject) -> Any:
    return project.run_script(SCRIPT)


@pytest.fixture(scope="module")
def site(project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run the site with htmx and a local Cognito; return its URL."""
    project, port = project.copy(tmp_path_factory.mktemp("htmx-site")), find_free_port(0)
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefix", str(project.folder)]
    subprocess.run(["npm", "install", *options, PACKAGE], check=True, timeout=600)
    script = project.folder / "node_modules" / "htmx.org" / "dist" / "htmx.min.js"
    script.rename(project.folder / "mysite" / "static" / "htmx.min.js")
    seed = project.folder / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("localhost:8000", f"localhost:{port}"))
    with Emulator(seed=seed) as emulator:
        settings = project.folder / "mysite" / "settings.py"
        settings.write_text(settings.read_text().replace("http://localhost:9229", emulator.url))
        with project.serve(port):
            yield f"http://localhost:{port}"


@pytest.fixture
def page(site: str) -> Iterator[Page]:
    """Return the page of the guide, on which alice is signed in."""
    with running_chromium() as browser:
        page = browser.new_context().new_page()
        page.goto(f"{site}/notes/")
        enter_password(page, "alice")
        yield page


def enter_password(page: Page, name: str) -> None:
    """Sign in on the page of the local Cognito, and return to the page of the guide."""
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password", exact=True).fill(f"{name.title()}-local-1")
    with page.expect_response("**/notes/list/"):  # a later response would replace the notes that a test has added
        page.keyboard.press("Enter")
    page.wait_for_url("**/notes/")
    expect(page.get_by_text(f"Signed in as {name}.")).to_be_visible()


@pytest.mark.parametrize("request_name", ["htmx", "htmx form"])
def test_htmx_request_without_a_session_opens_the_login(result: Any, request_name: str) -> None:
    status, redirect, body = result["anonymous"][request_name]
    assert (status, redirect) == (401, "/auth/login/?next=%2Fnotes%2F%3Fpage%3D2")
    assert body["code"] == "not_authenticated"


def test_boosted_link_returns_to_its_own_page(result: Any) -> None:
    assert result["anonymous"]["boosted link"][1] == "/auth/login/?next=%2Fnotes%2F"


def test_fetch_without_a_session_gets_the_login_url(result: Any) -> None:
    status, redirect, body = result["anonymous"]["fetch"]
    assert (status, redirect, body["login_url"]) == (401, None, "/auth/login/")


def test_page_writes_only_with_its_csrf_token(result: Any) -> None:
    assert result["with CSRF token"] == [200, None, "<li>Hello</li>\n"]
    assert result["without CSRF token"] == 403


@pytest.mark.needs("chromium")
@pytest.mark.needs("npm")
def test_session_that_ends_returns_to_the_page_and_its_draft(page: Page, site: str) -> None:
    page.get_by_label("Text").fill("First")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#notes li")).to_have_text(["First"])
    page.get_by_role("button", name="Count").click()
    expect(page.locator("#message")).to_have_text("1 notes")

    for button, draft in (("Add", "A draft"), ("Count", "")):  # htmx, and fetch
        page.get_by_label("Text").fill("A draft")
        page.context.clear_cookies(name=re.compile("sessionid|cognito_signed_in_"))  # as half a minute later
        with page.expect_request("**/oauth2/authorize?**"), page.expect_response("**/notes/list/"):
            page.get_by_role("button", name=button).click()
        expect(page.get_by_label("Text")).to_have_value(draft)
        expect(page.get_by_text("Signed in as alice.")).to_be_visible()


@pytest.mark.needs("chromium")
@pytest.mark.needs("npm")
def test_page_does_not_write_as_the_user_of_another_tab(page: Page, site: str) -> None:
    tab = page.context.new_page()
    tab.goto(f"{site}/auth/login/?prompt=login&next=/notes/")
    enter_password(tab, "bob")
    page.get_by_label("Text").fill("By alice")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#message")).to_contain_text("another tab has signed in")
    page.reload()
    expect(page.get_by_text("Signed in as bob.")).to_be_visible()
    expect(page.locator("#notes")).to_be_empty()
