"""Divide the first import of the test modules among the workers of pytest-xdist. Does not depend on Django."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


def import_share(config: pytest.Config) -> None:
    """Import the share of this worker of the modules in `tests`, if pytest-xdist has started it to run all tests.

    pytest rewrites the assertions of a module when it first imports it, and stores the result for other processes. The
    workers start at the same time and collect the modules in the same order. Without shares, each worker would rewrite
    all modules, which takes more time than the rest of a collection.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is pytest.Config.ArgsSource.ARGS or sys.dont_write_bytecode:
        return
    modules = sorted(TESTS.rglob("test_*.py"))
    number, count = int(worker["workerid"].removeprefix("gw")), worker["workercount"]
    for module in modules[number::count]:
        try:
            import_module(".".join((TESTS.name, *module.relative_to(TESTS).with_suffix("").parts)))
        except (Exception, pytest.fail.Exception, pytest.skip.Exception):  # noqa: BLE001 - the collection reports it
            continue
