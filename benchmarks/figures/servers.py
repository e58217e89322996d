"""Whole servers, driven by wrk over loopback: requests a second."""

import json
import random
import statistics
import subprocess
from contextlib import ExitStack
from pathlib import Path

from ..site.server import KINDS, Server
from ..stage import Figure, Row, Stage
from ..tokens import PEOPLE, Scene

NEEDS: tuple[str, ...] = ("postgresql", "wrk")
_BASE = "no authentication"
_SITES = {
    _BASE: "open",
    "django_cognito, users cached": "ours-cached",
    "django_cognito": "ours",
    "simplejwt, stateless": "simplejwt-stateless",
    "simplejwt": "simplejwt",
}
_CONNECTIONS = 8
_SCRIPT = Path(__file__).parents[1] / "wrk.lua"


def measure(stage: Stage) -> Figure:
    """Server by server: all sites are up, and wrk goes from one to the next, round by round."""
    rounds, seconds = (3, 1) if stage.quick else (9, 3)
    stage.begin(rounds * len(KINDS))
    scene = stage.scene(PEOPLE)
    rows: list[Row] = []
    with stage.place(scene):
        for kind in KINDS:
            rows += _rows(kind, _rates(kind, scene, rounds, seconds, stage))
    note = f"wrk, one thread and {_CONNECTIONS} connections, on the same cores; the tokens of {PEOPLE} people in turn"
    return Figure("Whole servers", rows, ratio_to=_BASE, notes=(note,))


def _rates(kind: str, scene: Scene, rounds: int, seconds: int, stage: Stage) -> dict[str, list[float]]:
    """Requests a second, per site and round."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Server(kind, site, scene)) for name, site in _SITES.items()}
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                rates[name].append(_rate(servers[name].url, scene, seconds))
            stage.tick()
    return rates


def _rate(url: str, scene: Scene, seconds: int) -> float:
    command = [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(_SCRIPT),
        url,
        "--",
        f"{scene.folder}/tokens.txt",
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 30)
    said = json.loads(done.stdout.rstrip().rpartition("\n")[2])
    if said["failed"]:
        raise AssertionError(f"{said['failed']} of {said['requests']} requests failed")
    return float(said["requests"] / said["microseconds"] * 1e6)


def _rows(kind: str, rates: dict[str, list[float]]) -> list[Row]:
    shares = {
        name: statistics.median(mine / base for mine, base in zip(rates[name], rates[_BASE], strict=True))
        for name in rates
    }
    return [Row(f"{kind}: {name}", statistics.median(rates[name]), "requests/s", shares[name]) for name in rates]
