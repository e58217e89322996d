"""Try one planted fault: a copy of the project with the patch applied, and the tests that must fail there."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from xml.etree import ElementTree as ET

from .patch import Patch, apply_patch

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 300  # a fault can make a test hang
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".tox", ".venv", ".hypothesis", ".*_cache", "__pycache__", "node_modules", "*.sqlite3*"
)
_OPTIONS = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider")


class Verdict(Enum):
    """The result of a trial. Only `KILLED` is good."""

    KILLED = "killed"
    SURVIVED = "SURVIVED"
    DOES_NOT_APPLY = "does not apply"
    DOES_NOT_RUN = "tests do not run"


@dataclass(frozen=True)
class Result:
    """A verdict and its explanation: the error of git, or the end of pytest's output."""

    verdict: Verdict
    detail: str = ""


@dataclass(frozen=True)
class _Run:
    """One run of pytest. `failed` counts assertions and errors of tests, not of fixtures or imports."""

    exit_code: int | None
    passed: int
    failed: int
    output: str


def run_unpatched(tests: tuple[str, ...], database: str = "", project: Path = PROJECT) -> str:
    """Run tests without a patch; return the reason why they cannot judge a patch, or '' if they pass."""
    with _copy(project) as copy:
        run = _run_tests(tests, copy, database)
    if run.exit_code == 0 and run.passed:
        return ""
    return f"without the patch (exit code {run.exit_code}, {run.passed} passed):\n{run.output}"


def try_patch(patch: Patch, project: Path = PROJECT) -> Result:
    """Apply the patch to a copy of the project and run its tests there."""
    with _copy(project) as copy:
        if error := apply_patch(patch, copy):
            return Result(Verdict.DOES_NOT_APPLY, error)
        run = _run_tests(patch.tests, copy, patch.database)
    if run.exit_code == 0:
        return Result(Verdict.SURVIVED)
    if run.exit_code == 1 and run.failed:
        return Result(Verdict.KILLED)
    return Result(Verdict.DOES_NOT_RUN, f"with the patch (exit code {run.exit_code}):\n{run.output}")


@contextmanager
def _copy(project: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        copy = Path(directory, "project")
        shutil.copytree(project, copy, ignore=_NOT_COPIED)
        yield copy


def _run_tests(tests: tuple[str, ...], copy: Path, database: str) -> _Run:
    report = copy.parent / "report.xml"
    command = [sys.executable, "-W", "error", "-m", "pytest", *_OPTIONS, f"--junitxml={report}", *tests]
    # The copy precedes an installed package, also in processes that tests start.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    folders = os.pathsep.join([str(copy), str(copy / "packages" / "local-cognito")])
    environment |= {"PYTHONPATH": folders, "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"DJANGO_COGNITO_TEST_DATABASE": database} if database else {}
    process = subprocess.Popen(
        command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return _Run(None, 0, 0, f"timeout after {LIMIT_SECONDS} seconds")
    passed, failed = _counts(report)
    return _Run(process.returncode, passed, failed, "\n".join(output.splitlines()[-25:]))


def _counts(report: Path) -> tuple[int, int]:
    """Return how many tests passed and how many failed.

    Errors of fixtures and of collection are neither, and a name that does not exist breaks the patch, not the promise.
    """
    if not report.exists():  # pytest itself did not start
        return 0, 0
    cases = list(ET.parse(report).getroot().iter("testcase"))
    passed = sum(len(case.findall("*")) == 0 for case in cases)
    failures = [failure.get("message", "") for case in cases for failure in case.findall("failure")]
    return passed, sum(not message.startswith(("NameError", "ImportError")) for message in failures)
