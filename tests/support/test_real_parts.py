"""Missing real parts skip a test by name and fail it under CI; connections to other hosts are refused."""

import ast
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from . import real_parts, source

pytest_plugins = ["pytester"]
CONFTEST = "from tests.support.plugin import *"
SKIPS = {
    "skip": "def test_it():\n    pytest.skip('no reason that is allowed')",
    "importorskip": "def test_it():\n    pytest.importorskip('a_missing_module')",
    "skipif": "@pytest.mark.skipif(True, reason='no reason that is allowed')\ndef test_it():\n    pass",
    "unittest": "import unittest\nclass Test(unittest.TestCase):\n    def test_it(self):\n        self.skipTest('no')",
    "module": "pytest.skip('no reason that is allowed', allow_module_level=True)\ndef test_it():\n    pass",
    "module that is missing": "pytest.importorskip('a_missing_module')\ndef test_it():\n    pass",
}


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Return a function that runs one test; by default one that needs Redis, which is missing."""
    monkeypatch.setattr(real_parts, "is_missing", lambda part: part == "redis")
    pytester.makeconftest(CONFTEST)

    def run(ci: str, test: str = "@pytest.mark.needs('redis')\ndef test_it():\n    pass") -> pytest.RunResult:
        pytester.makepyfile(f"import pytest\n{test}")
        monkeypatch.setenv("CI", ci)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        return pytester.runpytest_inprocess("-rs")

    return run


def test_missing_part_skips_its_tests_by_name(run: Callable[..., pytest.RunResult]) -> None:
    result = run(ci="")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*needs redis, which this machine lacks*"])


def test_missing_part_fails_its_tests_under_ci(run: Callable[..., pytest.RunResult]) -> None:
    result = run(ci="true")
    result.assert_outcomes(errors=1)


@pytest.mark.parametrize("test", SKIPS.values(), ids=SKIPS)
def test_skip_is_a_failure_under_ci(run: Callable[..., pytest.RunResult], test: str) -> None:
    assert run("", test).parseoutcomes().keys() == {"skipped"}
    outcomes = run("true", test).parseoutcomes()
    assert "skipped" not in outcomes
    assert outcomes.keys() & {"failed", "errors", "error"}


def test_skip_for_a_platform_reason_stays_a_skip_under_ci(run: Callable[..., pytest.RunResult]) -> None:
    reason = real_parts.PLATFORM_REASONS[0]
    run("true", SKIPS["skip"].replace("no reason that is allowed", reason)).assert_outcomes(skipped=1)
    run("true", SKIPS["skipif"].replace("no reason that is allowed", reason)).assert_outcomes(skipped=1)


def test_expected_failure_under_ci_is_not_a_skip(run: Callable[..., pytest.RunResult]) -> None:
    run("true", "@pytest.mark.xfail\ndef test_it():\n    assert False").assert_outcomes(xfailed=1)


def test_each_skip_in_the_suite_has_a_platform_reason() -> None:
    """Also a skip whose condition is never true on current platforms."""
    tests = source.modules(source.PROJECT_DIRECTORY / "tests")
    calls = [
        ast.unparse(node)
        for name, module in tests.items()
        if name not in ("tests.support.test_real_parts", "tests.conftest") and "skip" in module.text
        for node in module.nodes
        if isinstance(node, ast.Call) and re.search(r"\b(importorskip|skip|skipif|skipTest)$", ast.unparse(node.func))
    ]
    assert calls
    assert [call for call in calls if not any(reason in call for reason in real_parts.PLATFORM_REASONS)] == []


def test_connection_to_another_host_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="use loopback only"):
        connection.connect(("192.0.2.1", 80))


def test_connection_to_loopback_is_made() -> None:
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
    pytester.makeconftest(f"from tests.support.plugin import {', '.join(names)}")
    parts = {"postgresql": "postgresql", "mariadb": "mariadb", "sqlite": "sqlite", "server": "database_server"}
    tests = [f"@pytest.mark.needs('{part}')\ndef test_{name}():\n    pass\n" for name, part in parts.items()]
    pytester.makepyfile("import pytest\n\n" + "\n".join(tests))
    result = pytester.runpytest_inprocess("-v")
    result.assert_outcomes(passed=len(expected), deselected=len(parts) - len(expected))
    for name in expected:
        result.stdout.fnmatch_lines([f"*test_{name} PASSED*"])
