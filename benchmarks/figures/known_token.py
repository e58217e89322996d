"""Verifying a token that was verified before: the second request of a client, and all that follow."""

from ..rounds import Entry, in_turns, median, ratio
from ..stage import Figure, Goal, Row, Stage

NEEDS: tuple[str, ...] = ("node",)
_BASE = "fast-jwt"


def measure(stage: Stage) -> Figure:
    """The same token, thousands of times a slice."""
    plan = stage.plan(rounds=60, size=1, warm_up=1)
    scene, node = stage.scene(10), stage.node()
    entries = [
        Entry("django_cognito", "benchmarks.contestants.ours", repeat=2_000),
        Entry(_BASE, "fast_jwt", "cached", repeat=5_000, node=node, note="Node.js, with its cache"),
        Entry("aws-jwt-verify", "aws_jwt_verify", repeat=500, node=node, note="Node.js; has no cache"),
        Entry("PyJWT", "benchmarks.contestants.pyjwt", repeat=200, note="has no cache"),
    ]
    times = in_turns(entries, scene.folder, plan, stage.tick)
    rows = [
        Row(each.name, median(times[each.name]), "µs", ratio(times, each.name, _BASE), each.note) for each in entries
    ]
    return Figure("Verify a cached token", rows, (Goal("a cached token", rows[0].value, 2, "µs"),), _BASE)
