"""Compile each route of the local Cognito once in a test run. Each emulator has an app and would compile them again."""

from typing import Any
from unittest.mock import patch

from werkzeug.routing import Rule

_compile_builder = Rule._compile_builder
_builders: dict[tuple[Any, ...], Any] = {}


def compile_routes_once() -> None:
    """Cache the functions that werkzeug compiles for its rules; each takes its rule as the first argument."""
    patch.object(Rule, "_compile_builder", _get_or_compile_builder).start()


def _get_or_compile_builder(rule: Rule, append_unknown: bool = True) -> Any:
    if rule.defaults:  # compiled into the function, as the converter of the rule formats them
        return _compile_builder(rule, append_unknown)
    key = (tuple(rule._trace), frozenset(rule.arguments), append_unknown)
    if key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]
