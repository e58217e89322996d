"""docs/mobile-apps.md: the desktop app of the page under Node, with openid-client and a loopback redirect."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.hosted_site import Page
from local_cognito_support.npm import copy_beside_packages

from demo.ports import find_free_port
from tests.support.new_project import NewProject

TIMEOUT_SECONDS = 60

pytestmark = pytest.mark.needs("npm")


@pytest.fixture(scope="module")
def app(follow: Callable[[str], NewProject]) -> Iterator[Path]:
    """Yield the path of the app; the site and the local Cognito of the page run."""
    project = follow("mobile-apps")
    site, first_port, second_port = (find_free_port(0) for _ in range(3))
    ports = {"localhost:8000": f"localhost:{site}", "8731": str(first_port), "8732": str(second_port)}
    project.replace_texts(ports)
    with Emulator(seed=project.folder / "mysite" / "seed.yaml") as emulator:
        project.replace_texts({"http://localhost:9229": emulator.url})
        with project.serve(site):
            yield copy_beside_packages(project.folder / "desktop" / "sign-in.mjs")


def test_openid_client_signs_in_by_loopback_and_calls_the_api(app: Path) -> None:
    with subprocess.Popen(["node", str(app)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("Open ").strip()
        assert "return to the app" in sign_in(url).text
        output, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0
    assert output.startswith("200 ")
    assert "Hello alice, of editors." in output


def sign_in(url: str) -> requests.Response:
    """Sign in as alice, as the system browser does; return the response of the app to its redirect URI."""
    with requests.Session() as browser:
        form = browser.get(url, timeout=TIMEOUT_SECONDS)
        fields = {**Page(form.text).hidden, "username": "alice", "password": "Alice-local-1"}
        return browser.post(form.url, fields, timeout=TIMEOUT_SECONDS)
