"""Each row of tests/mistakes.md has a test of each kind that its column "report by" names.

A test proves a row with `@pytest.mark.mistake("<first column>", by="<kind>")`. The tests are parsed, not imported.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from .support import source

PAGE = source.PROJECT_DIRECTORY / "tests" / "mistakes.md"
TESTS = ("tests", "packages/local-cognito/tests")
# The kinds, by the words of the column "report by". A row that works needs one of two kinds.
KINDS = {
    "check": {"check"},
    "request": {"request"},
    "page": {"page"},
    "command": {"command"},
    "import": {"import"},
    "docs": {"documentation"},
    "works": {"check", "request"},
}
REPORTED_BY_DJANGO = "Django's own"


class Row(NamedTuple):
    """A row of the table."""

    mistake: str
    report_by: str


class Mark(NamedTuple):
    """A mark of a test."""

    mistake: str
    kind: str
    place: str = ""


def read_rows(page: str) -> list[Row]:
    """Return the rows of the table of mistakes: the last one of the page."""
    lines = page.rpartition("| mistake | report by |")[2].splitlines()
    return [Row(*(cell.strip() for cell in line.split("|")[1:3])) for line in lines[2:] if line.startswith("| ")]


def find_needed_kinds(row: Row) -> list[set[str]]:
    """Return the kinds of a row; of each set, one kind is needed."""
    return [kinds for word, kinds in KINDS.items() if re.search(rf"\b{word}\b", row.report_by)]


def find_marks(tree: ast.Module, place: str) -> Iterator[Mark]:
    """Yield the marks `pytest.mark.mistake(text, by=kind)` of a test file. The text may be a constant of the module."""
    constants = {ast.unparse(node.targets[0]): node.value for node in tree.body if isinstance(node, ast.Assign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.mistake":
            values = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "by")]
            texts = [constants.get(ast.unparse(value), value) for value in values]
            text, kind = (item.value if isinstance(item, ast.Constant) else ast.unparse(item) for item in texts)
            yield Mark(str(text), str(kind), f"{place}:{node.lineno}")


def find_open_kinds(rows: Iterable[Row], marks: Iterable[Mark]) -> Iterator[str]:
    """Yield what to write for each kind of a row that no test proves."""
    proofs = {(mark.mistake, mark.kind) for mark in marks}
    for row in rows:
        for kinds in find_needed_kinds(row):
            if not any((row.mistake, kind) in proofs for kind in kinds):
                choice = " or ".join(f'by="{kind}"' for kind in sorted(kinds))
                yield f"@pytest.mark.mistake({row.mistake!r}, {choice})"


@cache
def read_marks() -> tuple[Mark, ...]:
    """Return the marks of all tests. A file without the word is not parsed."""
    files = (path for name in TESTS for path in sorted((source.PROJECT_DIRECTORY / name).rglob("*.py")))
    texts = ((path, path.read_text(encoding="utf-8")) for path in files if path != Path(__file__).resolve())
    return tuple(
        mark
        for path, text in texts
        if "mark.mistake(" in text
        for mark in find_marks(ast.parse(text), str(path.relative_to(source.PROJECT_DIRECTORY)))
    )


ROWS = read_rows(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.mistake)
def test_mistake_has_a_test_of_each_kind(row: Row) -> None:
    missing = list(find_open_kinds([row], read_marks()))
    assert not missing, "mark a test that proves the row of tests/mistakes.md:\n" + "\n".join(missing)


def test_each_row_names_what_reports_it() -> None:
    assert [row.mistake for row in ROWS if not find_needed_kinds(row) and row.report_by != REPORTED_BY_DJANGO] == []
    assert len(ROWS) == len({row.mistake for row in ROWS}) > 30


def test_each_mark_names_a_row_and_one_of_its_kinds() -> None:
    needed = {(row.mistake, kind) for row in ROWS for kinds in find_needed_kinds(row) for kind in kinds}
    foreign = [f"{mark.place}: {mark.mistake!r}, by={mark.kind!r}" for mark in read_marks() if mark[:2] not in needed]
    assert not foreign, "no row of tests/mistakes.md has this first column and kind:\n" + "\n".join(foreign)


@pytest.mark.parametrize(
    ("report_by", "kinds", "missing"),
    [
        ("check, error", ["check"], []),
        ("check, error", [], ['by="check"']),
        ("check; request at the beginning", ["check"], ['by="request"']),
        ("request; the local Cognito's page", ["request"], ['by="page"']),
        ("import error with the line to add", ["check"], ['by="import"']),
        ("docs", [], ['by="documentation"']),
        ("works: defaults stay", ["request"], []),
        ("works: defaults stay", ["page"], ['by="check" or by="request"']),
        ("Django's own", [], []),
    ],
)
def test_kind_without_a_mark_is_open(report_by: str, kinds: list[str], missing: list[str]) -> None:
    marks = [Mark("a mistake", kind) for kind in kinds]
    lines = list(find_open_kinds([Row("a mistake", report_by)], marks))
    assert lines == [f"@pytest.mark.mistake('a mistake', {text})" for text in missing]


def test_marks_are_read_from_the_source() -> None:
    code = """
TEXT = "b"
@pytest.mark.mistake("a", by="check")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.mistake(TEXT, by="page"))])
@pytest.mark.mistake(text_of("c"), by="page")
def test_x(x: int) -> None: ...
"""
    marks = find_marks(ast.parse(code), "x.py")
    assert sorted(mark[:2] for mark in marks) == [("a", "check"), ("b", "page"), ("text_of('c')", "page")]
