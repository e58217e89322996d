"""docs/mobile-apps.md: the desktop app of the page under Node, with openid-client and a loopback redirect."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.hosted_site import Page, read_query
from local_cognito_support.npm import copy_beside_packages

from demo.ports import find_free_port
from tests.support.new_project import NewProject

TIMEOUT_SECONDS = 120

pytestmark = pytest.mark.needs("npm")


@dataclass(frozen=True)
class App:
    """The script of the page; its site and local Cognito run. `ports` are those of the callbacks of the script."""

    project: NewProject
    script: Path
    ports: tuple[int, int]

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Start the app; yield its process and the URL that it opens."""
        with subprocess.Popen(["node", str(self.script)], stdout=PIPE, stderr=PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process, process.stdout.readline().removeprefix("Open ").strip()
            finally:
                process.kill()


@pytest.fixture(scope="module")
def app(follow: Callable[[str], NewProject]) -> Iterator[App]:
    project = follow("mobile-apps")
    site, first_port, second_port = (find_free_port(0) for _ in range(3))
    ports = {"localhost:8000": f"localhost:{site}", "8731": str(first_port), "8732": str(second_port)}
    project.replace_texts(ports)
    with Emulator(seed=project.folder / "mysite" / "seed.yaml") as emulator:
        project.replace_texts({"http://localhost:9229": emulator.url})
        with project.serve(site):
            script = copy_beside_packages(project.folder / "desktop" / "sign-in.mjs")
            yield App(project, script, (first_port, second_port))


def test_openid_client_signs_in_by_loopback_and_calls_the_api(app: App) -> None:
    with requests.Session() as browser, app.running() as (process, url):
        assert "return to the app" in sign_in(url, browser).text
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert errors == ""
    assert output.startswith("200 ")
    assert "Hello alice, of editors." in output


def test_sign_in_after_token_revoked_asks_for_the_password(app: App) -> None:
    with requests.Session() as browser, app.running() as (process, url):
        with app.running() as (first, first_url):  # its sign-in creates the session of the hosted UI, and the user
            sign_in(first_url, browser)
            first.communicate(timeout=TIMEOUT_SECONDS)
        app.project.sign_out_everywhere("alice")
        assert "return to the app" in browser.get(url, timeout=TIMEOUT_SECONDS).text  # without the password
        assert process.stdout is not None
        second_url = process.stdout.readline().removeprefix("Open ").strip()
        assert read_query(second_url)["prompt"] == "login"
        assert "return to the app" in sign_in(second_url, browser).text
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert errors == ""
    assert output.startswith("200 ")


def test_app_uses_the_second_port_if_the_first_is_in_use(app: App) -> None:
    with socket.create_server(("127.0.0.1", app.ports[0])), app.running() as (_, url):
        assert read_query(url)["redirect_uri"] == f"http://127.0.0.1:{app.ports[1]}/callback"


def test_callback_with_a_foreign_state_ends_the_sign_in(app: App) -> None:
    with app.running() as (process, url):
        redirect_uri = read_query(url)["redirect_uri"]
        assert requests.get(redirect_uri.replace("callback", "other"), timeout=TIMEOUT_SECONDS).status_code == 404
        requests.get(redirect_uri, {"code": "attacker", "state": "attacker"}, timeout=TIMEOUT_SECONDS)
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert output == ""
    assert 'unexpected "state" response parameter value' in errors


def sign_in(url: str, browser: requests.Session) -> requests.Response:
    """Sign in as alice, as the system browser does; return the response of the app to its redirect URI."""
    form = browser.get(url, timeout=TIMEOUT_SECONDS)
    fields = {**Page(form.text).hidden, "username": "alice", "password": "Alice-local-1"}
    return browser.post(form.url, fields, timeout=TIMEOUT_SECONDS)
