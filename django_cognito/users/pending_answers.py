"""Share one answer between all callers of this process that need it at the same time. No I/O of its own."""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

from ..core.forks import run_in_forked_child

_K = TypeVar("_K")
_T = TypeVar("_T")


class _Answer(Future[_T]):
    def __init__(self) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()  # no caller that waits can cancel it
        self.started_at = time.monotonic()


class PendingAnswers(Generic[_K, _T]):
    """The answers that callers wait for, by key: the first caller of a key gets the answer, the others share it.

    `no_answer` is what the others get if the first caller fails, or takes too long. Create it at import time: a forked
    child forgets the answers, because the threads that would set them do not exist there. Safe with threads.
    """

    def __init__(self, no_answer: _T) -> None:
        self._no_answer = no_answer
        self._answers: dict[_K, _Answer[_T]] = {}
        run_in_forked_child(self._answers.clear)

    def __contains__(self, key: _K) -> bool:
        return key in self._answers

    def __len__(self) -> int:
        return len(self._answers)

    def join(self, key: _K, max_age: float = math.inf) -> "tuple[Future[_T], bool]":
        """Return the answer of a key, and whether it is the caller's, who must call `end`.

        An answer is not shared if its first caller began `max_age` seconds ago, or earlier.
        """
        own: _Answer[_T] = _Answer()
        answer = self._answers.setdefault(key, own)  # atomic: one caller is the first
        if own.started_at - answer.started_at >= max_age:
            self._answers[key] = answer = own
        return answer, answer is own

    def end(self, key: _K, answer: "Future[_T]", value: _T | None = None) -> None:
        """Set the caller's answer, which later callers do not share. Without effect if it is set; None is `no_answer`.

        The answer of the key may be that of a later caller already, which is not removed.
        """
        if self._answers.get(key) is answer:
            del self._answers[key]
        if not answer.done():
            answer.set_result(self._no_answer if value is None else value)

    def wait(self, answer: "Future[_T]", seconds: float) -> _T:
        """Return another caller's answer; `no_answer` if it takes longer than `seconds`."""
        with suppress(TimeoutError):
            return answer.result(seconds)
        return self._no_answer

    async def await_answer(self, answer: "Future[_T]", seconds: float) -> _T:
        """Async version of `wait`."""
        if answer.done():
            return answer.result()
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.wrap_future(answer), seconds)
        return self._no_answer


async def finish_call(call: Coroutine[Any, Any, _T], end: Callable[[], None]) -> _T:
    """Return the result of `call`, which is finished also if the caller is cancelled: others wait for it.

    `end` is called after it, also if the event loop ends before `call` has begun.
    """
    task = asyncio.ensure_future(call)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it as forgotten
    task.add_done_callback(lambda done: end())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
