"""The cost of a refusal: memory and function calls, in proportion to the token's length. No time is measured."""

import gc
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import TokenError
from tests.support.signing import sign

from .forging import NOW, OTHER_POOL, POOL, access_claims, make_verifier, refusal

HEADER_PART, CLAIMS, SIGNATURE = sign(access_claims()).split(".")
SIZE = 16_384  # the default maximum length of a token


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


def count_calls(work: Callable[[], object]) -> int:
    """Return the number of function calls in `work`, built-in functions included: the same on every host."""
    count = 0

    def count_call(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()  # a collection runs finalizers of objects of other tests
    sys.setprofile(count_call)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the peak memory of `work` in bytes, beyond what was allocated before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("huge", [pytest.param(huge, id=name) for name, huge in HUGE.items()])
def test_oversized_token_is_refused_without_parsing(huge: Callable[[], str]) -> None:
    raw, verifier = huge(), make_verifier()
    assert count_calls(lambda: refusal(raw, verifier)) < 200
    assert peak_bytes(lambda: refusal(raw, verifier)) < SIZE


@pytest.mark.parametrize("raw", [pytest.param(raw, id=name) for name, raw in FULL.items()])
def test_cost_of_a_refusal_is_proportional_to_the_token(raw: str) -> None:
    assert len(raw) <= SIZE
    verifier = make_verifier()
    assert count_calls(lambda: refusal(raw, verifier)) < 2 * SIZE
    assert peak_bytes(lambda: refusal(raw, verifier)) < 64 * SIZE


@pytest.mark.parametrize("raw", ["." * SIZE, "e30." * (SIZE // 4)], ids=["dots", "parts"])
def test_cve_2025_30204_dots_are_not_split_into_a_list(raw: str) -> None:
    verifier = make_verifier()
    assert peak_bytes(lambda: refusal(raw, verifier)) < 5 * SIZE  # a list would take 8 bytes per dot, plus the parts


class _CountedClient(str):
    """An app client id with comparisons that `count_calls` counts."""

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


def _many_pools(count: int) -> list[UserPool]:
    return [UserPool(f"eu-west-1_Pool{number:05d}", client_ids=("1webclient",)) for number in range(count)]


def _many_clients(count: int) -> UserPool:
    client_ids = [_CountedClient(f"client{number:05d}") for number in range(count)]
    return UserPool(POOL.user_pool_id, client_ids=(*client_ids, _CountedClient("1webclient")))


FOREIGN = {
    "another pool": OTHER_POOL.issuers[0],
    "the updated form of a configured pool": "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Pool00000",
    "an unknown URL": "https://attacker.invalid/",
    "not a string": ["https://attacker.invalid/"],
}


@pytest.mark.parametrize("issuer", FOREIGN.values(), ids=FOREIGN)
def test_foreign_issuer_is_refused_without_comparing_each_pool(monkeypatch: pytest.MonkeyPatch, issuer: Any) -> None:
    raw, few, many = sign(access_claims(iss=issuer)), make_verifier(*_many_pools(1)), make_verifier(*_many_pools(300))
    monkeypatch.setattr(UserPool, "issuer_forms", property(lambda pool: pytest.fail("formatted again")))
    monkeypatch.setattr(few, "pools", None)
    monkeypatch.setattr(many, "pools", None)
    refusal(raw, few)  # fills the cache of headers
    assert count_calls(lambda: refusal(raw, many)) == count_calls(lambda: refusal(raw, few))


TOKENS = {
    "accepted": sign(access_claims()),
    "unaccepted client": sign(access_claims(client_id="3other")),
    "expired": sign(access_claims(exp=NOW - 60)),
    "unsigned": f"{HEADER_PART}.{CLAIMS}.",
    "unaccepted client of an unknown key": sign(access_claims(client_id="3other"), header={"kid": "?", "alg": "RS256"}),
    "client that is not a string": sign(access_claims(client_id=["1webclient"])),
}


@pytest.mark.parametrize("raw", TOKENS.values(), ids=TOKENS)
def test_verdict_is_reached_without_comparing_each_client(raw: str) -> None:
    few, many = make_verifier(_many_clients(0), cache_size=0), make_verifier(_many_clients(300), cache_size=0)

    def verify(verifier: TokenVerifier) -> None:
        with suppress(TokenError):
            verifier.verify(raw)

    verify(few)
    assert (
        count_calls(lambda: verify(many)) <= count_calls(lambda: verify(few)) + 5
    )  # two strings may share a hash bucket
