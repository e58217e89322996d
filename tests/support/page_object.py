"""Use the pages by keyboard as a user does: sign in, sign up, open a link.

Texts are inserted at once, as an input method does: each typed character is two events and takes 4 ms of CPU time.
"""

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD
from playwright.sync_api import Page, expect


def press(page: Page, *keys: str) -> None:
    """Press Tab and Enter; insert every other text."""
    for key in keys:
        if key in {"Tab", "Enter"}:
            page.keyboard.press(key)
        else:
            page.keyboard.insert_text(key)


def sign_in(page: Page, username: str = "alice", password: str = PASSWORD) -> None:
    """Fill in the hosted UI's sign-in form: the first field has the focus, Enter submits."""
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Tab", password, "Enter")


def sign_in_by_keyboard_only(page: Page, username: str = "alice", password: str = PASSWORD) -> None:
    """Fill in the form as `sign_in` does; type each character."""
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type(username)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def sign_up(page: Page, username: str) -> None:
    """Fill in the hosted UI's sign-up form."""
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Tab", f"{username}@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("heading")).to_have_text("Confirm your account")
    expect(page.get_by_label("Code")).to_be_focused()  # keys pressed earlier would be lost


def go_by_keyboard(page: Page, name: str) -> None:
    """Press Tab until the element with this text has the focus, then Enter."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    pytest.fail(f"{name!r} is not reached by keyboard")


def authorize_as(page: Page, subject: str) -> None:
    """Authorize as `subject` at the OpenID provider."""
    page.locator("input[name=sub]").fill(subject)
    page.get_by_role("button", name="Authorize", exact=True).click()


def code_of_mailbox(page: Page, cognito: Emulator, username: str) -> str:
    """Return the most recent code for a user, read from the mailbox page in another tab."""
    tab = page.context.new_page()
    tab.goto(f"{cognito.url}/mailbox")
    code = tab.get_by_role("listitem").filter(has_text=f"User{username}").first.locator("code").inner_text()
    tab.close()
    return code


def expect_greeting(page: Page, name: str) -> None:
    """Expect the site's home page with a greeting for this user."""
    expect(page.get_by_role("heading")).to_have_text(f"Hello, {name}")
