"""What DRF permissions require, for API schemas. Must not depend on a schema generator.

A permission states its requirement in `required_groups` (one of them), `required_scopes` (all of them) and
`requirement` (of the sign-in).
"""

from collections.abc import Iterable
from itertools import product
from typing import Any

from rest_framework.permissions import AND, NOT, OR


def get_scope_alternatives(permissions: Iterable[Any]) -> list[tuple[str, ...]]:
    """Return sets of scopes: a token with all scopes of one of them satisfies `permissions` as far as scopes decide.

    `[()]` if no scope is required. A negated permission requires none.
    """
    alternatives: list[tuple[str, ...]] = [()]
    for permission in permissions:
        pairs = product(alternatives, _get_alternatives(permission))
        alternatives = list(dict.fromkeys(tuple(dict.fromkeys((*left, *right))) for left, right in pairs))
    return alternatives


def describe_permissions(permissions: Iterable[Any]) -> str:
    """Return a sentence, in Markdown, about what `permissions` require of the user; empty if they require nothing."""
    parts = [_describe(permission) for permission in permissions if _has_requirement(permission)]
    return f"Requires {'; and '.join(parts)}." if parts else ""


def _get_alternatives(permission: Any) -> list[tuple[str, ...]]:
    operands = _get_operands(permission)
    if isinstance(permission, AND):
        return get_scope_alternatives(operands)
    if isinstance(permission, OR):
        return list(dict.fromkeys(names for operand in operands for names in _get_alternatives(operand)))
    return [getattr(permission, "required_scopes", ())]


def _get_operands(permission: Any) -> list[Any]:
    """Return the operands of a permission that was built with `&`, `|` or `~`; otherwise an empty list."""
    return [getattr(permission, name) for name in ("op1", "op2") if hasattr(permission, name)]


def _has_requirement(permission: Any) -> bool:
    names = ("required_groups", "required_scopes", "requirement")
    return any(getattr(permission, name, ()) for name in names) or any(map(_has_requirement, _get_operands(permission)))


def _describe(permission: Any) -> str:
    operands = [
        f"({_describe(operand)})" if isinstance(operand, AND | OR) else _describe(operand)
        for operand in _get_operands(permission)
    ]
    if isinstance(permission, NOT):
        return f"not {operands[0]}"
    if operands:
        return (" and " if isinstance(permission, AND) else " or ").join(operands)
    if groups := getattr(permission, "required_groups", ()):
        return "the group " + " or ".join(f"`{name}`" for name in groups)
    if scopes := getattr(permission, "required_scopes", ()):
        return "the scope " + " and ".join(f"`{name}`" for name in scopes)
    if (requirement := getattr(permission, "requirement", None)) is not None:
        return "a sign-in with " + " and ".join(f"`{name}={value}`" for name, value in requirement.params.items())
    return f"`{type(permission).__name__}`"
