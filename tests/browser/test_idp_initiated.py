"""A sign-in that began at the provider: the page that names the account, and its form, in a browser."""

from typing import Any

import pytest
from local_cognito_support import axe
from playwright.sync_api import Page, expect

from django_cognito.models import CognitoLogin
from tests.support.page_object import expect_greeting, go_by_keyboard, sign_in

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]


def test_account_of_the_portals_session_is_confirmed_by_its_form(page: Page, site: str, settings: Any) -> None:
    """The browser must send the form's Origin and follow its redirect: referrer policy and form-action allow both."""
    rule = {"provider": "COGNITO", "prompt": ""}
    settings.COGNITO = {**settings.COGNITO, "IDP_INITIATED": {"localhost": rule, "127.0.0.1": rule}}
    page.goto(f"{site}/auth/login/?next=/mine/&prompt=login")
    sign_in(page)
    expect_greeting(page, "alice")
    page.context.clear_cookies(name="sessionid")  # as if only the portal had opened a session at Cognito
    CognitoLogin.objects.all().delete()
    page.goto(f"{site}/auth/callback/?code=a-code-of-the-portal")
    expect(page.get_by_role("heading")).to_have_text("Continue as alice (alice@example.com)?")
    assert (CognitoLogin.objects.count(), axe.violations(page)) == (0, [])
    go_by_keyboard(page, "Continue")
    page.wait_for_url(f"{site}/")
    expect_greeting(page, "alice")
    assert CognitoLogin.objects.count() == 1
