"""An error keeps its traceback, but the local variables of the called frames are cleared."""

import asyncio
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from django_cognito.core.tracebacks import clear_frame_locals

A, B = "secret of a", "secret of b"


def inner(secret: str) -> None:
    local = [secret]
    raise KeyError(len(local))


@clear_frame_locals
def plain(secret: str, *, keyword: str) -> None:
    both = [secret, keyword]
    inner(both[0])


@clear_frame_locals
def translating(secret: str, *, keyword: str) -> None:
    try:
        inner(secret)
    except KeyError as error:
        raise ValueError("translated") from error


@clear_frame_locals
def failing_twice(secret: str, *, keyword: str) -> None:
    try:
        inner(secret)
    finally:
        inner(keyword)


@clear_frame_locals
async def waiting(secret: str, *, keyword: str) -> None:
    await asyncio.sleep(0)
    inner(secret)


@clear_frame_locals
async def awaiting_others(secret: str, *, keyword: str) -> None:
    await asyncio.gather(waiting(secret, keyword=keyword))


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function or run a coroutine function."""
    result = function(*args, **kwargs)
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


def frames(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield from (frame for frame, _ in traceback.walk_tb(error.__traceback__))
        error = error.__cause__ or error.__context__


CALLERS = ("run", "test_called_frames_have_no_locals_but_stay_in_the_traceback")


@pytest.mark.parametrize("function", [plain, translating, failing_twice, waiting, awaiting_others])
def test_called_frames_have_no_locals_but_stay_in_the_traceback(function: Callable[..., Any]) -> None:
    with pytest.raises((KeyError, ValueError)) as failed:
        run(function, A, keyword=B)
    variables = [frame.f_locals for frame in frames(failed.value) if frame.f_code.co_name not in CALLERS]
    assert len(variables) > 1
    assert "secret" not in repr(variables)
    names = {frame.f_code.co_name for frame in frames(failed.value)}
    assert "inner" in names
    assert (function.__name__ in names) is not asyncio.iscoroutinefunction(function)


def test_error_keeps_no_argument_alive() -> None:
    class Argument:
        pass

    @clear_frame_locals
    def fail(argument: Argument) -> None:
        raise KeyError

    argument = Argument()
    reference = weakref.ref(argument)
    try:
        fail(argument)
    except KeyError as error:
        stored = error
        del argument
        assert reference() is None
        assert stored.__traceback__ is not None


def test_running_frames_keep_their_locals() -> None:
    local = "unchanged"
    try:
        inner(local)
    except KeyError:
        with pytest.raises(KeyError):
            plain(A, keyword=B)
    assert local == "unchanged"


def test_coroutine_waiting_with_the_same_error_keeps_its_locals() -> None:
    shared = KeyError()

    @clear_frame_locals
    def fail(secret: str) -> None:
        raise shared

    async def handle(secret: str, finished: asyncio.Event) -> str:
        try:
            fail(secret)
        except KeyError:
            await finished.wait()
        return secret

    async def both() -> list[str]:
        finished = asyncio.Event()
        first = asyncio.create_task(handle(A, finished))
        await asyncio.sleep(0)
        with pytest.raises(KeyError):
            await sync_to_async(fail, thread_sensitive=False)(B)
        finished.set()
        return [await first, await handle(B, finished)]

    assert asyncio.run(asyncio.wait_for(both(), 20)) == [A, B]


def test_caller_that_handles_an_error_keeps_its_locals() -> None:
    @clear_frame_locals
    async def caller(secret: str) -> str:
        try:
            inner(secret)
        except KeyError:
            with pytest.raises(KeyError):
                await sync_to_async(plain, thread_sensitive=False)(A, keyword=B)
        return secret

    assert asyncio.run(asyncio.wait_for(caller(A), 20)) == A


def test_errors_with_circular_contexts_are_visited_once() -> None:
    first, second = KeyError(), ValueError()
    first.__context__, second.__context__ = second, first

    @clear_frame_locals
    def fail() -> None:
        raise first

    with pytest.raises(KeyError):
        fail()


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_base_exceptions_have_no_locals(end: type[BaseException]) -> None:
    @clear_frame_locals
    def fail(secret: str) -> None:
        raise end

    with pytest.raises(end) as failed:
        fail(A)
    assert "secret" not in repr([frame.f_locals for frame in list(frames(failed.value))[1:]])


def test_return_value_and_function_name_are_unchanged() -> None:
    @clear_frame_locals
    def return_value(value: int) -> int:
        """Return the value."""
        return value

    @clear_frame_locals
    async def areturn_value(value: int) -> int:
        return value

    assert (return_value(3), asyncio.run(areturn_value(value=4))) == (3, 4)
    assert (return_value.__name__, return_value.__doc__) == ("return_value", "Return the value.")
    assert asyncio.iscoroutinefunction(areturn_value)
