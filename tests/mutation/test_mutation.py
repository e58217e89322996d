"""The list of survivors, the scores and the page with both; no mutant is tested here."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from . import code, page, scores, survivors
from .scores import Score
from .survivors import Survivor

LISTED = survivors.read_survivors()
UNLISTED = Survivor("tokens.jwks", "if a < b:", "ReplaceComparisonOperator_Lt_LtE", "if a <= b:")


def test_readme_shows_the_published_scores_and_survivors() -> None:
    text = page.README.read_text()
    assert page.replace_results(text, scores.read_scores(), LISTED) == text


def test_number_of_listed_survivors_is_that_of_the_scores() -> None:
    counts = {module: score.survivors for module, score in scores.read_scores().items() if score.survivors}
    assert Counter(survivor.module for survivor in LISTED) == counts


def test_survivors_are_lines_of_their_module() -> None:
    # A module that has changed since its score may have other lines. The page marks it.
    unchanged = {
        module for module, score in scores.read_scores().items() if score.digest == code.compute_module_digest(module)
    }
    lines = [(survivor.module, survivor.line) for survivor in LISTED]
    texts = {module: " ".join(code.get_path(module).read_text().split()) for module in unchanged}
    assert [line for module, line in lines if module in unchanged and line not in texts[module]] == []


def test_each_module_of_core_has_mutation_tests_or_a_reason() -> None:
    assert code.list_modules() == code.TESTS.keys() | code.UNTESTED.keys()
    assert scores.read_scores().keys() <= code.TESTS.keys()


def test_readme_marks_a_module_that_changed_since_its_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of core fails the first test of this file until the module is run again or the page is written."""
    published, compute_digest = page.README.read_text(), code.compute_module_digest
    unchanged = {
        module: replace(score, digest=compute_digest(module)) for module, score in scores.read_scores().items()
    }
    before = page.replace_results(published, unchanged, LISTED)
    monkeypatch.setattr(
        code,
        "compute_module_digest",
        lambda module: "another" if module == "tokens.jwks" else compute_digest(module),
    )
    changed = [
        line
        for line in page.replace_results(published, unchanged, LISTED).splitlines()
        if line not in before.splitlines()
    ]
    assert [line.split("|")[1].strip() for line in changed] == ["`tokens.jwks`"]
    assert changed[0].endswith("| changed since |")


@pytest.mark.parametrize(
    ("source", "is_the_same"),
    [
        ('"""Other text."""\n\nx = 1  # why\n\ndef f():\n    """Doc."""\n    return x < 1\n', True),
        ("x = 1\n\n\ndef f():\n    return x < 1", True),
        ("x = 1\ndef f():\n    return x <= 1\n", False),
        ('x = "1"\ndef f():\n    return x < 1\n', False),
        ("x = 1\ndef f():\n    return x < 1\nf()\n", False),
    ],
)
def test_module_digest_ignores_comments_docstrings_and_space(source: str, is_the_same: bool) -> None:
    original = '"""Text."""\nx = 1\ndef f():\n    return x < 1\n'
    assert (code.compute_digest(source) == code.compute_digest(original)) is is_the_same


def test_every_survivor_has_a_reason() -> None:
    assert [survivor for survivor, reason in LISTED.items() if len(reason) < 20] == []


def test_compare_returns_unlisted_and_killed_survivors() -> None:
    killed = next(iter(LISTED))
    listed = [
        survivor for survivor in LISTED if survivor.module in ("tokens.jwks", killed.module) and survivor != killed
    ]
    assert survivors.compare([*listed, UNLISTED], ["tokens.jwks", killed.module]) == ([UNLISTED], [killed])


def test_compare_ignores_modules_that_were_not_run() -> None:
    assert survivors.compare([], []) == ([], [])


def test_written_scores_keep_those_of_other_modules(tmp_path: Path) -> None:
    file, old, new = (
        tmp_path / "scores.json",
        Score("2026-01-01", 9, 1, 6, {}),
        Score("2026-02-02", 9, 1, 8, {"x": "1"}),
    )
    scores.write_scores({"jwks": old, "token": old}, file)
    scores.write_scores({"jwks": new}, file)
    assert scores.read_scores(file) == {"jwks": new, "token": old}


def test_unfit_mutants_do_not_count_in_the_score() -> None:
    score = Score("2026-01-01", mutants=9, unfit=1, killed=6, versions={})
    assert (score.survivors, score.percent) == (2, 75)
