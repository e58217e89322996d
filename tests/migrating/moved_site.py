"""A site that is moved from one package to another, in a process of its own, and its database."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from .environments import PACKAGES
from .guides import read_files

DIRECTORY = Path(__file__).parent
TRANSITION = ("Prepare", "Link the users")
AFTER = (*TRANSITION, "Switch")
_SITE = DIRECTORY / "site"


class MovedSite:
    """The site of the package `name`, in `folder`, with the interpreter `python`.

    `variables` are for the environment of its processes, `local_settings` are keys of COGNITO for the local Cognito,
    and `directory` has the files of the site with the package.
    """

    def __init__(self, name: str, python: Path, folder: Path, port: int, directory: str = "") -> None:
        self.url = f"http://localhost:{port}"
        self.variables: dict[str, str] = {}
        self.local_settings: dict[str, Any] = {}
        self._name, self._python, self._folder, self._port = name, python, folder, port
        self._files = DIRECTORY / (directory or name.replace("-", "_"))
        self._process: Any = None

    @contextmanager
    def serve(self, *sections: str, old: bool) -> Iterator[None]:
        """Serve the site with the files of these sections of the guide, and with those of the package if `old`.

        Without them, the package cannot be imported.
        """
        self._write_files(sections, old)
        blocked = [] if old else [PACKAGES[self._name].module]
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with (self._folder / "errors.log").open("w") as errors:
            self._process = subprocess.Popen(
                [self._python, "run.py", str(self._port), *blocked],
                cwd=self._folder,
                env={**inherited, **self.variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            self._read_line("ready")
            yield
        finally:
            self._process.stdin.close()
            self._process.wait(timeout=120)
            self._process.stdout.close()

    def call(self, command: str) -> str:
        """Run a management command in the process that serves; return its output."""
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        output: str = json.loads(self._read_line())
        return output

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Execute a statement in the database of the site and return its rows."""
        with closing(sqlite3.connect(self._folder / "site.sqlite3", timeout=30)) as database, database:
            return database.execute(statement, values).fetchall()

    def read_users(self) -> dict[str, tuple[Any, ...]]:
        """Return primary key, username, flags and names of the Django groups of each user, by email address."""
        users = self.execute("SELECT email, id, username, is_active, is_staff, is_superuser FROM auth_user")
        groups = self.execute(
            "SELECT u.email, g.name FROM auth_user u JOIN auth_user_groups m ON m.user_id = u.id"
            " JOIN auth_group g ON g.id = m.group_id ORDER BY g.name"
        )
        return {email: (*row, [name for owner, name in groups if owner == email]) for email, *row in users}

    def give_group(self, email: str, name: str) -> None:
        """Add a user to a new Django group, as an administrator does."""
        self.execute("INSERT INTO auth_group (name) VALUES (?)", name)
        self.execute(
            "INSERT INTO auth_user_groups (user_id, group_id)"
            " SELECT u.id, g.id FROM auth_user u, auth_group g WHERE u.email = ? AND g.name = ?",
            *(email, name),
        )

    def _write_files(self, sections: tuple[str, ...], old: bool) -> None:
        package = self._folder / "mysite"
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(_SITE, self._folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        paths = [path for path in sorted(self._files.glob("*.py")) if not path.name.startswith("old_")]
        files = [(f"mysite/{path.name}", path.read_text()) for path in paths]
        for name in ("settings.py", "urls.py") if old else ():
            files.append((f"mysite/{name}", (self._files / f"old_{name}").read_text()))
        for name, text in (*files, *read_files(self._name, *sections)):
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(f"\n{text}")
        if sections:
            with (package / "settings.py").open("a") as file:
                file.write(f"\nCOGNITO |= {self.local_settings!r}\n")

    def _read_line(self, expected: str = "") -> str:
        line: str = self._process.stdout.readline().strip()
        assert line == expected or (line and not expected), (self._folder / "errors.log").read_text()
        return line
