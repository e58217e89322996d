"""Commands in forks of one Python process: they end as commands in processes of their own do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.forked_python import run_python

REPORT = "import os, sys; print(sys.argv, sys.path[0], os.getcwd(), os.environ['NAME'], __name__)"
WARN = "import warnings; warnings.warn_explicit('old', DeprecationWarning, 'a.py', 1, module='django_cognito')"
STATE = """
import sys
from django.conf import settings
names = [name for name in sys.modules if name.partition(".")[0] in ("django_cognito", "tests", "local_cognito")]
print(settings.configured, names, sys.stdin.read())
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", REPORT, "one", "-m"],
        ["-m", "report", "one"],
        ["report.py", "one"],
        ["-c", "import sys; print('no', file=sys.stderr); sys.exit(3)"],
        ["-c", "import sys; sys.exit('no')"],
        ["-c", "import atexit; atexit.register(print, 'end')"],
        ["-c", "import os; os.kill(os.getpid(), 15)"],
        ["-c", STATE],
    ],
)
def test_command_ends_as_in_a_process_of_its_own(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "report.py").write_text(REPORT)
    environment = {**os.environ, "NAME": "value"}
    expected = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    process = run_python(arguments, tmp_path, environment)
    assert (process.returncode, process.stdout, process.stderr) == (
        expected.returncode,
        expected.stdout,
        expected.stderr,
    )


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        ([], "1 / 0", "ZeroDivisionError"),
        ([], WARN, "DeprecationWarning: old"),
        (["-W", "error"], "import warnings; warnings.warn('old')", "UserWarning: old"),
    ],
)
def test_error_of_a_command_is_in_its_output(tmp_path: Path, options: list[str], code: str, error: str) -> None:
    process = run_python([*options, "-c", code], tmp_path, os.environ)
    assert process.returncode == 1
    assert error in process.stderr.splitlines()[-1]


def test_command_leaves_nothing_to_the_next_one(tmp_path: Path) -> None:
    run_python(["-c", "import os, sys; os.environ['NAME'] = sys.name = 'a'"], tmp_path, os.environ)
    process = run_python(["-c", "import os, sys; print('NAME' in os.environ, hasattr(sys, 'name'))"], tmp_path, {})
    assert process.stdout == "False False\n"
