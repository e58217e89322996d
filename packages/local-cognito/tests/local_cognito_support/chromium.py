"""One Chromium for all tests of a process: its start takes longer than most tests with it."""

import asyncio
import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

from .real_parts import chromium_path

# Of actions, navigations and expectations: a loaded computer is slow. Playwright's own are 30 and 5 seconds.
TIMEOUT_SECONDS = 120
expect.set_options(timeout=TIMEOUT_SECONDS * 1_000)

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # the kernel of a container often does not allow Chromium's sandbox
    (
        # The address bar of each new window is a separate page: a third of the CPU time of these tests. The option
        # replaces Playwright's, so the features that tests need are repeated.
        "--disable-features=OmniboxPopupWebUI,WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmnibox,HttpsUpgrades,"
        "HttpsFirstBalancedModeAutoEnable,DestroyProfileOnBrowserClose,MediaRouter,OptimizationHints,PaintHolding"
    ),
    # One process for all pages of a context, and none for a GPU: the start of a process takes as long as some pages.
    # Which process shows a page is no matter of headers, cookies or scripts.
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
    "--in-process-gpu",
)
_ARGUMENTS = (
    *CHROMIUM_ARGUMENTS,
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No other host is reached. The DNS of an attacker resolves evil.example to loopback.
    "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


class _Running(NamedTuple):
    playwright: Playwright
    browser: Browser
    loop: asyncio.AbstractEventLoop


_running: _Running | None = None


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Yield the Chromium of this process. Closes the contexts at the end, and leaves Chromium running.

    Playwright runs an event loop in this thread, also between its calls. It is set aside at the end: other tests run
    loops of their own.
    """
    global _running
    if _running is None:
        playwright = sync_playwright().start()
        browser = playwright.chromium.launch(
            executable_path=chromium_path(), args=_ARGUMENTS, timeout=TIMEOUT_SECONDS * 1_000
        )
        _set_timeouts(browser)
        _running = _Running(playwright, browser, asyncio.get_running_loop())
        atexit.register(_close, _running)
    asyncio._set_running_loop(_running.loop)
    try:
        yield _running.browser
        for context in _running.browser.contexts:
            context.close()
    finally:
        asyncio._set_running_loop(None)


def _set_timeouts(browser: Browser) -> None:
    """Set `TIMEOUT_SECONDS` in all contexts: Playwright has no such option of a browser."""
    create_context = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = create_context(**options)
        context.set_default_timeout(TIMEOUT_SECONDS * 1_000)
        return context

    browser.new_context = new_context  # type: ignore[method-assign]


def _close(running: _Running) -> None:
    asyncio._set_running_loop(running.loop)
    running.browser.close()
    running.playwright.stop()
    asyncio._set_running_loop(None)
