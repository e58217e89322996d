"""A mutant on trial: the tests of core, run in a child that has all but the project imported already (not on Windows).

The child works in a copy of the project; nothing else is ever changed.
"""

import gc
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.source import PACKAGE_DIRECTORY

from .code import TESTS, path_of

PROJECT = Path(__file__).resolve().parents[2]
_COPIED = ("django_cognito", "tests", "pyproject.toml", "example_project")
_MAX_MEMORY_BYTES = 4 * 2**30  # a mutant may ask for all there is

# What the tests import and a mutant cannot change: half a second a child.
_IMPORTED_BEFORE = (
    "asyncio", "django.contrib.admin", "django.contrib.sessions.middleware", "django.core.management", "django.test",
    "hypothesis.internal.conjecture.engine", "hypothesis.strategies", "jwt", "orjson", "pybase64", "requests",
    "http.server", "unittest.mock", "cryptography.x509",
)  # fmt: skip

_OPTIONS = ("-q", "-x", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:playwright")
_UNFIT = 99


class Trial:
    """Tries the mutants of one module, in `copy`, a directory of its own.

    Raises RuntimeError where the tests fail without any mutant.
    """

    def __init__(self, module: str, copy: Path) -> None:
        self._module, self._copy = module, copy
        for name in _COPIED:
            _copy(PROJECT / name, copy / name)
        for name in _IMPORTED_BEFORE:
            import_module(name)
        gc.freeze()  # so that no child looks through all of it again
        self._is_ready = False
        self._stages: list[tuple[list[str], int]] = []
        files = [f"tests/core/{name}.py" for name in TESTS[module]]
        for stage in filter(None, (files[:1], files[1:])):
            self._stages.append((stage, self._limit(stage)))
        self._is_ready = True

    def _limit(self, files: Sequence[str]) -> int:
        """Seconds after which a mutant runs without end; with the tests as they are they have to pass."""
        began = time.monotonic()
        if self._status(files, limit=600):
            raise RuntimeError(f"the tests do not pass as they are: {' '.join(files)}")
        return 20 + 4 * round(time.monotonic() - began)

    def survives(self, source: str) -> bool | None:
        """Whether no test tells the module from one with this `source`; None if that one cannot even be imported."""
        relative = path_of(self._module).relative_to(PACKAGE_DIRECTORY.parent)
        path = self._copy / relative
        try:
            path.write_text(source)
            statuses = (self._status(*stage) for stage in self._stages)
            failed = next((status for status in statuses if status), 0)
        finally:
            shutil.copy2(PROJECT / relative, path)
        return None if failed == _UNFIT else not failed

    def _status(self, files: Sequence[str], limit: int) -> int:
        """How a child ends that runs the tests in these files; it is killed after `limit` seconds."""
        child = os.fork()
        if not child:
            self._run(files, limit)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            _end(child)

    def _run(self, files: Sequence[str], limit: int) -> None:
        """The child, which never comes back."""
        status = _UNFIT
        try:
            os.setpgid(0, 0)
            signal.alarm(limit)  # nobody listens: the child ends
            resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            self._move()
            import_module(f"django_cognito.core.{self._module}")
            status = pytest.main([*_OPTIONS, *files])
        finally:
            os._exit(status)

    def _move(self) -> None:
        """From the checkout to the copy."""
        os.chdir(self._copy)
        sys.dont_write_bytecode = self._is_ready  # that of the copied files is kept, that of mutants never
        sys.path[:] = [str(self._copy), *(entry for entry in sys.path if Path(entry).resolve() != PROJECT)]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "django_cognito")]:
            del sys.modules[name]


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"), dirs_exist_ok=True)
    else:
        shutil.copy2(source, to)


def _end(child: int) -> None:
    """End whatever the child has left running."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return
