"""The guide's first page, done word for word: an empty folder, a site of one's own, signed in at the local Cognito."""

import html
import os
import re
import shlex
import socket
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

from .support import source

PAGE = (source.PROJECT_DIRECTORY / "docs" / "getting-started.md").read_text()
POOL, CLIENT = "eu-west-1_LocalPool", "1local2web3client4example5"
PASSWORD = "Alice-local-1"


@dataclass
class Newcomer:
    """A folder with a site in it, both as the page says but for the ports."""

    folder: Path
    site: str
    cognito: str

    def run(self, *command: str) -> str:
        """A command of the page, to its end."""
        done = subprocess.run(command, cwd=self.folder, env=_environment(), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def serve(self, port: int) -> subprocess.Popen[bytes]:
        """The site, until it is stopped."""
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        environment = {**_environment(), "AWS_ENDPOINT_URL": self.cognito}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    folder, port = tmp_path_factory.mktemp("newcomer"), _free_port()
    site = f"http://localhost:{port}"
    seed = folder / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("http://localhost:8000", site))
    with Emulator(seed=seed) as emulator:
        newcomer = Newcomer(folder, site, emulator.url)
        newcomer.run(sys.executable, "-m", "django", "startproject", "mysite", ".")
        (folder / "mysite" / "urls.py").write_text("")  # the page shows the whole of it
        for name, text in _files(emulator.url):
            with (folder / name).open("a") as file:
                file.write(text)
        newcomer.run(sys.executable, "manage.py", "migrate")
        server = newcomer.serve(port)
        try:
            _wait_for(server, site)
            yield newcomer
        finally:
            server.terminate()
            server.wait(timeout=10)


def test_the_check_finds_nothing(newcomer: Newcomer) -> None:
    assert "no issues" in newcomer.run(sys.executable, "manage.py", "check")


@pytest.mark.parametrize(("username", "enters"), [("alice", True), ("bob", False)])
def test_somebody_signs_in_and_the_group_decides_about_the_admin(
    newcomer: Newcomer, username: str, enters: bool
) -> None:
    with requests.Session() as browser:
        page = _sign_in(browser, newcomer, username)
        assert page.url == f"{newcomer.site}/"
        assert f"Hello {username}, of {'editors' if enters else 'viewers'}." in page.text
        admin = browser.get(f"{newcomer.site}/admin/auth/group/", timeout=30)
        assert admin.url.startswith(f"{newcomer.site}/admin/login/") is not enters


@pytest.mark.parametrize(
    ("username", "status", "words"), [("alice", 200, "Written by alice."), ("bob", 500, "AccessDenied")]
)
def test_somebody_has_a_file_and_a_reader_may_write_none(
    newcomer: Newcomer, username: str, status: int, words: str
) -> None:
    with requests.Session() as browser:
        _sign_in(browser, newcomer, username)
        answer = browser.get(f"{newcomer.site}/file/", timeout=30)
        assert (answer.status_code, words in answer.text) == (status, True)


def test_a_program_gets_in_with_a_token_and_not_with_a_letter_less(newcomer: Newcomer) -> None:
    token = _token(newcomer)
    assert "Hello alice" in _get(newcomer, token).text
    refused = _get(newcomer, token[:-1])
    assert (refused.status_code, refused.json()["code"]) == (401, "malformed_token")


def test_the_page_names_the_people_and_addresses_of_the_local_cognito() -> None:
    seed = DEFAULT_SEED.read_text()
    assert all(word in PAGE and word in seed for word in (POOL, CLIENT, PASSWORD, "Bob-local-1"))


def _files(cognito: str) -> list[tuple[str, str]]:
    """What the page adds to the site's files, which the first line of each names."""
    blocks = re.findall(r"^```python\n# (mysite/\S+)\n(.*?)^```", PAGE, re.M | re.S)
    assert [name for name, _ in blocks] == ["mysite/settings.py", "mysite/urls.py"] * 2
    return [(name, text.replace("http://localhost:9229", cognito)) for name, text in blocks]


def _sign_in(browser: requests.Session, newcomer: Newcomer, username: str) -> requests.Response:
    form = browser.get(newcomer.site, timeout=30)
    assert form.url.startswith(newcomer.cognito)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.text))
    fields = {name: html.unescape(value) for name, value in hidden.items()}
    password = PASSWORD.replace("Alice", username.capitalize())
    return browser.post(form.url, {**fields, "username": username, "password": password}, timeout=30)


def _token(newcomer: Newcomer) -> str:
    """By the command that the page shows; here the request is made of its parts."""
    command = shlex.split(re.search(r"^```sh\n(curl -s .*?)^```", PAGE, re.M | re.S)[1])  # type: ignore[index]
    values = dict(pairwise(command))
    headers = dict(value.split(": ") for option, value in pairwise(command) if option == "-H")
    answer = requests.post(newcomer.cognito, values["-d"], headers=headers, timeout=30).json()
    return str(answer["AuthenticationResult"]["AccessToken"])


def _get(newcomer: Newcomer, token: str) -> requests.Response:
    return requests.get(newcomer.site, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait_for(server: subprocess.Popen[bytes], site: str) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(requests.ConnectionError):
            requests.get(site, allow_redirects=False, timeout=30)
            return
        time.sleep(0.1)
    pytest.fail("the site does not start")


def _environment() -> dict[str, str]:
    ours = ("DJANGO_", "COGNITO_", "AWS_", "PYTEST_", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
