"""The guide's first page, followed exactly: an empty directory, a new site, a sign-in at the local Cognito."""

import html
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import requests
from local_cognito import Emulator
from local_cognito.seeds.reading import DEFAULT_SEED

from demo.ports import find_free_port

from .support import source
from .support.timeouts import HTTP_TIMEOUT_SECONDS

PAGE = (source.PROJECT_DIRECTORY / "docs" / "getting-started.md").read_text()
POOL, CLIENT = "eu-west-1_LocalPool", "1local2web3client4example5"
PASSWORD = "Alice-local-1"


@dataclass
class NewSite:
    """A directory with the site of the page; only the ports differ."""

    folder: Path
    site: str
    cognito: str

    def run(self, *command: str) -> str:
        """Run a command of the page; return its output."""
        process = subprocess.run(
            command, cwd=self.folder, env=_environment(), capture_output=True, text=True, timeout=300
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """Start the site; return its process."""
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        environment = {**_environment(), "AWS_ENDPOINT_URL": self.cognito}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewSite]:
    folder, port = tmp_path_factory.mktemp("new-site"), find_free_port(0)
    site = f"http://localhost:{port}"
    seed = folder / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("http://localhost:8000", site))
    with Emulator(seed=seed) as emulator:
        new_site = NewSite(folder, site, emulator.url)
        new_site.run(sys.executable, "-m", "django", "startproject", "mysite", ".")
        (folder / "mysite" / "urls.py").write_text("")  # the page shows the whole file
        for name, text in _files(emulator.url):
            with (folder / name).open("a") as file:
                file.write(text)
        with (folder / "mysite" / "settings.py").open("a") as file:  # the local Cognito of a busy computer is slow
            file.write(f'\nCOGNITO["HTTP_TIMEOUT_SECONDS"] = {HTTP_TIMEOUT_SECONDS}\n')
        new_site.run(sys.executable, "manage.py", "migrate")
        server = new_site.serve(port)
        try:
            _wait_for(server, site)
            yield new_site
        finally:
            server.terminate()
            server.wait(timeout=120)


def test_new_site_passes_the_check(new_site: NewSite) -> None:
    assert "no issues" in new_site.run(sys.executable, "manage.py", "check")


@pytest.mark.parametrize(("username", "is_staff"), [("alice", True), ("bob", False)])
def test_sign_in_to_the_new_site_grants_admin_by_group(new_site: NewSite, username: str, is_staff: bool) -> None:
    with requests.Session() as browser:
        page = _sign_in(browser, new_site, username)
        assert page.url == f"{new_site.site}/"
        assert f"Hello {username}, of {'editors' if is_staff else 'viewers'}." in page.text
        admin = browser.get(f"{new_site.site}/admin/auth/group/", timeout=30)
        assert admin.status_code == (200 if is_staff else 403)
        assert ("Sign in with another account" in admin.text) is not is_staff


@pytest.mark.parametrize(
    ("username", "status", "text"), [("alice", 200, "Written by alice."), ("bob", 500, "AccessDenied")]
)
def test_new_site_writes_a_file_only_for_editors(new_site: NewSite, username: str, status: int, text: str) -> None:
    with requests.Session() as browser:
        _sign_in(browser, new_site, username)
        answer = browser.get(f"{new_site.site}/file/", timeout=30)
        assert (answer.status_code, text in answer.text) == (status, True)


def test_new_site_accepts_a_token_and_refuses_a_truncated_one(new_site: NewSite) -> None:
    token = _token(new_site)
    assert "Hello alice" in _get(new_site, token).text
    refused = _get(new_site, token[:-1])
    assert (refused.status_code, refused.json()["code"]) == (401, "malformed_token")


def test_page_names_pool_client_and_passwords_of_the_seed() -> None:
    seed = DEFAULT_SEED.read_text()
    assert all(word in PAGE and word in seed for word in (POOL, CLIENT, PASSWORD, "Bob-local-1"))


def _files(cognito: str) -> list[tuple[str, str]]:
    """Return the name and text of each block that the page adds to a file of the site."""
    blocks = re.findall(r"^```python\n# (mysite/\S+)\n(.*?)^```", PAGE, re.M | re.S)
    assert [name for name, _ in blocks] == ["mysite/settings.py", "mysite/urls.py"] * 2
    return [(name, text.replace("http://localhost:9229", cognito)) for name, text in blocks]


def _sign_in(browser: requests.Session, new_site: NewSite, username: str) -> requests.Response:
    form = browser.get(new_site.site, timeout=30)
    assert form.url.startswith(new_site.cognito)
    hidden_fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.text))
    fields = {name: html.unescape(value) for name, value in hidden_fields.items()}
    password = PASSWORD.replace("Alice", username.capitalize())
    return browser.post(form.url, {**fields, "username": username, "password": password}, timeout=30)


def _token(new_site: NewSite) -> str:
    """Return a token from a request with the parts of the curl command of the page."""
    command = shlex.split(re.search(r"^```sh\n(curl -s .*?)^```", PAGE, re.M | re.S)[1])  # type: ignore[index]
    values = dict(pairwise(command))
    headers = dict(value.split(": ") for option, value in pairwise(command) if option == "-H")
    answer = requests.post(new_site.cognito, values["-d"], headers=headers, timeout=30).json()
    return str(answer["AuthenticationResult"]["AccessToken"])


def _get(new_site: NewSite, token: str) -> requests.Response:
    return requests.get(new_site.site, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _wait_for(server: subprocess.Popen[bytes], site: str) -> None:
    deadline = time.monotonic() + 300
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            requests.get(site, allow_redirects=False, timeout=30)
            return
        time.sleep(0.1)
    pytest.fail("the site does not start")


def _environment() -> dict[str, str]:
    prefixes = ("DJANGO_", "COGNITO_", "AWS_", "PYTEST_", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
