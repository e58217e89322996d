"""The hosted UI's forgotten password: who it is, the code and the new password, and back to the login page."""

from collections.abc import Iterator

import pytest
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.hosted_site import CALLBACK, Browser, Page, Site, query_of, running_site

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


def reset(browser: Browser, digits: str, password: str = NEW_PASSWORD, again: str = "") -> str:
    return browser.submit(code=digits, new_password=password, confirm_password=again or password).text


def test_a_forgotten_password_is_replaced_and_signs_in(browser: Browser) -> None:
    assert "a code has been sent" in browser.submit(username="alice").text
    text = reset(browser, code(browser))
    assert "Your password has been changed." in text
    assert Page(text).inputs["username"]["value"] == "alice"
    answer = browser.sign_in("alice", NEW_PASSWORD)
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")
    assert query_of(answer.headers["Location"])["state"] == "a state"


def test_a_new_password_alone_signs_nobody_in(browser: Browser) -> None:
    browser.submit(username="alice")
    reset(browser, code(browser))
    assert "Location" not in browser.authorize().headers


def test_reloading_the_login_page_after_it_says_it_again(browser: Browser) -> None:
    browser.submit(username="alice")
    text = reset(browser, code(browser))
    assert browser.get(browser.current_response.url, timeout=30).text == text


def test_nobody_is_told_from_somebody(browser: Browser) -> None:
    somebody = browser.submit(username="alice").text
    somebody_refused = reset(browser, different_code(code(browser)))
    sent = len(browser.site.service.mailbox.messages())
    browser.open("/forgotPassword", **browser.site.authorize_parameters())
    nobody = browser.submit(username="nadia").text
    nobody_refused = reset(browser, "123456")
    assert without_tokens(somebody, "alice") == without_tokens(nobody, "nadia")
    assert without_tokens(somebody_refused, "alice") == without_tokens(nobody_refused, "nadia")
    assert len(browser.site.service.mailbox.messages()) == sent


def without_tokens(text: str, username: str) -> str:
    for value in Page(text).hidden.values():
        text = text.replace(value, "")
    return text.replace(username, "")


@pytest.mark.parametrize(
    ("password", "again", "sentence"),
    [
        ("short", "", "Password did not conform with policy: Password not long enough"),
        (NEW_PASSWORD, "another", "The two passwords are not the same."),
    ],
)
def test_a_password_that_will_not_do_spends_no_code(browser: Browser, password: str, again: str, sentence: str) -> None:
    browser.submit(username="alice")
    assert sentence in reset(browser, code(browser), password, again)
    assert "Your password has been changed." in reset(browser, code(browser))


def test_too_many_codes_are_refused(browser: Browser) -> None:
    parameters = browser.site.authorize_parameters()
    for _ in range(5):
        browser.open("/forgotPassword", **parameters)
        browser.submit(username="alice")
    browser.open("/forgotPassword", **parameters)
    text = browser.submit(username="alice").text
    assert "Attempt limit exceeded" in text
    assert Page(text).inputs["username"]["value"] == "alice"


def test_the_code_does_its_work_in_the_browser_that_asked_for_it(browser: Browser) -> None:
    browser.submit(username="alice")
    with Browser(browser.site) as stranger:
        stranger.authorize()
        assert stranger.get(browser.current_response.url, timeout=30).status_code == 400
        stranger.current_response = browser.current_response
        assert "<code>forged_form</code>" in reset(stranger, code(browser))


@pytest.mark.parametrize(
    ("seconds", "said"), [(479, "Your password has been changed."), (480, "has expired or was already used")]
)
def test_there_are_eight_minutes_for_the_code_and_the_new_password(browser: Browser, seconds: int, said: str) -> None:
    browser.submit(username="alice")
    browser.site.clock.pass_seconds(seconds)
    assert said in reset(browser, code(browser))


def test_a_form_sent_twice_counts_once(browser: Browser) -> None:
    form = browser.current_response
    browser.submit(username="alice")
    browser.current_response = form
    assert "This sign-in has expired or was already used" in browser.submit(username="alice").text
    assert len(browser.site.service.mailbox.messages()) == 1


def test_whoever_must_reset_finds_the_way_on_the_login_page(browser: Browser) -> None:
    authority, pool_id = browser.site.service, browser.site.public.pool_id
    user = authority.pools.find_moto_user(pool_id, "alice")
    assert user is not None
    authority.recovery.require_new_password(authority.pools.to_user(user))
    browser.authorize()
    text = browser.sign_in().text
    assert "Password reset required for the user" in text
    assert "/forgotPassword?" in text
