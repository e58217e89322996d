"""Start Chromium for pages of other hosts. Does not restrict its requests, as that of the tests does."""

from collections.abc import Iterator
from contextlib import contextmanager

from local_cognito_support.chromium import CHROMIUM_ARGUMENTS
from playwright.sync_api import Browser, sync_playwright

from .real_parts import chromium_path


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Chromium; close it afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
