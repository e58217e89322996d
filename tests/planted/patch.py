"""One planted fault as a value, read from its patch file. Runs no test.

A patch file has header lines, an empty line, and a unified diff for `git apply` from the project's root:

    promise: the behaviour that must hold
    tests: node ids of tests, and optionally `-k EXPRESSION`, as for pytest
    database: (optional) "mariadb" or "sqlite", if the tests need another database than PostgreSQL
"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

DIRECTORY = Path(__file__).parent
# A patch may change the packages, their documents and the lower bounds of the dependencies.
PLACES = ("django_cognito/", "packages/", "docs/", "example_project/", "pyproject.toml", "tests/lowest.txt")
# A patch may name tests in these directories.
TESTS = ("tests/", "packages/local-cognito/tests/")
DATABASES = ("mariadb", "sqlite")
_NAME = re.compile(r"\d\d-[a-z0-9]+(-[a-z0-9]+)*")
_FILE = re.compile(r"^(?:---|\+\+\+) (.+?)(?:\t.*)?$", re.MULTILINE)


class PatchError(ValueError):
    """A patch file is wrong; the message says which one, and what was expected."""


@dataclass(frozen=True)
class Patch:
    """A planted fault: the promise that it breaks, and pytest's arguments for the tests that must fail."""

    path: Path
    promise: str
    tests: tuple[str, ...]
    files: tuple[str, ...]
    database: str = ""  # empty: the database of the run

    @property
    def name(self) -> str:
        """The file's name without its suffix: the number of the issue's item and a slug."""
        return self.path.stem

    @property
    def node_ids(self) -> tuple[str, ...]:
        """The tests without options."""
        return tuple(test for test in self.tests if test.startswith(TESTS))

    def is_selected_by(self, selection: str) -> bool:
        """Return whether `selection` is the patch's number, its name or a part of its name."""
        if selection.isdigit():
            return int(self.name[:2]) == int(selection)
        return selection.removesuffix(".patch") in self.name


def read_patches(directory: Path = DIRECTORY) -> list[Patch]:
    """Return all patches of the directory, by name. Raises PatchError."""
    return [read_patch(path) for path in sorted(directory.glob("*.patch"))]


def read_patch(path: Path) -> Patch:
    """Read a patch file. Raises PatchError."""
    if not _NAME.fullmatch(path.stem):
        raise PatchError(f"{path.name}: expected a name such as 02-older-token.patch")
    head, has_diff, diff = path.read_text(encoding="utf-8").partition("\ndiff --git ")
    files = tuple(dict.fromkeys(_path_of(name) for name in _FILE.findall(diff) if name != "/dev/null"))
    if not has_diff or not files:
        raise PatchError(f"{path.name}: expected a unified diff that starts with 'diff --git'")
    if foreign := [name for name in files if not name.startswith(PLACES)]:
        raise PatchError(f"{path.name}: changes {foreign[0]}; only these may be changed: {', '.join(PLACES)}")
    tests = _tests(path, _header(path, head, "tests"))
    return Patch(path, _header(path, head, "promise"), tests, files, _database(path, head))


def apply_patch(patch: Patch, project: Path) -> str:
    """Apply a patch to the project at `project`. Return git's error, or ''."""
    return _run_git_apply(project, str(patch.path.resolve()))


def check_patches(patches: Iterable[Patch], project: Path) -> str:
    """Return git's error of the first patch that does not apply to the unchanged project, or ''."""
    return _run_git_apply(project, "--check", *(str(patch.path.resolve()) for patch in patches))


def _run_git_apply(project: Path, *arguments: str) -> str:
    # Below a Git work tree that it is not the root of, `git apply` would ignore all files and succeed.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(project.resolve().parent)}
    environment = {name: value for name, value in environment.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    command = ["git", "apply", *arguments]
    process = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return process.stderr.strip() or "git apply failed" if process.returncode else ""


def _path_of(name: str) -> str:
    return name.partition("/")[2] if name.startswith(("a/", "b/")) else name


def _header(path: Path, head: str, name: str) -> str:
    """Return the value of a header line; it may continue in indented lines."""
    values = re.findall(rf"^{name}:(.*(?:\n[ \t]+\S.*)*)", head, re.MULTILINE)
    if len(values) != 1 or not values[0].strip():
        raise PatchError(f"{path.name}: expected one header line '{name}: ...' before the diff")
    return " ".join(values[0].split())


def _database(path: Path, head: str) -> str:
    if not re.search(r"^database:", head, re.MULTILINE):
        return ""
    database = _header(path, head, "database")
    if database not in DATABASES:
        raise PatchError(f"{path.name}: 'database:' is one of {', '.join(DATABASES)}, found: {database}")
    return database


def _tests(path: Path, line: str) -> tuple[str, ...]:
    arguments = tuple(shlex.split(line))
    node_ids = [argument for argument in arguments if argument.startswith(TESTS)]
    expressions = [argument for previous, argument in pairwise(arguments) if previous == "-k"]
    if not node_ids or len(node_ids) + 2 * len(expressions) != len(arguments):
        raise PatchError(f"{path.name}: 'tests:' takes node ids below tests/ and -k EXPRESSION, found: {line}")
    return arguments
