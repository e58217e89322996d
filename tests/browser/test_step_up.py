"""Pages that require a recent sign-in or a second factor, in Chromium and with a local Cognito."""

import pyotp
import pytest
from django.urls import path
from local_cognito_support.hosted_site import TOTP_SECRET
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Page, expect

from django_cognito.decorators import mfa_required, recent_sign_in_required
from django_cognito.models import CognitoLogin
from tests.support.page_object import expect_greeting, press, sign_in

from . import journey_site

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
]
urlpatterns = [
    path("recent/", recent_sign_in_required(300)(journey_site.home)),
    path("secret/", mfa_required(journey_site.home)),
    *journey_site.urlpatterns,
]


def sign_in_with_totp(page: Page, clock: Clock) -> None:
    sign_in(page, "dave")
    expect(page.get_by_label("Code")).to_be_focused()
    press(page, pyotp.TOTP(TOTP_SECRET).at(int(clock())), "Enter")


def session_key(page: Page) -> str:
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "sessionid")


def test_page_needs_a_recent_sign_in_and_keeps_the_session_data(page: Page, site: str, cognito_clock: Clock) -> None:
    cognito_clock.pass_seconds(-400)
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    expect_greeting(page, "alice")
    page.goto(f"{site}/remember/")
    before = session_key(page)
    cognito_clock.pass_seconds(400)
    page.goto(f"{site}/recent/?page=2")
    sign_in(page)  # although Cognito's own session of the browser has not expired
    expect(page).to_have_url(f"{site}/recent/?page=2")
    expect(page.get_by_text("Remembered: alice's basket")).to_be_visible()
    assert session_key(page) != before
    assert CognitoLogin.objects.active().count() == 1


def test_page_needs_a_second_factor(page: Page, site: str, cognito_clock: Clock) -> None:
    """Without `acr_values` the local Cognito issues no `acr`, so that even a sign-in with TOTP is not sufficient."""
    cognito_clock.pass_seconds(-60)  # a code is accepted once
    page.goto(f"{site}/auth/login/")
    sign_in_with_totp(page, cognito_clock)
    expect_greeting(page, "dave")
    cognito_clock.pass_seconds(60)
    page.goto(f"{site}/secret/")
    sign_in_with_totp(page, cognito_clock)
    expect(page).to_have_url(f"{site}/secret/")
    expect_greeting(page, "dave")


def test_user_without_a_second_factor_gets_a_page_and_stays_signed_in(page: Page, site: str) -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    expect_greeting(page, "alice")
    page.goto(f"{site}/secret/")
    sign_in(page)
    expect(page.get_by_role("heading")).to_have_text("You have to sign in with a second factor for this.")
    page.get_by_role("link", name="Back to the site").click()
    expect_greeting(page, "alice")
