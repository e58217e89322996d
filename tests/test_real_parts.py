"""The policy for real parts: skipped by name, and a failure under CI; and the one for connections: none leave."""

import socket
from typing import Any

import pytest

from . import real_parts

pytest_plugins = ["pytester"]
CONFTEST = "from tests.conftest import pytest_configure, pytest_runtest_setup"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run one test that needs Redis on a machine that lacks it."""
    monkeypatch.setattr(real_parts, "is_missing", lambda part: part == "redis")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile("import pytest\n@pytest.mark.needs('redis')\ndef test_it():\n    pass")

    def run(ci: str) -> pytest.RunResult:
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_inprocess("-rs")

    return run


def test_a_missing_part_skips_its_tests_by_name(run) -> None:
    result = run(ci="")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs redis, which this machine lacks*"])


def test_a_missing_part_fails_its_tests_under_ci(run) -> None:
    result = run(ci="true")
    result.assert_outcomes(errors=1)


def test_a_connection_to_elsewhere_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="stay on this machine"):
        connection.connect(("192.0.2.1", 80))


def test_a_connection_to_this_machine_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


@pytest.mark.parametrize(
    ("engine", "expected"),
    [("postgresql", {"postgresql", "server"}), ("mysql", {"mariadb", "server"}), ("sqlite3", {"sqlite"})],
)
def test_tests_of_other_databases_are_deselected_under_ci_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, settings: Any, engine: str, expected: set[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", f"django.db.backends.{engine}")
    names = ("pytest_addoption", "pytest_configure", "pytest_collection_modifyitems", "pytest_runtest_setup")
    pytester.makeconftest(f"from tests.conftest import {', '.join(names)}")
    parts = {"postgresql": "postgresql", "mariadb": "mariadb", "sqlite": "sqlite", "server": "database_server"}
    tests = [f"@pytest.mark.needs('{part}')\ndef test_{name}():\n    pass\n" for name, part in parts.items()]
    pytester.makepyfile("import pytest\n\n" + "\n".join(tests))
    result = pytester.runpytest_inprocess("-v")
    result.assert_outcomes(passed=len(expected), deselected=len(parts) - len(expected))
    for name in expected:
        result.stdout.fnmatch_lines([f"*test_{name} PASSED*"])
