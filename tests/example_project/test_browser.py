"""Test Fieldnotes in Chromium: by keyboard, at the width of a phone, in the light and the dark colour scheme."""

import re
from collections.abc import Iterator
from secrets import token_hex
from typing import Literal
from urllib.parse import urlsplit

import pytest
from local_cognito_support import axe
from local_cognito_support.chromium import running_chromium
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demo.stack import Stack

UNKNOWN_IDENTITY = "eu-west-1:00000000-0000-4000-8000-000000000000"
pytestmark = [pytest.mark.needs("chromium"), pytest.mark.usefixtures("without_datasets")]

PATHS = (
    *("/", "/notes/", "/notes/6/", "/notes/new/", "/notes/6/edit/", "/me/", "/nowhere/", "/admin/", "/auth/logout/"),
    *("/auth/callback/", "/auth/logins/", "/stations/", "/stations/heath/"),
    *(
        "/files/",
        "/files/mine/heron.txt/delete/",
        "/files/other-user/",
        f"/files/other-user/?identity={UNKNOWN_IDENTITY}",
    ),
)
ColourScheme = Literal["light", "dark"]
COLOUR_SCHEMES: tuple[ColourScheme, ...] = ("light", "dark")
MIN_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3: contrast of text to its background


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Yield one Chromium for all tests of this module."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """Yield a browser context at the width of a phone."""
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    yield context
    context.close()


def _open_in_each_scheme(page: Page, url: str) -> Iterator[ColourScheme]:
    """Open a page; yield each colour scheme while the page is shown in it."""
    page.goto(url)
    for scheme in COLOUR_SCHEMES:
        page.emulate_media(color_scheme=scheme)
        yield scheme


def _sign_in(page: Page, stack: Stack, username: str) -> None:
    """Sign in by keyboard: the first field has the focus, and Enter submits the form."""
    page.goto(f"{stack.site}/auth/login/")
    expect(page.get_by_label("Username")).to_be_focused()  # keys pressed before the focus are lost
    page.keyboard.insert_text(username)
    page.keyboard.press("Tab")
    page.keyboard.insert_text(stack.pool.users[username].password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stack.site}/notes/")


def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this text has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"{name!r} is not reachable by keyboard")


def test_note_is_created_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    _sign_in(page, stack, "alice")
    _tab_to(page, "Write a note")
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes/new/")
    page.locator("#id_title").focus()
    page.keyboard.type("By keyboard")
    page.locator("#id_body").focus()
    page.keyboard.type("Written without a mouse.")
    _tab_to(page, "Save the note")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("“By keyboard” was saved.")
    _tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_note_of_an_ended_session_is_saved_after_the_sign_in(context: BrowserContext, stack: Stack) -> None:
    page, title = context.new_page(), f"In the browser {token_hex(4)}"
    _sign_in(page, stack, "alice")
    page.goto(f"{stack.site}/notes/new/")
    page.locator("#id_title").fill(title)
    page.locator("#id_body").fill("Written before the session ended.")
    context.clear_cookies(name="fieldnotes_session")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_role("heading", name="Sign in to send the form")).to_be_visible()
    with context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    expect(opened.value.get_by_role("heading", name="You are signed in")).to_be_visible()
    expect(page.get_by_text("Send the form as this user? alice")).to_be_visible()
    page.get_by_role("button", name="Send the form").click()
    expect(page.get_by_role("status")).to_contain_text(f"“{title}” was saved.")
    page.goto(f"{stack.site}/notes/")
    expect(page.get_by_role("heading", name=title)).to_have_count(1)


def test_file_is_uploaded_and_deleted_by_keyboard(context: BrowserContext, stack: Stack) -> None:
    page, name = context.new_page(), f"By keyboard {token_hex(4)}.txt"
    _sign_in(page, stack, "alice")
    _tab_to(page, "Files")
    page.keyboard.press("Enter")
    page.wait_for_url("**/files/")
    page.get_by_label("A file").focus()
    page.get_by_label("A file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": b"keys"})
    _tab_to(page, "Upload")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” was uploaded.")
    _tab_to(page, f"Delete {name}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/delete/")
    _tab_to(page, "Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” was deleted.")


def test_first_tab_stop_skips_to_the_content(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    page.goto(stack.site)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_pages_fit_have_contrast_and_request_no_other_host(context: BrowserContext, stack: Stack) -> None:
    """Also with long words. The contrast is that of WCAG at level AA, in both colour schemes."""
    page = context.new_page()
    _sign_in(page, stack, "alice")
    page.goto(f"{stack.site}/notes/new/")
    for field in ("title", "place", "body"):
        page.locator(f"#id_{field}").fill("W" * 120)
    page.get_by_role("button", name="Save the note").click()
    page.wait_for_url(re.compile(r"/notes/\d+/$"))
    long_note = urlsplit(page.url).path
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    assert _find_layout_problems(page, stack, (*PATHS, long_note, f"{long_note}photo/edit/")) == []
    assert hosts == {urlsplit(stack.site).netloc}


@pytest.mark.parametrize(
    ("username", "paths"),
    [("ines", ("/stations/", "/stations/mill/", "/stations/mill/3/", "/stations/mill/new/")), ("carol", ("/sync/",))],
    ids=["stations", "synchronization"],
)
def test_pages_of_members_and_admins_fit_and_have_contrast(
    context: BrowserContext, stack: Stack, username: str, paths: tuple[str, ...]
) -> None:
    page = context.new_page()
    _sign_in(page, stack, username)
    assert _find_layout_problems(page, stack, paths) == []


@pytest.mark.needs("npm")
def test_axe_finds_no_violations_for_anonymous_or_editor(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    violations: list[str] = []

    def check(path: str, user: str) -> None:
        for scheme in _open_in_each_scheme(page, stack.site + path):
            violations.extend(f"{path} of {user}, {scheme}: {line}" for line in axe.violations(page))

    for path in ("/", "/auth/callback/"):
        check(path, "an anonymous user")
    _sign_in(page, stack, "alice")
    for path in PATHS:
        check(path, "alice")
    assert violations == []


@pytest.mark.needs("npm")
def test_axe_finds_no_violations_on_stations_and_sync_pages(context: BrowserContext, stack: Stack) -> None:
    violations: list[str] = []
    for username, path in (("ines", "/stations/mill/"), ("ines", "/stations/mill/new/"), ("carol", "/sync/")):
        context.clear_cookies()
        page = context.new_page()
        _sign_in(page, stack, username)
        for scheme in _open_in_each_scheme(page, stack.site + path):
            violations.extend(f"{path}, {scheme}: {line}" for line in axe.violations(page))
    assert violations == []


def _find_layout_problems(page: Page, stack: Stack, paths: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Return texts with low contrast and pages that are wider than the window, in both sizes and colour schemes."""
    problems: list[tuple[object, ...]] = []
    for path in paths:
        for scheme in _open_in_each_scheme(page, stack.site + path):
            problems += [(path, scheme, *text) for text in _texts_with_low_contrast(page)]
            for width in (360, 1280):
                page.set_viewport_size({"width": width, "height": 740})
                if (content_width := page.evaluate("document.documentElement.scrollWidth")) != width:
                    problems.append((path, scheme, f"{content_width} instead of {width} pixels wide"))
    return problems


def _texts_with_low_contrast(page: Page) -> list[tuple[str, str, str]]:
    """Return text, colour and background colour of each element of the page whose contrast is too low."""
    texts = page.evaluate(_COLOURS_SCRIPT)
    return [(text, *colours) for text, *colours in texts if _contrast(*colours) < MIN_CONTRAST]


# Return the text, the colour and the background colour of each element that directly contains text.
_COLOURS_SCRIPT = """() => [...document.querySelectorAll('body *')]
  .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
  .map(element => {
    let parent = element;
    while (getComputedStyle(parent).backgroundColor === 'rgba(0, 0, 0, 0)') parent = parent.parentElement;
    const background = getComputedStyle(parent).backgroundColor;
    return [element.textContent.trim().slice(0, 40), getComputedStyle(element).color, background];
  })"""


def _contrast(colour: str, background: str) -> float:
    """Return the contrast ratio of two CSS colours (WCAG 2.2)."""
    darker, lighter = sorted(_luminance(value) for value in (colour, background))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
