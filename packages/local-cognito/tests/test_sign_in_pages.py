"""The forms of the hosted UI: password, new password and code; their errors and their protection."""

import threading
from collections.abc import Iterator

import pytest
import requests
from local_cognito_support.hosted_site import CALLBACK, PASSWORD, Browser, Page, Site, read_query, running_site
from moto.cognitoidp.models import UserStatus

WRONG = "Incorrect username or password."
NEW_PASSWORD = "A-new-Horse-8"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        browser.authorize()
        yield browser


def test_wrong_password_and_unknown_user_get_the_same_page(browser: Browser) -> None:
    wrong, unknown = browser.sign_in("alice", "wrong"), browser.sign_in("nobody", "wrong")
    for answer in (wrong, unknown):
        assert (answer.status_code, "Location" in answer.headers) == (200, False)
        assert f"<p>{WRONG}</p>" in answer.text
    assert wrong.text.replace("alice", "nobody") == unknown.text


def test_correct_password_after_a_wrong_one_signs_in(browser: Browser) -> None:
    browser.sign_in("alice", "wrong")
    assert "code" in read_query(browser.sign_in().headers["Location"])


def test_login_page_repeats_the_username_but_not_the_password(browser: Browser) -> None:
    answer = browser.sign_in('"><script>', "a wrong password")
    assert "&#34;&gt;&lt;script&gt;" in answer.text
    assert "a wrong password" not in answer.text


def test_password_of_another_pool_is_refused(browser: Browser) -> None:
    browser.site.service.pools.backend("eu-west-1").admin_delete_user(browser.site.public.pool_id, "alice")
    assert WRONG in browser.sign_in().text


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"enabled": False}, "User is disabled."),
        ({"status": UserStatus.UNCONFIRMED}, "User is not confirmed."),
        ({"status": UserStatus.RESET_REQUIRED}, "Password reset required for the user"),
    ],
)
def test_account_status_is_revealed_only_with_the_password(
    browser: Browser, state: dict[str, object], text: str
) -> None:
    vars(browser.site.user("alice")).update(state)
    assert text in browser.sign_in().text
    assert WRONG in browser.sign_in("alice", "wrong").text


def test_login_hint_fills_in_the_username(browser: Browser) -> None:
    browser.authorize(login_hint="alice@example.com")
    assert Page(browser.current_response.text).inputs["username"]["value"] == "alice@example.com"


def test_user_with_totp_is_shown_the_code_form(browser: Browser) -> None:
    answer = browser.sign_in("dave")
    assert "Enter your code" in answer.text
    assert browser.authorize().text.count("Enter your code") == 0  # not signed in yet


def test_totp_code_redirects_to_the_app(browser: Browser) -> None:
    browser.sign_in("dave")
    code = browser.site.totp_code()
    answer = browser.submit(code=f"{code[:3]} {code[3:]}")
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")


def test_wrong_code_shows_the_code_form_again(browser: Browser) -> None:
    browser.sign_in("dave")
    answer = browser.submit(code="000000")
    assert "Invalid code received for user" in answer.text
    assert "code" in read_query(browser.submit(code=browser.site.totp_code()).headers["Location"])


def test_totp_code_is_accepted_once(browser: Browser) -> None:
    code = browser.site.totp_code()
    browser.sign_in("dave")
    browser.submit(code=code)
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        other_browser.sign_in("dave")
        assert other_browser.submit(code=code).status_code == 200


def test_five_wrong_totp_codes_end_the_sign_in(browser: Browser) -> None:
    browser.sign_in("dave")
    form = browser.current_response
    for _ in range(5):
        answer = browser.submit(code="000000")
    assert (answer.status_code, "<code>too_many_codes</code>" in answer.text) == (400, True)
    browser.current_response = form
    assert "Location" not in browser.submit(code=browser.site.totp_code()).headers


def test_totp_step_cannot_be_skipped_via_another_url(browser: Browser) -> None:
    browser.sign_in("dave")
    hidden = Page(browser.current_response.text).hidden
    passwords = {"new_password": NEW_PASSWORD, "confirm_password": NEW_PASSWORD}
    answer = browser.post(f"{browser.site.url}/login/new-password", data={**hidden, **passwords}, timeout=30)
    assert (answer.status_code, "<code>login_ended</code>" in answer.text) == (400, True)
    assert browser.get(f"{browser.site.url}/login/new-password", params=hidden, timeout=30).status_code == 400


def test_user_disabled_before_the_totp_code_is_refused(browser: Browser) -> None:
    browser.sign_in("dave")
    browser.site.user("dave").enabled = False
    assert "<code>login_ended</code>" in browser.submit(code=browser.site.totp_code()).text


def test_temporary_password_must_be_replaced_in_the_page(browser: Browser) -> None:
    assert "Choose a new password" in browser.sign_in("nina").text
    answer = browser.submit(new_password=NEW_PASSWORD, confirm_password=NEW_PASSWORD)
    assert "code" in read_query(answer.headers["Location"])
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        assert "code" in read_query(other_browser.sign_in("nina", NEW_PASSWORD).headers["Location"])


def test_different_password_confirmation_is_refused(browser: Browser) -> None:
    browser.sign_in("nina")
    answer = browser.submit(new_password=NEW_PASSWORD, confirm_password="another")
    assert "The two passwords are not the same." in answer.text
    assert browser.site.user("nina").status is UserStatus.FORCE_CHANGE_PASSWORD


def test_new_password_against_the_policy_is_refused(browser: Browser) -> None:
    browser.sign_in("nina")
    answer = browser.submit(new_password="short", confirm_password="short")
    assert "Password d" in answer.text
    assert browser.site.user("nina").status is UserStatus.FORCE_CHANGE_PASSWORD


