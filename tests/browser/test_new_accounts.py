"""Sign-up and password reset: from the site to the hosted UI and back, signed in."""

import pytest
from django.contrib.auth import get_user_model
from local_cognito import Emulator
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.hosted_site import PASSWORD
from playwright.sync_api import Page, expect

from tests.support.page_object import code_of_mailbox, expect_greeting, go_by_keyboard, press, sign_in, sign_up
from tests.support.watched_browser import EITHER_WAY

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
NEW_PASSWORD = "A-new-Horse-8"


@pytest.fixture
def new_username(request: pytest.FixtureRequest) -> str:
    """Return a username that no other test uses."""
    return f"new-{abs(hash(request.node.nodeid))}"


@EITHER_WAY
def test_sign_up_with_the_emailed_code_returns_to_the_site_signed_in(
    page: Page, site: str, cognito: Emulator, new_username: str
) -> None:
    page.goto(site)
    go_by_keyboard(page, "Make an account")
    sign_up(page, new_username)
    first = code_of_mailbox(page, cognito, new_username)
    press(page, different_code(first), "Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_role("status")).to_contain_text("A code has been sent to n***@e***.")
    page.get_by_label("Code").fill(code_of_mailbox(page, cognito, new_username))
    page.keyboard.press("Enter")
    expect_greeting(page, new_username)
    assert page.url == f"{site}/"
    assert get_user_model().objects.get().email == f"{new_username}@example.com"


def test_sign_up_returns_to_the_requested_page(page: Page, site: str, cognito: Emulator, new_username: str) -> None:
    page.goto(f"{site}/mine/?page=2")
    page.get_by_role("link", name="Sign up").click()
    sign_up(page, new_username)
    press(page, code_of_mailbox(page, cognito, new_username), "Enter")
    expect_greeting(page, new_username)
    assert page.url == f"{site}/mine/?page=2"


@EITHER_WAY
def test_forgotten_password_is_reset_and_the_new_one_signs_in(
    page: Page, site: str, cognito: Emulator, new_username: str
) -> None:
    client, sign_ups = cognito.service.client("1public"), cognito.service.sign_ups
    assert client is not None
    sign_ups.register(client, new_username, PASSWORD, {"email": f"{new_username}@example.com"})
    sign_ups.confirm(client, new_username, latest_code(cognito, new_username))
    page.goto(site)
    go_by_keyboard(page, "Forgotten your password?")
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, new_username, "Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    code = code_of_mailbox(page, cognito, new_username)
    press(page, code, "Tab", "Tab", NEW_PASSWORD, "Tab", NEW_PASSWORD, "Enter")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    press(page, NEW_PASSWORD, "Enter")
    expect_greeting(page, new_username)
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Sign in", exact=True).click()
    sign_in(page, new_username, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Incorrect username or password.")
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.keyboard.press("Enter")
    expect_greeting(page, new_username)
