"""Signed in at Cognito by another app: an open page shows who it is, or the stranger, and goes round in no circle."""

from typing import Any
from urllib.parse import urlencode

import pytest
from local_cognito import Emulator
from playwright.sync_api import Page, expect

from tests.support.page_object import expect_greeting, sign_in
from tests.support.watched_browser import EITHER_WAY, Watch

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]


@pytest.fixture(autouse=True)
def _silent(site: str, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}


def at_the_other_app(page: Page, cognito: Emulator, other_app: str) -> None:
    """Alice signs in at another app of the same pool."""
    query = {"response_type": "code", "client_id": "5elsewhere", "redirect_uri": other_app}
    page.goto(f"{cognito.url}/oauth2/authorize?{urlencode(query)}")
    sign_in(page)
    expect(page.get_by_text("Welcome to the other app.")).to_be_visible()


def times_asked(watch: Watch, cognito: Emulator) -> int:
    return sum(url.startswith(f"{cognito.url}/oauth2/authorize?") for url in watch.requested_urls)


@EITHER_WAY
def test_who_is_signed_in_at_cognito_is_shown_so_and_asked_nothing(
    watch: Watch, site: str, cognito: Emulator, other_app: str
) -> None:
    page = watch.context.new_page()
    at_the_other_app(page, cognito, other_app)
    before = times_asked(watch, cognito)
    page.goto(f"{site}/greeting/?page=2")
    expect_greeting(page, "alice")
    assert page.url == f"{site}/greeting/?page=2"
    page.reload()
    expect_greeting(page, "alice")
    assert times_asked(watch, cognito) == before + 1


def test_a_stranger_sees_the_page_and_is_asked_about_once(watch: Watch, site: str, cognito: Emulator) -> None:
    page = watch.context.new_page()
    for _ in range(3):
        page.goto(f"{site}/greeting/?page=2")
        expect_greeting(page, "stranger")
        assert page.url == f"{site}/greeting/?page=2"
    assert times_asked(watch, cognito) == 1


def test_who_has_signed_out_here_does_not_come_back_unseen(
    watch: Watch, site: str, cognito: Emulator, other_app: str
) -> None:
    page = watch.context.new_page()
    at_the_other_app(page, cognito, other_app)
    page.goto(f"{site}/greeting/")
    expect_greeting(page, "alice")
    page.get_by_role("button", name="Sign out here").click()
    expect_greeting(page, "stranger")
    page.goto(f"{site}/greeting/")
    expect_greeting(page, "stranger")
    assert "prompt=none" not in page.url
