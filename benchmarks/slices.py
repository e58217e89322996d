"""The process of a contestant: `python -m benchmarks.slices MODULE FOLDER [OPTION]`.

It reads lines of JSON such as `{"first": 100, "count": 50, "repeat": 1}` and answers each with the nanoseconds of one
call: `{"ns": 31250.0}`. The module's `prepare(scenario, *options)` returns the function that is measured. Optional
members: `make_input(raw)` converts a token to the function's argument; `get_facts(call, scenario)` returns what is not
a time; `NEEDS_CHECK` is False if `prepare` itself checks the contestant.
"""

import gc
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from .tokens import Scenario

Call = Callable[[Any], object]


def check_contestant(call: Call, make_input: Callable[[str], Any], scenario: Scenario) -> None:
    """Raise an error if a contestant rejects a valid token or accepts a tampered one: it is then not measured."""
    call(make_input(scenario.first))
    if catch_error(call, make_input(scenario.rejected_tokens["tampered"])) is None:
        raise AssertionError("the contestant accepted a tampered token")


def catch_error(call: Call, argument: Any) -> Exception | None:
    """Return the error that `call(argument)` raises, or None. Each contestant has its own errors."""
    try:
        call(argument)
    except Exception as error:  # noqa: BLE001 - the errors of a peer have no common base
        return error
    return None


def time_slice(call: Call, inputs: list[Any], repeat: int) -> float:
    """Return the nanoseconds of one call, measured over all `inputs`, `repeat` times."""
    turns = range(repeat)
    started = time.perf_counter_ns()
    for _ in turns:
        for argument in inputs:
            call(argument)
    return (time.perf_counter_ns() - started) / (len(inputs) * repeat)


def main(name: str, folder: str, *options: str) -> None:
    """Measure slices until the end of standard input."""
    module, scenario = importlib.import_module(name), Scenario.read(folder)
    call, make_input, tokens = module.prepare(scenario, *options), getattr(module, "make_input", str), scenario.tokens
    if getattr(module, "NEEDS_CHECK", True):
        check_contestant(call, make_input, scenario)
    facts = module.get_facts(call, scenario) if hasattr(module, "get_facts") else {}
    gc.collect()
    gc.freeze()  # so that no slice collects objects of the start-up
    print(json.dumps({"facts": facts}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        inputs = [make_input(raw) for raw in tokens[request["first"] : request["first"] + request["count"]]]
        print(json.dumps({"ns": time_slice(call, inputs, request.get("repeat", 1))}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
