"""Collect problems of the pages of a browser: console errors, requests to other origins, local storage.

    watch = Watch(context, origins={site, cognito}, others=set())
    ...
    assert watch.problems() == []

Content-Security-Policy violations are among the problems: browsers write them to the console.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Request,
    WebError,
)

_STATUS = "Failed to load resource: the server responded with a status of "


def origin_of(url: str) -> str:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Watch:
    """The problems of all pages of `context`. Pages at `others` belong to other sites and are not checked."""

    def __init__(self, context: BrowserContext, origins: set[str], others: set[str]) -> None:
        self.context = context
        self.requested_urls: list[str] = []  # in order
        self._origins, self._others = origins, others
        self._problems: list[str] = []
        self._pages: set[str] = set()
        context.on("console", self._add_message)
        context.on("weberror", self._add_error)
        context.on("request", self._add_request)

    def add(self, origin: str) -> None:
        """Allow requests to another origin."""
        self._origins.add(origin)

    def problems(self) -> list[str]:
        """Return a line for each problem so far."""
        elsewhere = [
            url for url in self.requested_urls if origin_of(url) not in self._origins | self._others | {"data://"}
        ]
        stored = [item["origin"] for item in self.context.storage_state()["origins"]]
        return [
            *self._problems,
            *(f"requests {url}" for url in elsewhere),
            *(f"uses the local storage of {origin}" for origin in stored),
        ]

    def _add_message(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        # The status of an error page itself is expected.
        is_own_status = message.text.startswith(_STATUS) and url in self._pages
        if message.type == "error" and not is_own_status and origin_of(url) not in self._others:
            self._problems.append(f"logs {message.text} at {url}")

    def _add_error(self, error: WebError) -> None:
        self._problems.append(f"raises {error.error.message}")

    def _add_request(self, request: Request) -> None:
        self.requested_urls.append(request.url)
        if request.is_navigation_request():
            self._pages.add(request.url)


NewBrowser = Callable[..., Watch]
EITHER_WAY = pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
