"""A form whose login has ended, in Chromium with a local Cognito: it is sent once, by its user, with all fields."""

import pytest
from django.contrib.sessions.models import Session
from local_cognito_support import axe
from local_cognito_support.user_pools import Clock
from playwright.sync_api import Error, Page, expect

from django_cognito.models import CognitoLogin
from tests.support.form_site import PATH, read_rows
from tests.support.page_object import sign_in
from tests.support.watched_browser import NewBrowser, Watch

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.support.form_site"),
]
TEXT = 'A "text"\nwith <b>lines</b> & more ü'
FIELDS = {
    "title": ["A title"],
    "text": [TEXT.replace("\n", "\r\n")],
    "tag": ["one", "two"],
    "submit": ["a name that hides form.submit"],
    "append": ["and another"],
    "action": ["save"],
}


def sign_in_first(page: Page, site: str, username: str = "alice") -> None:
    page.goto(f"{site}/auth/login/?next=/form/")
    sign_in(page, username)
    expect(page.get_by_role("heading")).to_have_text("New note")


def fill_in(page: Page, site: str, query: str = "") -> None:
    page.goto(f"{site}/form/{query}")
    page.get_by_label("Title").fill("A title")
    page.get_by_label("Text").fill(TEXT)
    page.get_by_label("One").check()
    page.get_by_label("Two").check()


def send(page: Page, *, script: bool = True) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in to send the form")
    if script:  # it shows the button, and then receives what other tabs announce
        expect(page.get_by_role("button", name="Send the form")).to_be_visible()
    assert read_rows() == []


