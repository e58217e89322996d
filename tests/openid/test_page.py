"""docs/login-defences.md lists the tests that exist and the table of OpenID's modules."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support import source
from tests.support.plugin import pytest_itemcollected

from .modules import rows

PAGE = (source.PROJECT_DIRECTORY / "docs" / "login-defences.md").read_text()
ATTACKS = [f"RP-{number:02}" for number in range(1, 26)]


def find_marked_tests() -> set[tuple[str, str]]:
    """Return each attack with each test that is marked with it, as a whole or for one of its parameters."""
    tests = source.PROJECT_DIRECTORY / "tests"
    paths = [path for path in sorted(tests.rglob("test_*.py")) if "mark.defends(" in path.read_text()]
    return {item for path in paths for item in _marked_tests_of(path.relative_to(source.PROJECT_DIRECTORY))}


def _marked_tests_of(path: Path) -> Iterator[tuple[str, str]]:
    module = import_module(".".join(path.with_suffix("").parts))
    for name, function in vars(module).items():
        if name.startswith("test_"):
            for mark in _marks_of(function):
                if mark.name == "defends":
                    yield from ((attack, f"{path.as_posix()}::{name}") for attack in mark.args)


def _marks_of(function: Any) -> Iterator[pytest.Mark]:
    for mark in getattr(function, "pytestmark", []):
        yield mark
        if mark.name == "parametrize":
            for parameters in mark.args[1]:
                yield from (getattr(item, "mark", item) for item in getattr(parameters, "marks", ()))


def find_documented_tests() -> list[tuple[str, str]]:
    """Return each attack with each test that the page lists under it."""
    sections = re.findall(r"^### (RP-\d\d)\b.*?\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    return [(attack, test) for attack, text in sections for test in re.findall(r"^- `(tests/\S+)`$", text, re.M)]


def test_login_defences_page_lists_exactly_the_marked_tests() -> None:
    assert len(find_documented_tests()) == len(set(find_documented_tests()))
    assert set(find_documented_tests()) == find_marked_tests()


def test_every_attack_has_a_section_with_a_test() -> None:
    assert re.findall(r"^### (RP-\d\d)", PAGE, re.M) == ATTACKS
    assert sorted({attack for attack, _ in find_documented_tests()}) == ATTACKS


def test_login_defences_page_shows_every_module_with_its_outcome() -> None:
    table = re.search(r"^\| module \| the login \|\n\|---\|---\|\n((?:\|.*\n)+)", PAGE, re.M)
    assert table is not None
    assert table[1].splitlines() == list(rows())


def test_attack_number_selects_its_tests(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.defends("RP-99"))
    pytest_itemcollected(request.node)
    assert "RP-99" in request.node.extra_keyword_matches
