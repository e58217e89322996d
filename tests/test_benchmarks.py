"""The benchmarks are run manually; these tests check that they compare correctly and report their results."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results, table, tokens
from benchmarks.__main__ import main
from benchmarks.contestants import ours
from benchmarks.figures import FIGURES
from benchmarks.rounds import Entry, Plan, in_turns, ratio
from benchmarks.slices import prove, raised
from benchmarks.stage import Figure, Goal, Row
from benchmarks.tokens import Scene

from .support import source

FOLDER = source.PROJECT_DIRECTORY / "benchmarks"


@pytest.fixture(scope="module")
def token_set(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Return a pool with eight tokens."""
    return tokens.lay(tmp_path_factory.mktemp("tokens"), 8)


def test_every_benchmark_module_compiles() -> None:
    paths = sorted(FOLDER.rglob("*.py"))
    assert paths
    for path in paths:
        compile(path.read_text(), path, "exec")


def test_benchmark_help_lists_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    output = "".join(capsys.readouterr().out.split())
    assert all(name.replace(" ", "") in output for name in FIGURES)


@pytest.mark.parametrize("folder", ["figures", "contestants"])
def test_every_benchmark_module_is_used_by_a_figure(folder: str) -> None:
    names = {path.stem for path in (FOLDER / folder).glob("*.py")} - {"__init__"}
    users = "".join(path.read_text() for path in (FOLDER / "figures").glob("*.py"))
    assert [name for name in sorted(names) if name not in users] == []


def test_own_contestant_verifies_in_a_separate_process(token_set: Scene) -> None:
    entry, plan = Entry("ours", "benchmarks.contestants.ours"), Plan(rounds=3, size=2, warm_up=2)
    times = in_turns([entry], token_set.folder, plan, lambda: None)
    assert [time > 0 for time in times["ours"]] == [True, True, True]


def test_contestant_process_that_exits_fails_the_run(token_set: Scene) -> None:
    with pytest.raises(RuntimeError, match="no_module has ended"):
        in_turns([Entry("no_module", "benchmarks.no_such_module")], token_set.folder, Plan(1, 1, 1), lambda: None)


def test_own_contestant_accepts_valid_and_refuses_invalid_tokens(token_set: Scene) -> None:
    verify = ours.prepare(token_set)
    assert [raised(verify, raw) for raw in token_set.tokens] == [None] * 8
    assert [why for why, raw in token_set.refused.items() if raised(verify, raw) is None] == []


def test_contestant_that_accepts_a_tampered_token_is_excluded(token_set: Scene) -> None:
    with pytest.raises(AssertionError, match="tampered"):
        prove(lambda raw: None, str, token_set)


def test_contestant_that_refuses_a_valid_token_is_excluded(token_set: Scene) -> None:
    def refuse(raw: Any) -> None:
        raise ValueError(len(raw))

    with pytest.raises(ValueError, match=str(len(token_set.first))):
        prove(refuse, str, token_set)


def test_ratio_is_the_median_of_ratios_per_round() -> None:
    times = {"ours": [1.0, 10.0, 3.0], "theirs": [2.0, 20.0, 3.0]}
    assert ratio(times, "ours", "theirs") == 0.5


def test_goal_is_met_up_to_its_limit() -> None:
    assert Goal("as dear", 0.7, 0.7).is_met
    assert not Goal("dearer", 0.71, 0.7).is_met


def test_results_can_be_written_and_read(tmp_path: Path) -> None:
    figure = Figure("Speed", [Row("ours", 1.5, "µs", 0.5, "fast")], [Goal("fast", 0.5, 0.7)], "theirs", ["a note"])
    run = results.Run("2026-01-01", True, {"cores": 2}, {"Python": "3.11"}, {"speed": figure})
    results.write(run, tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == run


def test_benchmark_readme_shows_the_results() -> None:
    text = table.README.read_text()
    before, after = table.parts_around(text)
    assert f"{before}{table.markdown(results.read())}{after}" == text
    assert set(results.read().figures) == set(FIGURES)


def test_benchmark_readme_shows_both_charts() -> None:
    charts = {"chart-light.svg", "chart-dark.svg"}
    assert [name for name in charts if name not in table.README.read_text() or not (FOLDER / name).is_file()] == []
