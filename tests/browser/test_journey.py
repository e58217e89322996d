"""Sign-in and sign-out in a real Chromium: by keyboard, with and without JavaScript.

Only a browser applies a browser's rules: which Origin a form sends, which cookies are sent after a redirect from
another site.
"""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from django_cognito.models import CognitoLogin
from tests.support.page_object import expect_greeting, go_by_keyboard, sign_in, sign_in_by_keyboard_only
from tests.support.watched_browser import EITHER_WAY

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]


@EITHER_WAY
def test_sign_in_and_sign_out_by_keyboard_only(page: Page, site: str) -> None:
    page.goto(site)
    go_by_keyboard(page, "Sign in")
    sign_in_by_keyboard_only(page)
    expect_greeting(page, "alice")
    assert page.url == f"{site}/"
    page.goto(f"{site}/auth/logout/")
    expect(page.get_by_role("heading")).to_have_text("Sign out?")
    go_by_keyboard(page, "Sign out")
    expect_greeting(page, "stranger")
    assert page.url == f"{site}/"
    assert not CognitoLogin.objects.exists()
    go_by_keyboard(page, "Sign in")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_sign_in_returns_to_the_page_without_code_in_a_referer(page: Page, site: str) -> None:
    referers: list[str] = []
    page.on("request", lambda request: referers.append(request.all_headers().get("referer", "")))
    page.goto(f"{site}/mine/?page=2")
    sign_in(page, "bob")
    expect_greeting(page, "bob")
    assert page.url == f"{site}/mine/?page=2"
    assert not [referer for referer in referers if "code=" in referer]
    assert get_user_model().objects.count() == 1


def test_existing_cognito_session_signs_in_without_a_password(page: Page, site: str) -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    expect_greeting(page, "alice")
    page.context.clear_cookies(name="sessionid")
    page.goto(f"{site}/mine/")
    expect_greeting(page, "alice")
    assert page.url == f"{site}/mine/"
