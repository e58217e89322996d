"""Somebody makes an account, somebody has forgotten the password: from the site and back to it, signed in."""

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
def newcomer(request: pytest.FixtureRequest) -> str:
    """A name that no other test has taken."""
    return f"new-{abs(hash(request.node.nodeid))}"


@EITHER_WAY
def test_somebody_signs_up_with_the_code_from_the_mailbox_and_is_back_at_the_site_signed_in(
    page: Page, site: str, cognito: Emulator, newcomer: str
) -> None:
    page.goto(site)
    go_by_keyboard(page, "Make an account")
    sign_up(page, newcomer)
    first = code_of_mailbox(page, cognito, newcomer)
    press(page, different_code(first), "Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("button", name="Send another code").click()
    expect(page.get_by_role("status")).to_contain_text("A code has been sent to n***@e***.")
    page.get_by_label("Code").fill(code_of_mailbox(page, cognito, newcomer))
    page.keyboard.press("Enter")
    expect_greeting(page, newcomer)
    assert page.url == f"{site}/"
    assert get_user_model().objects.get().email == f"{newcomer}@example.com"


def test_who_signs_up_on_the_way_to_a_page_arrives_there(
    page: Page, site: str, cognito: Emulator, newcomer: str
) -> None:
    page.goto(f"{site}/mine/?page=2")
    page.get_by_role("link", name="Sign up").click()
    sign_up(page, newcomer)
    press(page, code_of_mailbox(page, cognito, newcomer), "Enter")
    expect_greeting(page, newcomer)
    assert page.url == f"{site}/mine/?page=2"


@EITHER_WAY
def test_a_forgotten_password_is_replaced_and_the_new_one_signs_in(
    page: Page, site: str, cognito: Emulator, newcomer: str
) -> None:
    client, sign_ups = cognito.service.client("1public"), cognito.service.sign_ups
    assert client is not None
    sign_ups.register(client, newcomer, PASSWORD, {"email": f"{newcomer}@example.com"})
    sign_ups.confirm(client, newcomer, latest_code(cognito, newcomer))
    page.goto(site)
    go_by_keyboard(page, "Forgotten your password?")
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, newcomer, "Enter")
    expect(page.get_by_label("Code")).to_be_focused()
    code = code_of_mailbox(page, cognito, newcomer)
    press(page, code, "Tab", "Tab", NEW_PASSWORD, "Tab", NEW_PASSWORD, "Enter")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    press(page, NEW_PASSWORD, "Enter")
    expect_greeting(page, newcomer)
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("link", name="Sign in", exact=True).click()
    sign_in(page, newcomer, PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("Incorrect username or password.")
    page.get_by_label("Password", exact=True).fill(NEW_PASSWORD)
    page.keyboard.press("Enter")
    expect_greeting(page, newcomer)
