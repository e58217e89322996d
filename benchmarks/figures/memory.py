"""Memory: the resident memory of a worker with and without the package, and the size of a cached token."""

import gc
import statistics
import tracemalloc

from ..contestants import django_cognito_
from ..site.server import SYNC, Memory, Server
from ..tokens import USERS, Scenario
from ..workspace import Figure, Row, Workspace

NEEDS: tuple[str, ...] = ("postgresql", "proc")
_TOKENS = 1_000
_SITES = {"without django_cognito": "anonymous", "with django_cognito": "django-cognito", "with simplejwt": "simplejwt"}


def measure(workspace: Workspace) -> Figure:
    """Measure workers after a few requests of each of `USERS` users, then a verifier in this process."""
    workspace.set_steps(len(_SITES) + 1)
    scenario = workspace.create_scenario(_TOKENS + USERS)
    rows = []
    with workspace.start_services(scenario):
        for name, site in _SITES.items():
            rows += _create_rows(f"worker {name}", _measure_workers(site, scenario))
            workspace.advance()
    rows.append(Row("cached token", _measure_cached_token(scenario), "bytes", note=_describe_length(scenario.tokens)))
    workspace.advance()
    return Figure("Memory", rows, notes=(SYNC,))


def _measure_workers(site: str, scenario: Scenario) -> list[Memory]:
    with Server(SYNC, site, scenario) as server:
        return server.measure_memory()


def _create_rows(name: str, workers: list[Memory]) -> list[Row]:
    rss = Row(f"{name}, RSS", statistics.mean(worker.rss for worker in workers), "MiB")
    return [rss, Row(f"{name}, PSS", statistics.mean(worker.pss for worker in workers), "MiB")]


def _measure_cached_token(scenario: Scenario) -> float:
    """Return the bytes that each verified token adds to Python's allocations. Only the verifier references it."""
    verify, tokens = django_cognito_.prepare(scenario), scenario.tokens
    for raw in tokens[:USERS]:
        verify(raw)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for raw in tokens[USERS:]:
        verify(raw)
    gc.collect()
    growth = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return growth / _TOKENS


def _describe_length(tokens: list[str]) -> str:
    return f"token of {round(sum(map(len, tokens)) / len(tokens)):,} characters"
