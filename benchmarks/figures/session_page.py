"""A page with a session login, relative to Django's own session login."""

from ..rounds import Contestant, Entry, compute_median, compute_ratio, run_rounds
from ..tokens import USERS
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql",)
_MODULE = "benchmarks.site.pages"
_REPEAT = 100
_BASE, _OWN = "Django's session login", "django_cognito"
_ASYNC, _PERMISSION = ", async view", ", one has_perm"
_REFRESH = f"{_OWN}, the request that refreshes"
_SITES = {
    _BASE: "session",
    _OWN: "django-cognito-session",
    "mozilla-django-oidc, SessionRefresh": "mozilla-django-oidc-session",
    "allauth": "allauth-session",
}
_NOTES = {
    "mozilla-django-oidc, SessionRefresh": "stores no tokens, maps no groups",
    "allauth": "stores no tokens, maps no groups",
    _REFRESH: "token endpoint on 127.0.0.1; once an hour and session",
}


def measure(workspace: Workspace) -> Figure:
    """Measure all sites in turn, with one user of the same PostgreSQL."""
    plan = workspace.create_plan(rounds=60, size=10, warm_up=10)
    scenario = workspace.create_scenario(plan.tokens, sign_ins=USERS + 2 * (plan.tokens + 10))
    entries = [_create_entry(name, site, "/page/") for name, site in _SITES.items()]
    for name in (_BASE, _OWN):
        entries.append(_create_entry(f"{name}{_ASYNC}", _SITES[name], "/page/async/"))
        entries.append(_create_entry(f"{name}{_PERMISSION}", _SITES[name], "/page/permission/"))
    entries.append(Entry(_REFRESH, _MODULE, f"{_SITES[_OWN]} /page/ refresh", note=_NOTES[_REFRESH]))
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
    return Figure("Page with a session login", rows, _create_goals(times, queries), _BASE)


def _create_entry(name: str, site: str, path: str) -> Entry:
    return Entry(name, _MODULE, f"{site} {path}", repeat=_REPEAT, note=_NOTES.get(name, ""))


def _create_goals(times: dict[str, list[float]], queries: dict[str, tuple[int, int]]) -> tuple[Goal, ...]:
    def compare(case: str) -> float:
        return compute_ratio(times, f"{_OWN}{case}", f"{_BASE}{case}")

    return (
        Goal("page with a session login", compare(""), 1.25),
        Goal("  queries", queries[_OWN][0], 2),
        Goal("page with a session login, async view", compare(_ASYNC), 1.25),
        Goal("  queries", queries[f"{_OWN}{_ASYNC}"][0], 2),
        Goal("page with a session login, one has_perm", compare(_PERMISSION), 0.5),
    )


def _get_queries(contestant: Contestant) -> tuple[int, int]:
    queries, writes = contestant.facts["new"]
    return queries, writes


def _format_note(counts: tuple[int, int], note: str) -> str:
    queries, writes = counts
    text = f"{queries} queries, {writes} {'write' if writes == 1 else 'writes'}"
    return f"{text}; {note}" if note else text
