"""Verification of a token that is not cached."""

from ..rounds import Entry, compute_median, compute_ratio, measure_times
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("node",)
_BASE = "aws-jwt-verify"


def measure(workspace: Workspace) -> Figure:
    """Verify thousands of tokens with each contestant, each token once."""
    plan = workspace.create_plan(rounds=60, size=100, warm_up=2_000)
    scenario, node = workspace.create_scenario(plan.tokens), workspace.install_node()
    entries = [
        Entry("django_cognito", "benchmarks.contestants.django_cognito_"),
        Entry(_BASE, "aws_jwt_verify", node=node, note="Node.js, `verifySync`"),
        Entry("fast-jwt", "fast_jwt", node=node, note="Node.js, without its cache"),
        Entry("jose", "jose", node=node, note="Node.js, asynchronous only"),
        Entry("joserfc", "benchmarks.contestants.joserfc_"),
        Entry("PyJWT", "benchmarks.contestants.pyjwt"),
        Entry(
            "RSA only",
            "benchmarks.contestants.bare_rsa",
            note="pyca/cryptography's `verify`: the lower bound in Python",
        ),
    ]
    times = measure_times(entries, scenario.folder, plan, workspace.advance)
    rows = [
        Row(entry.name, compute_median(times[entry.name]), "µs", compute_ratio(times, entry.name, _BASE), entry.note)
        for entry in entries
    ]
    goal = Goal("new token, relative to aws-jwt-verify", compute_ratio(times, "django_cognito", _BASE), 0.70)
    return Figure("Verify a new token", rows, (goal,), _BASE)
