"""`user.has_perm` of a right that a Cognito group gives, and of one that nobody gave."""

from ..rounds import Entry, median, ratio, take_turns
from ..stage import Figure, Goal, Row, Stage
from ..tokens import PEOPLE

NEEDS: tuple[str, ...] = ("postgresql",)
_BASE = "Django's own, first question"
_MODULE = "benchmarks.site.permissions"


def measure(stage: Stage) -> Figure:
    """Each question to a user object that nobody has asked yet, as a request does; then to one that was asked."""
    # Long enough, at microseconds a question, that the first few of a slice do not say how long all take.
    plan = stage.plan(rounds=40, size=100, warm_up=PEOPLE)
    scene = stage.scene(plan.tokens)
    entries = [
        Entry("django_cognito, first question", _MODULE, "ours"),
        Entry("django_cognito, asked again", _MODULE, "ours", repeat=1_000),
        Entry(_BASE, _MODULE, "django"),
        Entry("Django's own, asked again", _MODULE, "django", repeat=1_000),
        Entry("django_cognito, denied", _MODULE, "ours-denied"),
        Entry("Django's own, denied", _MODULE, "django-denied"),
    ]
    with stage.place(scene), take_turns(entries, scene.folder, plan, stage.tick) as (contestants, times):
        queries = {each.entry.name: each.facts["new"][0] for each in contestants}
    rows = [
        Row(each.name, median(times[each.name]), "µs", ratio(times, each.name, _BASE), _note(each, queries[each.name]))
        for each in entries
    ]
    denied, theirs = queries["django_cognito, denied"], queries["Django's own, denied"]
    goals = (
        Goal("has_perm of a right that a Cognito group gives", rows[0].value, 5, "µs"),
        Goal("  its queries", queries[rows[0].who], 0),
        Goal("  of a denied one: queries beyond Django's own", denied - theirs, 0),
    )
    return Figure("user.has_perm", rows, goals, _BASE)


def _note(entry: Entry, queries: int) -> str:
    return "" if entry.repeat > 1 else f"{queries} {'query' if queries == 1 else 'queries'}"
