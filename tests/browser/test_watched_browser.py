"""`Watch` reports everything that no page of the package may do."""

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


def find_problems(chromium: Browser, server: ScriptedServer, body: str) -> list[str]:
    server.script(Answer(400, f"<!doctype html><title>T</title>{body}".encode(), POLICY))
    context = chromium.new_context()
    watch = Watch(context, origins={server.url}, others=set())
    page = context.new_page()
    page.goto(server.url)
    page.wait_for_load_state("networkidle")
    lines = watch.problems()
    context.close()
    return [line.replace(server.url, "") for line in lines]


def test_error_page_is_no_problem(chromium: Browser, server: ScriptedServer) -> None:
    assert find_problems(chromium, server, "<h1>Bad request</h1>") == []


@pytest.mark.parametrize(
    ("body", "start"),
    [
        ("<img src=/a.png>", "logs Loading the image"),
        ("<script>console.error('oh no')</script>", "logs oh no"),
        ("<script>throw new Error('oh no')</script>", "raises oh no"),
        ("<link rel=stylesheet href=/none.css>", "logs Failed to load resource"),
        ("<link rel=stylesheet href=https://cdn.example.com/a.css>", "requests https://cdn.example.com/a.css"),
        ("<script>localStorage.setItem('a', 'b')</script>", "uses the local storage"),
        ("<script>localStorage.a = 'b'</script>", "uses the local storage"),
        ("<iframe srcdoc='<script>localStorage.a = 1</script>'></iframe>", "uses the local storage"),
    ],
)
def test_forbidden_page_behaviour_is_a_problem(
    chromium: Browser, server: ScriptedServer, body: str, start: str
) -> None:
    assert [line for line in find_problems(chromium, server, body) if line.startswith(start)] != []
