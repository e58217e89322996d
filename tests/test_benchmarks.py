"""The benchmarks are run by hand; here they are only held to be sound: they judge fairly, and tell what was found."""

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
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """A pool with a few tokens."""
    return tokens.lay(tmp_path_factory.mktemp("scene"), 8)


def test_every_module_compiles_also_those_whose_peers_are_not_installed() -> None:
    paths = sorted(FOLDER.rglob("*.py"))
    assert paths
    for path in paths:
        compile(path.read_text(), path, "exec")


def test_the_command_names_its_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = "".join(capsys.readouterr().out.split())
    assert all(name.replace(" ", "") in said for name in FIGURES)


@pytest.mark.parametrize("folder", ["figures", "contestants"])
def test_nothing_lies_about_that_no_figure_uses(folder: str) -> None:
    names = {path.stem for path in (FOLDER / folder).glob("*.py")} - {"__init__"}
    users = "".join(path.read_text() for path in (FOLDER / "figures").glob("*.py"))
    assert [name for name in sorted(names) if name not in users] == []


def test_our_contestant_verifies_in_a_process_of_its_own(scene: Scene) -> None:
    entry, plan = Entry("ours", "benchmarks.contestants.ours"), Plan(rounds=3, size=2, warm_up=2)
    times = in_turns([entry], scene.folder, plan, lambda: None)
    assert [time > 0 for time in times["ours"]] == [True, True, True]


def test_a_contestant_that_ends_ends_the_run(scene: Scene) -> None:
    with pytest.raises(RuntimeError, match="nobody has ended"):
        in_turns([Entry("nobody", "benchmarks.no_such_module")], scene.folder, Plan(1, 1, 1), lambda: None)


def test_every_good_token_is_accepted_and_every_bad_one_refused(scene: Scene) -> None:
    verify = ours.prepare(scene)
    assert [raised(verify, raw) for raw in scene.tokens] == [None] * 8
    assert [why for why, raw in scene.refused.items() if raised(verify, raw) is None] == []


def test_whoever_accepts_a_tampered_token_does_not_take_part(scene: Scene) -> None:
    with pytest.raises(AssertionError, match="tampered"):
        prove(lambda raw: None, str, scene)


def test_whoever_refuses_a_good_token_does_not_take_part(scene: Scene) -> None:
    def refuse(raw: Any) -> None:
        raise ValueError(len(raw))

    with pytest.raises(ValueError, match=str(len(scene.first))):
        prove(refuse, str, scene)


def test_a_ratio_is_taken_within_each_round() -> None:
    times = {"ours": [1.0, 10.0, 3.0], "theirs": [2.0, 20.0, 3.0]}
    assert ratio(times, "ours", "theirs") == 0.5


def test_a_goal_is_reached_up_to_its_limit() -> None:
    assert Goal("as dear", 0.7, 0.7).is_met
    assert not Goal("dearer", 0.71, 0.7).is_met


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    figure = Figure("Speed", [Row("ours", 1.5, "µs", 0.5, "fast")], [Goal("fast", 0.5, 0.7)], "theirs", ["a note"])
    run = results.Run("2026-01-01", True, {"cores": 2}, {"Python": "3.11"}, {"speed": figure})
    results.write(run, tmp_path / "results.json")
    assert results.read(tmp_path / "results.json") == run


def test_the_readme_tells_what_the_results_say() -> None:
    text = table.README.read_text()
    before, after = table.parts_around(text)
    assert f"{before}{table.markdown(results.read())}{after}" == text
    assert set(results.read().figures) == set(FIGURES)


def test_both_charts_lie_beside_the_readme_that_shows_them() -> None:
    shown = {"chart-light.svg", "chart-dark.svg"}
    assert [name for name in shown if name not in table.README.read_text() or not (FOLDER / name).is_file()] == []
