"""A poll of a dataset without news, relative to a DRF view of the same site that does no work."""

from ..rounds import Contestant, Entry, compute_median, compute_ratio, run_rounds
from ..tokens import USERS
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql",)
_MODULE = "benchmarks.site.datasets"
_REPEAT = 100
_BASE, _POLL, _PAGE = "DRF view without work", "poll without news (304)", "page of 20 records"
_OPTIONS = {_BASE: "view", _POLL: "poll", _PAGE: "page"}


def measure(workspace: Workspace) -> Figure:
    """Measure all requests in turn, with cached tokens, users from the database, and the same PostgreSQL."""
    plan = workspace.create_plan(rounds=60, size=20, warm_up=USERS)
    scenario = workspace.create_scenario(plan.tokens)
    entries = [Entry(name, _MODULE, option, repeat=_REPEAT) for name, option in _OPTIONS.items()]
    with (
        workspace.start_services(scenario),
        run_rounds(entries, scenario.folder, plan, workspace.advance) as (contestants, times),
    ):
        queries = {contestant.entry.name: _get_queries(contestant) for contestant in contestants}
    rows = [
        Row(name, compute_median(times[name]), "µs", compute_ratio(times, name, _BASE), f"queries: {queries[name]}")
        for name in _OPTIONS
    ]
    goals = (
        Goal("poll of a dataset without news, relative to a DRF view", compute_ratio(times, _POLL, _BASE), 1.5),
        Goal("  queries beyond authentication", queries[_POLL] - queries[_BASE], 1),
    )
    return Figure("Datasets", rows, goals, _BASE)


def _get_queries(contestant: Contestant) -> int:
    queries: int = contestant.facts["cached"][0]
    return queries
