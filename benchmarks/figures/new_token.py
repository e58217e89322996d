"""Verifying a token that was never seen before."""

from ..rounds import Entry, in_turns, median, ratio
from ..stage import Figure, Goal, Row, Stage

NEEDS: tuple[str, ...] = ("node",)
_BASE = "aws-jwt-verify"


def measure(stage: Stage) -> Figure:
    """Each contestant verifies thousands of tokens, each once."""
    plan = stage.plan(rounds=60, size=100, warm_up=2_000)
    scene, node = stage.scene(plan.tokens), stage.node()
    entries = [
        Entry("django_cognito", "benchmarks.contestants.ours"),
        Entry(_BASE, "aws_jwt_verify", node=node, note="Node.js, `verifySync`"),
        Entry("fast-jwt", "fast_jwt", node=node, note="Node.js, without its cache"),
        Entry("jose", "jose", node=node, note="Node.js, asynchronous only"),
        Entry("joserfc", "benchmarks.contestants.joserfc_"),
        Entry("PyJWT", "benchmarks.contestants.pyjwt"),
        Entry("RSA alone", "benchmarks.contestants.bare_rsa", note="pyca/cryptography's verify: the floor in Python"),
    ]
    times = in_turns(entries, scene.folder, plan, stage.tick)
    rows = [
        Row(each.name, median(times[each.name]), "µs", ratio(times, each.name, _BASE), each.note) for each in entries
    ]
    goal = Goal("a new token, to aws-jwt-verify", ratio(times, "django_cognito", _BASE), 0.70)
    return Figure("Verify a new token", rows, (goal,), _BASE)
