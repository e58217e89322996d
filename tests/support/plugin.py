"""What every test shares: it stays on this machine, and names the real parts that it needs."""

import signal
from collections.abc import Generator
from typing import TypeVar

import pytest
from django.conf import settings

from . import connections, real_parts

_Report = TypeVar("_Report", pytest.TestReport, pytest.CollectReport)

# Tests that try many inputs or whole journeys, or whose subject is other processes. Other tests run the same lines, and
# tracing nearly doubles their time.
_UNTRACED = (
    "tests/authorization/test_token_order_over_http.py",
    "tests/core/faults/",
    "tests/core/tokens/test_against_pyjwt.py",
    "tests/core/tokens/test_fast_path.py",
    "tests/example_project/",
    "tests/faults/",
    "tests/openid/",
    "tests/sessions/test_killed_refresh.py",
    "tests/sessions/test_rotating_secret.py",
    "tests/sessions/test_two_processes.py",
    "tests/test_planted.py",
    "tests/users/test_first_requests_over_http.py",
    "tests/users/test_rejected_tokens.py",
    "tests/upgrade/",
)

# The database of the run, by the last part of Django's ENGINE. A server has connections that write at the same moment.
_ENGINES = {
    "postgresql": {"postgresql"},
    "mariadb": {"mysql"},
    "sqlite": {"sqlite3"},
    "database_server": {"postgresql", "mysql"},
}


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known (`--strict-markers` refuses the others), and let no connection leave this machine."""
    config.addinivalue_line("markers", f"needs(part, ...): real parts the test runs against: {real_parts.names()}")
    config.addinivalue_line("markers", "defends(attack, ...): attacks of docs/login-defences.md, say RP-07")
    connections.stay_on_this_machine()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A run in the background inherits that, and so would the servers that tests stop by Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--without chromium` and `--only chromium`: two runs that share the tests by a real part."""
    parser.addoption(
        "--without", action="append", default=[], choices=real_parts.names(), help="deselect tests that need this part"
    )
    parser.addoption("--only", choices=real_parts.names(), help="deselect tests that do not need this part")


def pytest_itemcollected(item: pytest.Item) -> None:
    """`pytest -k RP-07` runs all that is marked `defends("RP-07")`."""
    item.extra_keyword_matches.update(attack for mark in item.iter_markers("defends") for attack in mark.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what `--without` or `--only` leaves out: neither skipped nor, under CI=true, failed.

    Tests that need another database than that of the run are left out too: each database has a run of its own.
    Some tests are not traced for coverage, see `_UNTRACED`.
    """
    for item in items:
        if item.nodeid.startswith(_UNTRACED) or "chromium" in _parts_of(item):
            item.add_marker("no_cover")
    without, only = set(config.getoption("--without")) | _other_databases(), config.getoption("--only")
    left_out = [item for item in items if without & _parts_of(item) or (only and only not in _parts_of(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _parts_of(item: pytest.Item) -> set[str]:
    return {part for mark in item.iter_markers("needs") for part in mark.args}


def _other_databases() -> set[str]:
    engine = str(settings.DATABASES["default"]["ENGINE"]).rpartition(".")[2]
    return {part for part, engines in _ENGINES.items() if engine not in engines}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose real part is missing, by name; under CI=true fail it."""
    missing = [part for part in _parts_of(item) - set(_ENGINES) if real_parts.is_missing(part)]
    if missing:
        refuse = pytest.fail if real_parts.under_ci() else pytest.skip
        refuse(f"needs {' and '.join(sorted(missing))}, which this machine lacks")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test under CI=true, unless its reason is one of the platform's."""
    return _without_silent_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a skipped module under CI=true likewise."""
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
