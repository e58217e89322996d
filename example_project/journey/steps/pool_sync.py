"""Steps: the synchronization of all users of the pool."""

import re
import time

from .. import hosted_ui
from ..browser import Browser
from ..context import Context
from ..page import Page, UnexpectedPageError
from ..step import step

_TIMEOUT_SECONDS = 30
_COUNTS = ("Created", "Changed", "Disabled or enabled")


@step(
    "Carol synchronizes the users; Jon has never signed in, Kate is disabled in Cognito",
    expected="jon before: unknown; after: station/mill/viewers, viewers; found to be disabled: 1; "
    "second run: Created 0, Changed 0, Disabled or enabled 0",
)
def two_runs(context: Context) -> str:
    """Check that the second run changes nothing."""
    before = _describe_groups(context, "jon")
    browser, page = _open_page(context)
    first, second = _run(browser, page), _run(browser, page)
    disabled = _get_count(first, "Disabled or enabled")
    counts = ", ".join(f"{name} {_get_count(second, name)}" for name in _COUNTS)
    after = _describe_groups(context, "jon")
    return f"jon before: {before}; after: {after}; found to be disabled: {disabled}; second run: {counts}"


@step("Carol starts two runs at once", expected="one is done, one is refused")
def two_runs_at_once(context: Context) -> str:
    """Submit the form twice, as in two tabs."""
    browser, page = _open_page(context)
    browser.submit(page, page.get_form(action="/sync/start/"))
    text = _run(browser, page).text.partition("Most recent runs")[2]
    states = re.findall(r"Done|Refused|Reading|Failed", text)[:2]  # of the two most recent runs
    return ", ".join(f"one is {state.lower()}" for state in sorted(states))


def _open_page(context: Context) -> tuple[Browser, Page]:
    browser = Browser()
    return browser, hosted_ui.sign_in(browser, context, context.users["carol"], path="/sync/")


def _run(browser: Browser, page: Page) -> Page:
    """Start a run, and return the page after no run is running any more."""
    current = browser.submit(page, page.get_form(action="/sync/start/"))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while 'data-state="running"' in current.html:
        if time.monotonic() > deadline:
            raise UnexpectedPageError(f"the run is still running after {_TIMEOUT_SECONDS} s")
        time.sleep(0.5)
        current = browser.open(current.url)
    return current


def _get_count(page: Page, name: str) -> str:
    """Return a count of the most recent run."""
    count = re.search(rf"{name} (\d+)", page.text)
    return count[1] if count else "?"


def _describe_groups(context: Context, username: str) -> str:
    groups = context.read_groups().get(username)
    return "unknown" if groups is None else ", ".join(groups)
