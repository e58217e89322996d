"""Sign-up, password reset, mailbox and providers in Chromium, with and without JavaScript, at phone size."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from local_cognito import Emulator
from local_cognito_support import axe
from local_cognito_support.browser import callback_url, each_scheme, expect_welcome, press
from local_cognito_support.chromium import running_chromium
from local_cognito_support.codes import latest_code
from local_cognito_support.hosted_site import CALLBACK, PASSWORD, Site
from local_cognito_support.identity_provider import Provider, site_for
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

__all__ = ["callback_url"]

pytestmark = pytest.mark.needs("chromium")

NEW_PASSWORD = "A-new-Horse-8"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(federated_emulator: Emulator, callback_url: str) -> Site:
    """Return a site with the app's callback URL. Its client accepts the pool's users and the providers."""
    site = site_for(federated_emulator, "1both")
    pool = site.service.pools.get(site.public.pool_id)
    pool.clients["1both"].extended_config["CallbackURLs"].append(callback_url)
    return site


def page_url(site: Site, path: str, callback_url: str, **changes: str) -> str:
    return f"{site.url}{path}?{urlencode(site.authorize_parameters(redirect_uri=callback_url, **changes))}"


@contextmanager
def open_page(chromium: Browser, *, script: bool = True) -> Iterator[Page]:
    """Yield a page at the size of a small phone. Assert that the Content-Security-Policy blocks nothing."""
    context = chromium.new_context(viewport={"width": 360, "height": 640}, java_script_enabled=script)
    page = context.new_page()
    with obeying_csp(page):
        yield page
        context.close()


@contextmanager
def obeying_csp(page: Page) -> Iterator[None]:
    """Assert that the Content-Security-Policy blocks nothing in the block."""
    messages: list[str] = []

    def add(message: ConsoleMessage) -> None:
        messages.append(message.text)

    page.on("console", add)
    yield
    page.remove_listener("console", add)
    assert [text for text in messages if "Content Security Policy" in text] == []


@pytest.fixture(scope="module")
def shared_page(chromium: Browser) -> Iterator[Page]:
    """Yield one page for all checks with axe-core, which a process of the browser compiles once."""
    with open_page(chromium) as page:
        yield page


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with open_page(chromium, script=request.param) as page:
        yield page


def sign_up(page: Page, username: str) -> None:
    """Submit the form of the sign-up page with the keyboard."""
    page.get_by_label("Username").focus()
    press(page, username, "Tab", f"{username}@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("heading", name="Confirm your account")).to_be_visible()


def new_username(request: pytest.FixtureRequest) -> str:
    """Return a username that no other test uses."""
    return f"new-{abs(hash(request.node.nodeid))}"


def test_sign_up_with_the_code_of_the_mailbox_returns_to_the_app(
    site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest
) -> None:
    username = new_username(request)
    page.goto(page_url(site, "/login", callback_url))
    page.get_by_role("link", name="Sign up").click()
    sign_up(page, username)
    with page.context.expect_page() as mailbox_page:
        page.get_by_role("link", name="the mailbox").click()
    code = mailbox_page.value.locator("code").first.inner_text()
    assert code == latest_code(site.service.mailbox, username)
    page.get_by_label("Code").fill(code)
    page.keyboard.press("Enter")
    expect_welcome(page)


def test_resend_button_sends_another_sign_up_code(
    site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest
) -> None:
    username = new_username(request)
    page.goto(page_url(site, "/signup", callback_url))
    sign_up(page, username)
    before = len(site.service.mailbox.messages())
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_role("status")).to_contain_text("A code has been sent to n***@e***.")
    assert len(site.service.mailbox.messages()) == before + 1
    page.get_by_label("Code").fill(latest_code(site.service.mailbox, username))
    page.get_by_role("button", name="Confirm account").click()
    expect_welcome(page)


def test_forgotten_password_is_reset_with_the_keyboard(
    site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest
) -> None:
    username = new_username(request)
    site.service.sign_ups.register(site.public, username, PASSWORD, {"email": f"{username}@example.com"})
    site.service.sign_ups.confirm(site.public, username, latest_code(site.service.mailbox, username))
    page.goto(page_url(site, "/login", callback_url))
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, latest_code(site.service.mailbox, username), "Tab", "Tab", NEW_PASSWORD, "Tab", NEW_PASSWORD, "Enter")
    expect(page.get_by_role("status")).to_contain_text("Your password has been changed.")
    expect(page.get_by_label("Password")).to_be_focused()
    press(page, NEW_PASSWORD, "Enter")
    expect_welcome(page)


def test_provider_button_signs_in_and_returns_to_the_app(
    site: Site, page: Page, callback_url: str, provider: Provider
) -> None:
    page.goto(page_url(site, "/oauth2/authorize", callback_url))
    page.get_by_role("link", name="Continue with Corporate").click()
    page.wait_for_url(f"{provider.url}/**")
    page.locator("input[name=sub]").fill("fay-in-a-browser")
    page.get_by_role("button", name="Authorize", exact=True).click()
    expect_welcome(page)


def test_denied_provider_consent_returns_access_denied_to_the_app(
    site: Site, page: Page, callback_url: str, provider: Provider
) -> None:
    page.goto(page_url(site, "/oauth2/authorize", callback_url, identity_provider="Corporate"))
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_text("Welcome to the app.")).to_be_visible()
    assert "?error=access_denied&" in page.url


def open_login(page: Page, site: Site) -> None:
    page.goto(page_url(site, "/login", CALLBACK))


def open_wrong_password(page: Page, site: Site) -> None:
    open_login(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, "alice", "Tab", "wrong", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def open_sign_up(page: Page, site: Site) -> None:
    page.goto(page_url(site, "/signup", CALLBACK))


def open_refused_sign_up(page: Page, site: Site) -> None:
    open_sign_up(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, "alice", "Tab", "a@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def open_confirm(page: Page, site: Site) -> None:
    open_sign_up(page, site)
    sign_up(page, f"seen-{len(site.service.mailbox.messages())}")


def open_wrong_code(page: Page, site: Site) -> None:
    open_confirm(page, site)
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, "000000", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def open_forgot(page: Page, site: Site) -> None:
    page.goto(page_url(site, "/forgotPassword", CALLBACK))


def open_reset(page: Page, site: Site) -> None:
    open_forgot(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, f"nobody-{page.evaluate('performance.now()')}", "Enter")
    expect(page.get_by_label("Code")).to_be_visible()


def open_mailbox(page: Page, site: Site) -> None:
    open_confirm(page, site)
    page.goto(f"{site.url}/mailbox")


def open_error(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/error?error=provider_answer")


def open_redirect_mismatch(page: Page, site: Site) -> None:
    page.goto(page_url(site, "/oauth2/authorize", f"{CALLBACK}{'long-' * 20}"))


def open_index(page: Page, site: Site) -> None:
    open_redirect_mismatch(page, site)
    page.get_by_role("link", name="All app clients").click()
    expect(page.get_by_role("heading", name="Rejected requests")).to_be_visible()


PAGES: list[Callable[[Page, Site], None]] = [
    open_login,
    open_wrong_password,
    open_sign_up,
    open_refused_sign_up,
    open_confirm,
    open_wrong_code,
    open_forgot,
    open_reset,
    open_mailbox,
    open_error,
    open_redirect_mismatch,
    open_index,
]


@pytest.mark.needs("npm")
@pytest.mark.parametrize("open_state", PAGES, ids=lambda function: function.__name__.removeprefix("open_"))
def test_page_has_no_axe_violations_and_fits_a_small_phone(
    site: Site, shared_page: Page, open_state: Callable[[Page, Site], None]
) -> None:
    shared_page.context.clear_cookies()
    with obeying_csp(shared_page):
        open_state(shared_page, site)
        shared_page.wait_for_load_state()
        assert find_violations(shared_page) == []


def find_violations(page: Page) -> list[str]:
    """Return axe-core's violations on the shown page, in light and in dark colors; assert that the page fits."""
    violations = []
    for scheme in each_scheme(page):
        violations += [f"{scheme}: {line}" for line in axe.violations(page)]
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    return violations


@pytest.mark.needs("npm")
def test_axe_reports_a_violation_in_each_scheme(shared_page: Page) -> None:
    shared_page.goto("about:blank")
    image = "<img src='data:,'>"
    style = "<style>p {color: #000} @media (prefers-color-scheme: dark) {p {color: #eee}}</style>"
    shared_page.set_content(f"<html lang='en'><title>T</title>{style}<main><h1>T</h1>{image}<p>Text</p></main></html>")
    violations = [line.partition(" at ")[0] for line in find_violations(shared_page)]
    assert violations == ["light: image-alt", "dark: color-contrast", "dark: image-alt"]
