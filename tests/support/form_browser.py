"""A browser that sends forms as a user does, and the page that sends them again."""

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlsplit

from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from tests.support.form_site import PATH

NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "same-origin"}
FIELDS = {"title": "A \"title\" & 'more' <b>", "text": "one\r\ntwo\r\n", "tag": ["one", "two"], "submit": "", "é": "ü"}
PAIRS = [(name, item) for name, value in FIELDS.items() for item in ([value] if isinstance(value, str) else value)]


class FormBrowser(Client):
    """A browser with the site's form open: it sends a CSRF token, which the site checks, and Fetch Metadata headers."""

    def __init__(self) -> None:
        super().__init__(enforce_csrf_checks=True)

    def open_form(self) -> str:
        """Return the CSRF token of the form."""
        (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get("/form/").content.decode())
        return str(token)

    def send(self, url: str = PATH, fields: Any = None, **options: Any) -> Any:
        """Send the form; without `token` with the token of a form that is opened now."""
        token = options.pop("token", None) or self.open_form()
        data = {**(FIELDS if fields is None else fields), "csrfmiddlewaretoken": token}
        return self.post(url, data, **{"headers": NAVIGATION, **options})


class Page(HTMLParser):
    """The form of a page, as a browser reads it."""

    def __init__(self, response: Any) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.forms: list[dict[str, Any]] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self.text = response.content.decode()
        self.feed(self.text)
        self.check_url = next((item["data-check"] for _, item in self.elements if "data-check" in item), "")
        self.sign_in_url = next(item["href"] for _, item in self.elements if item.get("target") == "_blank")
        self.owner = parse_qs(urlsplit(self.check_url).query).get("owner", [""])[0]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag == "form":
            self.forms.append(attributes)
        if tag == "input" and attributes.get("type") == "hidden" and "id" not in attributes:
            self.fields.append((attributes["name"], attributes["value"]))


def read_page(response: Any) -> Page:
    """Return the page that sends the form again."""
    assert response.status_code == 403
    assert 'id="resubmission"' in response.content.decode()
    return Page(response)


def is_page(response: Any) -> bool:
    return b'id="resubmission"' in response.content


def check(browser: Client, page: Page, **headers: str) -> Any:
    return browser.get(page.check_url, headers={"sec-fetch-site": "same-origin", **headers})


def send_async(browser: FormBrowser, url: str) -> Any:
    token, client = browser.open_form(), AsyncClient(enforce_csrf_checks=True)
    client.cookies = browser.cookies
    return async_to_sync(client.post)(url, {**FIELDS, "csrfmiddlewaretoken": token}, headers=NAVIGATION)
