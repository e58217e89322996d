"""Steps: signing in with a browser."""

from urllib.parse import parse_qs, urlsplit

import pyotp

from .. import hosted_ui
from ..browser import Browser
from ..page import Page
from ..step import step
from ..world import World


@step(
    "A wrong password is refused at the hosted UI",
    expected="the form again, with “Incorrect username or password.”; Fieldnotes has no user",
)
def wrong_password(world: World) -> str:
    """Alice mistypes."""
    browser = Browser()
    page = browser.open(f"{world.site}/me/")
    page = hosted_ui.give_password(browser, page, world.people["alice"], password="not-her-password-1A")
    sentence = "Incorrect username or password."
    told = f"the form again, with “{sentence}”" if sentence in page.text else page.text[:100]
    return f"{told}; {_whom_it_knows(browser, world)}"


@step(
    "Alice signs in at the hosted UI, by code with PKCE",
    expected="sent there with S256, state and nonce; back with a code and the same state; Fieldnotes knows Alice Heron",
)
def hosted_ui_with_pkce(world: World) -> str:
    """The whole round: site, hosted UI, callback, page."""
    browser = Browser()
    asked = browser.open(f"{world.site}/me/")
    page = hosted_ui.give_password(browser, asked, world.people["alice"])
    there = _query(asked, f"{world.cognito}/oauth2/authorize")
    back = _query(page, world.callback)
    way = " and ".join([", ".join([_method(there), _named(there, "state")]), _named(there, "nonce")])
    same = "the same" if back.get("state") == there.get("state") else "another"
    returned = f"back with a {_named(back, 'code')} and {same} state"
    return f"sent there with {way}; {returned}; {_whom_it_knows(browser, world)}"


@step(
    "Dave is refused without the code of his authenticator app",
    expected="password alone: asked for the code; wrong code: asked again; Fieldnotes has no user",
)
def no_code_no_entry(world: World) -> str:
    """The right password is half of it."""
    browser, dave = Browser(), world.people["dave"]
    page = hosted_ui.sign_in(browser, world, dave)
    first = "asked for the code" if page.has_form("code") else f"{page.url} {page.status}"
    page = hosted_ui.give_code(browser, page, hosted_ui.wrong_code(pyotp.TOTP(dave.totp_secret or "")))
    second = "asked again" if page.has_form("code") else f"{page.url} {page.status}"
    return f"password alone: {first}; wrong code: {second}; {_whom_it_knows(browser, world)}"


@step("Dave is let in with it", expected="Fieldnotes knows Dave Stile")
def with_totp_code(world: World) -> str:
    """Password and code."""
    browser, dave = Browser(), world.people["dave"]
    page = hosted_ui.sign_in(browser, world, dave)
    hosted_ui.give_code(browser, page, pyotp.TOTP(dave.totp_secret or "").now())
    return _whom_it_knows(browser, world)


@step(
    "The me page shows groups and permissions",
    expected="alice: editors; notes.add_note, notes.change_note, notes.view_note. bob: viewers; notes.view_note",
)
def me_page(world: World) -> str:
    """What the groups in the pool have become."""
    return ". ".join(f"{name}: {_groups_and_permissions(world, name)}" for name in ("alice", "bob"))


def _groups_and_permissions(world: World, name: str) -> str:
    page = hosted_ui.sign_in(Browser(), world, world.people[name])
    return f"{', '.join(page.items_in('my-groups'))}; {', '.join(sorted(page.code_in('my-permissions')))}"


def _whom_it_knows(browser: Browser, world: World) -> str:
    """Whom the site takes the browser's person for."""
    page = browser.open(f"{world.site}/me/")
    if not page.url.startswith(world.site):
        return "Fieldnotes has no user"
    names = [person.name for person in world.people.values() if person.name in page.text]
    return f"Fieldnotes knows {', '.join(names)}"


def _query(page: Page, address: str) -> dict[str, list[str]]:
    """The query of the first address on the way to `page` that begins with `address`."""
    return next((parse_qs(urlsplit(url).query) for url in page.visited if url.startswith(address)), {})


def _method(query: dict[str, list[str]]) -> str:
    return query.get("code_challenge_method", ["no challenge"])[0] if query.get("code_challenge") else "no challenge"


def _named(query: dict[str, list[str]], name: str) -> str:
    return name if query.get(name) else f"no {name}"
