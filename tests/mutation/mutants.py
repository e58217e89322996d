"""The mutants of a module, made by cosmic-ray's operators and by RemoveStatement. Must not depend on tests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword

# Operators that change nothing or need a configuration of variables.
_UNUSED = frozenset({"core/NoOp", "core/VariableInserter", "core/VariableReplacer"})
# Of the eleven replacements of each operator: the others mostly raise TypeError, which every test detects.
_ARITHMETIC = "core/ReplaceBinaryOperator_"
_REPLACEMENTS = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mod_FloorDiv", "Pow_Mul", "BitOr_BitAnd", "BitAnd_BitOr")


@dataclass(frozen=True)
class Mutant:
    """One change of one line, and the source of the module with this change."""

    operator: str
    line: str
    replacement: str
    source: str


class RemoveStatement(Operator):  # type: ignore[misc]
    """Remove a statement: a call whose result is not used, a `return` or a `raise`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """Yield the position of the statement if the node is one that can be removed."""
        if node.type == "simple_stmt" and _is_removable(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the statement by `pass`."""
        first = node.children[0].get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, first.prefix)
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """Return examples of statements and their replacement."""
        return (Example("check(it)", "pass"), Example("raise error", "pass"))


def _is_removable(statement: Any) -> bool:
    return statement.type in ("return_stmt", "raise_stmt", "atom_expr") or statement == "raise"


def create_mutants(source: str) -> Iterator[Mutant]:
    """Yield all mutants of a module, except changes of type annotations, which have no effect at run time."""
    for operator in (*(get_operator(name)() for name in sorted(operator_names()) if _is_used(name)), RemoveStatement()):
        nodes = [node for node in ast_nodes(get_ast(source)) for _ in operator.mutation_positions(node)]
        for occurrence, node in enumerate(nodes):
            if not _is_annotation(node):
                try:
                    changed = mutate_code(source, operator, occurrence)
                except AttributeError:  # cosmic-ray's ExceptionReplacer cannot replace a dotted name
                    continue
                yield Mutant(type(operator).__name__, *_compare_lines(source, changed), changed)


def _is_used(name: str) -> bool:
    return name not in _UNUSED and (not name.startswith(_ARITHMETIC) or name.removeprefix(_ARITHMETIC) in _REPLACEMENTS)


def _is_annotation(node: Any) -> bool:
    while node.parent is not None:
        inner, node = node, node.parent
        before = node.children[: node.children.index(inner)]
        if node.type in ("tfpdef", "annassign", "funcdef") and before and before[-1] in (":", "->"):
            return inner.type != "suite"
    return False


def _compare_lines(before: str, after: str) -> tuple[str, str]:
    """Return the lines that differ, without the equal lines before and after them."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return _join_lines(old), _join_lines(new)


def _join_lines(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
