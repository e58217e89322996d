""" "Remember me" in Chromium: the cookie of the session outlives the browser only if the user checks the box."""

import time
from typing import Any

import pytest
from local_cognito_support.hosted_site import PASSWORD
from playwright.sync_api import Page, expect

from tests.support.page_object import expect_greeting, press
from tests.support.watched_browser import EITHER_WAY

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
SECONDS = 30 * 86_400
BROWSER_SESSION = -1


@EITHER_WAY
@pytest.mark.parametrize("is_checked", [True, False], ids=["checked", "not checked"])
def test_cookie_outlives_the_browser_only_by_choice(page: Page, site: str, settings: Any, is_checked: bool) -> None:
    settings.COGNITO = {**settings.COGNITO, "REMEMBER_ME_SECONDS": SECONDS}
    page.goto(site)
    page.get_by_label("Stay signed in on this device").set_checked(is_checked)
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_label("Password")).to_be_focused()
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").focus()
    press(page, PASSWORD, "Enter")
    expect_greeting(page, "alice")
    (expires,) = [cookie["expires"] for cookie in page.context.cookies() if cookie["name"] == "sessionid"]
    assert abs(expires - time.time() - SECONDS) < 60 if is_checked else expires == BROWSER_SESSION
