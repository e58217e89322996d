"""The watch that every journey is under: a page of all that no page of ours may do is found out."""

from collections.abc import Iterator

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer
from playwright.sync_api import Browser

from tests.support.watched_browser import Watch

pytestmark = pytest.mark.needs("chromium")

POLICY = {"content-type": "text/html", "content-security-policy": "img-src 'none'"}


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def found(chromium: Browser, server: ScriptedServer, body: str) -> list[str]:
    server.script(Answer(400, f"<!doctype html><title>T</title>{body}".encode(), POLICY))
    context = chromium.new_context()
    watch = Watch(context, origins={server.url}, others=set())
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_load_state("networkidle")
    lines = watch.problems()
    context.close()
    return [line.replace(server.url, "") for line in lines]


def test_a_page_of_an_error_is_no_complaint(chromium: Browser, server: ScriptedServer) -> None:
    assert found(chromium, server, "<h1>Bad request</h1>") == []


@pytest.mark.parametrize(
    ("body", "start"),
    [
        ("<img src=/a.png>", "says Loading the image"),
        ("<script>console.error('oh no')</script>", "says oh no"),
        ("<script>throw new Error('oh no')</script>", "raises oh no"),
        ("<link rel=stylesheet href=/none.css>", "says Failed to load resource"),
        ("<link rel=stylesheet href=https://cdn.example.com/a.css>", "asks https://cdn.example.com/a.css"),
        ("<script>localStorage.setItem('a', 'b')</script>", "keeps something in the local storage"),
    ],
)
def test_what_no_page_of_ours_may_do_is_found(chromium: Browser, server: ScriptedServer, body: str, start: str) -> None:
    assert [line for line in found(chromium, server, body) if line.startswith(start)] != []
