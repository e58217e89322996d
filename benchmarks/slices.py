"""A contestant's own process: `python -m benchmarks.slices MODULE FOLDER [OPTION]` runs slices as it is told.

A line of JSON in, `{"first": 100, "count": 50, "repeat": 1}`, and one out, `{"ns": 31250.0}`: the time of one call.
The module's `prepare(scene, *options)` gives the call that is timed. Where it has them, `ready(raw)` makes what the
call is given, and `facts(call, scene)` tells what is not a time; `proves` is False where `prepare` has its own proof.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from .tokens import Scene

Call = Callable[[Any], object]


def prove(call: Call, ready: Callable[[str], Any], scene: Scene) -> None:
    """Whoever lets a bad token pass, or refuses a good one, does not take part."""
    call(ready(scene.first))
    if raised(call, ready(scene.refused["tampered"])) is None:
        raise AssertionError("a tampered token was accepted")


def raised(call: Call, given: Any) -> Exception | None:
    """What `call(given)` raises; every contestant has errors of its own."""
    try:
        call(given)
    except Exception as error:  # noqa: BLE001 - whatever a peer refuses with
        return error
    return None


def slice_ns(call: Call, inputs: list[Any], repeat: int) -> float:
    """Nanoseconds of one call, over all of `inputs`, `repeat` times."""
    turns = range(repeat)
    started = time.perf_counter_ns()
    for _ in turns:
        for given in inputs:
            call(given)
    return (time.perf_counter_ns() - started) / (len(inputs) * repeat)


def main(name: str, folder: str, *options: str) -> None:
    """Serve slices until standard input ends."""
    module, scene = importlib.import_module(name), Scene.read(folder)
    call, ready, tokens = module.prepare(scene, *options), getattr(module, "ready", str), scene.tokens
    if getattr(module, "proves", True):
        prove(call, ready, scene)
    facts = module.facts(call, scene) if hasattr(module, "facts") else {}
    gc.collect()
    gc.freeze()  # what start-up left behind is nobody's to sweep in a slice
    print(json.dumps({"facts": facts}), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        inputs = [ready(raw) for raw in tokens[told["first"] : told["first"] + told["count"]]]
        print(json.dumps({"ns": slice_ns(call, inputs, told.get("repeat", 1))}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
