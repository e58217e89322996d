"""The benchmarks are run manually; these tests check that they compare correctly and report their results."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import results, table, tokens
from benchmarks.__main__ import main
from benchmarks.contestants import django_cognito_
from benchmarks.figures import FIGURES
from benchmarks.rounds import Entry, Plan, compute_ratio, measure_times
from benchmarks.slices import catch_error, check_contestant
from benchmarks.tokens import Scenario
from benchmarks.workspace import Figure, Goal, Row

from .support import source

FOLDER = source.PROJECT_DIRECTORY / "benchmarks"
UNPUBLISHED = {"session-page", "start"}  # added since the last full run


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return a scenario with eight tokens."""
    return tokens.write_scenario(tmp_path_factory.mktemp("scenario"), 8)


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
    sources = "".join(path.read_text() for path in (FOLDER / "figures").glob("*.py"))
    assert [name for name in sorted(names) if name not in sources] == []


def test_own_contestant_verifies_in_a_separate_process(scenario: Scenario) -> None:
    entry, plan = Entry("django_cognito", "benchmarks.contestants.django_cognito_"), Plan(rounds=3, size=2, warm_up=2)
    times = measure_times([entry], scenario.folder, plan, lambda: None)
    assert [time > 0 for time in times["django_cognito"]] == [True, True, True]


def test_contestant_process_that_exits_fails_the_run(scenario: Scenario) -> None:
    with pytest.raises(RuntimeError, match="no_module has exited"):
        measure_times([Entry("no_module", "benchmarks.no_such_module")], scenario.folder, Plan(1, 1, 1), lambda: None)


def test_own_contestant_accepts_valid_and_rejects_invalid_tokens(scenario: Scenario) -> None:
    verify = django_cognito_.prepare(scenario)
    assert [catch_error(verify, raw) for raw in scenario.tokens] == [None] * 8
    assert [fault for fault, raw in scenario.rejected_tokens.items() if catch_error(verify, raw) is None] == []


def test_contestant_that_accepts_a_tampered_token_is_excluded(scenario: Scenario) -> None:
    with pytest.raises(AssertionError, match="tampered"):
        check_contestant(lambda raw: None, str, scenario)


def test_contestant_that_rejects_a_valid_token_is_excluded(scenario: Scenario) -> None:
    def reject(raw: Any) -> None:
        raise ValueError(len(raw))

    with pytest.raises(ValueError, match=str(len(scenario.first))):
        check_contestant(reject, str, scenario)


def test_ratio_is_the_median_of_ratios_per_round() -> None:
    times = {"own": [1.0, 10.0, 3.0], "other": [2.0, 20.0, 3.0]}
    assert compute_ratio(times, "own", "other") == 0.5


def test_goal_is_met_up_to_its_limit() -> None:
    assert Goal("equal", 0.7, 0.7).is_met
    assert not Goal("above", 0.71, 0.7).is_met


def test_results_can_be_written_and_read(tmp_path: Path) -> None:
    figure = Figure("Speed", [Row("own", 1.5, "µs", 0.5, "fast")], [Goal("fast", 0.5, 0.7)], "other", ["a note"])
    run = results.Run("2026-01-01", True, {"cores": 2}, {"Python": "3.11"}, {"speed": figure})
    results.write_run(run, tmp_path / "results.json")
    assert results.read_run(tmp_path / "results.json") == run


def test_benchmark_readme_shows_the_results() -> None:
    text = table.README.read_text()
    before, after = table.split_page(text)
    assert f"{before}{table.format_markdown(results.read_run())}{after}" == text
    assert set(results.read_run().figures) == set(FIGURES) - UNPUBLISHED


def test_benchmark_readme_shows_both_charts() -> None:
    charts = {"chart-light.svg", "chart-dark.svg"}
    assert [name for name in charts if name not in table.README.read_text() or not (FOLDER / name).is_file()] == []
