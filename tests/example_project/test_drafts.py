"""Drafts and the reading position of Fieldnotes on two devices of one user, in Chromium."""

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest
from local_cognito_support import axe
from local_cognito_support.chromium import running_chromium
from playwright.sync_api import Browser, BrowserContext, Page, expect

from demo.ports import find_free_port
from demo.stack import Stack

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.usefixtures("without_datasets")]
SAVED = "The draft is saved on all your devices."
OFFLINE = "The draft is saved on this device."
BODY = "What you saw"


class Site:
    """A server process of its own, which a test can restart. Sessions and data are those of the other process."""

    def __init__(self, stack: Stack) -> None:
        self._stack, self._port, self._starts = stack, find_free_port(0), 0
        self.url = f"http://localhost:{self._port}"
        self.start()

    def start(self) -> None:
        """Start the process and wait until it responds."""
        self._starts += 1
        self._stack.start_server(self._name, self._port, self._stack.build_environment())

    def stop(self) -> None:
        """Kill the process, as a crash does."""
        os.kill(self._stack.processes.get_pid(self._name), signal.SIGKILL)

    @property
    def _name(self) -> str:
        return f"drafts-{self._starts}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(stack: Stack) -> Iterator[Site]:
    site = Site(stack)
    yield site
    site.stop()


NewDevice = Callable[..., Page]


@pytest.fixture
def new_device(chromium: Browser, stack: Stack) -> Iterator[NewDevice]:
    """Yield a function that signs a user in with a new browser, and returns a page of it. A script error fails."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def new(username: str = "alice", **options: object) -> Page:
        contexts.append(chromium.new_context(**options))
        contexts[-1].on("weberror", lambda error: errors.append(str(error.error)))
        page = contexts[-1].new_page()
        sign_in(page, stack, username)
        return page

    yield new
    for context in contexts:
        context.close()
    assert errors == []


def sign_in(page: Page, stack: Stack, username: str) -> None:
    page.goto(f"{stack.site}/auth/login/?next=/me/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(stack.pool.users[username].password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/me/")


def sign_out(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.site}/me/")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def look_at(page: Page) -> None:
    """Make the page poll at once, as it does when the user returns to its tab."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def expect_status(page: Page, text: str) -> None:
    expect(page.locator(".draft-status")).to_contain_text(text)


def write(page: Page, title: str, body: str) -> None:
    """Write a draft by keyboard."""
    page.get_by_label("Title").press_sequentially(title)
    page.get_by_label(BODY).press_sequentially(body)


def wait_until_deleted(page: Page) -> None:
    """Return when the server has no draft of a new note. Before, the next test would begin with that draft."""
    script = """async () => {
        const { records } = await (await fetch("/datasets/drafts/")).json();
        return records?.every(({ key }) => key !== "new");
    }"""
    page.wait_for_function(script, polling=200)


def test_draft_appears_on_another_device_and_is_deleted_once_saved(new_device: NewDevice, site: Site) -> None:
    phone, desk = new_device(), new_device()
    phone.goto(f"{site.url}/notes/new/")
    write(phone, "Otter", "One, at the weir.")
    expect_status(phone, SAVED)
    desk.goto(f"{site.url}/notes/new/")
    expect(desk.get_by_label("Title")).to_have_value("Otter")
    expect(desk.get_by_label(BODY)).to_have_value("One, at the weir.")
    desk.get_by_role("button", name="Save the note").click()
    expect(desk.get_by_role("status").first).to_contain_text("“Otter” was saved.")
    wait_until_deleted(desk)
    phone.goto(f"{site.url}/notes/new/")
    expect(phone.get_by_label("Title")).to_have_value("")
    expect(phone.get_by_role("button", name="Discard the draft")).to_be_hidden()


def expect_draft(page: Page, site: Site) -> None:
    """Raise AssertionError if a new note does not begin with the draft."""
    page.goto(f"{site.url}/notes/new/")
    expect(page.get_by_label("Title")).to_have_value("Bittern")
    expect(page.get_by_label(BODY)).to_have_value("Heard only.")
    page.get_by_role("button", name="Discard the draft").click()
    wait_until_deleted(page)


def test_draft_stays_if_save_does_not_reach_the_site(new_device: NewDevice, site: Site) -> None:
    page = new_device()
    page.goto(f"{site.url}/notes/new/")
    write(page, "Bittern", "Heard only.")
    expect_status(page, SAVED)
    page.context.set_offline(True)
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/notes/new/")):
        page.get_by_role("button", name="Save the note").click()
    page.context.set_offline(False)
    expect_draft(page, site)


def test_draft_stays_if_save_requires_a_sign_in(new_device: NewDevice, site: Site, stack: Stack) -> None:
    page = new_device()
    page.goto(f"{site.url}/notes/new/")
    write(page, "Bittern", "Heard only.")
    expect_status(page, SAVED)
    page.context.clear_cookies(name="fieldnotes_session")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_role("heading", name="Sign in to send the form")).to_be_visible()
    expect(page.get_by_text("was saved.")).to_have_count(0)
    page.goto(f"{stack.site}/auth/login/?next=/me/")  # without a form: the login in Cognito has not ended
    page.wait_for_url("**/me/")
    expect_draft(page, site)


