"""Sign-up, forgotten password, mailbox and providers in a real Chromium, with JavaScript and without, on a phone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from local_cognito import Emulator
from local_cognito_support import axe
from local_cognito_support.browser import CHROMIUM_ARGUMENTS, callback_url, expect_welcome, press
from local_cognito_support.codes import latest_code
from local_cognito_support.hosted_site import CALLBACK, PASSWORD, Site
from local_cognito_support.identity_provider import Provider, site_for
from local_cognito_support.real_parts import chromium_path
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

__all__ = ["callback_url"]

pytestmark = pytest.mark.needs("chromium")

NEW_PASSWORD = "A-new-Horse-8"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(federated_emulator: Emulator, callback_url: str) -> Site:
    """A client whose users are the pool's own or come from a provider, and the app that it belongs to."""
    site = site_for(federated_emulator, "1both")
    pool = site.service.pools.get(site.public.pool_id)
    pool.clients["1both"].extended_config["CallbackURLs"].append(callback_url)
    return site


def address(site: Site, path: str, callback_url: str, **changes: str) -> str:
    return f"{site.url}{path}?{urlencode(site.authorize_parameters(redirect_uri=callback_url, **changes))}"


@contextmanager
def shown(chromium: Browser, *, script: bool = True, scheme: str = "light") -> Iterator[Page]:
    """A page on a small phone, where no Content-Security-Policy blocks anything."""
    options = {"viewport": {"width": 360, "height": 640}, "color_scheme": scheme, "java_script_enabled": script}
    context: BrowserContext = chromium.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    assert [complaint for complaint in complaints if "Content Security Policy" in complaint] == []


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with shown(chromium, script=request.param) as page:
        yield page


def sign_up(page: Page, username: str) -> None:
    """Fill in the form of the sign-up page by keyboard alone."""
    page.get_by_label("Username").focus()
    press(page, username, "Tab", f"{username}@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("heading", name="Confirm your account")).to_be_visible()


def newcomer(request: pytest.FixtureRequest) -> str:
    """A name that no other test has taken."""
    return f"new-{abs(hash(request.node.nodeid))}"


def test_somebody_new_signs_up_reads_the_mailbox_and_is_led_back_to_the_app(
    site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest
) -> None:
    username = newcomer(request)
    page.goto(address(site, "/login", callback_url))
    page.get_by_role("link", name="Sign up").click()
    sign_up(page, username)
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="the mailbox").click()
    code = opened.value.locator("code").first.inner_text()
    assert code == latest_code(site.service.mailbox, username)
    page.get_by_label("Code").fill(code)
    page.keyboard.press("Enter")
    expect_welcome(page)


def test_another_code_can_be_had(site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest) -> None:
    username = newcomer(request)
    page.goto(address(site, "/signup", callback_url))
    sign_up(page, username)
    before = len(site.service.mailbox.messages())
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_role("status")).to_contain_text("A code has been sent to n***@e***.")
    assert len(site.service.mailbox.messages()) == before + 1
    page.get_by_label("Code").fill(latest_code(site.service.mailbox, username))
    page.get_by_role("button", name="Confirm account").click()
    expect_welcome(page)


def test_a_forgotten_password_is_replaced_by_keyboard_alone(
    site: Site, page: Page, callback_url: str, request: pytest.FixtureRequest
) -> None:
    username = newcomer(request)
    site.service.sign_ups.register(site.public, username, PASSWORD, {"email": f"{username}@example.com"})
    site.service.sign_ups.confirm(site.public, username, latest_code(site.service.mailbox, username))
    page.goto(address(site, "/login", callback_url))
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, latest_code(site.service.mailbox, username), "Tab", "Tab", NEW_PASSWORD, "Tab", NEW_PASSWORD, "Enter")
    expect(page.get_by_role("status")).to_contain_text("Your password has been changed.")
    expect(page.get_by_label("Password")).to_be_focused()
    press(page, NEW_PASSWORD, "Enter")
    expect_welcome(page)


def test_a_provider_is_one_click_away_and_leads_back_to_the_app(
    site: Site, page: Page, callback_url: str, provider: Provider
) -> None:
    page.goto(address(site, "/oauth2/authorize", callback_url))
    page.get_by_role("link", name="Continue with Corporate").click()
    page.wait_for_url(f"{provider.url}/**")
    page.locator("input[name=sub]").fill("fay-in-a-browser")
    page.get_by_role("button", name="Authorize", exact=True).click()
    expect_welcome(page)


def test_a_no_at_the_provider_is_told_to_the_app(site: Site, page: Page, callback_url: str, provider: Provider) -> None:
    page.goto(address(site, "/oauth2/authorize", callback_url, identity_provider="Corporate"))
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_text("Welcome to the app.")).to_be_visible()
    assert "?error=access_denied&" in page.url


def to_login(page: Page, site: Site) -> None:
    page.goto(address(site, "/login", CALLBACK))


def to_wrong_password(page: Page, site: Site) -> None:
    to_login(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, "alice", "Tab", "wrong", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def to_sign_up(page: Page, site: Site) -> None:
    page.goto(address(site, "/signup", CALLBACK))


def to_refused_sign_up(page: Page, site: Site) -> None:
    to_sign_up(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, "alice", "Tab", "a@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def to_confirm(page: Page, site: Site) -> None:
    to_sign_up(page, site)
    sign_up(page, f"seen-{len(site.service.mailbox.messages())}")


def to_wrong_code(page: Page, site: Site) -> None:
    to_confirm(page, site)
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, "000000", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()


def to_forgot(page: Page, site: Site) -> None:
    page.goto(address(site, "/forgotPassword", CALLBACK))


def to_reset(page: Page, site: Site) -> None:
    to_forgot(page, site)
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, f"nobody-{page.evaluate('performance.now()')}", "Enter")
    expect(page.get_by_label("Code")).to_be_visible()


def to_mailbox(page: Page, site: Site) -> None:
    to_confirm(page, site)
    page.goto(f"{site.url}/mailbox")


def to_error(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/error?error=provider_answer")


PAGES: list[Callable[[Page, Site], None]] = [
    to_login,
    to_wrong_password,
    to_sign_up,
    to_refused_sign_up,
    to_confirm,
    to_wrong_code,
    to_forgot,
    to_reset,
    to_mailbox,
    to_error,
]


@pytest.mark.needs("npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("go", PAGES, ids=lambda go: go.__name__.removeprefix("to_"))
def test_axe_finds_nothing_and_a_small_phone_shows_all_of_it(
    site: Site, chromium: Browser, go: Callable[[Page, Site], None], scheme: str
) -> None:
    with shown(chromium, scheme=scheme) as page:
        go(page, site)
        page.wait_for_load_state()
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.needs("npm")
def test_axe_finds_what_is_wrong(chromium: Browser) -> None:
    with shown(chromium) as page:
        page.set_content("<html lang='en'><title>T</title><main><h1>T</h1><img src='data:,'></main></html>")
        assert [line.partition(" ")[0] for line in axe.violations(page)] == ["image-alt"]
