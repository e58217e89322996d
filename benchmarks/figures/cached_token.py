"""Verification of a cached token: the second and each later request of a client."""

from ..rounds import Entry, compute_median, compute_ratio, measure_times
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("node",)
_BASE = "fast-jwt"


def measure(workspace: Workspace) -> Figure:
    """Verify the same token, thousands of times in each slice."""
    plan = workspace.create_plan(rounds=60, size=1, warm_up=1)
    scenario, node = workspace.create_scenario(10), workspace.install_node()
    entries = [
        Entry("django_cognito", "benchmarks.contestants.django_cognito_", repeat=2_000),
        Entry(_BASE, "fast_jwt", "cached", repeat=5_000, node=node, note="Node.js, with its cache"),
        Entry("aws-jwt-verify", "aws_jwt_verify", repeat=500, node=node, note="Node.js; has no cache"),
        Entry("PyJWT", "benchmarks.contestants.pyjwt", repeat=200, note="has no cache"),
    ]
    times = measure_times(entries, scenario.folder, plan, workspace.advance)
    rows = [
        Row(entry.name, compute_median(times[entry.name]), "µs", compute_ratio(times, entry.name, _BASE), entry.note)
        for entry in entries
    ]
    return Figure("Verify a cached token", rows, (Goal("cached token", rows[0].value, 2, "µs"),), _BASE)