def test_draft_stays_if_the_site_refuses_the_note(new_device: NewDevice, site: Site) -> None:
    page = new_device()
    page.goto(f"{site.url}/notes/new/")
    write(page, "Bittern", "Heard only.")
    page.get_by_label("Observed on").fill("2999-01-01")
    page.get_by_role("button", name="Save the note").click()
    expect(page.get_by_text("The date must not be in the future.")).to_be_visible()
    expect_status(page, SAVED)
    expect(page.get_by_role("region", name="Written on two devices")).to_be_hidden()
    expect_draft(page, site)


def test_devices_with_a_conflict_show_both_texts_and_end_equal(new_device: NewDevice, site: Site) -> None:
    """One device is offline; the server is restarted before it comes back."""
    phone, desk = new_device(), new_device()
    for page in (phone, desk):
        page.goto(f"{site.url}/notes/6/edit/")
    phone.get_by_label(BODY).fill("A kingfisher.")
    expect_status(phone, SAVED)
    look_at(desk)
    expect(desk.get_by_label(BODY)).to_have_value("A kingfisher.")
    phone.context.set_offline(True)
    phone.get_by_label(BODY).fill("A kingfisher, and a heron on the phone.")
    expect_status(phone, OFFLINE)
    desk.get_by_label(BODY).fill("A kingfisher, and a coot at the desk.")
    expect_status(desk, SAVED)
    site.stop()
    site.start()
    phone.context.set_offline(False)
    for page in (phone, desk):
        look_at(page)  # a poll while the server was stopped would be repeated minutes later
        expect_status(page, SAVED)
        conflict = page.get_by_role("region", name="Written on two devices")
        expect(conflict).to_contain_text("a heron on the phone")
        expect(conflict).to_contain_text("a coot at the desk")
        assert axe.violations(page) == []
    expect(phone.get_by_label(BODY)).to_have_value("A kingfisher, and a heron on the phone.")
    expect(desk.get_by_label(BODY)).to_have_value("A kingfisher, and a coot at the desk.")
    choice = phone.get_by_role("listitem").filter(has_text="a coot at the desk")
    choice.get_by_role("button", name="Use this text").click()
    expect_status(phone, SAVED)
    for page in (phone, desk):
        look_at(page)
        expect(page.get_by_role("region", name="Written on two devices")).to_be_hidden()
        expect(page.get_by_label(BODY)).to_have_value("A kingfisher, and a coot at the desk.")
    phone.get_by_role("button", name="Discard the draft").click()
    expect(phone.get_by_label(BODY)).to_have_value(re.compile("Heard before seen"))


def test_reading_position_is_restored_on_another_device(new_device: NewDevice, site: Site) -> None:
    size = {"viewport": {"width": 360, "height": 300}}
    phone, tablet = new_device(**size), new_device(**size)
    phone.goto(f"{site.url}/notes/6/")
    with phone.expect_response(lambda response: '"position":0.' in (response.request.post_data or "")):
        phone.evaluate("scrollTo(0, 200)")
    phone.goto(f"{site.url}/notes/")
    expect(phone.get_by_text("Continue reading:")).to_be_visible()
    tablet.goto(f"{site.url}/notes/")
    tablet.get_by_text("Continue reading:").get_by_role("link", name="Kingfisher, twice").click()
    tablet.wait_for_function("scrollY === 200")


def test_next_user_of_the_browser_finds_no_draft(new_device: NewDevice, site: Site, stack: Stack) -> None:
    page = new_device("alice")
    page.goto(f"{site.url}/notes/1/edit/")
    page.get_by_label(BODY).fill("Private.")
    expect_status(page, SAVED)
    sign_out(page, stack)
    sign_in(page, stack, "carol")
    page.goto(f"{site.url}/notes/1/edit/")
    expect(page.get_by_label(BODY)).not_to_have_value("Private.")
    expect(page.get_by_role("button", name="Discard the draft")).to_be_hidden()


def test_draft_that_is_not_stored_is_not_reported_as_saved(new_device: NewDevice, site: Site, stack: Stack) -> None:
    """The browser has data of another user, and the server does not confirm the new one."""
    page = new_device("alice")
    page.goto(f"{site.url}/notes/1/edit/")
    page.get_by_label(BODY).fill("Private.")
    expect_status(page, SAVED)
    sign_out(page, stack)
    sign_in(page, stack, "carol")
    page.route("**/datasets/**", lambda route: route.abort())
    page.goto(f"{site.url}/notes/new/")
    page.get_by_label(BODY).fill("Of Carol.")
    expect_status(page, "The draft is not saved")
