"""In and out in a real Chromium: by keyboard, with and without JavaScript, on a phone, by day and by night.

Only a browser has a browser's rules: which Origin a form sends, which cookies come back from another site.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from django_cognito import runtime
from django_cognito.emulator import Emulator
from django_cognito.models import CognitoLogin

from ..emulator.hosted_site import PASSWORD
from ..local_cognito import seed_for, settings_for
from ..real_parts import chromium_path

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.login_site"),
]

_ARGS = (
    "--no-sandbox",  # the kernel of a container often forbids the one that Chromium wants
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
AA = 4.5  # WCAG 2.2, success criterion 1.4.3: of text to what is behind it


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patched:
        # Playwright keeps an event loop in this thread; the database is used between its calls, never inside them.
        patched.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def cognito(live_server: Any) -> Iterator[Emulator]:
    with Emulator(seed=seed_for(live_server.url)) as emulator:
        yield emulator


@pytest.fixture
def site(live_server: Any, cognito: Emulator, settings: Any) -> Iterator[str]:
    """The site's origin; its Cognito runs."""
    settings.COGNITO = settings_for(cognito)
    yield str(live_server.url)
    runtime.reset()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A person's own browser."""
    context = chromium.new_context()
    yield context
    context.close()


def sign_in(page: Page, username: str = "alice") -> None:
    """Fill in the hosted UI's form by keyboard: the first field has the focus, Enter sends."""
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def go_by_keyboard(page: Page, name: str) -> None:
    """Tab to the element with that text, and press Enter."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    pytest.fail(f"{name!r} is not reached by keyboard")


def test_somebody_signs_in_and_out_by_keyboard_alone(context: BrowserContext, site: str) -> None:
    page = context.new_page()
    page.goto(site)
    go_by_keyboard(page, "Sign in")
    sign_in(page)
    expect(page.get_by_role("heading")).to_have_text("Hello, alice")
    assert page.url == f"{site}/"
    go_by_keyboard(page, "Sign out")
    expect(page.get_by_role("heading")).to_have_text("Sign out?")
    go_by_keyboard(page, "Sign out")
    expect(page.get_by_role("heading")).to_have_text("Hello, stranger")
    assert page.url == f"{site}/"
    assert not CognitoLogin.objects.exists()
    go_by_keyboard(page, "Sign in")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_a_page_that_needs_somebody_is_where_they_arrive(context: BrowserContext, site: str) -> None:
    page = context.new_page()
    page.goto(f"{site}/mine/?page=2")
    sign_in(page, "bob")
    page.wait_for_url(f"{site}/mine/?page=2")
    assert page.inner_text("body") == "bob"


def test_who_is_signed_in_at_the_hosted_ui_is_not_asked_twice(context: BrowserContext, site: str) -> None:
    page = context.new_page()
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    page.wait_for_url(f"{site}/")
    context.clear_cookies(name="sessionid")
    page.goto(f"{site}/mine/")
    assert (page.url, page.inner_text("body")) == (f"{site}/mine/", "alice")


def test_all_of_it_works_without_javascript(chromium: Browser, site: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/auth/login/")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password", exact=True).press("Enter")
    expect(page.get_by_role("heading")).to_have_text("Hello, alice")
    page.goto(f"{site}/auth/logout/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Hello, stranger")
    context.close()


def test_two_tabs_sign_in_side_by_side(context: BrowserContext, site: str) -> None:
    first, second = context.new_page(), context.new_page()
    first.goto(f"{site}/mine/?tab=1")
    second.goto(f"{site}/mine/?tab=2")
    sign_in(second)
    second.wait_for_url(f"{site}/mine/?tab=2")
    sign_in(first)
    first.wait_for_url(f"{site}/mine/?tab=1")
    assert first.inner_text("body") == "alice"


def test_the_way_back_from_a_signed_in_page_is_a_page_that_says_so(context: BrowserContext, site: str) -> None:
    """The callback's address, opened again from the browser's history."""
    page, visited = context.new_page(), []
    page.on("request", lambda request: visited.append(request.url))
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    page.wait_for_url(f"{site}/")
    (callback,) = (url for url in visited if "/auth/callback/" in url)
    page.goto(callback)
    expect(page.get_by_role("heading")).to_have_text("This sign-in is no longer open.")
    page.get_by_role("link", name="Back to the site").click()
    expect(page.get_by_role("heading")).to_have_text("Hello, alice")


def test_the_callback_hands_its_address_to_nobody(context: BrowserContext, site: str) -> None:
    page, referers = context.new_page(), []
    page.on("request", lambda request: referers.append(request.all_headers().get("referer", "")))
    page.goto(f"{site}/mine/")
    sign_in(page)
    page.wait_for_url(f"{site}/mine/")
    assert not [referer for referer in referers if "code=" in referer]
    assert get_user_model().objects.count() == 1


# Its looks


@pytest.fixture(params=["light", "dark"])
def phone(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    """A small phone, by day and by night."""
    context = chromium.new_context(viewport={"width": 360, "height": 640}, color_scheme=request.param)
    yield context.new_page()
    context.close()


PAGES = pytest.mark.parametrize("path", ["/auth/callback/", "/auth/logout/"])

# The contrast (WCAG 2.2) of each element with text of its own to the nearest ground behind it.
_CONTRASTS = """() => {
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const linear = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb(color).map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return (rgb(color)[3] ?? 1) ? color : ground(element.parentElement);
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.body.querySelectorAll("*")].filter(own).map((element) => {
    const [a, b] = [light(getComputedStyle(element).color), light(ground(element))];
    return [element.textContent.trim(), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
  });
}"""


@PAGES
def test_a_page_fits_a_small_phone(phone: Page, site: str, path: str) -> None:
    phone.goto(site + path)
    assert phone.evaluate("document.documentElement.scrollWidth") == 360


@PAGES
def test_every_text_stands_out_by_day_and_by_night(phone: Page, site: str, path: str) -> None:
    phone.goto(site + path)
    contrasts = phone.evaluate(_CONTRASTS)
    assert len(contrasts) >= 4
    assert [(text, ratio) for text, ratio in contrasts if ratio < AA] == []


@PAGES
def test_what_can_be_pressed_is_as_large_as_a_finger_and_shows_its_focus(phone: Page, site: str, path: str) -> None:
    phone.goto(site + path)
    for button in phone.locator(".button").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 44
        button.focus()
        phone.keyboard.press("Shift")  # from here on the focus is the keyboard's
        assert button.evaluate("(element) => getComputedStyle(element).outlineStyle") == "solid"


@PAGES
def test_a_page_asks_other_hosts_for_nothing(phone: Page, site: str, path: str) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    phone.goto(site + path)
    assert len(asked) >= 2
    assert [url for url in asked if not url.startswith(f"{site}/")] == []
