"""Rules for every test: connections to loopback only, and a marker for the real parts that it needs."""

import gc
import pkgutil
import signal
from collections.abc import Generator
from contextvars import copy_context
from functools import wraps
from importlib import import_module
from typing import Any, TypeVar

import pytest
from coverage import Coverage
from django.conf import settings
from local_cognito_support.botocore_data import load_data_once
from local_cognito_support.compiled_routes import compile_routes_once
from local_cognito_support.signing_keys import share_private_keys

from . import connections, real_parts
from .item_order import group_items
from .worker_imports import import_share

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

# The tests that cover `core`, which `tox run -e py` measures: tracing takes half as long again. `tox run -e coverage`
# traces all tests. The marker `no_cover` of pytest-cov pauses the measurement for each test, which takes longer.
_CORE_PACKAGE = "django_cognito.core"
_COVER_CORE = (
    "tests/aws/test_forks.py",
    "tests/core/",
    "tests/fuzz/test_targets.py",
    "tests/web/test_tokens_of_other_pools.py",
)
# Tests of core that take long if they are traced, and cover no line that the others do not cover.
_NOT_TRACED = (
    "tests/core/faults/test_rotation.py",
    "tests/core/test_clock.py",
    "tests/core/tokens/test_against_pyjwt.py",
    "tests/core/tokens/test_attacks.py",
    "tests/core/tokens/test_fast_path.py",
)

# The database of the run, by the last part of Django's ENGINE. A database server allows concurrent writes.
_ENGINES = {
    "postgresql": {"postgresql"},
    "mariadb": {"mysql"},
    "sqlite": {"sqlite3"},
    "database_server": {"postgresql", "mysql"},
}


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers (`--strict-markers` rejects all others); refuse connections to other hosts."""
    config.addinivalue_line("markers", f"needs(part, ...): real parts the test runs against: {real_parts.names()}")
    config.addinivalue_line("markers", "defends(attack, ...): attacks of docs/login-defences.md, say RP-07")
    config.addinivalue_line("markers", "mistake(text, by=kind): a row of tests/mistakes.md and what reports it")
    config.addinivalue_line("markers", "faq(question, key, ...): a question of docs/faq.md and the settings it names")
    connections.stay_on_this_machine()
    compile_routes_once()
    load_data_once()
    share_private_keys()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A background process ignores SIGINT, and so would the servers that tests stop with it.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--without chromium` and `--only chromium`, which divide the tests into two runs."""
    parser.addoption(
        "--without", action="append", default=[], choices=real_parts.names(), help="deselect tests that need this part"
    )
    parser.addoption("--only", choices=real_parts.names(), help="deselect tests that do not need this part")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let `pytest -k RP-07` select the tests with the marker `defends("RP-07")`."""
    item.extra_keyword_matches.update(attack for mark in item.iter_markers("defends") for attack in mark.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that `--without` or `--only` excludes. They are not skips, so they do not fail under CI=true.

    Tests for another database than that of the run are deselected too: each database has its own run. The others are
    ordered, after pytest-randomly, for the workers of pytest-xdist.
    """
    without, only = set(config.getoption("--without")) | _other_databases(), config.getoption("--only")
    excluded = {item for item in items if without & _parts_of(item) or (only and only not in _parts_of(item))}
    if excluded:
        config.hook.pytest_deselected(items=list(excluded))
        items[:] = [item for item in items if item not in excluded]
    items[:] = group_items(items, getattr(config, "workerinput", {}).get("workercount", 1))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without the garbage collector, and keep it away from the collected tests.

    Each full collection visits all of the many thousand items, and finds nothing: they live as long as the run.
    """
    if _is_core_measured(session.config):
        _import_core()
        _trace(session.config, False)
    gc.disable()
    try:
        import_share(session.config)
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """If the coverage of `core` alone is measured, trace only the tests of `_COVER_CORE`."""
    if _is_core_measured(item.config):
        _trace(item.config, item.nodeid.startswith(_COVER_CORE) and not item.nodeid.startswith(_NOT_TRACED))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the measurement as pytest-cov started it."""
    if _is_core_measured(session.config):
        _trace(session.config, True)


def _is_core_measured(config: pytest.Config) -> bool:
    """Return whether the coverage of `core` is measured, and no other."""
    return bool(config.getoption("cov_source", None) == [_CORE_PACKAGE])


def _import_core() -> None:
    """Import all modules of `core`, so that their definitions are measured before the collection, which is not."""
    package = import_module(_CORE_PACKAGE)
    for module in pkgutil.walk_packages(package.__path__, f"{_CORE_PACKAGE}."):
        import_module(module.name)


def _trace(config: pytest.Config, is_traced: bool) -> None:
    """Start or stop the measurement, if pytest-cov runs."""
    controller = getattr(config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    if controller is None or controller.started == is_traced:
        return
    if is_traced:
        controller.resume()
        return
    controller.pause()
    # In a worker of pytest-xdist, pytest-cov has started another measurement before that of the worker. Its data is
    # never read, but it continues when that of the worker pauses.
    while (unused := Coverage.current()) is not None:
        unused.stop()


def _parts_of(item: pytest.Item) -> set[str]:
    return {part for mark in item.iter_markers("needs") for part in mark.args}


def _other_databases() -> set[str]:
    engine = str(settings.DATABASES["default"]["ENGINE"]).rpartition(".")[2]
    return {part for part, engines in _ENGINES.items() if engine not in engines}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real part is missing, and name the part; fail it under CI=true."""
    missing = [part for part in _parts_of(item) - set(_ENGINES) if real_parts.is_missing(part)]
    if missing:
        refuse = pytest.fail if real_parts.under_ci() else pytest.skip
        refuse(f"needs {' and '.join(sorted(missing))}, which this machine lacks")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, bool | None, bool | None]:
    """Run the test in a copy of the context, so that its context variables end with it.

    Each new URL resolver of Django adds a variable, and asgiref copies all of them at each change between sync and
    async code: after some thousand tests, a request of an async view would take most of its time for that.
    """
    function, context = pyfuncitem.obj, copy_context()

    @wraps(function)  # Hypothesis reports a failure before the test ends, and needs the function for it
    def run_in_context(**arguments: Any) -> Any:
        return context.run(function, **arguments)

    pyfuncitem.obj = run_in_context
    try:
        return (yield)
    finally:
        pyfuncitem.obj = function


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test under CI=true, unless its reason is in PLATFORM_REASONS."""
    return _without_silent_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a skipped module under CI=true, as a skipped test."""
    return _without_silent_skip((yield))


def _without_silent_skip(report: _Report) -> _Report:
    if not report.skipped or hasattr(report, "wasxfail") or not real_parts.under_ci():
        return report
    reason = str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if reason.removeprefix("Skipped: ") not in real_parts.PLATFORM_REASONS:
        report.outcome = "failed"
        report.longrepr = (
            f"CI=true, and this was skipped: {reason}. See PLATFORM_REASONS in tests/support/real_parts.py."
        )
    return report
