"""An API request through Django's own handler and a DRF view, in process, over the same view without authentication."""

from dataclasses import dataclass

from ..rounds import Contestant, Entry, median, ratio, take_turns
from ..stage import Figure, Goal, Row, Stage
from ..tokens import PEOPLE

NEEDS: tuple[str, ...] = ("postgresql",)
_BASE = "no authentication"
_MODULE = "benchmarks.site.in_process"
_REPEAT = 100


@dataclass(frozen=True)
class _Told:
    name: str
    site: str
    is_known: bool
    note: str = ""


_CACHED, _NEW = "django_cognito, cached token, cached user", "django_cognito, new token"
_TOLD = (
    _Told(_BASE, "open", True),
    _Told(_CACHED, "ours-cached", True),
    _Told("django_cognito, cached user, middleware", "ours-cached-middleware", True, "with CognitoMiddleware"),
    _Told("django_cognito, cached token", "ours", True),
    _Told(_NEW, "ours", False),
    _Told("DRF TokenAuthentication", "token", True, "opaque token from the database"),
    _Told("simplejwt, stateless", "simplejwt-stateless", False, "no user of the database"),
    _Told("simplejwt", "simplejwt", False),
    _Told("django-cognito-jwt, keys cached", "django-cognito-jwt-cached", False, "its keys in a local-memory cache"),
    _Told("django-cognito-jwt, as it comes", "django-cognito-jwt", False, "fetches the keys, from loopback"),
    _Told("mozilla-django-oidc", "mozilla-django-oidc", False, "asks userInfo, on loopback"),
)


def measure(stage: Stage) -> Figure:
    """All sites take turns; people and PostgreSQL are the same."""
    plan = stage.plan(rounds=60, size=50, warm_up=PEOPLE * 6)
    scene = stage.scene(plan.tokens)
    entries = [
        Entry(each.name, _MODULE, each.site, repeat=_REPEAT if each.is_known else 1, note=each.note) for each in _TOLD
    ]
    with stage.place(scene), take_turns(entries, scene.folder, plan, stage.tick) as (contestants, times):
        queries = {each.entry.name: _queries(each) for each in contestants}
    rows = [
        Row(name, median(times[name]), "µs", ratio(times, name, _BASE), _note(queries[name], each.note))
        for name, each in ((each.name, each) for each in entries)
    ]
    goals = (
        Goal("API request, cached token and cached user", ratio(times, _CACHED, _BASE), 1.10),
        Goal("  its queries", queries[_CACHED][0], 0),
        Goal("API request, new token, user from the database", ratio(times, _NEW, _BASE), 3.4),
        Goal("  its queries", queries[_NEW][0], 1),
        Goal("  its writes", queries[_NEW][1], 0),
    )
    return Figure("An API request", rows, goals, _BASE)


def _queries(each: Contestant) -> tuple[int, int]:
    queries, writes = each.facts["known" if each.entry.repeat > 1 else "new"]
    return queries, writes


def _note(counted: tuple[int, int], note: str) -> str:
    queries, writes = counted
    words = f"{queries} {'query' if queries == 1 else 'queries'}, {writes} {'write' if writes == 1 else 'writes'}"
    return f"{words}; {note}" if note else words
