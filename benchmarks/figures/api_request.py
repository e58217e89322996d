"""An API request through Django's WSGI handler to a DRF view, relative to the same view without authentication."""

from dataclasses import dataclass

from ..rounds import Contestant, Entry, compute_median, compute_ratio, run_rounds
from ..tokens import USERS
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql",)
_BASE = "no authentication"
_MODULE = "benchmarks.site.in_process"
_REPEAT = 100


@dataclass(frozen=True)
class _Case:
    name: str
    site: str
    is_cached: bool
    note: str = ""


_CACHED, _NEW = "django_cognito, cached token, cached user", "django_cognito, new token"
_CASES = (
    _Case(_BASE, "anonymous", True),
    _Case(_CACHED, "django-cognito-cached", True),
    _Case(
        "django_cognito, cached user, middleware", "django-cognito-cached-middleware", True, "with CognitoMiddleware"
    ),
    _Case("django_cognito, cached token", "django-cognito", True),
    _Case(_NEW, "django-cognito", False),
    _Case("DRF TokenAuthentication", "token", True, "opaque token in the database"),
    _Case("simplejwt, stateless", "simplejwt-stateless", False, "does not load the user"),
    _Case("simplejwt", "simplejwt", False),
    _Case("django-cognito-jwt, keys cached", "django-cognito-jwt-cached", False, "keys in a local-memory cache"),
    _Case("django-cognito-jwt, default settings", "django-cognito-jwt", False, "fetches the keys, from 127.0.0.1"),
    _Case("mozilla-django-oidc", "mozilla-django-oidc", False, "requests userInfo, from 127.0.0.1"),
)


def measure(workspace: Workspace) -> Figure:
    """Measure all sites in turn, with the same users and the same PostgreSQL."""
    plan = workspace.create_plan(rounds=60, size=50, warm_up=USERS * 6)
    scenario = workspace.create_scenario(plan.tokens)
    entries = [
        Entry(case.name, _MODULE, case.site, repeat=_REPEAT if case.is_cached else 1, note=case.note) for case in _CASES
    ]
    with (
        workspace.start_services(scenario),
        run_rounds(entries, scenario.folder, plan, workspace.advance) as (contestants, times),
    ):
        queries = {contestant.entry.name: _get_queries(contestant) for contestant in contestants}
    rows = [
        Row(
            entry.name,
            compute_median(times[entry.name]),
            "µs",
            compute_ratio(times, entry.name, _BASE),
            _format_note(queries[entry.name], entry.note),
        )
        for entry in entries
    ]
    goals = (
        Goal("API request, cached token and cached user", compute_ratio(times, _CACHED, _BASE), 1.10),
        Goal("  queries", queries[_CACHED][0], 0),
        Goal("API request, new token, user from the database", compute_ratio(times, _NEW, _BASE), 3.4),
        Goal("  queries", queries[_NEW][0], 1),
        Goal("  writes", queries[_NEW][1], 0),
    )
    return Figure("API request", rows, goals, _BASE)


def _get_queries(contestant: Contestant) -> tuple[int, int]:
    queries, writes = contestant.facts["cached" if contestant.entry.repeat > 1 else "new"]
    return queries, writes


def _format_note(counts: tuple[int, int], note: str) -> str:
    queries, writes = counts
    text = f"{queries} {'query' if queries == 1 else 'queries'}, {writes} {'write' if writes == 1 else 'writes'}"
    return f"{text}; {note}" if note else text
