"""The benchmarks are run manually; these tests check that they compare correctly and report their results."""

import ast
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from benchmarks import results, table, tokens
from benchmarks.__main__ import main
from benchmarks.contestants import django_cognito_
from benchmarks.figures import FIGURES
from benchmarks.figures.outage import waits_for_refresh
from benchmarks.loopback import Loopback
from benchmarks.rounds import Entry, Plan, compute_ratio, measure_times
from benchmarks.slices import catch_error, check_contestant
from benchmarks.tokens import Scenario
from benchmarks.traffic import Request, Sample, Schedule, compute_p99, send_requests
from benchmarks.workspace import Figure, Goal, Row

from .support import source

FOLDER = source.PROJECT_DIRECTORY / "benchmarks"
UNPUBLISHED: set[str] = set()  # figures that were added since the last full run


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """Return a scenario with eight tokens."""
    return tokens.write_scenario(tmp_path_factory.mktemp("scenario"), 8)


def test_every_benchmark_module_compiles() -> None:
    paths = sorted(FOLDER.rglob("*.py"))
    assert paths
    for path in paths:
        compile(path.read_text(), path, "exec")


def test_names_that_benchmarks_import_from_the_package_exist() -> None:
    trees = [ast.parse(path.read_text()) for path in FOLDER.rglob("*.py")]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = {(str(node.module), name.name) for node in imports for name in node.names if not node.level}
    own = sorted((module, name) for module, name in names if module.partition(".")[0] == "django_cognito")
    assert own
    assert [(module, name) for module, name in own if not hasattr(import_module(module), name)] == []


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


def get_keys(loopback: Loopback) -> int:
    with urlopen(f"{loopback.origin}/jwks.json") as response:
        return int(response.status)


def test_loopback_in_an_outage_refuses_connections_then_responds(scenario: Scenario) -> None:
    with Loopback(scenario) as loopback:
        with loopback.refuse_connections(), pytest.raises(URLError, match="Connection refused"):
            get_keys(loopback)
        assert get_keys(loopback) == 200


def test_slow_loopback_sends_waiting_responses_at_the_end(scenario: Scenario) -> None:
    with Loopback(scenario) as loopback, ThreadPoolExecutor(1) as pool:
        with loopback.respond_slowly(60):
            response = pool.submit(get_keys, loopback)
            while not loopback.requests:
                time.sleep(0.01)
            assert not response.done()
        assert response.result(30) == 200


@pytest.mark.parametrize(("is_complete", "count"), [(True, 10), (False, 1)])
def test_late_client_sends_missed_requests_only_if_complete(scenario: Scenario, is_complete: bool, count: int) -> None:
    now = time.perf_counter()
    schedule = Schedule(now - 9.5, now, 1, is_complete)  # all requests are already due
    with Loopback(scenario) as loopback:
        samples = send_requests(urlsplit(loopback.origin).port or 0, [Request("/jwks.json", {})], schedule)
    assert [sample.status for sample in samples] == [200] * count
    assert (samples[0].started_at == schedule.start) is is_complete


def test_p99_of_the_samples_is_in_milliseconds() -> None:
    assert compute_p99([Sample(0, number / 1_000, 200) for number in range(101)]) == pytest.approx(99)


@pytest.mark.parametrize(
    ("started_at", "ended_at", "is_waiting"),
    [(9.0, 25.0, True), (12.0, 13.0, True), (13.5, 13.6, False), (8.0, 9.5, False)],
    ids=["sends the refresh", "comes soon after it", "comes later", "comes earlier"],
)
def test_request_during_a_refresh_is_not_an_immediate_rejection(
    started_at: float, ended_at: float, is_waiting: bool
) -> None:
    assert waits_for_refresh(Sample(started_at, ended_at, 503), [10.0]) is is_waiting


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
