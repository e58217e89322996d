"""Contestants take turns in short slices, many rounds: what disturbs the machine disturbs all of them alike."""

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
Tick = Callable[[], None]


@dataclass(frozen=True)
class Entry:
    """Who takes part: a Python module's name or a Node script, and what is told about it in the table."""

    name: str
    module: str
    option: str = ""
    repeat: int = 1  # how often a slice goes over its tokens: above 1, tokens are known
    node: Path | None = None
    note: str = ""


class Contestant:
    """An entry's long-lived process."""

    def __init__(self, entry: Entry, scene_folder: str) -> None:
        self.entry = entry
        options = [entry.option] if entry.option else []
        if entry.node is None:
            command = [sys.executable, "-m", "benchmarks.slices", entry.module, scene_folder, *options]
        else:
            command = ["node", str(entry.node / "slices.mjs"), entry.module, scene_folder, *options]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        try:
            self.facts: dict[str, Any] = self._answer()["facts"]
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

    def slice(self, first: int, count: int, repeat: int = 1) -> float:
        """Microseconds of one call, over the `count` tokens from the `first` on."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"first": first, "count": count, "repeat": repeat}) + "\n")
        self._process.stdin.flush()
        return float(self._answer()["ns"]) / 1_000

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.entry.name} has ended, by itself: what it said of it stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True)
class Plan:
    """How long a figure measures: `rounds` slices of `size` tokens each, after `warm_up` tokens."""

    rounds: int
    size: int
    warm_up: int

    @property
    def tokens(self) -> int:
        """How many tokens a contestant sees, each once."""
        return self.warm_up + self.rounds * self.size


@contextmanager
def take_turns(
    entries: Sequence[Entry], scene_folder: str, plan: Plan, tick: Tick
) -> Iterator[tuple[list[Contestant], dict[str, list[float]]]]:
    """The contestants, still there, and the microseconds of a call, per contestant and round.

    In each round everybody has one slice, in an order that is drawn anew.
    """
    with ExitStack() as stack:
        contestants = [stack.enter_context(Contestant(entry, scene_folder)) for entry in entries]
        for each in contestants:
            _slice(each, plan, None)
        times: dict[str, list[float]] = {entry.name: [] for entry in entries}
        for number in range(plan.rounds):
            for each in random.sample(contestants, len(contestants)):
                times[each.entry.name].append(_slice(each, plan, number))
            tick()
        yield contestants, times


def in_turns(entries: Sequence[Entry], scene_folder: str, plan: Plan, tick: Tick) -> dict[str, list[float]]:
    """The microseconds of a call, per contestant and round."""
    with take_turns(entries, scene_folder, plan, tick) as (_, times):
        return times


def _slice(each: Contestant, plan: Plan, number: int | None) -> float:
    """One slice; `number` None is the warm-up, with tokens that come no more."""
    if each.entry.repeat > 1:
        return each.slice(0, 1, each.entry.repeat)
    if number is None:
        return each.slice(0, plan.warm_up)
    return each.slice(plan.warm_up + number * plan.size, plan.size)


def median(times: Sequence[float]) -> float:
    """The middle of all rounds."""
    return statistics.median(times)


def ratio(times: Mapping[str, Sequence[float]], name: str, base: str) -> float:
    """The median over the rounds of `name` to `base` in the same round."""
    return statistics.median(mine / theirs for mine, theirs in zip(times[name], times[base], strict=True))
