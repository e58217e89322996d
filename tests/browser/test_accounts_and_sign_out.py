"""Linked accounts, and sign-out from the site, from Cognito and everywhere."""

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from django_cognito.models import CognitoLogin
from tests.support.page_object import authorize_as, expect_greeting, sign_in
from tests.support.watched_browser import EITHER_WAY, NewBrowser

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]


def complete_sign_in(page: Page, site: str, username: str = "alice") -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page, username)
    expect_greeting(page, username)


def sign_in_with_acme(page: Page, site: str, subject: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="Continue with Acme Ltd").click()
    authorize_as(page, subject)


def sign_out(page: Page, button: str = "Sign out") -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect_greeting(page, "stranger")


def is_password_required(page: Page, site: str) -> bool:
    """Start a sign-in; return whether Cognito shows its password field. If not, the browser is signed in."""
    page.goto(f"{site}/auth/login/")
    return bool(page.get_by_label("Password", exact=True).count())


@EITHER_WAY
def test_linked_account_signs_in_the_same_user_and_can_be_unlinked(page: Page, site: str) -> None:
    complete_sign_in(page, site)
    page.get_by_role("button", name="Add my Acme account").click()
    authorize_as(page, "alice-at-acme")
    expect(page.get_by_role("button", name="Remove Acme_alice-at-acme")).to_be_visible()
    sign_out(page)
    sign_in_with_acme(page, site, "alice-at-acme")
    expect_greeting(page, "alice")
    assert get_user_model().objects.count() == 1
    page.get_by_role("button", name="Remove alice", exact=True).click()
    expect(page.get_by_role("button", name="Remove alice", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Remove Acme_alice-at-acme").click()
    expect(page.get_by_role("heading")).to_have_text("You could not sign in without this account.")
    page.get_by_role("link", name="Back to the site").click()
    expect_greeting(page, "alice")


def test_unlinked_account_signs_in_as_a_new_user(page: Page, site: str) -> None:
    complete_sign_in(page, site)
    page.get_by_role("button", name="Add my Acme account").click()
    authorize_as(page, "ann")
    page.get_by_role("button", name="Remove Acme_ann").click()
    expect_greeting(page, "stranger")  # unlinking the account deletes its login, which is the current one
    page.get_by_role("link", name="Continue with Acme Ltd").click()  # Cognito's session still exists
    expect_greeting(page, "acme_ann")
    assert get_user_model().objects.count() == 2


def test_local_sign_out_leaves_the_cognito_session(page: Page, site: str) -> None:
    complete_sign_in(page, site)
    sign_out(page, "Sign out here")
    assert not CognitoLogin.objects.exists()
    assert not is_password_required(page, site)
    expect_greeting(page, "alice")


def test_sign_out_ends_the_cognito_session_of_this_browser_only(new_browser: NewBrowser, site: str) -> None:
    mine, other = (new_browser().context.new_page() for _ in range(2))
    for page in (mine, other):
        complete_sign_in(page, site)
    sign_out(mine)
    assert is_password_required(mine, site)
    other.reload()
    expect_greeting(other, "alice")
    assert CognitoLogin.objects.count() == 1


def test_global_sign_out_ends_the_logins_of_other_browsers(new_browser: NewBrowser, site: str) -> None:
    mine, other, bobs = (new_browser().context.new_page() for _ in range(3))
    complete_sign_in(mine, site)
    complete_sign_in(other, site)
    complete_sign_in(bobs, site, "bob")
    sign_out(mine, "Sign out everywhere")
    for page, name in ((other, "stranger"), (bobs, "bob")):
        page.reload()
        expect_greeting(page, name)
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == ["bob"]


def test_sign_out_page_can_be_cancelled_or_confirmed(page: Page, site: str) -> None:
    complete_sign_in(page, site)
    page.goto(f"{site}/auth/logout/")
    page.get_by_role("link", name="Stay signed in").click()
    expect_greeting(page, "alice")
    page.goto(f"{site}/auth/logout/")
    sign_out(page)
    assert is_password_required(page, site)
