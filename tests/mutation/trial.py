"""Run the tests of core for a mutant, in a forked child process that has the dependencies imported (not on Windows).

The child process changes nothing but a copy of the project.
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

from .code import TESTS, get_path

PROJECT = Path(__file__).resolve().parents[2]
_PATHS = ("django_cognito", "tests", "pyproject.toml", "example_project")
_MAX_MEMORY_BYTES = 4 * 2**30  # a mutant may allocate without limit

# Modules of dependencies that the tests import: importing them first saves half a second for each child process.
_PRELOADED = (
    "asyncio", "django.contrib.admin", "django.contrib.sessions.middleware", "django.core.management", "django.test",
    "hypothesis.internal.conjecture.engine", "hypothesis.strategies", "jwt", "orjson", "pybase64", "requests",
    "http.server", "unittest.mock", "cryptography.x509",
)  # fmt: skip

_OPTIONS = ("-q", "-x", "--assert=plain", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "no:playwright")
_UNFIT = 99


class Trial:
    """Test the mutants of one module in `copy`, an empty directory.

    Raises RuntimeError if the tests fail without a mutant.
    """

    def __init__(self, module: str, copy: Path) -> None:
        self._module, self._copy = module, copy
        for name in _PATHS:
            _copy_path(PROJECT / name, copy / name)
        for name in _PRELOADED:
            import_module(name)
        gc.freeze()  # so that the garbage collector of a child process ignores these objects
        self._is_ready = False
        self._stages: list[tuple[list[str], int]] = []
        files = [f"tests/core/{name}.py" for name in TESTS[module]]
        for stage in filter(None, (files[:1], files[1:])):
            self._stages.append((stage, self._measure_limit(stage)))
        self._is_ready = True

    def _measure_limit(self, files: Sequence[str]) -> int:
        """Run the tests without a mutant and return the time limit in seconds for a mutant."""
        started = time.monotonic()
        if self._run_in_child(files, limit=600):
            raise RuntimeError(f"the tests fail without a mutant: {' '.join(files)}")
        return 20 + 4 * round(time.monotonic() - started)

    def survives(self, source: str) -> bool | None:
        """Return whether the tests pass with this `source` of the module; None if it cannot be imported."""
        relative = get_path(self._module).relative_to(PACKAGE_DIRECTORY.parent)
        path = self._copy / relative
        try:
            path.write_text(source)
            statuses = (self._run_in_child(*stage) for stage in self._stages)
            failed = next((status for status in statuses if status), 0)
        finally:
            shutil.copy2(PROJECT / relative, path)
        return None if failed == _UNFIT else not failed

    def _run_in_child(self, files: Sequence[str], limit: int) -> int:
        """Run the tests in these files in a child process and return its exit status. `limit` is in seconds."""
        child = os.fork()
        if not child:
            self._run(files, limit)
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            _kill_group(child)

    def _run(self, files: Sequence[str], limit: int) -> None:
        """Run the tests in the child process. Never returns."""
        status = _UNFIT
        try:
            os.setpgid(0, 0)
            signal.alarm(limit)  # there is no handler, so the signal ends the process
            resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
            devnull = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(devnull, stream)
            self._enter_copy()
            import_module(f"django_cognito.core.{self._module}")
            status = pytest.main([*_OPTIONS, *files])
        finally:
            os._exit(status)

    def _enter_copy(self) -> None:
        """Change the directory and the import path from the checkout to the copy."""
        os.chdir(self._copy)
        sys.dont_write_bytecode = self._is_ready  # bytecode is written for the copied files, not for mutants
        sys.path[:] = [str(self._copy), *(entry for entry in sys.path if Path(entry).resolve() != PROJECT)]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "django_cognito")]:
            del sys.modules[name]


def _copy_path(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.sqlite3*"), dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _kill_group(child: int) -> None:
    """Kill the process group of the child process."""
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return
