"""Steps: sign-up and a forgotten password, with the codes that Cognito sends."""

import re

from demo.seed import SeedUser

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..page import Page, UnexpectedPageError
from ..step import step

_NEW_PASSWORD = "Fern-Gully-84"


@step(
    "Fay signs up and confirms her account with a code",
    expected="wrong code: code requested again; correct code: signed in at Fieldnotes as fay, without permissions",
)
def sign_up(context: Context) -> str:
    """Sign up at the hosted UI, first with a wrong code, then with the code from the mailbox."""
    browser, fay = Browser(), _build_user("fay")
    page = _submit_sign_up(browser, context, fay)
    code = _read_code(browser, context, fay)
    page = hosted_ui.submit_code(browser, page, f"{(int(code) + 1) % 1_000_000:06}")
    wrong_result = "code requested again" if page.has_form("code") else f"{page.url} {page.status}"
    page = hosted_ui.submit_code(browser, page, code)
    return f"wrong code: {wrong_result}; correct code: {_describe_user(context, page)}"


@step(
    "Gus has forgotten his password and sets a new one",
    expected="old password: refused; new password: signed in at Fieldnotes as gus, without permissions",
)
def forgotten_password(context: Context) -> str:
    """Create an account in another browser, then set a new password with a code."""
    gus, other_browser, browser = _build_user("gus"), Browser(), Browser()
    page = _submit_sign_up(other_browser, context, gus)
    hosted_ui.submit_code(other_browser, page, _read_code(other_browser, context, gus))
    page = browser.open(f"{context.site}/auth/forgot-password/?next=/me/")
    page = browser.submit(page, page.get_form("username"), {"username": gus.username})
    values = {
        "code": _read_code(browser, context, gus),
        "new_password": _NEW_PASSWORD,
        "confirm_password": _NEW_PASSWORD,
    }
    page = browser.submit(page, page.get_form(*values), values)
    page = hosted_ui.submit_password(browser, page, gus)
    old_result = "refused" if hosted_ui.is_sign_in_page(page) else f"{page.url} {page.status}"
    page = hosted_ui.submit_password(browser, page, gus, password=_NEW_PASSWORD)
    return f"old password: {old_result}; new password: {_describe_user(context, page)}"


def _build_user(username: str) -> SeedUser:
    return SeedUser(username, username, f"{username}@example.com", "Elm-Clearing-73", ())


def _submit_sign_up(browser: Browser, context: Context, user: SeedUser) -> Page:
    """Submit the sign-up form and return the page that requests the code."""
    page = browser.open(f"{context.site}/auth/sign-up/?next=/me/")
    values = {
        "username": user.username,
        "email": user.email,
        "password": user.password,
        "confirm_password": user.password,
    }
    return browser.submit(page, page.get_form(*values), values)


def _read_code(browser: Browser, context: Context, user: SeedUser) -> str:
    """Return the most recent code for a user, from the mailbox of the local Cognito."""
    # The mailbox shows the most recent message first, and in a message the code before the recipient.
    text_before, recipient, _ = browser.open(f"{context.cognito}/mailbox").text.partition(f" To {user.email} ")
    codes = re.findall(r"\b\d{6}\b", text_before)
    if not recipient or not codes:
        raise UnexpectedPageError(f"no code for {user.username} in the mailbox")
    return str(codes[-1])


def _describe_user(context: Context, page: Page) -> str:
    if page.url != f"{context.site}/me/":
        return f"{page.url.partition('?')[0]} ({page.status})"
    name = re.search(r"Username (\S+)", page.text)
    permissions = "without permissions" if "Your groups decide your permissions" in page.text else "with permissions"
    return f"signed in at Fieldnotes as {name[1] if name else 'an anonymous user'}, {permissions}"
