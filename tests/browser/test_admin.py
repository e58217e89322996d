"""Django's admin via Cognito, and with a local password if Cognito is unavailable."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from playwright.sync_api import Page, expect

from tests.support.page_object import sign_in
from tests.support.watched_browser import Watch

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]


@pytest.fixture(autouse=True)
def _staff(site: str, settings: Any) -> None:
    groups = {"admins": {"staff": True, "permissions": ["auth.view_user"]}}
    settings.COGNITO = {**settings.COGNITO, "GROUPS": groups, "ADMIN_LOCAL_PASSWORD": True}


@pytest.fixture
def script() -> bool:
    """Disable JavaScript: the admin's own script stores the color scheme in the local storage."""
    return False


def test_staff_sign_in_to_the_admin_and_sign_out_via_cognito(page: Page, site: str) -> None:
    page.goto(f"{site}/admin/auth/user/")
    sign_in(page, "carol")
    expect(page.get_by_role("heading", name="Select user to view")).to_be_visible()
    assert page.url == f"{site}/admin/auth/user/"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading")).to_have_text("Hello, stranger")
    page.goto(f"{site}/admin/")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_non_staff_user_switches_accounts_without_a_redirect_loop(watch: Watch, site: str) -> None:
    page = watch.context.new_page()
    page.goto(f"{site}/admin/")
    sign_in(page, "bob")
    expect(page.get_by_role("heading")).to_have_text("Your account may not use the administration.")
    assert [url for url in watch.requested_urls if "/auth/login/" in url] == [f"{site}/auth/login/?next=/admin/"]
    page.get_by_role("button", name="Sign in with another account").click()
    sign_in(page, "carol")
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    assert page.url == f"{site}/admin/"


def test_local_password_opens_the_admin_if_cognito_is_unavailable(
    page: Page, site: str, settings: Any, unreachable: str
) -> None:
    get_user_model().objects.create_superuser("root", password="break-the-glass")
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": unreachable, "JWKS_URI": f"{unreachable}/jwks.json"}
    page.goto(f"{site}/admin/login/?local")
    page.get_by_label("Username").fill("root")
    page.get_by_label("Password").fill("break-the-glass")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading")).to_have_text("Hello, stranger")


def test_admin_without_local_password_setting_shows_no_local_form(page: Page, site: str, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "ADMIN_LOCAL_PASSWORD": False}
    page.goto(f"{site}/admin/login/?local")
    expect(page.get_by_role("heading")).to_have_text("Sign in")
