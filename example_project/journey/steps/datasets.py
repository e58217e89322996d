"""Steps: the draft of a note on two devices, a browser with a session and an app with an access token."""

import secrets
from typing import Any

import requests

from .. import hosted_ui
from ..browser import TIMEOUT_SECONDS, Browser
from ..context import Context
from ..step import step


class Device:
    """A device of a user, with its own queue of changes to the dataset `drafts`."""

    def __init__(self, context: Context, headers: dict[str, str], cookies: dict[str, str]) -> None:
        self._url, self._headers, self._cookies = f"{context.site}/datasets/drafts/", headers, cookies

    def read(self) -> dict[str, Any]:
        """Return the drafts by key."""
        response = requests.get(self._url, headers=self._headers, cookies=self._cookies, timeout=TIMEOUT_SECONDS)
        response.raise_for_status()
        return {record["key"]: record for record in response.json()["records"]}

    def write(self, key: str, text: str, sync_count: int, *, operation_id: str = "") -> dict[str, Any]:
        """Write a draft, which was made from the record with this count."""
        record = {"key": key, "value": {"body": text}, "sync_count": sync_count}
        body = {"operation_id": operation_id or secrets.token_urlsafe(16), "records": [record]}
        response = requests.post(
            self._url, json=body, headers=self._headers, cookies=self._cookies, timeout=TIMEOUT_SECONDS
        )
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _open_browser(context: Context, username: str) -> Device:
    browser = Browser()
    page = hosted_ui.sign_in(browser, context, context.users[username])
    token = page.get_form("csrfmiddlewaretoken").fields["csrfmiddlewaretoken"]
    return Device(context, {"X-CSRFToken": token}, browser.cookies)


def _open_app(context: Context, username: str) -> Device:
    token = hosted_ui.fetch_tokens(context, context.users[username])["access_token"]
    return Device(context, {"Authorization": f"Bearer {token}"}, {})


@step("Alice writes a draft in the browser and opens her app", expected="the app has the draft; Bob has none")
def draft_on_another_device(context: Context) -> str:
    """Check that a dataset is the same on all devices of its user, and on no device of another user."""
    key = secrets.token_hex(4)
    _open_browser(context, "alice").write(key, "A heron at the weir", 0)
    draft = _open_app(context, "alice").read().get(key, {"value": {"body": ""}})
    is_same = draft["value"]["body"] == "A heron at the weir"
    other = "Bob has it too" if key in _open_app(context, "bob").read() else "Bob has none"
    return f"the app has {'the draft' if is_same else 'no draft'}; {other}"


@step("The browser and the app change the same draft", expected="a conflict with the text of the other device")
def conflict_of_two_devices(context: Context) -> str:
    """Check that the second write returns the record of the first one, and writes after it was merged."""
    key, browser, app = secrets.token_hex(4), _open_browser(context, "alice"), _open_app(context, "alice")
    (written,) = browser.write(key, "A heron", 0)["written"]
    app.write(key, "A heron and a coot", written["sync_count"])
    conflicts = browser.write(key, "A heron and an otter", written["sync_count"])["conflicts"]
    if not conflicts or conflicts[0]["value"]["body"] != "A heron and a coot":
        return "no conflict"
    merged = browser.write(key, "A heron, a coot and an otter", conflicts[0]["sync_count"])
    return "a conflict with the text of the other device" if merged["written"] else "the merged draft is not written"


@step("The app repeats a write whose answer was lost", expected="written once, the same answer")
def repeated_write(context: Context) -> str:
    """Check that an operation id is written once."""
    key, operation_id, app = secrets.token_hex(4), secrets.token_hex(8), _open_app(context, "alice")
    first = app.write(key, "A heron", 0, operation_id=operation_id)
    again = app.write(key, "A heron", 0, operation_id=operation_id)
    is_once = app.read()[key]["sync_count"] == first["written"][0]["sync_count"]
    return f"{'written once' if is_once else 'written twice'}, {'the same' if first == again else 'another'} answer"
