"""The journey's own parts: it notices what does not hold, and what it stops is stopped."""

import http.server
import threading

import pytest

from journey.key_relay import KeyRelay
from journey.page import LostError, Page
from journey.step import step
from journey.steps import ALL
from journey.world import World

WORLD: World = None  # type: ignore[assignment]  # these steps look at nothing


def test_a_step_that_sees_what_it_expected_holds() -> None:
    assert step("A step", expected="this")(lambda world: "this").take(WORLD).held


def test_a_step_that_sees_anything_else_does_not_hold() -> None:
    outcome = step("A step", expected="this")(lambda world: "that").take(WORLD)
    assert (outcome.held, outcome.seen) == (False, "that")


def test_a_step_that_gets_lost_does_not_hold_and_says_where() -> None:
    def lost(world: World) -> str:
        raise LostError("no form at /login")

    outcome = step("A step", expected="this")(lost).take(WORLD)
    assert (outcome.held, outcome.seen) == (False, "LostError: no form at /login")


def test_no_two_steps_have_the_same_title() -> None:
    assert len({one.title for one in ALL}) == len(ALL)


def test_a_stopped_relay_is_gone(keys: str) -> None:
    with KeyRelay(keys) as relay:
        assert relay.is_reachable()
        relay.stop()
        assert not relay.is_reachable()


def test_a_page_reads_as_text_without_its_head() -> None:
    page = Page("", 200, "<head><title>No</title></head><body><p>Yes <b>and</b></p><style>no</style> yes</body>")
    assert page.text == "Yes and yes"


def test_a_form_brings_its_hidden_fields() -> None:
    page = Page(
        "", 200, '<form action="/a"></form><form method="post"><input name="x" value="1"><input name="y"></form>'
    )
    form = page.form("y")
    assert (form.method, form.fields) == ("POST", {"x": "1", "y": ""})


def test_a_form_brings_what_is_written_in_its_text_area() -> None:
    page = Page("", 200, '<form><textarea name="body">\nTwo\nlines</textarea></form>')
    assert page.form("body").fields == {"body": "Two\nlines"}


@pytest.fixture
def keys() -> object:
    """The address of a key document, for as long as the test runs."""

    class Keys(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"keys": []}')

        def log_message(self, format: str, *args: object) -> None:
            """Keep the test run quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Keys) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://localhost:{server.server_port}/jwks.json"
        server.shutdown()
        thread.join()
