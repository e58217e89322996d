"""What the package holds: a worker's resident memory with and without it, and the weight of a cached token."""

import gc
import statistics
import tracemalloc

from ..contestants import ours
from ..site.server import SYNC, Memory, Server
from ..stage import Figure, Row, Stage
from ..tokens import PEOPLE, Scene

NEEDS: tuple[str, ...] = ("postgresql", "proc")
_TOKENS = 1_000
_SITES = {"without django_cognito": "open", "with django_cognito": "ours", "with simplejwt": "simplejwt"}


def measure(stage: Stage) -> Figure:
    """Workers after they have answered each of `PEOPLE` people a few times; then a verifier in this process."""
    stage.begin(len(_SITES) + 1)
    scene = stage.scene(_TOKENS + PEOPLE)
    rows = []
    with stage.place(scene):
        for name, site in _SITES.items():
            rows += _rows(f"a worker {name}", _memory_of(site, scene))
            stage.tick()
    rows.append(Row("a cached token", _bytes_of_a_cached_token(scene), "bytes", note=_length(scene.tokens)))
    stage.tick()
    return Figure("Memory", rows, notes=(SYNC,))


def _memory_of(site: str, scene: Scene) -> list[Memory]:
    with Server(SYNC, site, scene) as server:
        return server.memory()


def _rows(name: str, workers: list[Memory]) -> list[Row]:
    rss = Row(f"{name}, RSS", statistics.mean(worker.rss for worker in workers), "MiB")
    return [rss, Row(f"{name}, PSS", statistics.mean(worker.pss for worker in workers), "MiB")]


def _bytes_of_a_cached_token(scene: Scene) -> float:
    """By how much Python's allocations grow with each token that is verified; nobody but the verifier keeps it."""
    verify, tokens = ours.prepare(scene), scene.tokens
    for raw in tokens[:PEOPLE]:
        verify(raw)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for raw in tokens[PEOPLE:]:
        verify(raw)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return grown / _TOKENS


def _length(tokens: list[str]) -> str:
    return f"of {round(sum(map(len, tokens)) / len(tokens)):,} characters"
