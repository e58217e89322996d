"""What IAM policies allow: documents, an action, a resource and the values of policy variables in; yes or no out. Pure.

Conditions are not evaluated: a statement that allows holds as if its condition were met, one that denies as if not.

Source: IAM user guide, "Policy evaluation logic", "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
Values = Mapping[str, str]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def allows(documents: Iterable[Document], action: str, resource: str, values: Values) -> bool:
    """Whether the policies of one principal allow the action on the resource; one that denies outweighs all others.

    `values` are those of the policy variables, by name, `cognito-identity.amazonaws.com:sub` being one.
    """
    statements = [statement for document in documents for statement in _statements(document)]
    effects = {each["Effect"] for each in statements if _concerns(each, action, resource, values)}
    return effects == {"Allow"}


def has_conditions(document: Document) -> bool:
    """Whether a statement in the document holds under a condition only, which nobody here looks at."""
    return any(statement.get("Condition") for statement in _statements(document))


def _statements(document: Document) -> Iterator[Mapping[str, Any]]:
    found = document.get("Statement", [])
    yield from [found] if isinstance(found, Mapping) else found


def _concerns(statement: Mapping[str, Any], action: str, resource: str, values: Values) -> bool:
    if statement["Effect"] == "Deny" and statement.get("Condition"):
        return False
    return _names(statement, "Action", action, {}) and _names(statement, "Resource", resource, values)


def _names(statement: Mapping[str, Any], element: str, value: str, values: Values) -> bool:
    """Whether the statement's element covers `value`, or the negation of it that it has instead does not."""
    if element in statement:
        return _any_matches(statement[element], value, values)
    negation = f"Not{element}"
    return negation in statement and not _any_matches(statement[negation], value, values)


def _any_matches(patterns: str | Iterable[str], value: str, values: Values) -> bool:
    listed = [patterns] if isinstance(patterns, str) else patterns
    return any(_matches(pattern, value, values) for pattern in listed)


def _matches(pattern: str, value: str, values: Values) -> bool:
    regex = _regex(pattern, values)
    return regex is not None and re.fullmatch(regex, value, re.DOTALL) is not None


def _regex(pattern: str, values: Values) -> str | None:
    """The pattern with its variables filled in; None where one has no value, as then nothing matches.

    A value counts to the letter: whoever chooses a name with an asterisk in it has not chosen a wildcard.
    """
    parts = []
    for number, part in enumerate(_VARIABLE.split(pattern)):
        is_variable = number % 2 == 1
        if not is_variable:
            parts.append(_wildcards(part))
        elif part in ("*", "?", "$"):
            parts.append(re.escape(part))
        elif part in values:
            parts.append(re.escape(values[part]))
        else:
            return None
    return "".join(parts)


def _wildcards(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
