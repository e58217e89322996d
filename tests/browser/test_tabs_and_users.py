"""Several tabs of one browser, and two users who share it."""

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from local_cognito import Emulator
from playwright.sync_api import BrowserContext, Page, Response, expect

from django_cognito.models import CognitoLogin
from tests.support.page_object import expect_greeting, press, sign_in
from tests.support.sizes import choose_size
from tests.support.watched_browser import Watch

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.browser.journey_site"),
]
TABS = choose_size(12, 40)  # 40 are the most whose cookies fit a request header


def test_parallel_sign_ins_return_to_their_pages_and_use_state_once(watch: Watch, site: str) -> None:
    tabs = [watch.context.new_page() for _ in range(2)]
    for number, tab in enumerate(tabs):
        tab.goto(f"{site}/mine/?tab={number}")
    for number, tab in enumerate(tabs):
        sign_in(tab)
        expect_greeting(tab, "alice")
        assert tab.url == f"{site}/mine/?tab={number}"
    older, newer = [url for url in watch.requested_urls if "/auth/callback/" in url]
    for used in (older, newer):
        tabs[0].goto(used)  # the back button, or a reload
        expect_greeting(tabs[0], "alice")
        assert tabs[0].url == f"{site}/"
    watch.context.clear_cookies(name="sessionid")
    for used in (older, newer):
        tabs[0].goto(used)
        expect(tabs[0].get_by_role("heading")).to_have_text("This sign-in has expired or was already used.")
        expect(tabs[0].get_by_text("Code: state_unknown")).to_be_visible()
    tabs[0].get_by_role("link", name="Back to the site").click()
    expect_greeting(tabs[0], "stranger")


