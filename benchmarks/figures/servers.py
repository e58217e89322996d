"""Requests per second of servers on 127.0.0.1, measured with wrk."""

import json
import random
import statistics
import subprocess
from contextlib import ExitStack
from pathlib import Path

from ..site.server import KINDS, Server
from ..tokens import USERS, Scenario
from ..workspace import Figure, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql", "wrk")
_BASE = "no authentication"
_SITES = {
    _BASE: "anonymous",
    "django_cognito, cached users": "django-cognito-cached",
    "django_cognito": "django-cognito",
    "simplejwt, stateless": "simplejwt-stateless",
    "simplejwt": "simplejwt",
}
_CONNECTIONS = 8
_SCRIPT = Path(__file__).parents[1] / "wrk.lua"


def measure(workspace: Workspace) -> Figure:
    """Measure each kind of server: all sites run, and wrk requests one after the other in each round."""
    rounds, seconds = (3, 1) if workspace.quick else (9, 3)
    workspace.set_steps(rounds * len(KINDS))
    scenario = workspace.create_scenario(USERS)
    rows: list[Row] = []
    with workspace.start_services(scenario):
        for kind in KINDS:
            rows += _create_rows(kind, _measure_rates(kind, scenario, rounds, seconds, workspace))
    note = f"wrk with one thread and {_CONNECTIONS} connections, on the same cores; the tokens of {USERS} users in turn"
    return Figure("Servers", rows, base=_BASE, notes=(note,))


def _measure_rates(
    kind: str, scenario: Scenario, rounds: int, seconds: int, workspace: Workspace
) -> dict[str, list[float]]:
    """Return the requests per second of each site, one value for each round."""
    with ExitStack() as stack:
        servers = {name: stack.enter_context(Server(kind, site, scenario)) for name, site in _SITES.items()}
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                rates[name].append(_measure_rate(servers[name].url, scenario, seconds))
            workspace.advance()
    return rates


def _measure_rate(url: str, scenario: Scenario, seconds: int) -> float:
    command = [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(_SCRIPT),
        url,
        "--",
        f"{scenario.folder}/tokens.txt",
    ]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 30)
    summary = json.loads(process.stdout.rstrip().rpartition("\n")[2])
    if summary["failed"]:
        raise AssertionError(f"{summary['failed']} of {summary['requests']} requests failed")
    return float(summary["requests"] / summary["microseconds"] * 1e6)


def _create_rows(kind: str, rates: dict[str, list[float]]) -> list[Row]:
    ratios = {
        name: statistics.median(rate / base for rate, base in zip(rates[name], rates[_BASE], strict=True))
        for name in rates
    }
    return [Row(f"{kind}: {name}", statistics.median(rates[name]), "requests/s", ratios[name]) for name in rates]
