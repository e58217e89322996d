"""Management commands of the example, in processes of their own."""

from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess

from demo.stack import MANAGE, Stack
from tests.support.forked_python import run_python


def run_manage(*arguments: str, environment: Mapping[str, str]) -> CompletedProcess[str]:
    """Run `manage.py ARGUMENTS`."""
    return run_python([str(MANAGE), *arguments], Path.cwd(), environment)


def run_shell(stack: Stack, code: str) -> str:
    """Run code with the settings of a site; return its output."""
    process = run_manage("shell", "--no-imports", "--command", code, environment=stack.build_environment())
    assert process.returncode == 0, process.stderr
    return process.stdout
