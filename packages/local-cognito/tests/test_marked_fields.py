"""The forms of the hosted UI: only fields with wrong values are marked, and the password rules are always shown."""

import re
from collections.abc import Iterator

import pytest
from local_cognito import Emulator
from local_cognito_support.codes import different_code, latest_code
from local_cognito_support.hosted_site import CALLBACK, PASSWORD, Browser, Page, Site, running_site

RULES = "At least 8 characters, among them a lower-case letter, an upper-case letter, a digit and a symbol."
NEW_PASSWORD = "A-new-Horse-8"
SIGN_UP = {"username": "nora", "email": "nora@example.com", "password": PASSWORD, "confirm_password": PASSWORD}


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def browser(site: Site) -> Iterator[Browser]:
    with Browser(site) as browser:
        yield browser


def marked_fields(text: str) -> set[str]:
    """Return the names of the inputs that are marked as wrong. Each of them refers to the error message."""
    inputs = {name: field for name, field in Page(text).inputs.items() if field.get("aria-invalid") == "true"}
    assert all("error" in str(field["aria-describedby"]).split() for field in inputs.values())
    return set(inputs)


def open_new_password(browser: Browser) -> str:
    browser.authorize()
    return browser.sign_in("nina").text


def open_reset(browser: Browser) -> str:
    browser.open("/forgotPassword", **browser.site.authorize_parameters())
    return browser.submit(username="alice").text


def open_sign_up(browser: Browser) -> str:
    return browser.open("/signup", **browser.site.authorize_parameters()).text


@pytest.mark.parametrize("open_page", [open_sign_up, open_reset, open_new_password])
def test_page_for_a_new_password_shows_the_rules(browser: Browser, open_page: object) -> None:
    text = open_page(browser)  # type: ignore[operator]
    assert f'id="password-rules">{RULES}</p>' in text
    described = [name for name, field in Page(text).inputs.items() if field.get("aria-describedby") == "password-rules"]
    assert described in (["password"], ["new_password"])
    assert marked_fields(text) == set()


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({"username": "alice"}, {"username"}),
        ({"username": "two words"}, {"username"}),
        ({"email": "no address"}, {"email"}),
        ({"password": "short", "confirm_password": "short"}, {"password"}),
        ({"confirm_password": "another"}, {"confirm_password"}),
    ],
)
def test_sign_up_marks_only_the_wrong_field(browser: Browser, changes: dict[str, str], marked: set[str]) -> None:
    open_sign_up(browser)
    assert marked_fields(browser.submit(**{**SIGN_UP, **changes}).text) == marked


@pytest.mark.parametrize(
    ("fields", "marked"),
    [
        ({"new_password": "short", "confirm_password": "short"}, {"new_password"}),
        ({"new_password": NEW_PASSWORD, "confirm_password": "another"}, {"confirm_password"}),
    ],
)
def test_new_password_page_marks_only_the_wrong_field(
    browser: Browser, fields: dict[str, str], marked: set[str]
) -> None:
    open_new_password(browser)
    text = browser.submit(**fields).text
    assert marked_fields(text) == marked
    assert RULES in text


@pytest.mark.parametrize(
    ("is_code_right", "password", "marked"), [(False, NEW_PASSWORD, {"code"}), (True, "short", {"new_password"})]
)
def test_reset_page_marks_only_the_wrong_field(
    browser: Browser, is_code_right: bool, password: str, marked: set[str]
) -> None:
    open_reset(browser)
    code = latest_code(browser.site.service.mailbox, "alice")
    fields = {"code": code if is_code_right else different_code(code), "new_password": password}
    assert marked_fields(browser.submit(**fields, confirm_password=password).text) == marked


def test_wrong_credentials_mark_both_fields(browser: Browser) -> None:
    browser.authorize()
    assert marked_fields(browser.sign_in("alice", "wrong").text) == {"username", "password"}


def test_disabled_user_with_the_right_password_marks_no_field(browser: Browser) -> None:
    browser.site.user("alice").enabled = False
    browser.authorize()
    text = browser.sign_in().text
    assert "User is disabled." in text
    assert marked_fields(text) == set()


def test_wrong_totp_code_marks_the_code(browser: Browser) -> None:
    browser.authorize()
    browser.sign_in("dave")
    assert marked_fields(browser.submit(code=different_code(browser.site.totp_code())).text) == {"code"}


def test_missing_attributes_are_marked() -> None:
    pool = {
        "id": "eu-west-1_Other",
        "username_attributes": ["email"],
        "required_attributes": ["name", "gender"],
        "clients": [{"id": "1web", "callback_urls": [CALLBACK]}],
    }
    with Emulator(seed={"pools": [pool]}) as emulator:
        client = emulator.service.client("1web")
        assert client is not None
        site = Site(emulator.url, emulator.service.now, emulator.service, client, client, client)  # type: ignore[arg-type]
        with Browser(site) as browser:
            open_sign_up(browser)
            fields = {**SIGN_UP, "username": "nora@example.com"}
            assert marked_fields(browser.submit(**fields, name="Nora").text) == {"gender"}
            assert marked_fields(browser.submit(**{**fields, "username": "nora"}, name="Nora").text) == {"username"}


def test_error_message_is_referenced_beside_the_rules(browser: Browser) -> None:
    open_new_password(browser)
    text = browser.submit(new_password="short", confirm_password="short").text
    assert re.search(r'aria-describedby="error password-rules"', text)
