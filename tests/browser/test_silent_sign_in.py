"""Silent sign-in of a user who is signed in at Cognito by another app, without a redirect loop."""

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


def sign_in_to_other_app(page: Page, cognito: Emulator, other_app: str) -> None:
    """Sign in as alice at another app of the same pool."""
    query = {"response_type": "code", "client_id": "5elsewhere", "redirect_uri": other_app}
    page.goto(f"{cognito.url}/oauth2/authorize?{urlencode(query)}")
    sign_in(page)
    expect(page.get_by_text("Welcome to the other app.")).to_be_visible()


def count_authorize_requests(watch: Watch, cognito: Emulator) -> int:
    return sum(url.startswith(f"{cognito.url}/oauth2/authorize?") for url in watch.requested_urls)


@EITHER_WAY
def test_silent_sign_in_uses_the_cognito_session_without_a_prompt(
    watch: Watch, site: str, cognito: Emulator, other_app: str
) -> None:
    page = watch.context.new_page()
    sign_in_to_other_app(page, cognito, other_app)
    before = count_authorize_requests(watch, cognito)
    page.goto(f"{site}/greeting/?page=2")
    expect_greeting(page, "alice")
    assert page.url == f"{site}/greeting/?page=2"
    page.reload()
    expect_greeting(page, "alice")
    assert count_authorize_requests(watch, cognito) == before + 1


def test_silent_sign_in_of_an_anonymous_user_makes_one_request(watch: Watch, site: str, cognito: Emulator) -> None:
    page = watch.context.new_page()
    for _ in range(3):
        page.goto(f"{site}/greeting/?page=2")
        expect_greeting(page, "stranger")
        assert page.url == f"{site}/greeting/?page=2"
    assert count_authorize_requests(watch, cognito) == 1


def test_silent_sign_in_is_not_attempted_after_a_local_sign_out(
    watch: Watch, site: str, cognito: Emulator, other_app: str
) -> None:
    page = watch.context.new_page()
    sign_in_to_other_app(page, cognito, other_app)
    page.goto(f"{site}/greeting/")
    expect_greeting(page, "alice")
    page.get_by_role("button", name="Sign out here").click()
    expect_greeting(page, "stranger")
    page.goto(f"{site}/greeting/")
    expect_greeting(page, "stranger")
    assert "prompt=none" not in page.url
