"""Fieldnotes in a real Chromium: by keyboard alone, on a phone, by day and by night."""

import re
from collections.abc import Iterator
from secrets import token_hex
from urllib.parse import urlsplit

import pytest
from local_cognito_support import axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demo.stack import Stack
from tests.support.chromium import running_chromium

NOBODY = "eu-west-1:00000000-0000-4000-8000-000000000000"
pytestmark = pytest.mark.needs("chromium")

PATHS = (
    *("/", "/notes/", "/notes/6/", "/notes/new/", "/notes/6/edit/", "/me/", "/nowhere/", "/admin/", "/auth/logout/"),
    "/auth/callback/",
    *(
        "/files/",
        "/files/mine/heron.txt/delete/",
        "/files/other-user/",
        f"/files/other-user/?identity={NOBODY}",
    ),
)
AA = 4.5  # WCAG 2.2, success criterion 1.4.3: of text to what is behind it


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for all of these tests."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def context(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[BrowserContext]:
    """A person's own browser on a phone, by day and by night."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme=request.param)
    yield context
    context.close()


def _sign_in(page: Page, stack: Stack, username: str) -> None:
    """By keyboard alone: the first field has the focus, Enter sends."""
    page.goto(f"{stack.site}/auth/login/")
    expect(page.get_by_label("Username")).to_be_focused()  # keys pressed before would go nowhere
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(stack.pool.people[username].password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stack.site}/notes/")


def _tab_to(page: Page, name: str) -> None:
    """Go from one element to the next until the one with that text has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            return
    pytest.fail(f"{name!r} is not reached by keyboard")


def test_a_note_is_written_and_left_by_keyboard_alone(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    _sign_in(page, stack, "alice")
    _tab_to(page, "Write a note")
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes/new/")
    page.locator("#id_title").focus()
    page.keyboard.type("By keyboard")
    page.locator("#id_body").focus()
    page.keyboard.type("No hand left the keys.")
    _tab_to(page, "Put it in the notebook")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("“By keyboard” is in the notebook.")
    _tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_file_is_uploaded_and_deleted_by_keyboard_alone(context: BrowserContext, stack: Stack) -> None:
    page, name = context.new_page(), f"By keyboard {token_hex(4)}.txt"
    _sign_in(page, stack, "alice")
    _tab_to(page, "Files")
    page.keyboard.press("Enter")
    page.wait_for_url("**/files/")
    page.get_by_label("A file").focus()
    page.get_by_label("A file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": b"keys"})
    _tab_to(page, "Upload")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” is among your files.")
    _tab_to(page, f"Delete {name}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/delete/")
    _tab_to(page, "Delete it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” was deleted.")


def test_the_first_key_skips_to_the_content(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    page.goto(stack.site)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_no_page_is_wider_than_a_phone_or_talks_to_anybody_else(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    _sign_in(page, stack, "alice")
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    for path in PATHS:
        page.goto(stack.site + path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
    assert asked == {urlsplit(stack.site).netloc}


@pytest.mark.needs("npm")
def test_axe_finds_nothing_on_any_page_for_a_stranger_or_an_editor(context: BrowserContext, stack: Stack) -> None:
    page, found = context.new_page(), []
    for path in ("/", "/auth/callback/"):
        page.goto(stack.site + path)
        found += [f"{path}: {line}" for line in axe.violations(page)]
    _sign_in(page, stack, "alice")
    for path in PATHS:
        page.goto(stack.site + path)
        found += [f"{path} of alice: {line}" for line in axe.violations(page)]
    assert found == []


def test_every_text_can_be_read_against_what_is_behind_it(context: BrowserContext, stack: Stack) -> None:
    page = context.new_page()
    _sign_in(page, stack, "alice")
    faint = []
    for path in PATHS:
        page.goto(stack.site + path)
        for text, ink, paper in page.evaluate(_COLOURS):
            if _contrast(ink, paper) < AA:
                faint.append((path, text, ink, paper))
    assert faint == []


# Every element that has text of its own, with its colour and that of the nearest background behind it.
_COLOURS = """() => [...document.querySelectorAll('body *')]
  .filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
  .map(element => {
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const paper = getComputedStyle(behind).backgroundColor;
    return [element.textContent.trim().slice(0, 40), getComputedStyle(element).color, paper];
  })"""


def _contrast(ink: str, paper: str) -> float:
    """WCAG 2.2's contrast ratio of two colours as CSS writes them."""
    darker, lighter = sorted(_luminance(colour) for colour in (ink, paper))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
