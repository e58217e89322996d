"""How often the keys are fetched: for a thousand tokens with made-up key names, and by sixteen that start cold."""

import json
import subprocess
import sys
from dataclasses import dataclass

from ..loopback import Loopback
from ..rounds import PROJECT
from ..stage import Figure, Goal, Row, Stage
from ..tokens import Scene

NEEDS: tuple[str, ...] = ("node",)
UNKNOWN, COLD = 1_000, 16
_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class _Told:
    name: str
    module: str
    is_node: bool = False
    note: str = ""  # on the cold start


_TOLD = (
    _Told("django_cognito", "benchmarks.contestants.ours"),
    _Told("aws-jwt-verify", "aws_jwt_verify", True, "Node.js; 16 promises for 16 threads"),
    _Told("jose", "jose", True, "Node.js; 16 promises for 16 threads"),
    _Told("PyJWT, PyJWKClient", "benchmarks.contestants.pyjwt"),
    _Told("django-cognito-jwt, its cache on", "benchmarks.contestants.django_cognito_jwt_"),
)


def measure(stage: Stage) -> Figure:
    """Each contestant alone with a key server that counts."""
    stage.begin(len(_TOLD))
    scene = stage.scene(COLD + 1)
    rows, counted = [], {}
    for told in _TOLD:
        counted[told.name] = unknown, cold = (
            _fetches(told, scene, stage, "unknown"),
            _fetches(told, scene, stage, "cold"),
        )
        rows += [
            Row(f"{told.name}: {UNKNOWN:,} made-up `kid`s", unknown, ""),
            Row(f"{told.name}: {COLD} cold threads", cold, "", note=told.note),
        ]
        stage.tick()
    unknown, cold = counted["django_cognito"]
    goals = (
        Goal(f"key fetches for {UNKNOWN:,} made-up `kid`s", unknown, 1),
        Goal(f"key fetches of {COLD} cold threads", cold, 1),
    )
    rows.sort(key=lambda row: row.who.rpartition(": ")[2], reverse=True)
    return Figure("Key fetches", rows, goals)


def _fetches(told: _Told, scene: Scene, stage: Stage, mode: str) -> int:
    """How many fetches `mode` caused; the first one of "unknown", which fills the store, is not counted."""
    with Loopback(scene) as loopback:
        command = (
            ["node", str(stage.node() / "fetching.mjs")]
            if told.is_node
            else [sys.executable, "-m", "benchmarks.fetching"]
        )
        process = subprocess.run(
            [*command, told.module, scene.folder, loopback.origin, mode],
            cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        verdicts = json.loads(process.stdout)
        expected = {"accepted": 1, "refused": UNKNOWN} if mode == "unknown" else {"accepted": COLD, "refused": 0}
        if verdicts != expected:
            raise AssertionError(f"{told.name}: {verdicts}, expected {expected}")
        return sum(loopback.count.values()) - (mode == "unknown")
