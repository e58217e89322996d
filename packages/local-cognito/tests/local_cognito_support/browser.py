"""A browser that runs the hosted UI, and the web site of an app that users sign in to."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

COLOR_SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class App(BaseHTTPRequestHandler):
    """The app that users sign in to. It shows every request the same page."""

    def do_GET(self) -> None:
        """Respond with a page."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"Welcome to the app.")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def callback_url() -> Iterator[str]:
    """Yield the app's callback URL: another origin than the hosted UI's, so `form-action` must allow it."""
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as app:
        thread = Thread(target=app.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://localhost:{app.server_port}/auth/callback/"
        app.shutdown()
        thread.join()


def each_scheme(page: Page) -> Iterator[str]:
    """Yield the color schemes; the page is shown in each."""
    for scheme in COLOR_SCHEMES:
        page.emulate_media(color_scheme=scheme)
        yield scheme


def expect_welcome(page: Page) -> None:
    """Assert that the browser was redirected to the app with a code."""
    expect(page.get_by_text("Welcome to the app.")).to_be_visible()
    assert "/auth/callback/?code=" in page.url


def press(page: Page, *keys: str) -> None:
    """Press keys in order; insert text that is not the name of a key, as an input method does."""
    for key in keys:
        if key in {"Tab", "Enter"}:
            page.keyboard.press(key)
        else:
            page.keyboard.insert_text(key)  # to type it takes 4 ms of CPU time for each character
