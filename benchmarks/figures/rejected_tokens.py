"""The time of a rejection relative to a valid new token, and the slowest hostile input."""

import statistics
import time
from collections.abc import Sequence

from .. import hostile_inputs
from ..contestants import django_cognito_
from ..rounds import compute_ratio
from ..slices import Call, catch_error
from ..workspace import Figure, Goal, Row, Workspace

NEEDS: tuple[str, ...] = ()
_BASE = "valid new token (accepted)"
_SAME_WORK = "wrong signature"
_SAME_WORK_LIMIT = 1.05  # a wrong signature is detected in the last step
_TRIES = 5


def measure(workspace: Workspace) -> Figure:
    """Measure all kinds of inputs in turn, in one process."""
    plan = workspace.create_plan(rounds=60, size=20, warm_up=300)
    scenario = workspace.create_scenario(plan.tokens)
    verify, tokens = django_cognito_.prepare(scenario), scenario.tokens
    inputs = {name: list(examples) for name, examples in hostile_inputs.get_rejected_tokens(scenario)}
    _time_ns(verify, tokens[: plan.warm_up])
    times: dict[str, list[float]] = {name: [] for name in (_BASE, *inputs)}
    for number in range(plan.rounds):
        first = plan.warm_up + number * plan.size
        times[_BASE].append(_time_ns(verify, tokens[first : first + plan.size]))
        for name, examples in inputs.items():
            batch = [examples[(first + turn) % len(examples)] for turn in range(plan.size)]
            times[name].append(_time_ns(verify, batch, is_rejected=True))
        workspace.advance()
    rows = [
        Row(name, statistics.median(rounds) / 1_000, "µs", compute_ratio(times, name, _BASE))
        for name, rounds in times.items()
    ]
    slowest = max((row for row in rows[1:] if row.label != _SAME_WORK), key=lambda row: row.ratio or 0)
    same_work = next(row for row in rows if row.label == _SAME_WORK)
    hostile_input, milliseconds = _find_slowest_input(verify, hostile_inputs.get_slow_inputs(scenario))
    goals = (
        Goal(f"slowest rejection ({slowest.label}), relative to an accepted token", slowest.ratio or 0, 1),
        Goal("rejection of a wrong signature, relative to an accepted token", same_work.ratio or 0, _SAME_WORK_LIMIT),
        Goal(f"slowest hostile input ({hostile_input})", milliseconds, 50, "ms"),
    )
    return Figure(
        "Rejected tokens", [*rows, Row(f"slowest hostile input: {hostile_input}", milliseconds, "ms")], goals, _BASE
    )


def _time_ns(verify: Call, inputs: Sequence[object], *, is_rejected: bool = False) -> float:
    """Return the nanoseconds of one call. Raises AssertionError if an input is not rejected or accepted as expected."""
    started = time.perf_counter_ns()
    errors = [catch_error(verify, value) for value in inputs]
    elapsed = time.perf_counter_ns() - started
    if any((error is not None) is not is_rejected for error in errors):
        raise AssertionError(f"expected {'a rejection' if is_rejected else 'acceptance'} of each input")
    return elapsed / len(inputs)


def _find_slowest_input(verify: Call, inputs: dict[str, object]) -> tuple[str, float]:
    """Return the name of the input that takes longest, and its median milliseconds."""
    medians = {
        name: statistics.median(_time_ns(verify, [value], is_rejected=True) for _ in range(_TRIES)) / 1e6
        for name, value in inputs.items()
    }
    return max(medians.items(), key=lambda item: item[1])
