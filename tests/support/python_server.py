"""The process of `forked_python.py`: it imports libraries, and runs each command in a fork. A script, not a module."""

import gc
import json
import os
import runpy
import signal
import sys
import warnings
from importlib import import_module
from types import ModuleType
from typing import Any, cast

TIMEOUT_SECONDS = 900
# None of them reads settings when it is imported.
LIBRARIES = (
    "boto3",
    "cryptography.fernet",
    "cryptography.x509",
    "django.contrib.admin",
    "django.contrib.staticfiles.handlers",
    "django.core.management.commands.makemigrations",
    "django.core.management.templates",
    "django.db.backends.sqlite3.base",
    "django.test",
    "pytest",
    "requests",
    "rest_framework.serializers",
)


def serve() -> dict[str, Any]:
    """Fork for each request of standard input, and print the exit code. Return the request in the child process."""
    for name in LIBRARIES:
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            return dict(json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


def run(arguments: list[str], folder: str, environment: dict[str, str], files: list[str]) -> None:
    """Run a command as Python does. This process ends with it."""
    signal.alarm(TIMEOUT_SECONDS)  # ends this process
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate((os.devnull, *files)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), descriptor)
    if arguments[0] == "-W":
        warnings.simplefilter(cast("Any", arguments[1]))
        arguments = arguments[2:]
    option, *rest = arguments
    first = {"-c": "", "-m": folder}.get(option)
    sys.path.insert(0, os.path.dirname(os.path.abspath(option)) if first is None else first)
    sys.argv = [option, *rest[1:]] if option in ("-c", "-m") else arguments
    if option == "-c":
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), vars(main))
    elif option == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(option, run_name="__main__")


if __name__ == "__main__":
    del sys.path[0]  # the directory of this script
    run(**serve())
