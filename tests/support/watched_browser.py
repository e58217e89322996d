"""A browser that is watched: what its pages complain of, whom they ask, and what they leave behind.

    watch = Watch(context, ours={site, cognito})
    ...
    assert watch.found() == []

A Content-Security-Policy that blocks something is among the complaints: browsers write it to the console.
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
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


class Watch:
    """What is heard of all pages of `context`; pages at `others` are somebody else's, whatever they do."""

    def __init__(self, context: BrowserContext, ours: set[str], others: set[str]) -> None:
        self.context = context
        self.asked: list[str] = []  # every address that was asked for, in order
        self._ours, self._others = ours, others
        self._complaints: list[str] = []
        self._pages: set[str] = set()
        context.on("console", self._hear)
        context.on("weberror", self._hear_error)
        context.on("request", self._see)

    def add(self, origin: str) -> None:
        """Let pages ask a further origin of ours, too."""
        self._ours.add(origin)

    def found(self) -> list[str]:
        """All that is wrong so far, a line for each."""
        elsewhere = [url for url in self.asked if origin_of(url) not in self._ours | self._others | {"data://"}]
        kept = [each["origin"] for each in self.context.storage_state()["origins"]]
        return [
            *self._complaints,
            *(f"asks {url}" for url in elsewhere),
            *(f"keeps something in the local storage of {origin}" for origin in kept),
        ]

    def _hear(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        # A page of an error is one whose status says so: no complaint of the page's.
        is_own_status = message.text.startswith(_STATUS) and url in self._pages
        if message.type == "error" and not is_own_status and origin_of(url) not in self._others:
            self._complaints.append(f"says {message.text} at {url}")

    def _hear_error(self, error: WebError) -> None:
        self._complaints.append(f"raises {error.error.message}")

    def _see(self, request: Request) -> None:
        self.asked.append(request.url)
        if request.is_navigation_request():
            self._pages.add(request.url)


NewBrowser = Callable[..., Watch]
EITHER_WAY = pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