def test_new_password_does_not_skip_the_totp_code(browser: Browser) -> None:
    browser.site.user("dave").status = UserStatus.FORCE_CHANGE_PASSWORD
    browser.sign_in("dave")
    answer = browser.submit(new_password=NEW_PASSWORD, confirm_password=NEW_PASSWORD)
    assert "Enter your code" in answer.text


def test_reloaded_step_is_shown_again(browser: Browser) -> None:
    shown = browser.sign_in("dave")
    assert browser.get(shown.url, timeout=30).text == shown.text


def test_step_of_another_browser_is_refused(browser: Browser) -> None:
    shown = browser.sign_in("dave")
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        assert other_browser.get(shown.url, timeout=30).status_code == 400


def test_pending_sign_in_expires_after_five_minutes(browser: Browser) -> None:
    browser.site.clock.pass_seconds(300)
    answer = browser.sign_in()
    assert (answer.status_code, "This sign-in has expired or was already used" in answer.text) == (400, True)
    assert "/oauth2/authorize?response_type=code&amp;" in answer.text  # the link to retry


def test_totp_step_expires_with_the_sign_in(browser: Browser) -> None:
    browser.site.clock.pass_seconds(200)
    browser.sign_in("dave")
    browser.site.clock.pass_seconds(100)
    assert "This sign-in has expired or was already used" in browser.submit(code=browser.site.totp_code()).text


def test_finished_sign_in_cannot_be_submitted_again(browser: Browser) -> None:
    form = browser.current_response
    browser.sign_in()
    browser.current_response = form
    assert "This sign-in has expired or was already used" in browser.sign_in().text


def test_concurrent_login_forms_sign_in_once(browser: Browser) -> None:
    fields = {**Page(browser.current_response.text).hidden, "username": "alice", "password": PASSWORD}
    cookies, url, statuses = browser.cookies.get_dict(), f"{browser.site.url}/login", []

    def send() -> None:
        statuses.append(requests.post(url, fields, cookies=cookies, allow_redirects=False, timeout=30).status_code)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [302] + [400] * 7


def test_two_pending_sign_ins_in_one_browser_are_independent(browser: Browser) -> None:
    first = browser.current_response
    browser.authorize(state="second")
    assert read_query(browser.sign_in().headers["Location"])["state"] == "second"
    browser.current_response = first
    assert read_query(browser.sign_in().headers["Location"])["state"] == "a state"


@pytest.mark.parametrize("missing", ["_csrf", "attempt"])
def test_form_without_csrf_token_or_attempt_is_refused(browser: Browser, missing: str) -> None:
    answer = browser.submit(**{missing: "", "username": "alice", "password": PASSWORD})
    assert (answer.status_code, "<code>forged_form</code>" in answer.text) == (403, True)


def test_form_with_csrf_token_of_another_sign_in_is_refused(browser: Browser) -> None:
    token = Page(browser.current_response.text).hidden["_csrf"]
    browser.authorize()
    assert browser.submit(_csrf=token, username="alice", password=PASSWORD).status_code == 403


def test_form_from_another_browser_is_refused(browser: Browser) -> None:
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        other_browser.current_response = browser.current_response
        assert other_browser.sign_in().status_code == 403


def test_form_from_a_browser_without_cookies_is_refused(browser: Browser) -> None:
    browser.cookies.clear()
    assert browser.sign_in().status_code == 403


@pytest.mark.parametrize("step", ["totp", "new-password"])
def test_later_form_without_csrf_token_is_refused(browser: Browser, step: str) -> None:
    answer = browser.post(f"{browser.site.url}/login/{step}", data={"code": "123456"}, timeout=30)
    assert answer.status_code == 403


def test_cookies_are_prefixed_and_http_only(browser: Browser) -> None:
    login_page = browser.get(browser.site.url + "/login", params=browser.site.authorize_parameters(), timeout=30)
    set_by_login = login_page.headers["Set-Cookie"]
    set_by_sign_in = browser.sign_in().headers["Set-Cookie"]
    for cookie in (set_by_login, set_by_sign_in):
        assert cookie.startswith("cognito-emulator-")
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Max-Age=3600" in set_by_sign_in


@pytest.mark.parametrize("username", ["alice", "dave", "nina"])
def test_every_page_has_security_headers(browser: Browser, username: str) -> None:
    headers = browser.current_response.headers if username == "alice" else browser.sign_in(username).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "img-src 'self' data:"} <= set(policy)
    assert "form-action 'self' http://localhost:8000" in policy
    assert len(headers["x-amz-cognito-request-id"]) == 36


def test_style_sheet_and_logo_are_served(browser: Browser) -> None:
    for name, kind in (("hosted_ui.css", "text/css"), ("mark.svg", "image/svg+xml")):
        answer = browser.get(f"{browser.site.url}/login/static/{name}", timeout=30)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["Content-Length"] == str(len(answer.content))
        again = browser.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=30)
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("username", "expected"),
    [
        ("", {"username": "username", "password": "current-password"}),
        ("dave", {"code": "one-time-code"}),
        ("nina", {"new_password": "new-password", "confirm_password": "new-password"}),
    ],
)
def test_fields_have_autocomplete_and_a_label(browser: Browser, username: str, expected: dict[str, str]) -> None:
    text = browser.sign_in(username).text if username else browser.current_response.text
    fields = {name: field for name, field in Page(text).inputs.items() if field.get("type") != "hidden"}
    assert {name: field["autocomplete"] for name, field in fields.items()} == expected
    assert all(f'<label for="{field["id"]}">' in text for field in fields.values())
