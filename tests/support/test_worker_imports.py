"""Each worker of pytest-xdist imports its share of the test modules before the collection."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from . import worker_imports


def import_shares(monkeypatch: pytest.MonkeyPatch, count: int, **changes: Any) -> list[str]:
    """Return the modules that `count` workers import, in the order of the workers."""
    modules: list[str] = []
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(worker_imports, "import_module", modules.append)
    for number in range(count):
        worker = {"workerid": f"gw{number}", "workercount": count}
        config: Any = SimpleNamespace(workerinput=worker, args_source=pytest.Config.ArgsSource.TESTPATHS)
        vars(config).update(changes)
        worker_imports.import_share(config)
    return modules


def test_shares_of_all_workers_are_the_test_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = import_shares(monkeypatch, 3)
    assert len(modules) == len(set(modules)) == len(list(worker_imports.TESTS.rglob("test_*.py")))
    assert {__name__, "tests.test_models", "tests.core.tokens.test_verifier"} <= set(modules)


def test_run_of_some_tests_has_no_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_shares(monkeypatch, 3, args_source=pytest.Config.ArgsSource.ARGS) == []


def test_module_that_cannot_be_imported_is_left_to_the_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(worker_imports, "import_module", fail)
    worker: Any = {"workerid": "gw0", "workercount": 100}
    config: Any = SimpleNamespace(workerinput=worker, args_source=pytest.Config.ArgsSource.TESTPATHS)
    worker_imports.import_share(config)
