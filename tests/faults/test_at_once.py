"""FI-22 for coroutines: many start together without cached keys, and two are cancelled."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from local_cognito_support.scripted_server import Answer, json_answer

from django_cognito import factories
from django_cognito.core.http.client import Response
from django_cognito.core.tokens.key_store import KeyStores
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from django_cognito.users.authentication import aauthenticate
from tests.support.clock import Clock
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import HANG_SECONDS

from .entry_points import Site

COROUTINES = 200
CANCELLED = (0, 100)  # the first one, which fetches the keys, and one that waits


def run_coroutines(gate: Gate, raw: str) -> list[str]:
    """Return the results of 200 coroutines that start while the keys are fetched; two of them are cancelled."""

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(aauthenticate(raw)) for _ in range(COROUTINES)]
        while not gate.requested.is_set():
            await asyncio.sleep(0.005)
        for position in CANCELLED:
            tasks[position].cancel()
        await asyncio.sleep(0.05)
        gate.opened.set()
        async with asyncio.timeout(HANG_SECONDS):
            return await asyncio.gather(*tasks, return_exceptions=True)

    return [
        type(result).__name__ if isinstance(result, BaseException) else result[1].username
        for result in async_to_sync(run)()
    ]


def expected_results(word: str) -> list[str]:
    return ["CancelledError" if position in CANCELLED else word for position in range(COROUTINES)]


def test_fi_22_coroutines_share_one_fetch_and_cancelling_one_is_safe(site: Site) -> None:
    gate = Gate()
    site.keys.script(Answer(200, json.dumps(jwks()).encode(), before=gate))
    assert run_coroutines(gate, make_token()) == expected_results("alice")
    assert site.keys.count == 1
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize("answer", [Answer(404), json_answer({"keys": []})], ids=["down", "no keys"])
def test_fi_22_outage_is_raised_in_every_coroutine(site: Site, answer: Answer) -> None:
    gate = Gate()
    site.keys.script(Answer(answer.status, answer.body, before=gate))
    assert run_coroutines(gate, make_token()) == expected_results("CognitoUnavailableError")
    assert site.keys.count == 1


def test_fi_22_programming_error_in_a_fetch_blocks_no_coroutine(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BrokenHttp()
    monkeypatch.setattr(
        factories, "KeyStores", lambda **options: KeyStores(**{**options, "http": broken, "now": clock})
    )
    factories.discard_instances()
    results = run_coroutines(broken.gate, make_token())
    assert set(results) <= {"CancelledError", "ZeroDivisionError", "CognitoUnavailableError"}
    assert results.count("CognitoUnavailableError") >= COROUTINES - 3
    assert broken.count == 1
    clock.forward(1)
    broken.is_repaired = True
    assert async_to_sync(aauthenticate)(make_token())[1].username == "alice"


def test_fi_22_coroutines_use_cached_keys_during_a_fetch(site: Site) -> None:
    raw = make_token()
    async_to_sync(aauthenticate)(raw)
    gate = Gate()
    site.keys.script(Answer(404, before=gate))
    site.clock.forward(3_600)

    async def run() -> list[Any]:
        return await asyncio.gather(*(aauthenticate(raw) for _ in range(COROUTINES)))

    assert len(async_to_sync(run)()) == COROUTINES
    gate.wait_for_request()


def test_fi_22_coroutines_that_wait_for_keys_occupy_no_thread(site: Site) -> None:
    gate, raw = Gate(), make_token()
    site.keys.script(Answer(200, json.dumps(jwks()).encode(), before=gate))

    async def run() -> list[Any]:
        with ThreadPoolExecutor(2) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            tasks = [asyncio.create_task(aauthenticate(raw)) for _ in range(COROUTINES)]
            while not gate.requested.is_set():
                await asyncio.sleep(0.005)
            async with asyncio.timeout(HANG_SECONDS):
                await asyncio.to_thread(gate.opened.set)  # another task still gets a thread
                return await asyncio.gather(*tasks)

    assert len(async_to_sync(run)()) == COROUTINES
    assert site.keys.count == 1


class BrokenHttp:
    """An Http that raises a programming error until it is repaired; then it returns the keys."""

    def __init__(self) -> None:
        self.count, self.gate, self.is_repaired = 0, Gate(), False

    def request(self, *_: Any, **__: Any) -> Response:
        self.count += 1
        if self.is_repaired:
            return Response(200, {}, json.dumps(jwks()).encode())
        self.gate()
        raise ZeroDivisionError
