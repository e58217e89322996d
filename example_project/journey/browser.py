"""A browser in little: cookies, redirects, forms. Cookies ignore ports, as in any browser."""

from collections.abc import Mapping
from typing import Self
from urllib.parse import urljoin

import requests

from .page import Form, LostError, Page

TIMEOUT_SECONDS = 20
REDIRECTS_MAX = 15


class Browser:
    """One person's browser. Each has its own cookies."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.headers["Accept"] = "text/html,*/*;q=0.8"

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return self._session.cookies.get_dict()

    def copy(self) -> Self:
        """Return another browser with the same cookies, as an attacker with stolen cookies has it."""
        twin = type(self)()
        twin._session.cookies.update(self._session.cookies)
        return twin

    def open(self, url: str, *, stop_at: str = "") -> Page:
        """The page at `url`, after all redirects; one to an address that begins with `stop_at` is not followed."""
        return self._go("GET", url, None, stop_at)

    def download(self, url: str) -> requests.Response:
        """What is at `url`, to be kept and not to be read as a page."""
        return self._request("GET", url, None, None)

    def submit(self, page: Page, form: Form, values: Mapping[str, str] | None = None, *, stop_at: str = "") -> Page:
        """Fill in a form of `page`, send it, and follow where it leads."""
        return self._go(form.method, urljoin(page.url, form.action), {**form.fields, **(values or {})}, stop_at)

    def upload(self, page: Page, field: str, name: str, content: bytes) -> Page:
        """Choose a file in the form of `page` that takes one there, send it, and follow where it leads."""
        form = page.form(field)
        fields = {key: value for key, value in form.fields.items() if key != field}
        return self._go("POST", urljoin(page.url, form.action), fields, "", {field: (name, content)})

    def _request(
        self, method: str, url: str, data: Mapping[str, str] | None, files: Mapping[str, tuple[str, bytes]] | None
    ) -> requests.Response:
        answer = self._session.request(
            method, url, data=data, files=files, allow_redirects=False, timeout=TIMEOUT_SECONDS
        )
        self._session.close()  # its connections, not its cookies: a browser that is dropped leaves nothing open
        return answer

    def _go(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None,
        stop_at: str,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Page:
        visited = [url]
        for _ in range(REDIRECTS_MAX):
            answer = self._request(method, url, data, files)
            if not answer.is_redirect:
                return Page(url, answer.status_code, answer.text, tuple(visited))
            url = urljoin(url, answer.headers["Location"])
            visited.append(url)
            if stop_at and url.startswith(stop_at):
                return Page(url, answer.status_code, "", tuple(visited))
            method, data, files = "GET", None, None
        raise LostError(f"going round in circles at {url.partition('?')[0]}")
