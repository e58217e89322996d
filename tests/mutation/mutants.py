"""A module's mutants: cosmic-ray's operators and one of ours, each at each place where it fits. Knows no tests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.python.tree import Keyword

# Those that change nothing, and those that want to be told which variables they are about.
_LEFT_OUT = frozenset({"core/NoOp", "core/VariableInserter", "core/VariableReplacer"})
# Of the eleven that cosmic-ray puts in the place of each: the others mostly fit no operand, and any test would tell.
_ARITHMETIC = "core/ReplaceBinaryOperator_"
_LIKELY = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Mod_FloorDiv", "Pow_Mul", "BitOr_BitAnd", "BitAnd_BitOr")


@dataclass(frozen=True)
class Mutant:
    """One change of one line, and the module's source with it."""

    operator: str
    line: str
    becomes: str
    source: str


class RemoveStatement(Operator):  # type: ignore[misc]
    """Leaves out what a line does: a call whose result nobody takes, a `return`, a `raise`."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """The statement, of a node that is one."""
        if node.type == "simple_stmt" and _is_deed(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """`pass` in its place."""
        first = node.children[0].get_first_leaf()
        node.children[0] = Keyword("pass", first.start_pos, first.prefix)
        return node

    @classmethod
    def examples(cls) -> Iterable[Example]:
        """What it does."""
        return (Example("check(it)", "pass"), Example("raise error", "pass"))


def _is_deed(statement: Any) -> bool:
    return statement.type in ("return_stmt", "raise_stmt", "atom_expr") or statement == "raise"


def mutants_of(source: str) -> Iterator[Mutant]:
    """All mutants of a module, but for those whose change is in a type annotation, which nobody reads at run time."""
    for operator in (*(get_operator(name)() for name in sorted(operator_names()) if _is_used(name)), RemoveStatement()):
        nodes = [node for node in ast_nodes(get_ast(source)) for _ in operator.mutation_positions(node)]
        for occurrence, node in enumerate(nodes):
            if not _is_annotation(node):
                try:
                    changed = mutate_code(source, operator, occurrence)
                except AttributeError:  # cosmic-ray's ExceptionReplacer cannot replace a dotted name
                    continue
                yield Mutant(type(operator).__name__, *_difference(source, changed), changed)


def _is_used(name: str) -> bool:
    return name not in _LEFT_OUT and (not name.startswith(_ARITHMETIC) or name.removeprefix(_ARITHMETIC) in _LIKELY)


def _is_annotation(node: Any) -> bool:
    while node.parent is not None:
        inner, node = node, node.parent
        before = node.children[: node.children.index(inner)]
        if node.type in ("tfpdef", "annassign", "funcdef") and before and before[-1] in (":", "->"):
            return inner.type != "suite"
    return False


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, without what is the same before and after them."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return _joined(old), _joined(new)


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())
