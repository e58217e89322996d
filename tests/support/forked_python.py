"""Run Python commands in forks of one process that has imported Django and the other libraries of the package.

The imports take more than half of the time of a short command. The process imports no module of the package, and
nothing that reads settings: `python_server.py`. Without `os.fork` each command is a process of its own.
"""

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_SERVER = Path(__file__).with_name("python_server.py")
_PYTHON = (sys.executable, "-W", "error::DeprecationWarning:django_cognito")
_TIMEOUT_SECONDS = 900  # as in python_server.py


def run_python(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` in a folder: `-c CODE`, `-m MODULE` or a script, with arguments of its own.

    `-W ACTION`, for all warnings, may precede them. A deprecation that concerns the package is an error. A command that
    takes too long is killed. Variables that Python reads at its start, such as PYTHONPATH, are those of the first call.
    """
    if not hasattr(os, "fork"):
        command = [*_PYTHON, *arguments]
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    with tempfile.TemporaryDirectory() as directory:
        output, errors = Path(directory, "output"), Path(directory, "errors")
        request = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
        code = _send({**request, "files": [str(output), str(errors)]})
        return subprocess.CompletedProcess(list(arguments), code, output.read_text(), errors.read_text())


def _send(request: Mapping[str, object]) -> int:
    """Let the server run a command; return its exit code."""
    server = _start_server()
    assert server.stdin
    assert server.stdout
    server.stdin.write(f"{json.dumps(request)}\n")
    server.stdin.flush()
    return int(server.stdout.readline())


@cache
def _start_server() -> subprocess.Popen[str]:
    server = subprocess.Popen([*_PYTHON, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(_stop, server)
    return server


def _stop(server: subprocess.Popen[str]) -> None:
    with server:
        server.terminate()
