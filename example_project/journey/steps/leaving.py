"""Steps: signing out."""

from .. import hosted_ui
from ..browser import Browser
from ..page import Page
from ..step import step
from ..world import World


@step(
    "Signing out revokes the refresh token",
    expected="out of a backup of the database it is accepted before, refused (invalid_grant) afterwards",
)
def sign_out_revokes(world: World) -> str:
    """Tried with what a thief of the database and its key would have."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, world, world.people["bob"])
    world.back_up_database()
    before = world.refresh_from_backup("bob")
    _sign_out(browser, page)
    return f"out of a backup of the database it is {before} before, {world.refresh_from_backup('bob')} afterwards"


@step(
    "Signing out ends the site's session and the hosted UI's",
    expected="back on the first page, signed out; the same browser must give the password, and so must the old cookies",
)
def sign_out_ends_sessions(world: World) -> str:
    """Cookies from before are worth nothing, on either side."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, world, world.people["bob"])
    thief = browser.copy()
    home = _sign_out(browser, page)
    where = "back on the first page, signed out" if _is_home(world, home) else f"at {home.url} ({home.status})"
    same, old = (_must_give_password(one, world) for one in (browser, thief))
    return f"{where}; the same browser {same}, and {'so must' if same == old else old + ':'} the old cookies"


def _sign_out(browser: Browser, page: Page) -> Page:
    return browser.submit(page, page.form(action="/auth/logout/"))


def _is_home(world: World, page: Page) -> bool:
    return page.url == f"{world.site}/" and "Sign in" in page.text and "Sign out" not in page.text


def _must_give_password(browser: Browser, world: World) -> str:
    page = browser.open(f"{world.site}/me/")
    return "must give the password" if hosted_ui.asks_for_password(page) else f"is let in to {page.url}"
