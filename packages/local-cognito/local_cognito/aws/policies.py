"""The evaluation of IAM policies for an action and a resource. No I/O.

A condition that is not supported counts as met in an Allow statement, and as not met in a Deny statement.

Source: IAM user guide, "Policy evaluation logic".
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from . import conditions
from .patterns import Values, matches_pattern

Document = Mapping[str, Any]


def is_allowed(documents: Iterable[Document], action: str, resource: str, values: Values) -> bool:
    """Return whether the policies of one principal allow the action on the resource. A Deny outweighs every Allow.

    `values` are the values of policy variables and conditions, such as `cognito-identity.amazonaws.com:sub`.
    """
    effects = set()
    for statement in chain.from_iterable(map(_statements, documents)):
        is_met = conditions.are_met(statement.get("Condition") or {}, values)
        if is_met is None:  # an unsupported condition: always met in an Allow, never in a Deny
            is_met = statement["Effect"] == "Allow"
        if is_met and _names(statement, "Action", action, {}) and _names(statement, "Resource", resource, values):
            effects.add(statement["Effect"])
    return effects == {"Allow"}


def has_supported_conditions(document: Document) -> bool:
    """Return whether all conditions in the document are supported."""
    return all(
        conditions.has_supported_conditions(statement.get("Condition") or {}) for statement in _statements(document)
    )


def _statements(document: Document) -> Iterator[Mapping[str, Any]]:
    statements = document.get("Statement", [])
    yield from [statements] if isinstance(statements, Mapping) else statements


def _names(statement: Mapping[str, Any], element: str, value: str, values: Values) -> bool:
    """Return whether the statement's element (or its negation, such as NotAction) covers `value`."""
    has_case = element != "Action"
    if element in statement:
        return _any_matches(statement[element], value, values, has_case=has_case)
    negation = f"Not{element}"
    return negation in statement and not _any_matches(statement[negation], value, values, has_case=has_case)


def _any_matches(patterns: str | Iterable[str], value: str, values: Values, *, has_case: bool) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    if has_case:
        return any(matches_pattern(pattern, value, values) for pattern in listed)
    return any(matches_pattern(pattern.lower(), value.lower(), values) for pattern in listed)
