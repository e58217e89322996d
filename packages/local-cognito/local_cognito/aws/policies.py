"""What IAM policies allow: documents, an action, a resource and what is known of the request in; yes or no out. Pure.

Where it cannot be told whether a condition is met, a statement that allows holds as if it were, one that denies as if
it were not.

Source: IAM user guide, "Policy evaluation logic".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import conditions
from .patterns import Values, matches

Document = Mapping[str, Any]


def allows(documents: Iterable[Document], action: str, resource: str, values: Values) -> bool:
    """Whether the policies of one principal allow the action on the resource; one that denies outweighs all others.

    `values` are what policy variables and conditions name, `cognito-identity.amazonaws.com:sub` being one.
    """
    statements = [statement for document in documents for statement in _statements(document)]
    effects = {each["Effect"] for each in statements if _concerns(each, action, resource, values)}
    return effects == {"Allow"}


def can_be_told(document: Document) -> bool:
    """Whether all conditions in the document are of those that are looked at here."""
    return all(conditions.can_be_told(statement.get("Condition") or {}) for statement in _statements(document))


def _statements(document: Document) -> Iterator[Mapping[str, Any]]:
    found = document.get("Statement", [])
    yield from [found] if isinstance(found, Mapping) else found


def _concerns(statement: Mapping[str, Any], action: str, resource: str, values: Values) -> bool:
    is_met = conditions.are_met(statement.get("Condition") or {}, values)
    if is_met is None:
        is_met = statement["Effect"] == "Allow"
    return is_met and _names(statement, "Action", action, {}) and _names(statement, "Resource", resource, values)


def _names(statement: Mapping[str, Any], element: str, value: str, values: Values) -> bool:
    """Whether the statement's element covers `value`, or the negation of it that it has instead does not."""
    has_case = element != "Action"
    if element in statement:
        return _any_matches(statement[element], value, values, has_case=has_case)
    negation = f"Not{element}"
    return negation in statement and not _any_matches(statement[negation], value, values, has_case=has_case)


def _any_matches(patterns: str | Iterable[str], value: str, values: Values, *, has_case: bool) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    if has_case:
        return any(matches(pattern, value, values) for pattern in listed)
    return any(matches(pattern.lower(), value.lower(), values) for pattern in listed)
