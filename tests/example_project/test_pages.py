"""Test the pages: content, permissions and messages."""

import re
from collections.abc import Callable
from secrets import token_hex

import pytest

from demo.stack import Stack
from journey import hosted_ui
from journey.browser import Browser
from journey.page import Page, UnexpectedPageError

from .manage_commands import run_shell

SignIn = Callable[[str], Browser]
OLD_SIGN_IN = """
import time
from django.test import Client
from django_cognito.testing import sign_in, trusted_keys

client = Client(headers={"host": "localhost"})
with trusted_keys():
    user = sign_in(client, "visitor", auth_time=int(time.time()) - 700)
    print(client.get("/notes/1/delete/")["Location"])
    user.delete()
"""


def _write_note(stack: Stack, browser: Browser, **values: str) -> Page:
    """Submit the form for a new note."""
    page = browser.open(f"{stack.site}/notes/new/")
    note = {"title": "A note", "body": "Something moved.", "observed_on": "2026-01-02", **values}
    return browser.submit(page, page.get_form("title", "body"), note)


def _open_and_sign_in(stack: Stack, path: str) -> Page:
    browser = Browser()
    return hosted_ui.submit_password(browser, browser.open(stack.site + path), stack.pool.users["bob"])


def test_anonymous_home_page_has_sign_in_and_no_notes(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/")
    assert "Sign in" in page.text
    assert "Kingfisher" not in page.text


def test_sign_in_returns_to_the_requested_page(stack: Stack) -> None:
    page = _open_and_sign_in(stack, "/notes/?page=1")
    assert page.url == f"{stack.site}/notes/?page=1"
    assert "The notebook" in page.text


def test_viewer_reads_notes_and_has_no_write_button(stack: Stack, sign_in: SignIn) -> None:
    bob = sign_in("bob")
    assert "Write a note" not in bob.open(f"{stack.site}/notes/").text
    # Open the note itself: notes of other tests may move it from the first page of the list.
    assert "Kingfisher, twice" in bob.open(f"{stack.site}/notes/6/").text


@pytest.mark.parametrize("path", ["/notes/new/", "/notes/1/edit/", "/notes/1/delete/"])
def test_viewer_gets_403_page_without_permission(stack: Stack, sign_in: SignIn, path: str) -> None:
    page = sign_in("bob").open(stack.site + path)
    assert page.status == 403
    assert "You may not open this page" in page.text


def test_viewer_can_switch_accounts_at_the_admin(stack: Stack, sign_in: SignIn) -> None:
    page = sign_in("bob").open(f"{stack.site}/admin/")
    assert page.status == 403
    assert "Sign in with another account" in page.text


def test_admin_group_sees_the_links_of_users(stack: Stack, sign_in: SignIn) -> None:
    page = sign_in("carol").open(f"{stack.site}/admin/django_cognito/cognitouser/?q=carol")
    assert "carol@example.com" not in page.text
    assert "1 Cognito user" in page.text


@pytest.mark.parametrize(
    ("username", "path", "button"),
    [
        ("alice", "/notes/new/", "Save the note"),
        ("alice", "/notes/6/edit/", "Save the change"),
        ("carol", "/notes/6/delete/", "Delete"),
        ("alice", "/files/", "Upload"),
        ("alice", "/files/mine/heron.txt/delete/", "Delete"),
    ],
)
def test_form_has_a_button_and_a_link_to_cancel(
    stack: Stack, sign_in: SignIn, username: str, path: str, button: str
) -> None:
    page = sign_in(username).open(stack.site + path)
    assert f'type="submit">{button}</button>' in page.html
    assert re.search(r'<a href="[^"]+">Cancel</a>', page.html)


def test_form_marks_the_invalid_field_only(stack: Stack, sign_in: SignIn) -> None:
    page = _write_note(stack, sign_in("alice"), observed_on="2999-01-01")
    invalid = re.findall(r"<[^>]*aria-invalid[^>]*>", page.html)
    assert [re.findall(r'name="(\w+)"', tag) for tag in invalid] == [["observed_on"]]
    assert 'aria-describedby="id_observed_on_error"' in invalid[0]
    assert re.search(r'id="id_observed_on_error"><li>The date must not be in the future.', page.html)


def test_editor_creates_note_and_gets_message(stack: Stack, sign_in: SignIn) -> None:
    browser, title = sign_in("alice"), f"Swift {token_hex(4)}"
    page = _write_note(stack, browser, title=title)
    assert f"“{title}” was saved." in page.text
    assert "Written by Alice Heron" in page.text


def test_note_text_is_escaped(stack: Stack, sign_in: SignIn) -> None:
    title = "<b>bold</b> {{ user }} {title}"
    page = _write_note(stack, sign_in("alice"), title=title, body="<script>alert(1)</script>")
    assert title in page.text
    assert "<script>" not in page.html


def test_form_rejects_note_with_future_date(stack: Stack, sign_in: SignIn) -> None:
    page = _write_note(stack, sign_in("alice"), observed_on="2999-01-01")
    assert page.url == f"{stack.site}/notes/new/"
    assert "The date must not be in the future." in page.text


def test_edited_note_keeps_its_author(stack: Stack, sign_in: SignIn) -> None:
    browser = sign_in("alice")
    page = browser.open(f"{stack.site}/notes/1/edit/")
    page = browser.submit(page, page.get_form("title"), {"place": "Somewhere else"})
    assert "was changed." in page.text
    assert "Written by Tomas Reed" in page.text


def test_deletion_of_a_note_needs_a_recent_sign_in(stack: Stack) -> None:
    """In a process of its own with the site's settings: a sign-in that is older than ten minutes."""
    assert run_shell(stack, OLD_SIGN_IN).strip() == "/auth/step-up/?max_age=600&next=%2Fnotes%2F1%2Fdelete%2F"


def test_step_up_needs_the_password_and_returns_to_the_page(stack: Stack, sign_in: SignIn) -> None:
    carol = sign_in("carol")
    page = carol.open(f"{stack.site}/auth/step-up/?max_age=600&next=/notes/1/delete/")
    assert hosted_ui.is_sign_in_page(page)
    page = hosted_ui.submit_password(carol, page, stack.pool.users["carol"])
    assert page.url == f"{stack.site}/notes/1/delete/"
    assert "Delete this note?" in page.text


def test_admin_deletes_note_after_confirmation(stack: Stack, sign_in: SignIn) -> None:
    note = _write_note(stack, sign_in("alice"), title=f"Gone {token_hex(4)}")
    carol = sign_in("carol")
    page = carol.open(f"{note.url}delete/")
    assert "Delete this note?" in page.text
    page = carol.submit(page, page.get_form(action="/delete/"))
    assert "was deleted." in page.text
    assert carol.open(note.url).status == 404


def test_unknown_url_returns_404_page(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/nowhere/")
    assert page.status == 404
    assert "Page not found" in page.text


def test_profile_page_shows_groups_permissions_and_times(stack: Stack, sign_in: SignIn) -> None:
    page = sign_in("carol").open(f"{stack.site}/me/")
    assert page.get_list_items("my-groups") == ["admins"]
    assert "notes.delete_note" in page.get_codes("my-permissions")
    assert "carol@example.com" in page.text
    for name in ("You signed in", "Token issued", "Token expires", "Session expires"):
        assert name in page.text


def test_failed_sign_in_page_uses_the_site_template(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/auth/callback/?state=made-up&code=made-up")
    assert page.status == 400
    assert "Fieldnotes" in page.text
    assert "state_unknown" in page.text


def test_admin_sign_out_ends_the_hosted_ui_session(stack: Stack, sign_in: SignIn) -> None:
    carol = sign_in("carol")
    admin = carol.open(f"{stack.site}/admin/")
    home = carol.submit(admin, admin.get_form(action="/admin/logout/"))
    assert home.url == f"{stack.site}/"
    assert hosted_ui.is_sign_in_page(carol.open(f"{stack.site}/admin/"))


def test_sign_out_by_get_only_shows_confirmation(stack: Stack, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    assert "Sign out?" in alice.open(f"{stack.site}/auth/logout/").text
    assert "Alice Heron" in alice.open(f"{stack.site}/me/").text


def test_user_ends_another_sign_in_from_the_profile_page(stack: Stack) -> None:
    laptop, phone = Browser(), Browser()
    for browser in (laptop, phone):
        login_page = browser.open(f"{stack.site}/auth/login/?next=/me/")
        profile = hosted_ui.submit_password(browser, login_page, stack.pool.users["carol"])
        assert 'href="/auth/logins/"' in profile.html
    page = laptop.open(f"{stack.site}/auth/logins/")
    assert "Your sign-ins" in page.text
    assert "fieldnotes.css" in page.html
    laptop.submit(page, page.get_form(action="/auth/logins/end-others/"))
    assert "Sign out" in laptop.open(f"{stack.site}/").text
    assert "Sign out" not in phone.open(f"{stack.site}/").text


@pytest.mark.parametrize(
    "path", ["/", "/notes/", "/notes/1/", "/notes/new/", "/me/", "/nowhere/", "/files/", "/stations/"]
)
def test_page_has_no_inline_script_and_no_external_url(stack: Stack, sign_in: SignIn, path: str) -> None:
    html = sign_in("alice").open(stack.site + path).html
    scripts = re.findall(r"<script[^>]*>[^<]*", html)
    assert [tag for tag in scripts if not re.fullmatch(r'<script type="module" src="/static/\w+\.js">', tag)] == []
    assert "//" not in html.replace("<!doctype html>", "")


def test_stylesheet_is_served(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/static/fieldnotes.css")
    assert page.status == 200
    assert "url(" not in page.html


def test_missing_form_raises_unexpected_page_error(stack: Stack) -> None:
    page = Browser().open(f"{stack.site}/nowhere/")
    with pytest.raises(UnexpectedPageError):
        page.get_form("password")
