"""Requests per second of servers on 127.0.0.1, measured with wrk."""

import json
import random
import statistics
import subprocess
from contextlib import ExitStack
from pathlib import Path

from ..site.server import KINDS, Server, use_sessions, use_tokens
from ..tokens import USERS, Scenario
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql", "wrk")
_BASE = "no authentication"
_SITES = {
    _BASE: "anonymous",
    "django_cognito, cached users": "django-cognito-cached",
    "django_cognito": "django-cognito",
    "simplejwt, stateless": "simplejwt-stateless",
    "simplejwt": "simplejwt",
}
_SESSION_SITES = {"Django's session login": "session", "django_cognito, session login": "django-cognito-session"}
_FACTOR = 1.3  # the goal: requests per second, relative to simplejwt with users of the database
_CONNECTIONS = 8
_SCRIPT = Path(__file__).parents[1] / "wrk.lua"


def measure(workspace: Workspace) -> Figure:
    """Measure each kind of server: all sites run, and wrk requests one after the other in each round."""
    rounds, seconds = (3, 1) if workspace.quick else (9, 3)
    workspace.set_steps(rounds * len(KINDS))
    scenario = workspace.create_scenario(USERS, sign_ins=USERS)
    rows: list[Row] = []
    goals: list[Goal] = []
    with workspace.start_services(scenario):
        for kind in KINDS:
            rates = _measure_rates(kind, scenario, rounds, seconds, workspace)
            rows += _create_rows(kind, rates)
            goals.append(_create_goal(kind, rates))
    note = f"wrk with one thread and {_CONNECTIONS} connections, on the same cores; the tokens of {USERS} users in turn"
    return Figure("Servers", rows, goals, base=_BASE, notes=(note, "a page instead of the API for session logins"))


def _measure_rates(
    kind: str, scenario: Scenario, rounds: int, seconds: int, workspace: Workspace
) -> dict[str, list[float]]:
    """Return the requests per second of each site, one value for each round."""
    with ExitStack() as stack:
        path = "/page/async/" if kind.startswith("uvicorn") else "/page/"
        sites = {name: (site, use_tokens(scenario)) for name, site in _SITES.items()}
        sites |= {name: (site, use_sessions(scenario, site, path)) for name, site in _SESSION_SITES.items()}
        servers = {
            name: stack.enter_context(Server(kind, site, scenario, access)) for name, (site, access) in sites.items()
        }
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for _ in range(rounds):
            for name in random.sample(list(servers), len(servers)):
                rates[name].append(_measure_rate(servers[name], seconds))
            workspace.advance()
    return rates


def _measure_rate(server: Server, seconds: int) -> float:
    access = server.access
    command = [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        "-s",
        str(_SCRIPT),
        server.url,
        "--",
        access.file,
        access.header,
        access.prefix,
    ]
    process = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=seconds + 30)
    summary = json.loads(process.stdout.rstrip().rpartition("\n")[2])
    if summary["failed"]:
        raise AssertionError(f"{summary['failed']} of {summary['requests']} requests failed")
    return float(summary["requests"] / summary["microseconds"] * 1e6)


def _create_goal(kind: str, rates: dict[str, list[float]]) -> Goal:
    """Return the goal for the default configuration, without a user cache."""
    pairs = zip(rates["simplejwt"], rates["django_cognito"], strict=True)
    ratio = statistics.median(simplejwt / own for simplejwt, own in pairs)
    return Goal(f"{kind}: requests per second of simplejwt, relative to django_cognito", ratio, 1 / _FACTOR)


def _create_rows(kind: str, rates: dict[str, list[float]]) -> list[Row]:
    ratios = {
        name: statistics.median(rate / base for rate, base in zip(rates[name], rates[_BASE], strict=True))
        for name in rates
    }
    return [Row(f"{kind}: {name}", statistics.median(rates[name]), "requests/s", ratios[name]) for name in rates]
