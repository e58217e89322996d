"""What revocation adds to a request: the check of a token or of a session's login, with and without a cache read."""

from ..rounds import Entry, compute_median, run_rounds
from ..workspace import Figure, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql", "redis")
_MODULE = "benchmarks.site.revocation"
_CACHES = {"local memory": "django-cognito", "Redis": "django-cognito-redis"}
_STEADY = "no I/O; all other requests in REVOCATION_SECONDS"
_FIRST = "one `get_many` of 4 names; once in REVOCATION_SECONDS"
_BARE = "without the package: the lower bound"


def measure(workspace: Workspace) -> Figure:
    """Check one token thousands of times, and hundreds of new tokens, whose sign-ins the process has not read."""
    plan = workspace.create_plan(rounds=60, size=20, warm_up=20)
    scenario = workspace.create_scenario(plan.tokens + 2)  # those of `prepare` and `get_facts`
    entries = [
        Entry("bearer token, in memory", _MODULE, "django-cognito-redis token", repeat=5_000, note=_STEADY),
        Entry("session login, in memory", _MODULE, "django-cognito-redis login", repeat=2_000, note=_STEADY),
    ]
    for cache, site in _CACHES.items():
        entries += [
            Entry(f"bearer token, read from {cache}", _MODULE, f"{site} token", note=_FIRST),
            Entry(f"session login, read from {cache}", _MODULE, f"{site} login", note=_FIRST),
            Entry(f"`get_many` of {cache} alone", _MODULE, f"{site} get_many", note=_BARE),
        ]
    with (
        workspace.start_services(scenario),
        run_rounds(entries, scenario.folder, plan, workspace.advance) as (contestants, times),
    ):
        for contestant in contestants:
            _check_reads(contestant.entry, contestant.facts)
    rows = [Row(entry.name, compute_median(times[entry.name]), "µs", note=entry.note) for entry in entries]
    return Figure("Revocation: time that it adds to a request", rows)


def _check_reads(entry: Entry, reads: dict[str, int]) -> None:
    """Raise an error unless a check reads the cache once, and the next check of the same token does not."""
    expected = {"first": 1, "next": 0}
    if entry.note != _BARE and reads != expected:
        raise AssertionError(f"{entry.name}: expected {expected}, found {reads}")
