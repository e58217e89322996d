"""Start Chromium for tests. Does not restrict its requests."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from .real_parts import CHROMIUM_ARGUMENTS, chromium_path


@contextmanager
def running_chromium(*arguments: str) -> Iterator[Browser]:
    """Start Chromium with additional arguments; close it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*CHROMIUM_ARGUMENTS, *arguments])
        yield browser
        browser.close()
