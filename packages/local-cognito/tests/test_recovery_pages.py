"""The hosted UI's password reset: username, code and new password, return to the login page."""

from collections.abc import Iterator

import pytest
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.hosted_site import CALLBACK, Browser, Page, Site, read_query, running_site

NEW_PASSWORD = "A-new-Horse-8"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        browser.open("/forgotPassword", **site.authorize_parameters())
        yield browser


def code(browser: Browser) -> str:
    return latest_code(browser.site.service.mailbox, "alice")


def reset(browser: Browser, digits: str, password: str = NEW_PASSWORD, confirmation: str = "") -> str:
    return browser.submit(code=digits, new_password=password, confirm_password=confirmation or password).text


def test_reset_password_signs_in_and_returns_to_the_app(browser: Browser) -> None:
    assert "a code has been sent" in browser.submit(username="alice").text
    text = reset(browser, code(browser))
    assert "Your password has been changed." in text
    assert Page(text).inputs["username"]["value"] == "alice"
    answer = browser.sign_in("alice", NEW_PASSWORD)
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")
    assert read_query(answer.headers["Location"])["state"] == "a state"


def test_password_reset_does_not_sign_in(browser: Browser) -> None:
    browser.submit(username="alice")
    reset(browser, code(browser))
    assert "Location" not in browser.authorize().headers


def test_reloaded_login_page_repeats_the_reset_message(browser: Browser) -> None:
    browser.submit(username="alice")
    text = reset(browser, code(browser))
    assert browser.get(browser.current_response.url, timeout=30).text == text


def test_password_reset_does_not_reveal_whether_a_user_exists(browser: Browser) -> None:
    existing_user = browser.submit(username="alice").text
    existing_user_refused = reset(browser, different_code(code(browser)))
    message_count = len(browser.site.service.mailbox.messages())
    browser.open("/forgotPassword", **browser.site.authorize_parameters())
    unknown_user = browser.submit(username="nadia").text
    unknown_user_refused = reset(browser, "123456")
    assert without_tokens(existing_user, "alice") == without_tokens(unknown_user, "nadia")
    assert without_tokens(existing_user_refused, "alice") == without_tokens(unknown_user_refused, "nadia")
    assert len(browser.site.service.mailbox.messages()) == message_count


def without_tokens(text: str, username: str) -> str:
    for value in Page(text).hidden.values():
        text = text.replace(value, "")
    return text.replace(username, "")


@pytest.mark.parametrize(
    ("password", "confirmation", "message"),
    [
        ("short", "", "Password did not conform with policy: Password not long enough"),
        (NEW_PASSWORD, "another", "The two passwords are not the same."),
    ],
)
def test_refused_new_password_does_not_use_up_the_code(
    browser: Browser, password: str, confirmation: str, message: str
) -> None:
    browser.submit(username="alice")
    assert message in reset(browser, code(browser), password, confirmation)
    assert "Your password has been changed." in reset(browser, code(browser))


def test_too_many_recovery_codes_are_refused(browser: Browser) -> None:
    parameters = browser.site.authorize_parameters()
    for _ in range(5):
        browser.open("/forgotPassword", **parameters)
        browser.submit(username="alice")
    browser.open("/forgotPassword", **parameters)
    text = browser.submit(username="alice").text
    assert "Attempt limit exceeded" in text
    assert Page(text).inputs["username"]["value"] == "alice"


def test_recovery_code_in_another_browser_is_refused(browser: Browser) -> None:
    browser.submit(username="alice")
    with Browser(browser.site) as other_browser:
        other_browser.authorize()
        assert other_browser.get(browser.current_response.url, timeout=30).status_code == 400
        other_browser.current_response = browser.current_response
        assert "<code>forged_form</code>" in reset(other_browser, code(browser))


@pytest.mark.parametrize(
    ("seconds", "message"), [(479, "Your password has been changed."), (480, "has expired or was already used")]
)
def test_password_reset_expires_after_eight_minutes(browser: Browser, seconds: int, message: str) -> None:
    browser.submit(username="alice")
    browser.site.clock.pass_seconds(seconds)
    assert message in reset(browser, code(browser))


def test_username_form_submitted_twice_sends_one_code(browser: Browser) -> None:
    form = browser.current_response
    browser.submit(username="alice")
    browser.current_response = form
    assert "This sign-in has expired or was already used" in browser.submit(username="alice").text
    assert len(browser.site.service.mailbox.messages()) == 1


def test_login_page_links_to_the_required_password_reset(browser: Browser) -> None:
    service, pool_id = browser.site.service, browser.site.public.pool_id
    user = service.pools.find_moto_user(pool_id, "alice")
    assert user is not None
    service.recovery.require_new_password(service.pools.to_user(user))
    browser.authorize()
    text = browser.sign_in().text
    assert "Password reset required for the user" in text
    assert "/forgotPassword?" in text
