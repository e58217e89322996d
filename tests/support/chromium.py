"""Start Chromium for tests. What it may reach beyond that is the caller's choice."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from .real_parts import CHROMIUM_ARGUMENTS, chromium_path


@contextmanager
def running_chromium(*arguments: str) -> Iterator[Browser]:
    """Start Chromium with these further arguments, and close it in the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS, *arguments])
        yield browser
        browser.close()
