"""What a refusal costs, beside the acceptance of a good new token; and the longest that any input takes."""

import statistics
import time
from collections.abc import Sequence

from .. import hostile
from ..contestants import ours
from ..rounds import ratio
from ..slices import Call, raised
from ..stage import Figure, Goal, Row, Stage

NEEDS: tuple[str, ...] = ()
_BASE = "a good new token, accepted"
_SAME_WORK = "wrong signature"
_SLACK = 1.05  # of what may cost as much as an acceptance: it is one, up to the last step
_TRIES = 5


def measure(stage: Stage) -> Figure:
    """In one process, in turns."""
    plan = stage.plan(rounds=60, size=20, warm_up=300)
    scene = stage.scene(plan.tokens)
    verify, tokens = ours.prepare(scene), scene.tokens
    inputs = {name: list(examples) for name, examples in hostile.refusals(scene)}
    _time_ns(verify, tokens[: plan.warm_up])
    times: dict[str, list[float]] = {name: [] for name in (_BASE, *inputs)}
    for number in range(plan.rounds):
        first = plan.warm_up + number * plan.size
        times[_BASE].append(_time_ns(verify, tokens[first : first + plan.size]))
        for name, examples in inputs.items():
            some = [examples[(first + turn) % len(examples)] for turn in range(plan.size)]
            times[name].append(_time_ns(verify, some, refused=True))
        stage.tick()
    rows = [Row(name, statistics.median(each) / 1_000, "µs", ratio(times, name, _BASE)) for name, each in times.items()]
    dearest = max((row for row in rows[1:] if row.who != _SAME_WORK), key=lambda row: row.ratio or 0)
    same_work = next(row for row in rows if row.who == _SAME_WORK)
    slowest, milliseconds = _worst(verify, hostile.worst(scene))
    goals = (
        Goal(f"the dearest refusal ({dearest.who}), to an acceptance", dearest.ratio or 0, 1),
        Goal("the refusal of a wrong signature, to an acceptance", same_work.ratio or 0, _SLACK),
        Goal(f"the longest verdict over hostile inputs ({slowest})", milliseconds, 50, "ms"),
    )
    return Figure("Refusals", [*rows, Row(f"the longest: {slowest}", milliseconds, "ms")], goals, _BASE)


def _time_ns(verify: Call, inputs: Sequence[object], *, refused: bool = False) -> float:
    """Nanoseconds of one verdict; what should be refused and is not, or the other way round, ends the run."""
    started = time.perf_counter_ns()
    errors = [raised(verify, given) for given in inputs]
    taken = time.perf_counter_ns() - started
    if any((error is not None) is not refused for error in errors):
        raise AssertionError("the wrong verdict")
    return taken / len(inputs)


def _worst(verify: Call, inputs: dict[str, object]) -> tuple[str, float]:
    """The input that takes longest, and the median milliseconds of its verdict."""
    medians = {
        name: statistics.median(_time_ns(verify, [given], refused=True) for _ in range(_TRIES)) / 1e6
        for name, given in inputs.items()
    }
    return max(medians.items(), key=lambda item: item[1])
