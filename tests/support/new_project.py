"""A project in an empty folder: the first part of the getting-started page, then the code blocks of one page.

A Python block whose first line is a comment with a path, for example `# mysite/settings.py`, belongs at the end of that
file. Scripts run in a process of their own, so each project has its own settings.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .forked_python import run_python
from .guide import GUIDE
from .timeouts import HTTP_TIMEOUT_SECONDS

_FILE_BLOCK = re.compile(
    r"^```(?:python|html|js|po|toml|yaml)\n(?:#|<!--|//) (\S+/\S+|manage\.py)(?: -->)?\n(.*?)^```", re.M | re.S
)
_PREAMBLE = """
import json, os
import django
django.setup()
from django.test.utils import setup_test_environment
setup_test_environment()
from django.test import AsyncClient, Client
from django_cognito.testing import make_token, sign_in, trusted_keys
def bearer(**claims):
    return {"authorization": "Bearer " + make_token(**claims)}
"""
_SIGN_OUT_EVERYWHERE = """
import time
from django.contrib.auth.models import User
from django_cognito.sessions import sign_out_everywhere
sign_out_everywhere(User.objects.get(username="{username}"))
time.sleep(1)
result = None
"""


@dataclass
class NewProject:
    """A project. `environment` has the variables of its processes."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def create(cls, folder: Path) -> "NewProject":
        """Create an empty project with `startproject`."""
        project = cls(folder, _clean_environment())
        project.run("-m", "django", "startproject", "mysite", ".")
        return project

    def get_started(self) -> "NewProject":
        """Follow the getting-started page without its part about S3, and create the tables."""
        (self.folder / "mysite" / "urls.py").write_text("")  # the page shows the whole file
        self._add_blocks(_read_file_blocks(GUIDE / "getting-started.md")[:2])
        self.run("manage.py", "migrate", "--verbosity=0")
        return self

    def copy(self, folder: Path) -> "NewProject":
        """Return a copy of the project."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return NewProject(folder, dict(self.environment))

    def follow(self, page: str) -> "NewProject":
        """Add the code blocks of a page or the README to the files that they name; migrate if one has models."""
        path = GUIDE / f"{page}.md"
        blocks = _read_file_blocks(path if path.exists() else GUIDE.parent / f"{page}.md")
        assert blocks, f"{page}.md names no file"
        self._add_blocks(blocks)
        apps = {Path(name).parts[0] for name, _ in blocks if Path(name).name == "models.py"}
        if apps:
            self.run("manage.py", "makemigrations", *sorted(apps), "--verbosity=0")
            self.run("manage.py", "migrate", "--verbosity=0")
        return self

    def replace_texts(self, texts: Mapping[str, str]) -> None:
        """Replace the URLs and ports of a page in all files of the project, for servers on other ports."""
        for path in self.folder.rglob("*.*"):
            if path.suffix in {".html", ".js", ".mjs", ".py", ".yaml"}:
                text = path.read_text()
                path.write_text(re.sub("|".join(map(re.escape, texts)), lambda match: texts[match[0]], text))

    def run(self, *arguments: str) -> str:
        """Run Python with these arguments in the folder; return its output."""
        process = run_python(arguments, self.folder, self.environment)
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def run_script(self, script: str) -> Any:
        """Run a script in the project and return `result`, a JSON value that it assigns.

        Its names: Client, AsyncClient, make_token, sign_in, trusted_keys, and `bearer(**claims)` for headers. Tokens of
        the test kit are accepted.
        """
        body = "\n".join(f"    {line}" for line in script.strip("\n").splitlines())
        output = self.run("-c", f"{_PREAMBLE}with trusted_keys():\n{body}\nprint('RESULT', json.dumps(result))")
        return json.loads(output.rpartition("RESULT ")[2])

    def sign_out_everywhere(self, username: str) -> None:
        """Sign the user out everywhere. Return in a later second: a sign-in of the same second is rejected."""
        self.run_script(_SIGN_OUT_EVERYWHERE.format(username=username))

    @contextmanager
    def serve(self, port: int) -> Iterator[None]:
        """Run the site on a port of 127.0.0.1. It waits for a local Cognito of a busy computer."""
        with (self.folder / "mysite" / "settings.py").open("a") as settings:
            settings.write(f'\nCOGNITO["HTTP_TIMEOUT_SECONDS"] = {HTTP_TIMEOUT_SECONDS}\n')
        command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
        server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 300
            while not _is_listening(port):
                assert server.poll() is None, "the site stopped at its start"
                assert time.monotonic() < deadline, "the site did not start in 300 seconds"
                time.sleep(0.05)
            yield
        finally:
            server.terminate()
            server.wait(timeout=120)

    def _add_blocks(self, blocks: list[tuple[str, str]]) -> None:
        for name, text in blocks:
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".py" and file.parent != self.folder:
                (file.parent / "__init__.py").touch()
            with file.open("a") as opened:
                opened.write(text)


def _read_file_blocks(page: Path) -> list[tuple[str, str]]:
    """Return path and text of each block of a page that names a file."""
    return _FILE_BLOCK.findall(page.read_text())


def _is_listening(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _clean_environment() -> dict[str, str]:
    prefixes = ("DJANGO_", "COGNITO_", "AWS_", "PYTEST_", "COV_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    return {**variables, "DJANGO_SETTINGS_MODULE": "mysite.settings"}
