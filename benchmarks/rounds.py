"""Measure contestants in turn, in many rounds of short slices: other load affects all of them alike."""

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[1]
Advance = Callable[[], None]


@dataclass(frozen=True)
class Entry:
    """A contestant: its name in the table and its Python module or Node.js script."""

    name: str
    module: str
    option: str = ""
    repeat: int = 1  # how often a slice verifies its tokens; above 1, they are cached
    node: Path | None = None
    note: str = ""


class Contestant:
    """The process of an entry, which runs through all rounds."""

    def __init__(self, entry: Entry, scenario_folder: str) -> None:
        self.entry = entry
        options = [entry.option] if entry.option else []
        if entry.node is None:
            command = [sys.executable, "-m", "benchmarks.slices", entry.module, scenario_folder, *options]
        else:
            command = ["node", str(entry.node / "slices.mjs"), entry.module, scenario_folder, *options]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        try:
            self.facts: dict[str, Any] = self._read_line()["facts"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def measure_slice(self, first: int, count: int, repeat: int = 1) -> float:
        """Return the microseconds of one call, measured over `count` tokens from index `first` on."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"first": first, "count": count, "repeat": repeat}) + "\n")
        self._process.stdin.flush()
        return float(self._read_line()["ns"]) / 1_000

    def _read_line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.entry.name} has exited: see its error output above")
        message: dict[str, Any] = json.loads(line)
        return message


@dataclass(frozen=True)
class Plan:
    """The duration of a measurement: `rounds` slices of `size` tokens each, after `warm_up` tokens."""

    rounds: int
    size: int
    warm_up: int

    @property
    def tokens(self) -> int:
        """The number of tokens that a contestant needs, each once."""
        return self.warm_up + self.rounds * self.size


@contextmanager
def run_rounds(
    entries: Sequence[Entry], scenario_folder: str, plan: Plan, advance: Advance
) -> Iterator[tuple[list[Contestant], dict[str, list[float]]]]:
    """Yield the running contestants, and the microseconds of a call for each contestant and round.

    Each contestant has one slice per round, in a new random order.
    """
    with ExitStack() as stack:
        contestants = [stack.enter_context(Contestant(entry, scenario_folder)) for entry in entries]
        for contestant in contestants:
            _measure_round(contestant, plan, None)
        times: dict[str, list[float]] = {entry.name: [] for entry in entries}
        for number in range(plan.rounds):
            for contestant in random.sample(contestants, len(contestants)):
                times[contestant.entry.name].append(_measure_round(contestant, plan, number))
            advance()
        yield contestants, times


def measure_times(
    entries: Sequence[Entry], scenario_folder: str, plan: Plan, advance: Advance
) -> dict[str, list[float]]:
    """Return the microseconds of a call for each contestant and round."""
    with run_rounds(entries, scenario_folder, plan, advance) as (_, times):
        return times


def _measure_round(contestant: Contestant, plan: Plan, number: int | None) -> float:
    """Measure one slice. `number` None is the warm-up, whose tokens are not used again."""
    if contestant.entry.repeat > 1:
        return contestant.measure_slice(0, 1, contestant.entry.repeat)
    if number is None:
        return contestant.measure_slice(0, plan.warm_up)
    return contestant.measure_slice(plan.warm_up + number * plan.size, plan.size)


def compute_median(times: Sequence[float]) -> float:
    """Return the median of all rounds."""
    return statistics.median(times)


def compute_ratio(times: Mapping[str, Sequence[float]], name: str, base: str) -> float:
    """Return the median of the ratios of `name` to `base`, each within one round."""
    return statistics.median(own / other for own, other in zip(times[name], times[base], strict=True))
