"""What a refusal may cost: bytes and steps, in proportion to the token, whatever it holds. No clock is asked."""

import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from .forging import access, make, refusal
from .signing import sign

HEADER_PART, CLAIMS, SIGNATURE = sign(access()).split(".")
SIZE = 16_384  # the longest token that is read, unless a site says otherwise


def nested(depth: int, opening: str, closing: str) -> bytes:
    return f'{{"a":{opening * depth}1{closing * depth}}}'.encode()


HUGE: dict[str, Callable[[], str]] = {
    "20 MB": lambda: "x" * 20_000_000,
    "20 MB of dots": lambda: "." * 20_000_000,
    "a million dots": lambda: "." * 1_000_000,
    "a million parts": lambda: "e30." * 1_000_000,
    "20 MB of claims": lambda: f"{HEADER_PART}.{'x' * 20_000_000}.{SIGNATURE}",
    "20 MB of header": lambda: f"{'x' * 20_000_000}.{CLAIMS}.{SIGNATURE}",
    "20 MB of signature": lambda: f"{HEADER_PART}.{CLAIMS}.{'x' * 20_000_000}",
    "20 MB beyond ASCII": lambda: "\U0001f600" * 5_000_000,
}
FULL = {
    "dots": "." * SIZE,
    "empty objects": "e30." * (SIZE // 4),
    "one part": "x" * SIZE,
    "two parts": f"{'x' * (SIZE - 2)}.x",
    "a header and nothing": f"{'e30' * 5_000}..",
    "a list of lists": sign(nested(5_000, "[", "]"))[:SIZE],
    "an object of objects": sign(nested(1_900, '{"a":', "}")),
    "many small objects": sign({"a": [{}] * 2_900}),
    "many members": sign({str(position): 0 for position in range(950)}),
    "many escapes": sign({"a": "\U0001f600" * 900}),
    "a long header": sign({}, header={"alg": "none", "a": "x" * 11_000}),
    "a long kid": sign({}, header={"alg": "RS256", "kid": "k" * 11_000}),
}


def steps(work: Callable[[], object]) -> int:
    """How many functions are called, Python's and built-in ones, whatever the clock says."""
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def bytes_at_peak(work: Callable[[], object]) -> int:
    """How many bytes are held at once, beyond those held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("huge", [pytest.param(huge, id=name) for name, huge in HUGE.items()])
def test_what_is_too_long_is_not_looked_at(huge: Callable[[], str]) -> None:
    raw, verifier = huge(), make()
    assert steps(lambda: refusal(raw, verifier)) < 200
    assert bytes_at_peak(lambda: refusal(raw, verifier)) < SIZE


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in FULL.items()])
def test_a_refusal_costs_in_proportion_to_the_token(raw: str) -> None:
    assert len(raw) <= SIZE
    verifier = make()
    assert steps(lambda: refusal(raw, verifier)) < 2 * SIZE
    assert bytes_at_peak(lambda: refusal(raw, verifier)) < 64 * SIZE


@pytest.mark.parametrize("raw", ["." * SIZE, "e30." * (SIZE // 4)], ids=["dots", "parts"])
def test_cve_2025_30204_dots_make_no_list(raw: str) -> None:
    verifier = make()
    assert bytes_at_peak(lambda: refusal(raw, verifier)) < 5 * SIZE  # a list would take 8 bytes a dot, and the parts
