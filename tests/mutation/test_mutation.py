"""The list of survivors, the scores and the page that tells both; no mutant is tried here."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from . import code, page, scores, survivors
from .scores import Score
from .survivors import Survivor

LISTED = survivors.read()
ONE = Survivor("tokens.jwks", "if a < b:", "ReplaceComparisonOperator_Lt_LtE", "if a <= b:")


def test_the_page_tells_what_was_found_and_why_it_is_no_gap() -> None:
    text = page.README.read_text()
    assert page.written(text, scores.read(), LISTED) == text


def test_every_survivor_is_counted_and_every_one_counted_is_listed() -> None:
    counted = {module: score.survivors for module, score in scores.read().items() if score.survivors}
    assert Counter(one.module for one in LISTED) == counted


def test_survivors_are_lines_of_their_module() -> None:
    # A module that has changed since its score may have other lines; the page says that it has changed.
    unchanged = {module for module, score in scores.read().items() if score.digest == code.digest_of(module)}
    texts = {module: " ".join(code.path_of(module).read_text().split()) for module in unchanged}
    assert [one.line for one in LISTED if one.module in unchanged and one.line not in texts[one.module]] == []


def test_each_module_of_core_is_tried_or_has_a_reason() -> None:
    assert code.modules() == code.TESTS.keys() | code.NOT_TRIED.keys()
    assert scores.read().keys() <= code.TESTS.keys()


def test_page_states_that_a_module_has_changed_since_its_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a change of core fails the first test of this file until the module is tried again, or the page says so."""
    published, digest_of = page.README.read_text(), code.digest_of
    tried = {module: replace(score, digest=digest_of(module)) for module, score in scores.read().items()}
    now = page.written(published, tried, LISTED)
    monkeypatch.setattr(code, "digest_of", lambda module: "another" if module == "tokens.jwks" else digest_of(module))
    changed = [line for line in page.written(published, tried, LISTED).splitlines() if line not in now.splitlines()]
    assert [line.split("|")[1].strip() for line in changed] == ["`tokens.jwks`"]
    assert changed[0].endswith("| has changed since |")


@pytest.mark.parametrize(
    ("source", "is_the_same"),
    [
        ('"""Other words."""\n\nx = 1  # why\n\ndef f():\n    """Doc."""\n    return x < 1\n', True),
        ("x = 1\n\n\ndef f():\n    return x < 1", True),
        ("x = 1\ndef f():\n    return x <= 1\n", False),
        ('x = "1"\ndef f():\n    return x < 1\n', False),
        ("x = 1\ndef f():\n    return x < 1\nf()\n", False),
    ],
)
def test_digest_of_a_module_is_of_its_code_alone(source: str, is_the_same: bool) -> None:
    ours = '"""Words."""\nx = 1\ndef f():\n    return x < 1\n'
    assert (code.digest_of_source(source) == code.digest_of_source(ours)) is is_the_same


def test_every_survivor_has_a_reason() -> None:
    assert [one for one, reason in LISTED.items() if len(reason) < 20] == []


def test_a_survivor_that_is_not_listed_and_one_that_is_no_more_are_told() -> None:
    gone = next(iter(LISTED))
    listed = [one for one in LISTED if one.module in ("tokens.jwks", gone.module) and one != gone]
    assert survivors.compared([*listed, ONE], ["tokens.jwks", gone.module]) == ([ONE], [gone])


def test_what_was_not_tried_is_not_missed() -> None:
    assert survivors.compared([], []) == ([], [])


def test_a_run_of_one_module_leaves_the_scores_of_the_others(tmp_path: Path) -> None:
    file, old, new = (
        tmp_path / "scores.json",
        Score("2026-01-01", 9, 1, 6, {}),
        Score("2026-02-02", 9, 1, 8, {"x": "1"}),
    )
    scores.write({"jwks": old, "token": old}, file)
    scores.write({"jwks": new}, file)
    assert scores.read(file) == {"jwks": new, "token": old}


def test_what_cannot_be_imported_does_not_count() -> None:
    score = Score("2026-01-01", mutants=9, unfit=1, killed=6, versions={})
    assert (score.survivors, score.percent) == (2, 75)
