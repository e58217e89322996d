"""What a report of an error may show: frames that held tokens have forgotten their locals.

Django's reports, Sentry, Rollbar, rich and `logging` with locals all show what frames hold, each by rules of its own.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, iscoroutinefunction
from itertools import pairwise
from types import TracebackType
from typing import Any, TypeVar, cast

_Function = TypeVar("_Function", bound=Callable[..., Any])
_MAY_WAIT = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


def without_locals(function: _Function) -> _Function:
    """Let an error leave `function` with its traceback, and without what its frames and those it called held.

    For functions, and coroutine functions, that are handed tokens, codes or keys or come by them. Whoever calls one,
    and holds such a thing, is one too.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            before = sys.exception()
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                args, kwargs = (), {}
                _forget_locals(error, before)
                raise

    else:

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            before = sys.exception()
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                args, kwargs = (), {}
                _forget_locals(error, before)
                raise

    return cast("_Function", guarded)


def _forget_locals(error: BaseException, before: BaseException | None) -> None:
    """Of `error` and those that led to it; not of what the caller was at `before`, whose frames are the caller's."""
    for each in _chain(error, {id(before)}):
        each.__traceback__ = _emptied(each.__traceback__)


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        yield from _chain(error.__cause__, seen)
        error = error.__context__


def _emptied(trace: TracebackType | None) -> TracebackType | None:
    """The traceback, whose frames hold nothing more; but for those that still run.

    Those of coroutines and generators are left out: one that has ended looks like one that waits, perhaps with another
    raising of the same error in hand, and to clear that would end it.
    """
    kept: list[TracebackType | None] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_flags & _MAY_WAIT:
            with suppress(RuntimeError):  # it still runs
                trace.tb_frame.clear()
            kept.append(trace)
        trace = trace.tb_next
    for each, following in pairwise([*kept, None]):
        cast("TracebackType", each).tb_next = following
    return kept[0] if kept else None
