"""Tests wait 30 seconds for HTTP: on a busy machine a shorter timeout fails without a fault in the code."""

import ast
import re
from collections.abc import Iterator

from django.conf import settings

from . import source
from .timeouts import HTTP_TIMEOUT_SECONDS

# Functions that send a request or wait for one; `timeout` is in seconds, if it is a number in the source.
_HTTP = {"get", "post", "put", "delete", "request", "options", "HTTPConnection", "create_connection", "Http"}
# Modules that test time limits: an endpoint does not respond, or not in time.
_TIME_IS_TESTED = {
    "tests.core.test_hosted_ui",
    "tests.core.http.test_client",
    "tests.support.test_real_parts",
    "tests.support.new_project",  # probes a port
}


def _short_timeouts() -> Iterator[tuple[str, int]]:
    directories = ("tests", "packages/local-cognito/tests")
    modules = [item for name in directories for item in source.modules(source.PROJECT_DIRECTORY / name).items()]
    for name, module in modules:
        if not re.search(r"timeout|\bHttp\b", module.text):
            continue  # no call of it passes a timeout, or makes an Http
        for node in module.nodes:
            if isinstance(node, ast.Call) and _name_of(node.func) in _HTTP and _seconds(node) < HTTP_TIMEOUT_SECONDS:
                yield name, node.lineno


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _seconds(call: ast.Call) -> float:
    """Return the timeout of a call; 3, the package's default, for an `Http` without one."""
    for keyword in call.keywords:
        if keyword.arg in ("timeout", "timeout_seconds"):
            value = ast.literal_eval(keyword.value) if isinstance(keyword.value, ast.Constant) else None
            return float(value) if value is not None else HTTP_TIMEOUT_SECONDS
    return 3 if _name_of(call.func) == "Http" and not call.args else HTTP_TIMEOUT_SECONDS


def test_http_timeout_is_30_seconds_unless_time_is_tested() -> None:
    timeouts = list(_short_timeouts())
    assert {name for name, _ in timeouts} >= {"tests.core.http.test_client", "tests.core.test_hosted_ui"}
    assert [place for place in timeouts if place[0] not in _TIME_IS_TESTED] == []


def test_site_under_test_waits_30_seconds() -> None:
    assert settings.COGNITO["HTTP_TIMEOUT_SECONDS"] == HTTP_TIMEOUT_SECONDS == 30
