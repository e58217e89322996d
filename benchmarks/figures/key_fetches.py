"""Number of key fetches: for a thousand tokens with random `kid`s, and by sixteen threads with an empty cache."""

import json
import subprocess
import sys
from dataclasses import dataclass

from ..loopback import Loopback
from ..rounds import PROJECT
from ..tokens import Scenario
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("node",)
UNKNOWN, COLD = 1_000, 16
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class _Case:
    name: str
    module: str
    is_node: bool = False
    note: str = ""  # for the row of the empty cache


_CASES = (
    _Case("django_cognito", "benchmarks.contestants.django_cognito_"),
    _Case("aws-jwt-verify", "aws_jwt_verify", True, "Node.js; 16 promises for 16 threads"),
    _Case("jose", "jose", True, "Node.js; 16 promises for 16 threads"),
    _Case("PyJWT, PyJWKClient", "benchmarks.contestants.pyjwt"),
    _Case("django-cognito-jwt, cache enabled", "benchmarks.contestants.django_cognito_jwt_"),
)


def measure(workspace: Workspace) -> Figure:
    """Run each contestant alone with a server that counts the key requests."""
    workspace.set_steps(len(_CASES))
    scenario = workspace.create_scenario(COLD + 1)
    rows, counts = [], {}
    for case in _CASES:
        counts[case.name] = unknown, cold = (
            _count_fetches(case, scenario, workspace, "unknown"),
            _count_fetches(case, scenario, workspace, "cold"),
        )
        rows += [
            Row(f"{case.name}: {UNKNOWN:,} random `kid`s", unknown, ""),
            Row(f"{case.name}: {COLD} threads, empty cache", cold, "", note=case.note),
        ]
        workspace.advance()
    unknown, cold = counts["django_cognito"]
    goals = (
        Goal(f"key fetches for {UNKNOWN:,} random `kid`s", unknown, 1),
        Goal(f"key fetches of {COLD} threads, empty cache", cold, 1),
    )
    rows.sort(key=lambda row: row.label.rpartition(": ")[2], reverse=True)
    return Figure("Key fetches", rows, goals)


def _count_fetches(case: _Case, scenario: Scenario, workspace: Workspace, mode: str) -> int:
    """Return how many fetches `mode` caused, without the first one of "unknown", which fills the cache."""
    with Loopback(scenario) as loopback:
        command = (
            ["node", str(workspace.install_node() / "key_fetching.mjs")]
            if case.is_node
            else [sys.executable, "-m", "benchmarks.key_fetching"]
        )
        process = subprocess.run(
            [*command, case.module, scenario.folder, loopback.origin, mode],
            cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        counts = json.loads(process.stdout)
        expected = {"accepted": 1, "rejected": UNKNOWN} if mode == "unknown" else {"accepted": COLD, "rejected": 0}
        if counts != expected:
            raise AssertionError(f"{case.name}: expected {expected}, found {counts}")
        return sum(loopback.requests.values()) - (mode == "unknown")
