"""Users of the directory: written in sets, and in the loop that sites write today."""

from ..rounds import Entry, compute_median, compute_ratio, run_rounds
from ..site.directory_pages import USERS_PER_CALL
from ..tokens import USERS
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql",)
_MODULE = "benchmarks.site.directory_pages"
_BASE = "a loop, changed users"


def measure(workspace: Workspace) -> Figure:
    """Write users whose names have changed or not, 300 at once. The time is that of one user."""
    plan = workspace.create_plan(rounds=20, size=1, warm_up=4)
    scenario = workspace.create_scenario(max(plan.tokens, USERS))
    entries = [
        Entry("django_cognito, changed users", _MODULE, "sets-changed"),
        Entry("django_cognito, unchanged users", _MODULE, "sets"),
        Entry(_BASE, _MODULE, "loop-changed"),
        Entry("a loop, unchanged users", _MODULE, "loop"),
    ]
    with (
        workspace.start_services(scenario),
        run_rounds(entries, scenario.folder, plan, workspace.advance) as (contestants, times),
    ):
        queries = {contestant.entry.name: contestant.facts["call"][0] for contestant in contestants}
    rows = [
        Row(
            entry.name,
            compute_median(times[entry.name]) / USERS_PER_CALL,
            "µs",
            compute_ratio(times, entry.name, _BASE),
            f"{queries[entry.name]} statements for {USERS_PER_CALL} users",
        )
        for entry in entries
    ]
    goals = (
        Goal("directory, per changed user", rows[0].value, 140, "µs"),
        Goal("directory, per unchanged user", rows[1].value, 14, "µs"),
    )
    return Figure("Users of the directory", rows, goals, _BASE)
