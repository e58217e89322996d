"""Compile each route of the local Cognito once in a test run. Each emulator has an app and would compile them again."""

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

_compile_builder: Callable[..., Any] = Rule._compile_builder
_builders: dict[tuple[Any, ...], Any] = {}


def compile_routes_once() -> None:
    """Cache the functions that werkzeug compiles for its rules; each takes its rule as the first argument."""
    Rule._compile_builder = _get_or_compile_builder  # type: ignore[method-assign]


def _get_or_compile_builder(rule: Rule, append_unknown: bool = True) -> Any:
    # A default is compiled into the function as its converter formats it.
    key = (tuple(rule._trace), frozenset(rule.arguments), repr(rule.defaults), append_unknown)
    if rule.defaults or key not in _builders:
        _builders[key] = _compile_builder(rule, append_unknown)
    return _builders[key]
