"""A further account, and the ways out: here, at Cognito, everywhere."""

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


def arrive(page: Page, site: str, username: str = "alice") -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page, username)
    expect_greeting(page, username)


def by_acme(page: Page, site: str, subject: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="Continue with Acme Ltd").click()
    authorize_as(page, subject)


def leave(page: Page, button: str = "Sign out") -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect_greeting(page, "stranger")


def is_asked(page: Page, site: str) -> bool:
    """Whether a sign-in asks for the password; where it does not, the browser is signed in after it."""
    page.goto(f"{site}/auth/login/")
    return bool(page.get_by_label("Password", exact=True).count())


@EITHER_WAY
def test_a_second_account_is_linked_leads_to_the_same_user_and_is_taken_away_again(page: Page, site: str) -> None:
    arrive(page, site)
    page.get_by_role("button", name="Add my Acme account").click()
    authorize_as(page, "alice-at-acme")
    expect(page.get_by_role("button", name="Remove Acme_alice-at-acme")).to_be_visible()
    leave(page)
    by_acme(page, site, "alice-at-acme")
    expect_greeting(page, "alice")
    assert get_user_model().objects.count() == 1
    page.get_by_role("button", name="Remove alice", exact=True).click()
    expect(page.get_by_role("button", name="Remove alice", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Remove Acme_alice-at-acme").click()
    expect(page.get_by_role("heading")).to_have_text("You could not sign in without this account.")
    page.get_by_role("link", name="Back to the site").click()
    expect_greeting(page, "alice")


def test_an_account_that_was_taken_away_is_somebody_else_the_next_time(page: Page, site: str) -> None:
    arrive(page, site)
    page.get_by_role("button", name="Add my Acme account").click()
    authorize_as(page, "ann")
    page.get_by_role("button", name="Remove Acme_ann").click()
    expect_greeting(page, "stranger")  # with the account goes its login, which is this one
    page.get_by_role("link", name="Continue with Acme Ltd").click()  # Cognito still knows her
    expect_greeting(page, "Acme_ann")
    assert get_user_model().objects.count() == 2


def test_signing_out_here_leaves_cognitos_session_alone(page: Page, site: str) -> None:
    arrive(page, site)
    leave(page, "Sign out here")
    assert not CognitoLogin.objects.exists()
    assert not is_asked(page, site)
    expect_greeting(page, "alice")


def test_signing_out_ends_cognitos_session_of_this_browser_alone(new_browser: NewBrowser, site: str) -> None:
    mine, other = (new_browser().context.new_page() for _ in range(2))
    for page in (mine, other):
        arrive(page, site)
    leave(mine)
    assert is_asked(mine, site)
    other.reload()
    expect_greeting(other, "alice")
    assert CognitoLogin.objects.count() == 1


def test_signing_out_everywhere_ends_the_logins_of_the_other_browsers(new_browser: NewBrowser, site: str) -> None:
    mine, other, bobs = (new_browser().context.new_page() for _ in range(3))
    arrive(mine, site)
    arrive(other, site)
    arrive(bobs, site, "bob")
    leave(mine, "Sign out everywhere")
    for page, name in ((other, "stranger"), (bobs, "bob")):
        page.reload()
        expect_greeting(page, name)
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == ["bob"]


def test_the_page_that_asks_before_signing_out_is_left_either_way(page: Page, site: str) -> None:
    arrive(page, site)
    page.goto(f"{site}/auth/logout/")
    page.get_by_role("link", name="Stay signed in").click()
    expect_greeting(page, "alice")
    page.goto(f"{site}/auth/logout/")
    leave(page)
    assert is_asked(page, site)
