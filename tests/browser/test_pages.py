"""Every page of the package, on a small phone in light and dark colors: its texts, keyboard navigation, axe-core."""

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

from .failure_scenarios import SCENARIOS, Scenario

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
PHONE = {"viewport": {"width": 360, "height": 640}}
# Failure pages with different elements: no button, a button, two buttons, other providers. The others have their texts.
AXE_CODES = ("last_way_in", "state_unknown", "cognito_unavailable", "refused_by_provider", "user_inactive")
FINGER_PIXELS = 44  # WCAG 2.2, success criterion 2.5.5


@pytest.fixture
def watch(new_browser: NewBrowser) -> Watch:
    return new_browser(**PHONE)


@pytest.fixture
def scenario(
    page: Page,
    site: str,
    settings: Any,
    cognito: Emulator,
    cognito_clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    unreachable: str,
) -> Scenario:
    return Scenario(page, site, settings, cognito, cognito_clock, monkeypatch, unreachable)


def find_faults(page: Page, *, with_axe: bool = True) -> list[str]:
    """Return the faults of the shown page, in light and in dark colors; empty if it has none."""
    problems = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_load_state()
        problems += [f"{scheme}: {line}" for line in axe.violations(page)] if with_axe else []
        if (width := page.evaluate("document.documentElement.scrollWidth")) != 360:
            problems.append(f"{scheme}: {width} pixels wide")
    return problems


def tab_through(page: Page, elements: str = "a[href], button") -> list[str]:
    """Press Tab once for each of the `elements`; return the names of the focused elements.

    Assert that each shows its focus and is large enough for a finger.
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


def test_every_error_code_of_the_guide_has_a_failure_scenario() -> None:
    assert dict(table()).items() <= {code: status for code, (status, _) in SCENARIOS.items()}.items()


@pytest.mark.needs("npm")
@pytest.mark.parametrize("code", SCENARIOS)
def test_failure_page_is_accessible_and_usable_by_keyboard(scenario: Scenario, code: str) -> None:
    status, cause_failure = SCENARIOS[code]
    cause_failure(scenario)
    page, expected = scenario.page, PAGES[code]
    error = (CognitoUnavailableError if status == 503 else SignInError)("", code=code)
    expect(page.get_by_role("heading")).to_contain_text(expected.heading)
    expect(page.get_by_text(str(describe_failure(error).remedy), exact=True)).to_be_visible()
    expect(page.get_by_text(f"Code: {code}", exact=True)).to_be_visible()
    assert page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus") == status
    assert find_faults(page, with_axe=code in AXE_CODES) == []
    ways = tab_through(page)
    others = [way for way in ways if way.startswith("Continue with ")]
    assert ways == [*([expected.link] if expected.link else []), "Back to the site", *others]
    assert others == [] or expected.link
    go_by_keyboard(page, "Back to the site")
    expect(page.get_by_role("heading")).to_contain_text("Hello, ")


def test_sign_in_restarted_from_a_failure_page_returns_to_the_next_url(scenario: Scenario) -> None:
    SCENARIOS["state_expired"][1](scenario)
    expect(scenario.page.get_by_role("heading")).to_have_text("This sign-in took too long.")
    go_by_keyboard(scenario.page, "Start again")
    expect_greeting(scenario.page, "alice")
    assert scenario.page.url == f"{scenario.site}/mine/"


def test_refused_provider_page_offers_other_sign_in(scenario: Scenario) -> None:
    SCENARIOS["refused_by_provider"][1](scenario)
    expect(scenario.page.get_by_role("heading")).to_have_text("The sign-in was refused or cancelled.")
    go_by_keyboard(scenario.page, "Continue with e-mail and password")
    sign_in(scenario.page)
    expect_greeting(scenario.page, "alice")
    assert scenario.page.url == f"{scenario.site}/mine/"


@pytest.mark.needs("npm")
def test_sign_out_page_is_accessible(scenario: Scenario) -> None:
    scenario.complete_sign_in()
    scenario.page.goto(f"{scenario.site}/auth/logout/")
    assert find_faults(scenario.page) == []
    assert tab_through(scenario.page) == ["Sign out", "Stay signed in"]


@pytest.mark.needs("npm")
def test_page_of_own_sign_ins_is_accessible_and_ends_one(scenario: Scenario, new_browser: NewBrowser) -> None:
    scenario.complete_sign_in()
    other = new_browser(**PHONE).context.new_page()
    other.goto(f"{scenario.site}/auth/login/?next=/mine/")
    sign_in(other)
    expect_greeting(other, "alice")
    page = scenario.page
    page.goto(f"{scenario.site}/auth/logins/")
    expect(page.get_by_role("heading", name="Chrome on Linux")).to_have_count(2)
    assert find_faults(page) == []
    assert tab_through(page) == ["Sign out", "End this sign-in", "End all other sign-ins", "Back to the site"]
    go_by_keyboard(page, "End this sign-in")
    expect(page.get_by_role("heading", name="Chrome on Linux")).to_have_count(1)
    expect(page.get_by_role("button")).to_have_count(0)
    other.goto(f"{scenario.site}/who/")
    expect(other.get_by_text("nobody")).to_be_visible()


@pytest.mark.needs("npm")
def test_sign_in_buttons_and_email_field_are_accessible(page: Page, site: str) -> None:
    page.goto(site)
    assert find_faults(page) == []
    page.get_by_role("link", name="Forgotten your password?").focus()
    ways = tab_through(page, ".cognito-button, .cognito-by-email input[type=email]")
    assert ways == ["Continue with e-mail and password", "Continue with Acme Ltd", "login_hint", "Continue"]


@pytest.mark.needs("npm")
def test_axe_finds_nothing_on_choice_failure_sign_out_link_and_admin(page: Page, site: str) -> None:
    faults: dict[str, list[str]] = {}
    for name, path in {"choice": "/", "failure": "/auth/callback/?state=x", "signed out": "/auth/logout/"}.items():
        page.goto(site + path)
        faults[name] = find_faults(page)
    page.goto(f"{site}/auth/login/")
    sign_in(page, "bob")
    page.get_by_role("button", name="Remove bob").click()
    expect(page.get_by_text("Code: last_way_in")).to_be_visible()
    faults["link"] = find_faults(page)
    page.goto(f"{site}/admin/")
    expect(page.get_by_role("button", name="Sign in with another account")).to_be_visible()
    faults["admin"] = find_faults(page)
    assert tab_through(page) == ["Sign in with another account", "Sign out", "Back to the site"]
    assert faults == {name: [] for name in faults}
