"""Steps: sign-out."""

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..page import Page
from ..step import step


@step(
    "Sign-out revokes the refresh token",
    expected="refresh token in a backup of the database: accepted before, refused (invalid_grant) after",
)
def refresh_token(context: Context) -> str:
    """Use the refresh token like an attacker who has a backup of the database and its encryption key."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, context, context.users["bob"])
    context.back_up_database()
    before = context.refresh_from_backup("bob")
    _sign_out(browser, page)
    after = context.refresh_from_backup("bob")
    return f"refresh token in a backup of the database: {before} before, {after} after"


@step(
    "Sign-out ends the session of the site and of the hosted UI",
    expected="the home page, signed out; password required in the same browser; password required with the old cookies",
)
def sessions(context: Context) -> str:
    """Check that the cookies from before the sign-out are not valid, at the site and at the hosted UI."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, context, context.users["bob"])
    attacker_browser = browser.copy()
    home = _sign_out(browser, page)
    home_result = "the home page, signed out" if _is_home(context, home) else f"at {home.url} ({home.status})"
    same_result, old_result = (_describe_access(client, context) for client in (browser, attacker_browser))
    return f"{home_result}; {same_result} in the same browser; {old_result} with the old cookies"


def _sign_out(browser: Browser, page: Page) -> Page:
    return browser.submit(page, page.get_form(action="/auth/logout/"))


def _is_home(context: Context, page: Page) -> bool:
    return page.url == f"{context.site}/" and "Sign in" in page.text and "Sign out" not in page.text


def _describe_access(browser: Browser, context: Context) -> str:
    page = browser.open(f"{context.site}/me/")
    return "password required" if hosted_ui.is_sign_in_page(page) else f"access to {page.url}"
