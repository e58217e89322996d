"""A minimal browser: cookies, redirects and forms. As in any browser, cookies do not depend on the port."""

from collections.abc import Mapping
from typing import Self
from urllib.parse import urljoin

import requests

from .page import Form, Page, UnexpectedPageError

TIMEOUT_SECONDS = 120
REDIRECTS_MAX = 15


class Browser:
    """The browser of one user, with its own cookies."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.headers["Accept"] = "text/html,*/*;q=0.8"

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return self._session.cookies.get_dict()

    def copy(self) -> Self:
        """Return another browser with the same cookies, like an attacker with stolen cookies."""
        browser = type(self)()
        browser._session.cookies.update(self._session.cookies)
        return browser

    def open(self, url: str, *, stop_at: str = "") -> Page:
        """Return the page at `url` after all redirects. Do not follow a redirect to a URL with the prefix `stop_at`."""
        return self._navigate("GET", url, None, stop_at)

    def download(self, url: str) -> requests.Response:
        """Return the response of `url` without following redirects."""
        return self._request("GET", url, None, None)

    def submit(self, page: Page, form: Form, values: Mapping[str, str] | None = None, *, stop_at: str = "") -> Page:
        """Submit a form of `page` with `values` and follow the redirects."""
        return self._navigate(form.method, urljoin(page.url, form.action), {**form.fields, **(values or {})}, stop_at)

    def upload(self, page: Page, field: str, name: str, content: bytes) -> Page:
        """Submit the form of `page` that has the file field `field` and follow the redirects."""
        form = page.get_form(field)
        fields = {key: value for key, value in form.fields.items() if key != field}
        return self._navigate("POST", urljoin(page.url, form.action), fields, "", {field: (name, content)})

    def _request(
        self, method: str, url: str, data: Mapping[str, str] | None, files: Mapping[str, tuple[str, bytes]] | None
    ) -> requests.Response:
        response = self._session.request(
            method, url, data=data, files=files, allow_redirects=False, timeout=TIMEOUT_SECONDS
        )
        self._session.close()  # closes the connections; the cookies stay
        return response

    def _navigate(
        self,
        method: str,
        url: str,
        data: Mapping[str, str] | None,
        stop_at: str,
        files: Mapping[str, tuple[str, bytes]] | None = None,
    ) -> Page:
        visited = [url]
        for _ in range(REDIRECTS_MAX):
            response = self._request(method, url, data, files)
            if not response.is_redirect:
                return Page(url, response.status_code, response.text, tuple(visited))
            url = urljoin(url, response.headers["Location"])
            visited.append(url)
            if stop_at and url.startswith(stop_at):
                return Page(url, response.status_code, "", tuple(visited))
            method, data, files = "GET", None, None
        raise UnexpectedPageError(f"more than {REDIRECTS_MAX} redirects, the last one to {url.partition('?')[0]}")
