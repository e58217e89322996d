"""An error leaves with its traceback, and frames of what was called have forgotten what they held."""

import asyncio
import gc
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from django_cognito.core.tracebacks import clear_frame_locals

A, B = "secret of a", "secret of b"


def inner(given: str) -> None:
    mine = [given]
    raise KeyError(len(mine))


@clear_frame_locals
def plain(given: str, *, named: str) -> None:
    both = [given, named]
    inner(both[0])


@clear_frame_locals
def translating(given: str, *, named: str) -> None:
    try:
        inner(given)
    except KeyError as error:
        raise ValueError("translated") from error


@clear_frame_locals
def failing_twice(given: str, *, named: str) -> None:
    try:
        inner(given)
    finally:
        inner(named)


@clear_frame_locals
async def waiting(given: str, *, named: str) -> None:
    await asyncio.sleep(0)
    inner(given)


@clear_frame_locals
async def awaiting_others(given: str, *, named: str) -> None:
    await asyncio.gather(waiting(given, named=named))


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Whatever kind of function it is."""
    given = function(*args, **kwargs)
    return asyncio.run(given) if asyncio.iscoroutine(given) else given


def frames(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield from (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        error = error.__cause__ or error.__context__


CALLERS = ("run", "test_no_frame_knows_what_it_held_and_each_still_says_where_it_was")


@pytest.mark.parametrize("function", [plain, translating, failing_twice, waiting, awaiting_others])
def test_no_frame_knows_what_it_held_and_each_still_says_where_it_was(function: Callable[..., Any]) -> None:
    with pytest.raises((KeyError, ValueError)) as failed:
        run(function, A, named=B)
    held = [frame.f_locals for frame in frames(failed.value) if frame.f_code.co_name not in CALLERS]
    assert len(held) > 1
    assert "secret" not in repr(held)
    names = {frame.f_code.co_name for frame in frames(failed.value)}
    assert "inner" in names
    assert (function.__name__ in names) is not asyncio.iscoroutinefunction(function)


def test_nothing_is_kept_alive_by_the_error() -> None:
    class Held:
        pass

    @clear_frame_locals
    def fail(held: Held) -> None:
        raise KeyError

    held = Held()
    gone = weakref.ref(held)
    try:
        fail(held)
    except KeyError as error:
        kept = error
        del held
        gc.collect()
        assert gone() is None
        assert kept.__traceback__ is not None


def test_what_still_runs_keeps_its_own() -> None:
    mine = "still here"
    try:
        inner(mine)
    except KeyError:
        with pytest.raises(KeyError):
            plain(A, named=B)
    assert mine == "still here"


def test_a_coroutine_that_waits_with_the_same_error_in_hand_goes_on() -> None:
    shared = KeyError()

    @clear_frame_locals
    def fail(given: str) -> None:
        raise shared

    async def handle(given: str, is_over: asyncio.Event) -> str:
        try:
            fail(given)
        except KeyError:
            await is_over.wait()
        return given

    async def both() -> list[str]:
        is_over = asyncio.Event()
        first = asyncio.create_task(handle(A, is_over))
        await asyncio.sleep(0)
        with pytest.raises(KeyError):
            await sync_to_async(fail, thread_sensitive=False)(B)
        is_over.set()
        return [await first, await handle(B, is_over)]

    assert asyncio.run(asyncio.wait_for(both(), 20)) == [A, B]


def test_what_the_caller_was_at_before_stays_the_callers() -> None:
    @clear_frame_locals
    async def caller(given: str) -> str:
        try:
            inner(given)
        except KeyError:
            with pytest.raises(KeyError):
                await sync_to_async(plain, thread_sensitive=False)(A, named=B)
        return given

    assert asyncio.run(asyncio.wait_for(caller(A), 20)) == A


def test_errors_that_lead_to_each_other_in_a_circle_are_each_looked_at_once() -> None:
    first, second = KeyError(), ValueError()
    first.__context__, second.__context__ = second, first

    @clear_frame_locals
    def fail() -> None:
        raise first

    with pytest.raises(KeyError):
        fail()


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_also_of_what_ends_the_process(end: type[BaseException]) -> None:
    @clear_frame_locals
    def fail(given: str) -> None:
        raise end

    with pytest.raises(end) as failed:
        fail(A)
    assert "secret" not in repr([frame.f_locals for frame in list(frames(failed.value))[1:]])


def test_what_is_given_comes_back_and_the_name_stays() -> None:
    @clear_frame_locals
    def give(value: int) -> int:
        """Give it back."""
        return value

    @clear_frame_locals
    async def agive(value: int) -> int:
        return value

    assert (give(3), asyncio.run(agive(value=4))) == (3, 4)
    assert (give.__name__, give.__doc__) == ("give", "Give it back.")
    assert asyncio.iscoroutinefunction(agive)
