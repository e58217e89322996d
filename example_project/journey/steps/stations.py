"""Steps: field stations, the tenants of the site."""

import re
from urllib.parse import urlsplit

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..page import Page, UnexpectedPageError
from ..step import step

_TITLE = "Otter at the sluice"


@step(
    "Hugo, a member of the station Heath, never sees a note of the station Mill",
    expected="notes of Heath: 200, without the note; notes of Mill: 403; the note: 403; its number in Heath: 404",
)
def other_station(context: Context) -> str:
    """Let Ines, who is an editor of Mill, write a note there."""
    ines, hugo = (_sign_in(context, name) for name in ("ines", "hugo"))
    path = urlsplit(_write_note(context, ines, "mill").url).path
    notes = hugo.open(f"{context.site}/stations/heath/")
    is_visible = "with" if _TITLE in notes.text else "without"
    mill, note, number_in_heath = (
        hugo.open(context.site + url).status for url in ("/stations/mill/", path, path.replace("mill", "heath"))
    )
    results = f"notes of Mill: {mill}; the note: {note}; its number in Heath: {number_in_heath}"
    return f"notes of Heath: {notes.status}, {is_visible} the note; {results}"


@step(
    "Ines, an editor of Mill and a viewer of Heath, writes notes in Mill only",
    expected="in Mill: saved; in Heath: 200 for reading, 403 for the form, 403 for sending it",
)
def right_in_one_station(context: Context) -> str:
    """Send the form of Mill to the URL of Heath too."""
    ines = _sign_in(context, "ines")
    saved = _write_note(context, ines, "mill")
    mill_result = "saved" if re.fullmatch(r"/stations/mill/\d+/", urlsplit(saved.url).path) else saved.url
    reading, form = (ines.open(f"{context.site}/stations/heath/{path}").status for path in ("", "new/"))
    sending = _write_note(context, ines, "mill", send_to="heath").status
    return f"in Mill: {mill_result}; in Heath: {reading} for reading, {form} for the form, {sending} for sending it"


def _sign_in(context: Context, name: str) -> Browser:
    browser = Browser()
    page = hosted_ui.sign_in(browser, context, context.users[name], path="/stations/")
    if page.url != f"{context.site}/stations/":
        raise UnexpectedPageError(f"{name} is at {page.url.partition('?')[0]} ({page.status})")
    return browser


def _write_note(context: Context, browser: Browser, station: str, *, send_to: str = "") -> Page:
    """Submit the form for a new note of a station, to the URL of the station `send_to`."""
    page = browser.open(f"{context.site}/stations/{station}/new/")
    form = page.get_form("title", "body")
    form.action = f"/stations/{send_to or station}/new/"
    return browser.submit(page, form, {"title": _TITLE, "body": "One adult, upstream."})
