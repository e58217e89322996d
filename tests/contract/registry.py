"""The facts: a sentence, where the code relies on it, and a function that checks it. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pool import ContractPool

Check = Callable[["ContractPool"], str]


class UnmetRequirementError(Exception):
    """The pool lacks what a fact needs, for example an identity pool. The fact is skipped."""


@dataclass(frozen=True)
class Fact:
    """A fact. `check` returns what was seen; it raises AssertionError if the fact does not hold."""

    text: str
    used_by: str
    check: Check


FACTS: list[Fact] = []


def fact(text: str, *, used_by: str) -> Callable[[Check], Check]:
    """Register a function as the check of a fact. `used_by` names the module that relies on it."""

    def register(check: Check) -> Check:
        FACTS.append(Fact(text, used_by, check))
        return check

    return register
