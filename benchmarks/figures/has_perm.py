"""`user.has_perm` for a permission that a Cognito group grants, and for one that is not granted."""

from ..rounds import Entry, compute_median, compute_ratio, run_rounds
from ..tokens import USERS
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql",)
_BASE = "Django's own, first call"
_MODULE = "benchmarks.site.permissions"


def measure(workspace: Workspace) -> Figure:
    """Call `has_perm` of a new user object, as a request does, then again of the same object."""
    # A call takes microseconds: a slice is long enough that its first calls do not determine the result.
    plan = workspace.create_plan(rounds=40, size=100, warm_up=USERS)
    scenario = workspace.create_scenario(plan.tokens)
    entries = [
        Entry("django_cognito, first call", _MODULE, "cognito"),
        Entry("django_cognito, repeated call", _MODULE, "cognito", repeat=1_000),
        Entry(_BASE, _MODULE, "django"),
        Entry("Django's own, repeated call", _MODULE, "django", repeat=1_000),
        Entry("django_cognito, denied", _MODULE, "cognito-denied"),
        Entry("Django's own, denied", _MODULE, "django-denied"),
    ]
    with (
        workspace.start_services(scenario),
        run_rounds(entries, scenario.folder, plan, workspace.advance) as (contestants, times),
    ):
        queries = {contestant.entry.name: contestant.facts["new"][0] for contestant in contestants}
    rows = [
        Row(
            entry.name,
            compute_median(times[entry.name]),
            "µs",
            compute_ratio(times, entry.name, _BASE),
            _format_note(entry, queries[entry.name]),
        )
        for entry in entries
    ]
    denied, django_denied = queries["django_cognito, denied"], queries["Django's own, denied"]
    goals = (
        Goal("has_perm, permission granted by a Cognito group", rows[0].value, 5, "µs"),
        Goal("  queries", queries[rows[0].label], 0),
        Goal("  denied permission: queries in addition to Django's own", denied - django_denied, 0),
    )
    return Figure("user.has_perm", rows, goals, _BASE)


def _format_note(entry: Entry, queries: int) -> str:
    return "" if entry.repeat > 1 else f"{queries} {'query' if queries == 1 else 'queries'}"
