"""Test the parts of the journey: steps, the JWKS proxy and the page parser."""

import http.server
import threading

import pytest

from journey.context import Context
from journey.jwks_proxy import JwksProxy
from journey.page import Page, UnexpectedPageError
from journey.step import step
from journey.steps import ALL

CONTEXT: Context = None  # type: ignore[assignment]  # these steps do not use it


def test_step_with_expected_result_succeeds() -> None:
    assert step("A step", expected="this")(lambda context: "this").run(CONTEXT).is_success


def test_step_with_another_result_fails() -> None:
    outcome = step("A step", expected="this")(lambda context: "that").run(CONTEXT)
    assert (outcome.is_success, outcome.actual) == (False, "that")


def test_step_that_raises_fails_with_the_error() -> None:
    def raise_error(context: Context) -> str:
        raise UnexpectedPageError("no form at /login")

    outcome = step("A step", expected="this")(raise_error).run(CONTEXT)
    assert (outcome.is_success, outcome.actual) == (False, "UnexpectedPageError: no form at /login")


def test_step_titles_are_unique() -> None:
    assert len({item.title for item in ALL}) == len(ALL)


def test_stopped_jwks_proxy_is_unreachable(jwks_url: str) -> None:
    with JwksProxy(jwks_url) as proxy:
        assert proxy.is_reachable()
        proxy.stop()
        assert not proxy.is_reachable()


def test_page_text_excludes_head_and_style() -> None:
    page = Page("", 200, "<head><title>No</title></head><body><p>Yes <b>and</b></p><style>no</style> yes</body>")
    assert page.text == "Yes and yes"


def test_form_has_initial_field_values() -> None:
    page = Page(
        "", 200, '<form action="/a"></form><form method="post"><input name="x" value="1"><input name="y"></form>'
    )
    form = page.get_form("y")
    assert (form.method, form.fields) == ("POST", {"x": "1", "y": ""})


def test_form_has_text_area_content() -> None:
    page = Page("", 200, '<form><textarea name="body">\nTwo\nlines</textarea></form>')
    assert page.get_form("body").fields == {"body": "Two\nlines"}


@pytest.fixture
def jwks_url() -> object:
    """Yield the URL of a JWKS."""

    class JwksHandler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"keys": []}')

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), JwksHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_port}/jwks.json"
        server.shutdown()
        thread.join()
