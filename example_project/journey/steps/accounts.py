"""Steps: making an account, and replacing a forgotten password, by the codes that Cognito sends."""

import re

from demo.seed import SeededPerson

from .. import hosted_ui
from ..browser import Browser
from ..page import LostError, Page
from ..step import step
from ..world import World

_NEW_PASSWORD = "Fern-Gully-84"


@step(
    "Fay makes an account with the code that is sent to her",
    expected="wrong code: asked again; right code: back at Fieldnotes, as fay, who may do nothing yet",
)
def made_by_code(world: World) -> str:
    """From the site's link to the site, with a look into the mailbox."""
    browser, fay = Browser(), _newcomer("fay")
    page = _sign_up(browser, world, fay)
    code = _code(browser, world, fay)
    page = hosted_ui.give_code(browser, page, f"{(int(code) + 1) % 1_000_000:06}")
    first = "asked again" if page.has_form("code") else f"{page.url} {page.status}"
    return f"wrong code: {first}; right code: {_arrived(world, hosted_ui.give_code(browser, page, code))}"


@step(
    "Gus has forgotten his password and sets another",
    expected="the old one: refused; the new one: back at Fieldnotes, as gus, who may do nothing yet",
)
def password_replaced(world: World) -> str:
    """He makes his account first, in another browser."""
    gus, elsewhere, browser = _newcomer("gus"), Browser(), Browser()
    hosted_ui.give_code(elsewhere, _sign_up(elsewhere, world, gus), _code(elsewhere, world, gus))
    page = browser.open(f"{world.site}/auth/forgot-password/?next=/me/")
    page = browser.submit(page, page.form("username"), {"username": gus.username})
    values = {
        "code": _code(browser, world, gus),
        "new_password": _NEW_PASSWORD,
        "confirm_password": _NEW_PASSWORD,
    }
    page = browser.submit(page, page.form(*values), values)
    page = hosted_ui.give_password(browser, page, gus)
    old = "refused" if hosted_ui.asks_for_password(page) else f"{page.url} {page.status}"
    page = hosted_ui.give_password(browser, page, gus, password=_NEW_PASSWORD)
    return f"the old one: {old}; the new one: {_arrived(world, page)}"


def _newcomer(username: str) -> SeededPerson:
    return SeededPerson(username, username, f"{username}@example.com", "Elm-Clearing-73", ())


def _sign_up(browser: Browser, world: World, person: SeededPerson) -> Page:
    """Fill in the form of a new account; the page that asks for the code."""
    page = browser.open(f"{world.site}/auth/sign-up/?next=/me/")
    values = {
        "username": person.username,
        "email": person.email,
        "password": person.password,
        "confirm_password": person.password,
    }
    return browser.submit(page, page.form(*values), values)


def _code(browser: Browser, world: World, person: SeededPerson) -> str:
    """Return the most recent code for a user, from the mailbox of the local Cognito."""
    above, found, _ = browser.open(f"{world.cognito}/mailbox").text.partition(f" To {person.email} ")
    codes = re.findall(r"\b\d{6}\b", above)
    if not found or not codes:
        raise LostError(f"no code for {person.username} in the mailbox")
    return str(codes[-1])


def _arrived(world: World, page: Page) -> str:
    if page.url != f"{world.site}/me/":
        return f"{page.url.partition('?')[0]} ({page.status})"
    name = re.search(r"Username (\S+)", page.text)
    rights = "who may do nothing yet" if "Nothing yet" in page.text else "with rights"
    return f"back at Fieldnotes, as {name[1] if name else 'an anonymous user'}, {rights}"
