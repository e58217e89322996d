"""Collect problems of the pages of a browser: console errors, requests to other origins, local storage.

    watch = Watch(context, origins={site, cognito}, others=set())
    ...
    assert watch.problems() == []

Content-Security-Policy violations are among the problems: browsers write them to the console.
"""

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    Request,
    WebError,
)

_STATUS = "Failed to load resource: the server responded with a status of "
_STORES = "uses the local storage"
# Runs in each frame before its scripts. To read the local storage of each origin afterwards, Playwright opens a page
# for each of them, which takes as long as a page of the test.
_REPORT_STORES = """
(() => {
  const { get } = Object.getOwnPropertyDescriptor(window, "localStorage");
  const report = () => console.error("MESSAGE");
  const handler = {
    get(storage, name) {
      if (name === "setItem") report();
      const value = storage[name];
      return typeof value === "function" ? value.bind(storage) : value;
    },
    set(storage, name, value) {
      report();
      storage[name] = value;
      return true;
    },
  };
  Object.defineProperty(window, "localStorage", { get: () => new Proxy(get.call(window), handler) });
})();
""".replace("MESSAGE", _STORES)


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
        context.add_init_script(_REPORT_STORES)
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
        for page in self.context.pages:
            with suppress(Error):  # the page is being closed or replaced
                page.evaluate("0")  # its messages arrive before the response
        return [*self._problems, *(f"requests {url}" for url in elsewhere)]

    def _add_message(self, message: ConsoleMessage) -> None:
        url = message.location["url"]
        if message.text == _STORES:
            self._problems.append(f"{_STORES} of {origin_of(message.page.url if message.page else url)}")
            return
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
