"""Test the photo of a note, which only its author can see."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from demo.stack import Stack
from journey.browser import Browser
from journey.page import Page

SignIn = Callable[[str], Browser]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
JPEG = b"\xff\xd8\xff\xe0" + bytes(64)


@pytest.fixture
def alice(sign_in: SignIn) -> Browser:
    """Return the browser of Alice, an editor."""
    return sign_in("alice")


@pytest.fixture
def note(stack: Stack, alice: Browser) -> str:
    """Return the URL of a note of Alice."""
    page = alice.open(f"{stack.site}/notes/new/")
    return alice.submit(page, page.get_form("title"), {"title": "With a photo", "body": "See below."}).url


def _add_photo(browser: Browser, note: str, name: str = "heron.png", content: bytes = PNG) -> Page:
    return browser.upload(browser.open(f"{note}photo/edit/"), "photo", name, content)


def test_author_sees_photo_on_the_note(alice: Browser, note: str) -> None:
    page = _add_photo(alice, note)
    assert "The photo was added to your note." in page.text
    assert f'<img src="{urlsplit(note).path}photo/"' in page.html
    response = alice.download(f"{note}photo/")
    assert (response.status_code, response.content, response.headers["Content-Type"]) == (200, PNG, "image/png")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_other_user_gets_no_photo_and_the_reason(stack: Stack, sign_in: SignIn, alice: Browser, note: str) -> None:
    _add_photo(alice, note)
    carol = sign_in("carol")
    page = carol.open(note)
    assert "<img" not in page.html
    assert "Alice Heron has added a photo to this note. It is stored with the author's own files" in page.text
    page = carol.open(f"{note}photo/")
    assert (page.status, page.get_codes("aws-error")) == (403, ["AccessDenied"])
    assert "The photo is one of Alice Heron's own files" in page.text


def test_photo_is_listed_in_the_author_files(stack: Stack, alice: Browser, note: str) -> None:
    _add_photo(alice, note)
    number = note.rstrip("/").rpartition("/")[2]
    assert f"Photo of note {number}.png" in alice.open(f"{stack.site}/files/").text


def test_new_photo_replaces_the_old_one(stack: Stack, alice: Browser, note: str) -> None:
    _add_photo(alice, note)
    _add_photo(alice, note, "heron.JPG", JPEG)
    assert alice.download(f"{note}photo/").content == JPEG
    number = note.rstrip("/").rpartition("/")[2]
    text = alice.open(f"{stack.site}/files/").text
    assert f"Photo of note {number}.jpg" in text
    assert f"Photo of note {number}.png" not in text


def test_photo_is_removed(alice: Browser, note: str) -> None:
    _add_photo(alice, note)
    page = alice.open(f"{note}photo/edit/")
    page = alice.submit(page, page.get_form("remove_photo"))
    assert "The photo was removed." in page.text
    assert "<img" not in page.html
    assert alice.open(f"{note}photo/").status == 404


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("heron.png", b"<html>", "The content of this file is not an image of this type."),
        ("heron.webp", b"RIFF\0\0\0\0WAVE", "The content of this file is not an image of this type."),
        ("heron.txt", b"text", "File extension “txt” is not allowed."),
    ],
)
def test_invalid_photo_is_rejected(alice: Browser, note: str, name: str, content: bytes, reason: str) -> None:
    page = _add_photo(alice, note, name, content)
    assert reason in page.text
    assert "<img" not in alice.open(note).html


@pytest.mark.parametrize("username", ["bob", "carol"])
def test_only_the_author_may_add_a_photo(sign_in: SignIn, note: str, username: str) -> None:
    browser = sign_in(username)
    assert "photo" not in browser.open(note).html.partition("<main")[2].partition("See below.")[2]
    assert browser.open(f"{note}photo/edit/").status == 403
