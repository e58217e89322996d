"""Access of a foreign web page and of a loopback page to the local Cognito, in Chromium."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest
from local_cognito_support.chromium import running_chromium
from local_cognito_support.hosted_site import Site, running_site
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.needs("chromium")
# Returns what a page's script gets: the type and status of the response, or "refused" if the browser blocks it.
_FETCH = """async ([url, options]) => {
    try { const answer = await fetch(url, options); return answer.type + " " + answer.status; }
    catch (error) { return "refused"; }
}"""
_SUBMIT = """url => {
    document.body.innerHTML = `<form method=post action=${url}><input name=token value=x></form>`;
    document.forms[0].submit();
}"""
_API = {"method": "POST", "headers": {"X-Amz-Target": "AWSCognitoIdentityProviderService.ListUserPools"}, "body": "{}"}
_SIMPLE = {"method": "POST", "body": "grant_type=refresh_token", "mode": "no-cors"}


class _EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer with an empty page."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Yield the port of a web site that is reached as `evil.example` and as `localhost`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _EmptyPage) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    page = context.new_page()
    yield page
    context.close()


def test_loopback_page_calls_the_api(page: Page, site: Site, port: int) -> None:
    page.goto(f"http://localhost:{port}/")
    assert page.evaluate(_FETCH, [f"{site.url}/", _API]) == "cors 200"


def test_foreign_page_reads_and_changes_nothing(page: Page, site: Site, port: int) -> None:
    responses = []
    page.on("response", lambda response: responses.append((response.url.removeprefix(site.url), response.status)))
    page.goto(f"http://evil.example:{port}/")
    assert page.evaluate(_FETCH, [f"{site.url}/", _API]) == "refused"
    assert page.evaluate(_FETCH, [f"{site.url}/mailbox", {}]) == "refused"
    page.evaluate(_FETCH, [f"{site.url}/oauth2/token", _SIMPLE])
    page.evaluate(_SUBMIT, f"{site.url}/oauth2/revoke")
    expect(page.get_by_text("A web page of another site")).to_be_visible()
    assert {("/oauth2/token", 403), ("/oauth2/revoke", 403)} <= set(responses)


def test_rebound_domain_reads_nothing(page: Page, site: Site) -> None:
    rebound = site.url.replace("localhost", "evil.example")
    for path in ("/mailbox", "/nowhere"):
        response = page.goto(rebound + path)
        assert response is not None
        assert response.status == 403
    assert page.evaluate(_FETCH, [f"{rebound}/", _API]) == "basic 403"


def test_foreign_page_links_to_the_login(page: Page, site: Site, port: int) -> None:
    page.goto(f"http://evil.example:{port}/")
    url = f"{site.url}/oauth2/authorize?{urlencode(site.authorize_parameters())}"
    page.evaluate("url => { location.href = url }", url)
    expect(page.get_by_label("Username")).to_be_visible()
