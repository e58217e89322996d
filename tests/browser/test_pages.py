"""Every page of ours, on a small phone by day and by night: what it says, the keyboard's way through it, axe-core."""

from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support import axe
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Locator, Page, expect

from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.login.failures import describe_failure
from tests.support.failure_pages import PAGES, table
from tests.support.page_object import expect_greeting, go_by_keyboard, sign_in
from tests.support.watched_browser import NewBrowser, Watch

from .failure_scenarios import SCENES, Scene

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
PHONE = {"viewport": {"width": 360, "height": 640}}
FINGER_PIXELS = 44  # WCAG 2.2, success criterion 2.5.5


@pytest.fixture
def watch(new_browser: NewBrowser) -> Watch:
    return new_browser(**PHONE)


@pytest.fixture
def scene(
    page: Page,
    site: str,
    settings: Any,
    cognito: Emulator,
    cognito_clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    unreachable: str,
) -> Scene:
    return Scene(page, site, settings, cognito, cognito_clock, monkeypatch, unreachable)


def faults(page: Page) -> list[str]:
    """What is wrong with the page that is shown, in light and in dark colours; empty for a good one."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_load_state()
        found += [f"{scheme}: {line}" for line in axe.violations(page)]
        if (width := page.evaluate("document.documentElement.scrollWidth")) != 360:
            found.append(f"{scheme}: {width} pixels wide")
    return found


def tab_through(page: Page, elements: str = "a[href], button") -> list[str]:
    """What the Tab key leads to next, as often as there are such elements.

    Each shows that it has the focus, and is as large as a finger.
    """
    names = []
    for _ in page.locator(elements).all():
        page.keyboard.press("Tab")
        focused: Locator = page.locator(":focus")
        box = focused.bounding_box()
        assert box
        assert box["height"] >= FINGER_PIXELS
        assert focused.evaluate("(element) => getComputedStyle(element).outlineStyle") == "solid"
        expect(focused).to_be_in_viewport()
        names.append(focused.inner_text() or focused.get_attribute("name") or "")
    return names


def test_every_cause_of_the_guides_table_has_a_scene() -> None:
    assert dict(table()).items() <= {code: status for code, (status, _) in SCENES.items()}.items()


@pytest.mark.needs("npm")
@pytest.mark.parametrize("code", SCENES)
def test_a_failure_is_a_page_to_read_and_to_leave_by_keyboard_and_axe_finds_nothing(scene: Scene, code: str) -> None:
    status, bring_about = SCENES[code]
    bring_about(scene)
    page, expected = scene.page, PAGES[code]
    error = (CognitoUnavailableError if status == 503 else SignInError)("", code=code)
    expect(page.get_by_role("heading")).to_contain_text(expected.heading)
    expect(page.get_by_text(str(describe_failure(error).remedy), exact=True)).to_be_visible()
    expect(page.get_by_text(f"Code: {code}", exact=True)).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == status
    assert faults(page) == []
    ways = tab_through(page)
    others = [way for way in ways if way.startswith("Continue with ")]
    assert ways == [*([expected.link] if expected.link else []), "Back to the site", *others]
    assert others == [] or expected.link
    go_by_keyboard(page, "Back to the site")
    expect(page.get_by_role("heading")).to_contain_text("Hello, ")


def test_who_begins_again_arrives_where_they_wanted_to_go(scene: Scene) -> None:
    SCENES["state_expired"][1](scene)
    expect(scene.page.get_by_role("heading")).to_have_text("This sign-in took too long.")
    go_by_keyboard(scene.page, "Start again")
    expect_greeting(scene.page, "alice")
    assert scene.page.url == f"{scene.site}/mine/"


def test_who_was_refused_by_a_provider_takes_another_way_by_its_button(scene: Scene) -> None:
    SCENES["refused_by_provider"][1](scene)
    expect(scene.page.get_by_role("heading")).to_have_text("The sign-in was refused or cancelled.")
    go_by_keyboard(scene.page, "Continue with e-mail and password")
    sign_in(scene.page)
    expect_greeting(scene.page, "alice")
    assert scene.page.url == f"{scene.site}/mine/"


@pytest.mark.needs("npm")
def test_the_page_that_asks_before_signing_out_is_as_good(scene: Scene) -> None:
    scene.arrive()
    scene.page.goto(f"{scene.site}/auth/logout/")
    assert faults(scene.page) == []
    assert tab_through(scene.page) == ["Sign out", "Stay signed in"]


@pytest.mark.needs("npm")
def test_the_buttons_and_the_field_for_an_address_are_as_good(page: Page, site: str) -> None:
    page.goto(site)
    assert faults(page) == []
    page.get_by_role("link", name="Forgotten your password?").focus()
    ways = tab_through(page, ".cognito-button, .cognito-by-email input[type=email]")
    assert ways == ["Continue with e-mail and password", "Continue with Acme Ltd", "login_hint", "Continue"]
