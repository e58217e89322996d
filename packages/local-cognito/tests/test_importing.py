"""Importing local_cognito changes neither moto nor the process. Each script runs in a new process."""

import subprocess
import sys
from pathlib import Path

import local_cognito
import pytest

PACKAGES = str(Path(local_cognito.__file__).parents[1])
LIBRARIES = ("moto", "botocore", "boto3", "responses", "werkzeug", "flask")
_IMPORT_ALL = """
import importlib, pkgutil, sys
sys.path.insert(0, sys.argv[1])
def import_all():
    import local_cognito
    for module in pkgutil.walk_packages(local_cognito.__path__, "local_cognito."):
        importlib.import_module(module.name)
"""
_STATE_OF_MOTO = (
    f"LIBRARIES = {LIBRARIES!r}"
    """
def members(value):
    # Containers by their content: registries of classes, backends and URLs.
    if isinstance(value, dict):
        return ("dict", [(repr(key), id(item)) for key, item in value.items()])
    if isinstance(value, list | tuple | set | frozenset):
        return ("items", len(value), [id(item) for item in value])
    return ("object", id(value))
def state_of_moto():
    state = {}
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] not in LIBRARIES:
            continue
        for key, value in list(vars(module).items()):
            if key == "__builtins__":
                continue
            state[name, key] = (value, members(value))
            if isinstance(value, type) and value.__module__ == name:
                for attribute, member in list(vars(value).items()):
                    state[name, key, attribute] = (member, members(member))
    return state
"""
)


def run(script: str) -> str:
    """Run `script` in a new process and return its output."""
    process = subprocess.run(
        [sys.executable, "-c", script, PACKAGES], capture_output=True, text=True, timeout=300, check=False
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def modules() -> list[str]:
    """Return the modules that a process has after it has imported all of local_cognito."""
    return run(_IMPORT_ALL + "import_all()\nprint(*sys.modules)").split()


@pytest.fixture(scope="module")
def changes(modules: list[str]) -> list[str]:
    """Import local_cognito after its libraries; return a line on moto and a line on the process."""
    script = f"""{_IMPORT_ALL}{_STATE_OF_MOTO}
import logging, os, signal, socket, threading, warnings
for name in {sorted(name for name in modules if name.partition(".")[0] in LIBRARIES)!r}:
    importlib.import_module(name)
def state_of_process():
    return (
        dict(os.environ), threading.active_count(), list(logging.getLogger().handlers), list(warnings.filters),
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        id(socket.socket), id(socket.socket.connect), socket.getdefaulttimeout(), os.getcwd(),
    )
before, before_of_process = state_of_moto(), state_of_process()
import_all()
after, after_of_process = state_of_moto(), state_of_process()
added = [key for key in after.keys() - before.keys() if key[-1] not in ("__abstractmethods__", "_abc_impl")]
changed = [key for key in before.keys() & after.keys() if before[key][1] != after[key][1]]
print(len(before) > 5_000, added, changed, before.keys() - after.keys() or "")
print(before_of_process == after_of_process)
"""
    return run(script).splitlines()


def test_import_leaves_moto_unchanged(changes: list[str]) -> None:
    assert changes[0] == "True [] [] "


def test_import_leaves_the_process_unchanged(changes: list[str]) -> None:
    assert changes[1] == "True"


def test_emulator_leaves_moto_unpatched() -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from moto.cognitoidp import models
before = dict(vars(models))
from local_cognito import Emulator
with Emulator():
    print([name for name, value in vars(models).items() if before.get(name) is not value])
"""
    assert run(script) == "[]\n"


def test_import_of_the_package_imports_no_server() -> None:
    script = (
        "import sys\nsys.path.insert(0, sys.argv[1])\nimport local_cognito\n"
        'print([name for name in ("moto", "flask", "boto3", "requests", "django") if name in sys.modules])'
    )
    assert run(script) == "[]\n"


def test_no_module_imports_django(modules: list[str]) -> None:
    assert [name for name in modules if name.startswith("django")] == []


def test_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Emulators'"):
        local_cognito.Emulators  # noqa: B018