def open_sign_in(page: Page) -> Page:
    """Open the second tab."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    return opened.value


def expect_signed_in(tab: Page) -> None:
    expect(tab.get_by_role("heading")).to_have_text("You are signed in")


def expect_saved_once(page: Page, username: str = "alice") -> None:
    expect(page.get_by_role("heading")).to_have_text("Saved")
    assert read_rows() == [{"user": username, "path": PATH, "fields": FIELDS, "files": {}}]


def test_form_is_sent_once_after_the_sign_in_in_another_tab(page: Page, site: str) -> None:
    sign_in_first(page, site)
    fill_in(page, site)
    CognitoLogin.objects.all().delete()
    send(page)
    tab = open_sign_in(page)
    expect_signed_in(tab)  # by Cognito's own session
    expect_saved_once(page)
    tab.reload()  # announces the sign-in again
    expect_signed_in(tab)
    with pytest.raises(Error, match="ERR_CACHE_MISS"):
        page.go_back()
    tab.reload()
    expect_signed_in(tab)
    assert len(read_rows()) == 1


def test_sign_out_everywhere_in_another_browser_loses_no_form(page: Page, site: str, new_browser: NewBrowser) -> None:
    sign_in_first(page, site)
    fill_in(page, site)
    other = new_browser().context.new_page()
    sign_in_first(other, site)
    other.goto(f"{site}/auth/logout/?where=everywhere")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url(lambda url: "/logout/" not in url)
    other.wait_for_timeout(1_100)  # a sign-in in the second of the sign-out would be too old
    send(page)
    tab = open_sign_in(page)
    sign_in(tab)
    expect_signed_in(tab)
    expect_saved_once(page)


def test_another_user_does_not_send_the_form(page: Page, site: str) -> None:
    sign_in_first(page, site)
    fill_in(page, site)
    CognitoLogin.objects.all().delete()
    send(page)
    tab = page.context.new_page()
    tab.goto(f"{site}/auth/login/?prompt=login&next=/auth/resubmit/")
    sign_in(tab, "bob")
    expect_signed_in(tab)
    expect(page.get_by_text("you are signed in as another user")).to_be_visible()
    page.get_by_role("button", name="Send the form").click()
    page.get_by_role("button", name="Send the form").click()
    expect(page.get_by_text("you are signed in as another user")).to_be_visible()
    assert read_rows() == []
    tab.goto(f"{site}/auth/login/?prompt=login&next=/auth/resubmit/")
    sign_in(tab, "alice")
    expect_signed_in(tab)
    expect_saved_once(page)


def test_form_of_an_expired_session_is_sent_after_a_confirmation(page: Page, site: str) -> None:
    sign_in_first(page, site)
    fill_in(page, site)
    Session.objects.all().delete()
    send(page)
    button = page.get_by_role("button", name="Send the form")
    button.click()
    expect(page.get_by_text("Sign in first, in the new tab.")).to_be_visible()
    expect_signed_in(open_sign_in(page))
    expect(page.get_by_text("Send the form as this user? alice")).to_be_visible()
    assert read_rows() == []
    button.dblclick()
    expect_saved_once(page)


def test_files_are_chosen_again(page: Page, site: str) -> None:
    sign_in_first(page, site)
    fill_in(page, site, "?multipart=1")
    files = [{"name": name, "mimeType": "image/png", "buffer": b"x"} for name in ("a.png", "b.png")]
    page.get_by_label("Photo").set_input_files(files)  # type: ignore[arg-type]
    CognitoLogin.objects.all().delete()
    send(page)
    expect_signed_in(open_sign_in(page))
    expect(page.get_by_text("Choose the files, then send the form.")).to_be_visible()
    assert read_rows() == []
    page.get_by_label("a.png, b.png").set_input_files(files)  # type: ignore[arg-type]
    page.get_by_role("button", name="Send the form").click()
    expect(page.get_by_role("heading")).to_have_text("Saved")
    (row,) = read_rows()
    assert (row["fields"], row["files"]) == (FIELDS, {"photo": ["a.png", "b.png"]})


def test_form_that_needs_a_recent_sign_in_is_sent_once_after_it(page: Page, site: str, cognito_clock: Clock) -> None:
    cognito_clock.pass_seconds(-400)
    sign_in_first(page, site)
    cognito_clock.pass_seconds(400)
    fill_in(page, site, "?to=/notes/recent/")
    send(page)
    button = page.get_by_role("button", name="Send the form")
    button.click()  # alice is signed in, but her sign-in is too old
    expect(page.get_by_text("Sign in first, in the new tab.")).to_be_visible()
    tab = open_sign_in(page)
    sign_in(tab)  # although Cognito's own session of the browser has not expired
    expect_signed_in(tab)
    expect(page.get_by_role("heading")).to_have_text("Saved")
    assert read_rows() == [{"user": "alice", "path": "/notes/recent/", "fields": FIELDS, "files": {}}]


def test_forms_of_two_tabs_are_each_sent_once(page: Page, site: str) -> None:
    sign_in_first(page, site)
    other = page.context.new_page()
    for tab in (page, other):
        fill_in(tab, site)
    CognitoLogin.objects.all().delete()
    for tab in (page, other):
        send(tab)
    expect_signed_in(open_sign_in(page))
    expect(page.get_by_role("heading")).to_have_text("Saved")
    expect(other.get_by_text("Send the form as this user? alice")).to_be_visible()  # the session ended with the first
    other.get_by_role("button", name="Send the form").click()
    expect(other.get_by_role("heading")).to_have_text("Saved")
    assert [row["fields"] for row in read_rows()] == [FIELDS, FIELDS]


def test_page_reloaded_before_and_after_the_sign_in_sends_once(page: Page, site: str) -> None:
    """A reload repeats the first request. It has no session, and after the sign-in an old CSRF token."""
    sign_in_first(page, site)
    fill_in(page, site)
    CognitoLogin.objects.all().delete()
    send(page)
    page.reload()
    expect(page.get_by_role("heading")).to_have_text("Sign in to send the form")
    page.context.new_page().goto(f"{site}/auth/login/?next=/form/")  # not the tab that the page opens
    page.reload()
    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    assert read_rows() == []


def test_form_of_another_site_is_not_repeated(page: Page, site: str, other_app: str) -> None:
    """The browser has a session and a CSRF cookie, and the other site has a token of its own session."""
    sign_in_first(page, site)
    page.goto(f"{site}/form/")
    CognitoLogin.objects.all().delete()
    token = page.locator("[name=csrfmiddlewaretoken]").first.input_value()
    page.goto(other_app.replace("localhost", "127.0.0.1"))
    page.evaluate(
        """([url, token]) => {
          document.body.innerHTML = `<form method="post" action="${url}"><input name="title" value="of another site">
            <input name="csrfmiddlewaretoken" value="${token}"></form>`;
          document.querySelector("form").submit();
        }""",
        [f"{site}{PATH}", token],
    )
    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    assert "of another site" not in page.content()
    assert read_rows() == []


@pytest.mark.parametrize("script", [False], ids=["without JavaScript"])
def test_page_without_javascript_states_what_to_do(page: Page, site: str, script: bool) -> None:
    page.goto(f"{site}/form/")
    page.get_by_label("Title").fill("A title")
    send(page, script=script)
    expect(page.get_by_text("Your browser does not run the script of this page.")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.needs("npm")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_on_a_phone(new_browser: NewBrowser, site: str, scheme: str) -> None:
    watch: Watch = new_browser(viewport={"width": 360, "height": 640}, color_scheme=scheme)
    page = watch.context.new_page()
    page.goto(f"{site}/form/?multipart=1")
    page.get_by_label("Photo").set_input_files([{"name": "a.png", "mimeType": "image/png", "buffer": b"x"}])
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send the form").click()
    expect(page.get_by_text("Sign in first, in the new tab.")).to_be_visible()
    assert axe.violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    tab = open_sign_in(page)
    sign_in(tab)
    expect_signed_in(tab)
    assert axe.violations(tab) == []
