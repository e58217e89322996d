"""The photo of a note: its author's file, shown to nobody else."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from demo.stack import Stack
from journey.browser import Browser
from journey.page import Page

SignedIn = Callable[[str], Browser]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
JPEG = b"\xff\xd8\xff\xe0" + bytes(64)


@pytest.fixture
def alice(signed_in: SignedIn) -> Browser:
    """Alice, an editor."""
    return signed_in("alice")


@pytest.fixture
def note(stack: Stack, alice: Browser) -> str:
    """The address of a note of Alice's."""
    page = alice.open(f"{stack.site}/notes/new/")
    return alice.submit(page, page.form("title"), {"title": "With a photo", "body": "See below."}).url


def _add(browser: Browser, note: str, name: str = "heron.png", content: bytes = PNG) -> Page:
    return browser.upload(browser.open(f"{note}photo/edit/"), "photo", name, content)


def test_the_author_sees_it_on_the_note(alice: Browser, note: str) -> None:
    page = _add(alice, note)
    assert "The photo is on your note." in page.text
    assert f'<img src="{urlsplit(note).path}photo/"' in page.html
    shown = alice.download(f"{note}photo/")
    assert (shown.status_code, shown.content, shown.headers["Content-Type"]) == (200, PNG, "image/png")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"


def test_nobody_else_does_and_the_page_says_why(stack: Stack, signed_in: SignedIn, alice: Browser, note: str) -> None:
    _add(alice, note)
    carol = signed_in("carol")
    page = carol.open(note)
    assert "<img" not in page.html
    assert "Alice Heron has added a photo to this note. It is stored with the author's own files" in page.text
    page = carol.open(f"{note}photo/")
    assert (page.status, page.code_in("refusal")) == (403, ["AccessDenied"])
    assert "The photo is one of Alice Heron's own files" in page.text


def test_it_is_among_its_author_s_files(stack: Stack, alice: Browser, note: str) -> None:
    _add(alice, note)
    number = note.rstrip("/").rpartition("/")[2]
    assert f"Photo of note {number}.png" in alice.open(f"{stack.site}/files/").text


def test_another_takes_its_place(stack: Stack, alice: Browser, note: str) -> None:
    _add(alice, note)
    _add(alice, note, "heron.JPG", JPEG)
    assert alice.download(f"{note}photo/").content == JPEG
    number = note.rstrip("/").rpartition("/")[2]
    listed = alice.open(f"{stack.site}/files/").text
    assert f"Photo of note {number}.jpg" in listed
    assert f"Photo of note {number}.png" not in listed


def test_it_is_taken_off(alice: Browser, note: str) -> None:
    _add(alice, note)
    page = alice.open(f"{note}photo/edit/")
    page = alice.submit(page, page.form("take_off"))
    assert "The photo is gone." in page.text
    assert "<img" not in page.html
    assert alice.open(f"{note}photo/").status == 404


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("heron.png", b"<html>", "This is called a picture, and is none."),
        ("heron.webp", b"RIFF\0\0\0\0WAVE", "This is called a picture, and is none."),
        ("heron.txt", b"text", "File extension “txt” is not allowed."),
    ],
)
def test_what_is_no_picture_is_refused(alice: Browser, note: str, name: str, content: bytes, reason: str) -> None:
    page = _add(alice, note, name, content)
    assert reason in page.text
    assert "<img" not in alice.open(note).html


@pytest.mark.parametrize("username", ["bob", "carol"])
def test_a_note_takes_no_photo_of_anybody_else_s(signed_in: SignedIn, note: str, username: str) -> None:
    browser = signed_in(username)
    assert "photo" not in browser.open(note).html.partition("<main")[2].partition("See below.")[2]
    assert browser.open(f"{note}photo/edit/").status == 403
