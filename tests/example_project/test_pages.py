"""The pages: who sees what, who may do what, and what they are told."""

from collections.abc import Callable
from secrets import token_hex

import pytest

from demo.stack import Stack
from journey import hosted_ui
from journey.browser import Browser
from journey.page import LostError, Page

SignedIn = Callable[[str], Browser]


def _write_note(stack: Stack, browser: Browser, **values: str) -> Page:
    """Fill in and send the form for a new note."""
    page = browser.open(f"{stack.site}/notes/new/")
    note = {"title": "A note", "body": "Something moved.", "observed_on": "2026-01-02", **values}
    return browser.submit(page, page.form("title", "body"), note)


def _sign_in_on_the_way_to(stack: Stack, path: str) -> Page:
    browser = Browser()
    return hosted_ui.give_password(browser, browser.open(stack.site + path), stack.pool.people["bob"])


def test_a_visitor_is_asked_to_sign_in_and_sees_no_notes(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/")
    assert "Sign in" in page.text
    assert "Kingfisher" not in page.text


def test_after_signing_in_a_person_is_where_they_wanted_to_go(stack: Stack) -> None:
    page = _sign_in_on_the_way_to(stack, "/notes/?page=1")
    assert page.url == f"{stack.site}/notes/?page=1"
    assert "The notebook" in page.text


def test_a_viewer_reads_the_samples_and_is_offered_no_writing(stack: Stack, signed_in: SignedIn) -> None:
    bob = signed_in("bob")
    assert "Write a note" not in bob.open(f"{stack.site}/notes/").text
    # Its own page: what other tests write may push it off the list's first.
    assert "Kingfisher, twice" in bob.open(f"{stack.site}/notes/6/").text


@pytest.mark.parametrize("path", ["/notes/new/", "/notes/1/edit/", "/notes/1/delete/", "/admin/"])
def test_a_viewer_is_told_kindly_that_a_page_is_not_theirs(stack: Stack, signed_in: SignedIn, path: str) -> None:
    page = signed_in("bob").open(stack.site + path)
    assert page.status == 403
    assert "This page is not yours to open" in page.text


def test_an_editor_writes_a_note_and_is_told_that_it_is_there(stack: Stack, signed_in: SignedIn) -> None:
    browser, title = signed_in("alice"), f"Swift {token_hex(4)}"
    page = _write_note(stack, browser, title=title)
    assert f"“{title}” is in the notebook." in page.text
    assert "Written by Alice Heron" in page.text


def test_what_people_write_stays_text(stack: Stack, signed_in: SignedIn) -> None:
    title = "<b>bold</b> {{ user }} {title}"
    page = _write_note(stack, signed_in("alice"), title=title, body="<script>alert(1)</script>")
    assert title in page.text
    assert "<script" not in page.html


def test_a_note_about_tomorrow_is_refused_with_a_reason(stack: Stack, signed_in: SignedIn) -> None:
    page = _write_note(stack, signed_in("alice"), observed_on="2999-01-01")
    assert page.url == f"{stack.site}/notes/new/"
    assert "This day has not come yet." in page.text


def test_an_editor_mends_a_note_whose_author_stays_its_author(stack: Stack, signed_in: SignedIn) -> None:
    browser = signed_in("alice")
    page = browser.open(f"{stack.site}/notes/1/edit/")
    page = browser.submit(page, page.form("title"), {"place": "Somewhere else"})
    assert "was changed." in page.text
    assert "Written by Tomas Reed" in page.text


def test_an_admin_deletes_a_note_after_being_asked(stack: Stack, signed_in: SignedIn) -> None:
    note = _write_note(stack, signed_in("alice"), title=f"Gone {token_hex(4)}")
    carol = signed_in("carol")
    page = carol.open(f"{note.url}delete/")
    assert "Delete this note?" in page.text
    page = carol.submit(page, page.form(action="/delete/"))
    assert "was deleted." in page.text
    assert carol.open(note.url).status == 404


def test_what_is_not_there_has_a_page_of_its_own(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/nowhere/")
    assert page.status == 404
    assert "There is nothing here" in page.text


def test_the_me_page_tells_what_is_known_and_what_ends_when(stack: Stack, signed_in: SignedIn) -> None:
    page = signed_in("carol").open(f"{stack.site}/me/")
    assert page.items_in("my-groups") == ["admins"]
    assert "notes.delete_note" in page.code_in("my-permissions")
    assert "carol@example.com" in page.text
    for what in ("You signed in", "Token issued", "Token ends", "Session ends"):
        assert what in page.text


def test_a_sign_in_that_fails_is_explained_on_a_page_of_the_site(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/auth/callback/?state=made-up&code=made-up")
    assert page.status == 400
    assert "Fieldnotes" in page.text
    assert "state_unknown" in page.text


def test_leaving_the_admin_signs_out_of_the_hosted_ui_too(stack: Stack, signed_in: SignedIn) -> None:
    carol = signed_in("carol")
    admin = carol.open(f"{stack.site}/admin/")
    home = carol.submit(admin, admin.form(action="/admin/logout/"))
    assert home.url == f"{stack.site}/"
    assert hosted_ui.asks_for_password(carol.open(f"{stack.site}/admin/"))


def test_signing_out_takes_more_than_a_link(stack: Stack, signed_in: SignedIn) -> None:
    alice = signed_in("alice")
    assert "Sign out?" in alice.open(f"{stack.site}/auth/logout/").text
    assert "Alice Heron" in alice.open(f"{stack.site}/me/").text


@pytest.mark.parametrize("path", ["/", "/notes/", "/notes/1/", "/notes/new/", "/me/", "/nowhere/", "/files/"])
def test_a_page_has_no_script_and_asks_nobody_else_for_anything(stack: Stack, signed_in: SignedIn, path: str) -> None:
    html = signed_in("alice").open(stack.site + path).html
    assert "<script" not in html
    assert "//" not in html.replace("<!doctype html>", "")


def test_the_stylesheet_is_there(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/static/fieldnotes.css")
    assert page.status == 200
    assert "url(" not in page.html


def test_a_form_that_is_not_there_is_said_to_be_missing(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/nowhere/")
    with pytest.raises(LostError):
        page.form("password")
