"""FI-22 for coroutines: many that start cold together, and one of them cancelled."""

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
CANCELLED = (0, 100)  # the one that came first, which is the one that fetches, and one that waits


def at_once(gate: Gate, raw: str) -> list[str]:
    """What 200 coroutines get that come while the keys are fetched; two of them are cancelled meanwhile."""

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
        type(said).__name__ if isinstance(said, BaseException) else said[1].username for said in async_to_sync(run)()
    ]


def expected(word: str) -> list[str]:
    return ["CancelledError" if position in CANCELLED else word for position in range(COROUTINES)]


def test_fi_22_two_hundred_coroutines_cold_cause_one_fetch_and_a_cancelled_one_cancels_no_other(site: Site) -> None:
    gate = Gate()
    site.keys.script(Answer(200, json.dumps(jwks()).encode(), before=gate))
    assert at_once(gate, make_token()) == expected("alice")
    assert site.keys.count == 1
    assert get_user_model().objects.count() == 1


@pytest.mark.parametrize("answer", [Answer(404), json_answer({"keys": []})], ids=["down", "no keys"])
def test_fi_22_in_an_outage_all_coroutines_hear_of_it(site: Site, answer: Answer) -> None:
    gate = Gate()
    site.keys.script(Answer(answer.status, answer.body, before=gate))
    assert at_once(gate, make_token()) == expected("CognitoUnavailableError")
    assert site.keys.count == 1


def test_fi_22_a_fetch_that_breaks_locks_no_coroutine_out(
    site: Site, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken()
    monkeypatch.setattr(factories, "KeyStores", lambda **given: KeyStores(**{**given, "http": broken, "now": clock}))
    factories.discard_instances()
    said = at_once(broken.gate, make_token())
    assert set(said) <= {"CancelledError", "ZeroDivisionError", "CognitoUnavailableError"}
    assert said.count("CognitoUnavailableError") >= COROUTINES - 3
    assert broken.count == 1
    clock.forward(1)
    broken.is_mended = True
    assert async_to_sync(aauthenticate)(make_token())[1].username == "alice"


def test_fi_22_with_the_keys_in_hand_no_coroutine_waits_for_their_renewal(site: Site) -> None:
    raw = make_token()
    async_to_sync(aauthenticate)(raw)
    gate = Gate()
    site.keys.script(Answer(404, before=gate))
    site.clock.forward(3_600)

    async def run() -> list[Any]:
        return await asyncio.gather(*(aauthenticate(raw) for _ in range(COROUTINES)))

    assert len(async_to_sync(run)()) == COROUTINES
    gate.wait_for_request()


def test_fi_22_coroutines_that_wait_for_keys_leave_the_threads_to_others(site: Site) -> None:
    gate, raw = Gate(), make_token()
    site.keys.script(Answer(200, json.dumps(jwks()).encode(), before=gate))

    async def run() -> list[Any]:
        with ThreadPoolExecutor(2) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            tasks = [asyncio.create_task(aauthenticate(raw)) for _ in range(COROUTINES)]
            while not gate.requested.is_set():
                await asyncio.sleep(0.005)
            async with asyncio.timeout(HANG_SECONDS):
                await asyncio.to_thread(gate.opened.set)  # what needs a thread of its own still gets one
                return await asyncio.gather(*tasks)

    assert len(async_to_sync(run)()) == COROUTINES
    assert site.keys.count == 1


class Broken:
    """An Http with a fault of the program's own, until it is mended; then it gives the keys."""

    def __init__(self) -> None:
        self.count, self.gate, self.is_mended = 0, Gate(), False

    def request(self, *_: Any, **__: Any) -> Response:
        self.count += 1
        if self.is_mended:
            return Response(200, {}, json.dumps(jwks()).encode())
        self.gate()
        raise ZeroDivisionError
