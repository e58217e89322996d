"""Test the pages of field stations: notes and rights of one station do not count in another."""

import re
from collections.abc import Callable
from secrets import token_hex
from urllib.parse import urlsplit

import pytest
from django.test import RequestFactory

from demo.stack import Stack
from journey import hosted_ui
from journey.browser import Browser
from journey.page import Page
from stations.selector import select_station

from .manage_commands import run_shell

SignIn = Callable[[str], Browser]
# In a process of its own with the site's settings: a superuser of Django, who is no member of a station.
SUPERUSER = """
from django.contrib.auth import get_user_model
from django.test import Client

user = get_user_model().objects.create_superuser("root")
client = Client(headers={"host": "localhost"})
client.force_login(user, "django.contrib.auth.backends.ModelBackend")
print([client.get(path).status_code for path in ("/notes/", "/stations/heath/", "/stations/heath/1/")])
user.delete()
"""


def _write_note(stack: Stack, browser: Browser, station: str, /, **values: str) -> Page:
    """Submit the form for a new note of a station, with these values of fields."""
    page = browser.open(f"{stack.site}/stations/{station}/new/")
    return browser.submit(
        page, page.get_form("title", "body"), {"title": "A note", "body": "Something moved.", **values}
    )


@pytest.mark.parametrize(
    ("path", "station"),
    [
        ("/stations/heath/", "heath"),
        ("/stations/heath/1/edit/", "heath"),
        ("/stations/", None),
        ("/stations/heath", None),
        ("/notes/", None),
        ("/notes/stations/heath/", None),
    ],
)
def test_station_is_selected_by_the_url(path: str, station: str | None) -> None:
    assert select_station(RequestFactory().get(path), ("heath", "mill")) == station


def test_member_sees_the_notes_of_the_station_only(stack: Stack, sign_in: SignIn) -> None:
    hugo, ines = sign_in("hugo"), sign_in("ines")
    title = f"Vole {token_hex(4)}"
    note = urlsplit(_write_note(stack, ines, "mill", title=title).url).path
    page = hugo.open(f"{stack.site}/stations/heath/")
    assert "Nightjar on the fire break" in page.text
    assert title not in page.text
    assert title in ines.open(f"{stack.site}/stations/mill/").text
    statuses = {path: hugo.open(stack.site + path).status for path in ("/stations/mill/", note, f"{note}edit/")}
    assert set(statuses.values()) == {403}


@pytest.mark.parametrize("suffix", ["", "edit/"])
def test_number_of_another_stations_note_is_not_found(stack: Stack, sign_in: SignIn, suffix: str) -> None:
    note = urlsplit(_write_note(stack, sign_in("ines"), "mill").url).path
    assert sign_in("hugo").open(stack.site + note.replace("mill", "heath") + suffix).status == 404


def test_editor_of_one_station_only_reads_in_another(stack: Stack, sign_in: SignIn) -> None:
    ines, note = sign_in("ines"), urlsplit(_write_note(stack, sign_in("hugo"), "heath").url).path
    page = ines.open(stack.site + note)
    assert page.status == 200
    assert ">Edit</a>" not in page.html
    assert "Write a note" not in ines.open(f"{stack.site}/stations/heath/").text
    assert [ines.open(stack.site + path).status for path in ("/stations/heath/new/", f"{note}edit/")] == [403, 403]
    form_page = ines.open(f"{stack.site}/stations/mill/new/")
    form = form_page.get_form("title")
    form.action = "/stations/heath/new/"
    assert ines.submit(form_page, form, {"title": "A note", "body": "Something moved."}).status == 403


def test_editor_edits_a_note_of_another_member(stack: Stack, sign_in: SignIn) -> None:
    ines = sign_in("ines")
    notes = ines.open(f"{stack.site}/stations/mill/")
    path = re.search(r'href="(/stations/mill/\d+/)">Eels', notes.html)
    assert path is not None
    page = ines.open(f"{stack.site}{path[1]}edit/")
    page = ines.submit(page, page.get_form("title"), {"body": "Thirty-two."})
    assert "“Eels at the sluice” was saved." in page.text
    assert "Written by Tomas Reed" in page.text


def test_form_does_not_choose_the_station(stack: Stack, sign_in: SignIn) -> None:
    page = _write_note(stack, sign_in("hugo"), "heath", station="mill", author="1")
    assert re.fullmatch(r"/stations/heath/\d+/", urlsplit(page.url).path)
    assert "Written by Hugo Ling" in page.text


def test_rights_of_stations_do_not_count_on_other_pages(stack: Stack, sign_in: SignIn) -> None:
    ines = sign_in("ines")
    page = ines.open(f"{stack.site}/me/")
    assert page.get_list_items("my-groups") == ["viewers"]
    assert page.get_codes("my-permissions") == ["notes.view_note"]
    assert ines.open(f"{stack.site}/notes/new/").status == 403


def test_stations_of_the_user_are_listed(stack: Stack, sign_in: SignIn) -> None:
    ines, alice = (sign_in(name).open(f"{stack.site}/stations/") for name in ("ines", "alice"))
    assert ines.get_codes("my-stations") == ["station/heath", "station/mill"]
    assert "None. An administrator" in alice.text


@pytest.mark.parametrize("username", ["alice", "carol"])
def test_user_without_a_station_gets_403(stack: Stack, sign_in: SignIn, username: str) -> None:
    """Also an admin of the site, whose groups count on all pages."""
    browser = sign_in(username)
    assert [browser.open(f"{stack.site}/stations/{name}/").status for name in ("heath", "nowhere")] == [403, 403]


def test_superuser_is_not_a_member_of_a_station(stack: Stack) -> None:
    assert run_shell(stack, SUPERUSER).strip() == "[200, 403, 403]"


def test_anonymous_user_signs_in_and_returns_to_the_station(stack: Stack) -> None:
    browser = Browser()
    sign_in_page = browser.open(f"{stack.site}/stations/heath/")
    page = hosted_ui.submit_password(browser, sign_in_page, stack.pool.users["hugo"])
    assert page.url == f"{stack.site}/stations/heath/"
