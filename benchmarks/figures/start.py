"""The start of a site: from the start of the process to the first authenticated response, and what the import costs."""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from ..rounds import PROJECT
from ..tokens import USERS, Scenario
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql", "proc")
_BASE, _OWN = "no authentication", "django_cognito"
_SITES = {_BASE: "anonymous", _OWN: "start-django-cognito", "simplejwt": "simplejwt"}


@dataclass(frozen=True)
class _Start:
    """The start of a process: until its end after the first response, and of that, `django.setup()`."""

    first_response: float
    setup: float
    memory: float


def measure(workspace: Workspace) -> Figure:
    """Start each site in turn: a process that responds to one request, with keys from 127.0.0.1, and ends."""
    rounds = 5 if workspace.quick else 25
    workspace.set_steps(rounds)
    scenario = workspace.create_scenario(USERS)
    starts: dict[str, list[_Start]] = {name: [] for name in _SITES}
    with workspace.start_services(scenario):
        for site in _SITES.values():  # writes bytecode, and creates the user
            _measure_start(site, scenario)
        for _ in range(rounds):
            for name in random.sample(list(_SITES), len(_SITES)):
                starts[name].append(_measure_start(_SITES[name], scenario))
            workspace.advance()
    rows = [
        Row(f"{name}: first response", statistics.median(start.first_response for start in starts[name]), "ms",
            _compute_ratio(starts, name), "keys and user included" if name == _OWN else "")
        for name in _SITES
    ]  # fmt: skip
    for name in _SITES:
        note = f"{statistics.median(start.memory for start in starts[name]):.1f} MiB"
        rows.append(
            Row(f"{name}: django.setup()", statistics.median(start.setup for start in starts[name]), "ms", None, note)
        )
    added = [
        (own.setup - base.setup, own.memory - base.memory)
        for own, base in zip(starts[_OWN], starts[_BASE], strict=True)
    ]
    goals = (
        Goal("first response of a process", _compute_ratio(starts, _OWN), 1.15),
        Goal("import of the app", statistics.median(setup for setup, _ in added), 110, "ms"),
        Goal("  memory", statistics.median(memory for _, memory in added), 12, "MiB"),
    )
    return Figure("Start of a site", rows, goals, _BASE)


def _compute_ratio(starts: dict[str, list[_Start]], name: str) -> float:
    pairs = zip(starts[name], starts[_BASE], strict=True)
    return statistics.median(own.first_response / base.first_response for own, base in pairs)


def _measure_start(site: str, scenario: Scenario) -> _Start:
    environment = {**os.environ, "BENCHMARK_SITE": site, "BENCHMARK_SCENARIO": scenario.folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "benchmarks.site.first_request"]
    started = time.perf_counter()
    process = subprocess.run(command, cwd=PROJECT, env=environment, check=True, stdout=subprocess.PIPE, timeout=60)
    first_response = (time.perf_counter() - started) * 1_000
    setup = json.loads(process.stdout)
    return _Start(first_response, setup["milliseconds"], setup["mebibytes"])