@pytest.mark.parametrize("is_silent", [False, True])
def test_tabs_opened_at_once_each_return_to_their_page(
    watch: Watch, site: str, cognito: Emulator, settings: Any, is_silent: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": is_silent}
    path, tabs = "greeting" if is_silent else "mine", [watch.context.new_page() for _ in range(4)]
    tabs[0].goto(f"{site}/auth/login/")  # the hosted UI's own cookie, for its forms, is set already
    moment = time.time() + 1
    for number, tab in enumerate(tabs):
        url = f"{site}/{path}/?tab={number}"
        tab.evaluate("([to, at]) => { setTimeout(() => location = to, at - Date.now()) }", [url, moment * 1000])
    for tab in [] if is_silent else tabs:
        tab.wait_for_url(f"{cognito.url}/login**")
    for tab in tabs:
        if not is_silent:
            tab.bring_to_front()
            sign_in(tab)
        expect_greeting(tab, "stranger" if is_silent else "alice")
    assert [tab.url for tab in tabs] == [f"{site}/{path}/?tab={number}" for number in range(4)]


def test_many_tabs_at_once_all_sign_in(watch: Watch, site: str, cognito: Emulator) -> None:
    """A browser restores its tabs: all send a request before any has a cookie, and all open the login page."""
    tabs = [watch.context.new_page() for _ in range(TABS)]
    responses: list[Response] = []
    watch.context.on("response", lambda response: responses.append(response))  # Playwright rejects a built-in method
    tabs[0].goto(f"{site}/auth/login/")  # the hosted UI's own cookie, for its forms, is set already
    for number, tab in enumerate(tabs):
        tab.goto(site)
        tab.evaluate("(to) => { setTimeout(() => location = to, 0) }", f"{site}/mine/?tab={number}")
    for tab in tabs:
        tab.wait_for_url(f"{cognito.url}/login**")
    pending = _cookies(watch.context, "cognito_sign_in_")
    assert len(pending) == TABS + 1
    for number, tab in enumerate(tabs):
        tab.bring_to_front()
        sign_in(tab)
        expect_greeting(tab, "alice")
        assert tab.url == f"{site}/mine/?tab={number}"
    callbacks = [response.request for response in responses if "/auth/callback/" in response.url]
    headers = [len(request.all_headers().get("cookie", "")) for request in callbacks]
    assert len(headers) == TABS
    assert 0 < max(headers) < 4_500
    assert len(_cookies(watch.context, "cognito_sign_in_")) == 1  # of the page whose sign-in was not completed
    assert CognitoLogin.objects.count() == 1


@pytest.fixture
def strict_browser(watch: Watch, site: str, cognito: Emulator, settings: Any) -> Watch:
    """Return a browser at a site with Strict session cookies and Cognito on another site; check W105 warns of it."""
    domain = cognito.url.replace("localhost", "127.0.0.1")
    assert {urlsplit(site).hostname, urlsplit(domain).hostname} == {"localhost", "127.0.0.1"}
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": domain}
    watch.add(domain)
    return watch


def test_strict_session_cookie_causes_no_redirect_loop(strict_browser: Watch, site: str) -> None:
    page = strict_browser.context.new_page()
    page.goto(f"{site}/mine/")
    sign_in(page)
    # The page after the callback gets no session cookie: it redirects to Cognito a second time, and not a third time.
    expect(page.get_by_text("Code: session_cookie_lost")).to_be_visible()
    assert len([url for url in strict_browser.requested_urls if "/auth/callback/" in url]) == 2
    page.get_by_role("link", name="Back to the site").click()  # from a page of the site the cookie is sent
    expect_greeting(page, "alice")
    page.goto(f"{site}/mine/")
    expect_greeting(page, "alice")


def test_public_page_after_a_strict_callback_shows_an_anonymous_user(strict_browser: Watch, site: str) -> None:
    page = strict_browser.context.new_page()
    page.goto(f"{site}/auth/login/")
    sign_in(page)
    expect_greeting(page, "stranger")
    page.get_by_role("link", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading")).to_contain_text("Hello, ")
    assert len([url for url in strict_browser.requested_urls if "/auth/callback/" in url]) <= 2
    page.goto(site)
    expect_greeting(page, "alice")


def test_sign_in_of_another_user_deletes_the_session_data(page: Page, site: str) -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page, "alice")
    expect_greeting(page, "alice")
    page.goto(f"{site}/remember/")
    expect(page.get_by_text("Remembered: alice's basket")).to_be_visible()
    (before,) = _session_cookies(page.context)
    page.goto(f"{site}/auth/login/?prompt=login")
    sign_in(page, "bob")
    expect_greeting(page, "bob")
    expect(page.get_by_text("Remembered:")).to_have_text("Remembered:")
    (after,) = _session_cookies(page.context)
    assert after != before
    assert not Session.objects.filter(session_key=before).exists()
    assert CognitoLogin.objects.get().cognito_user.username == "bob"


def test_pending_sign_in_works_after_another_user_signed_in(watch: Watch, site: str) -> None:
    first, second = watch.context.new_page(), watch.context.new_page()
    first.goto(f"{site}/auth/login/")
    sign_in(first, "alice")
    expect_greeting(first, "alice")
    first.goto(f"{site}/auth/login/?prompt=login&next=/mine/?tab=first")
    second.goto(f"{site}/auth/login/?prompt=login")
    sign_in(second, "bob")
    expect_greeting(second, "bob")
    sign_in(first, "alice")
    expect_greeting(first, "alice")
    assert first.url == f"{site}/mine/?tab=first"
    second.reload()
    expect_greeting(second, "alice")
    assert CognitoLogin.objects.get().cognito_user.username == "alice"


def test_failed_sign_in_leaves_the_current_user_signed_in(page: Page, site: str) -> None:
    page.goto(f"{site}/auth/login/")
    sign_in(page, "alice")
    expect_greeting(page, "alice")
    page.goto(f"{site}/auth/login/?prompt=login")
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, "bob", "Tab", "wrong", "Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.goto(site)
    expect_greeting(page, "alice")


def _cookies(context: BrowserContext, prefix: str) -> list[str]:
    cookies: list[Any] = context.cookies()
    return [cookie["name"] for cookie in cookies if cookie["name"].startswith(prefix)]


def _session_cookies(context: BrowserContext) -> list[str]:
    cookies: list[Any] = context.cookies()
    return [cookie["value"] for cookie in cookies if cookie["name"] == "sessionid"]
