"""What people do at the pages, by keyboard: sign in, sign up, go to a link and press it."""

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD
from playwright.sync_api import Page, expect


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other; what names neither Tab nor Enter is typed."""
    for key in keys:
        if key in {"Tab", "Enter"}:
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)


def sign_in(page: Page, username: str = "alice", password: str = PASSWORD) -> None:
    """Fill in the hosted UI's form: the first field has the focus, Enter sends."""
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Tab", password, "Enter")


def sign_up(page: Page, username: str) -> None:
    """Fill in the hosted UI's form for a new account."""
    expect(page.get_by_label("Username")).to_be_focused()
    press(page, username, "Tab", f"{username}@example.com", "Tab", PASSWORD, "Tab", PASSWORD, "Enter")
    expect(page.get_by_role("heading")).to_have_text("Confirm your account")


def go_by_keyboard(page: Page, name: str) -> None:
    """Tab to the element with that text, and press Enter."""
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == name:
            page.keyboard.press("Enter")
            return
    pytest.fail(f"{name!r} is not reached by keyboard")


def authorize_as(page: Page, subject: str) -> None:
    """At the OpenID provider: be `subject`, and say yes."""
    page.locator("input[name=sub]").fill(subject)
    page.get_by_role("button", name="Authorize", exact=True).click()


def code_of_mailbox(page: Page, cognito: Emulator, username: str) -> str:
    """The newest code for somebody, read as people do: in the mailbox, in a tab of its own."""
    tab = page.context.new_page()
    tab.goto(f"{cognito.url}/mailbox")
    code = tab.get_by_role("listitem").filter(has_text=f"User{username}").first.locator("code").inner_text()
    tab.close()
    return code


def expect_greeting(page: Page, name: str) -> None:
    """The site's first page is shown, and knows who it is."""
    expect(page.get_by_role("heading")).to_have_text(f"Hello, {name}")
