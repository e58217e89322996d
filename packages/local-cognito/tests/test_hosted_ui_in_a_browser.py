"""The hosted UI in Chromium with the keyboard: focus, layout, contrast and Content-Security-Policy."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from local_cognito_support import axe
from local_cognito_support.browser import callback_url, each_scheme, expect_welcome, press
from local_cognito_support.chromium import running_chromium
from local_cognito_support.hosted_site import PASSWORD, Site, running_site
from playwright.sync_api import Browser, Page, expect

__all__ = ["callback_url"]

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(site: Site, callback_url: str, chromium: Browser) -> Iterator[Page]:
    """Yield the login page at the size of a small phone."""
    client = site.service.pools.get(site.public.pool_id).clients[site.public.id]
    client.extended_config["CallbackURLs"].append(callback_url)
    context = chromium.new_context(viewport={"width": 360, "height": 640})
    page = context.new_page()
    page.goto(f"{site.url}/oauth2/authorize?{urlencode(site.authorize_parameters(redirect_uri=callback_url))}")
    expect(page.get_by_label("Username")).to_be_focused()  # keys pressed earlier would be lost
    yield page
    context.close()


def test_keyboard_sign_in_returns_to_the_app(page: Page) -> None:
    press(page, "alice", "Tab", PASSWORD, "Enter")
    expect_welcome(page)


def test_keyboard_sign_in_with_totp_returns_to_the_app(site: Site, page: Page) -> None:
    press(page, "dave", "Tab", PASSWORD, "Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, site.totp_code(), "Enter")
    expect_welcome(page)


def test_new_password_is_set_with_the_keyboard(page: Page) -> None:
    press(page, "nina", "Tab", PASSWORD, "Enter")
    expect(page.get_by_label("New password", exact=True)).to_be_focused()
    press(page, "A-new-Horse-8", "Tab", "A-new-Horse-8", "Enter")
    expect_welcome(page)


def test_error_is_focused_and_followed_by_the_form(page: Page) -> None:
    press(page, "alice", "Tab", "wrong", "Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: Sign in"))
    press(page, "Tab", "Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    press(page, PASSWORD, "Enter")
    expect_welcome(page)


def test_login_page_fits_a_small_phone_and_violates_no_csp(page: Page) -> None:
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    for _ in each_scheme(page):
        page.reload()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "14px"
    assert messages == []


@pytest.mark.needs("npm")
@pytest.mark.parametrize(("username", "field"), [("dave", "Code"), ("nina", "New password")])
def test_steps_after_the_password_have_no_axe_violations(page: Page, username: str, field: str) -> None:
    press(page, username, "Tab", PASSWORD, "Enter")
    expect(page.get_by_label(field, exact=True)).to_be_visible()
    page.wait_for_load_state()
    assert {scheme: axe.violations(page) for scheme in each_scheme(page)} == {"light": [], "dark": []}


def luminance(colour: str) -> float:
    """Return the relative luminance of `rgb(r, g, b)` (WCAG 2.2)."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(page: Page, selector: str) -> float:
    """Return the contrast ratio of the text at `selector` and its background (WCAG 2.2), 1 or more."""
    colours = page.locator(selector).first.evaluate(
        """element => {
            let parent = element;
            while (getComputedStyle(parent).backgroundColor === 'rgba(0, 0, 0, 0)') parent = parent.parentElement;
            return [getComputedStyle(element).color, getComputedStyle(parent).backgroundColor];
        }"""
    )
    darker, lighter = sorted(luminance(colour) for colour in colours)
    return (lighter + 0.05) / (darker + 0.05)


def test_text_has_sufficient_contrast(page: Page) -> None:
    press(page, "alice", "Tab", "wrong", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_load_state()  # the style sheet may come after the text
    selectors = ("h1", ".app-name", ".pool", ".error p", "label", "input[type=text]", "button", "footer p")
    for scheme in each_scheme(page):
        low = [selector for selector in selectors if contrast(page, selector) < 4.5]  # WCAG 2.2, 1.4.3, level AA
        assert low == [], scheme
