"""Tracebacks whose frames hold no secrets. Must not depend on how a report reads them.

Django's error reports, Sentry, Rollbar, rich and `logging` with locals show the local variables of frames, each by its
own rules. So these variables are cleared.
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
_MAY_BE_SUSPENDED = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


def clear_frame_locals(function: _Function) -> _Function:
    """Return `function` with this addition: if it raises, the frames of the traceback lose their local variables.

    For functions and coroutine functions that take or obtain tokens, codes or keys. A caller that holds such a value
    in a variable needs this decorator too.
    """
    if iscoroutinefunction(function):

        @wraps(function)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            before = sys.exception()
            try:
                return await function(*args, **kwargs)
            except BaseException as error:
                args, kwargs = (), {}
                _clear_locals(error, before)
                raise

    else:

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            before = sys.exception()
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                args, kwargs = (), {}
                _clear_locals(error, before)
                raise

    return cast("_Function", guarded)


def _clear_locals(error: BaseException, before: BaseException | None) -> None:
    """Clear the frames of `error`, its causes and contexts; not those of `before`, which the caller was handling."""
    for linked in _linked_errors(error, {id(before)}):
        entries: list[TracebackType | None] = []
        trace = linked.__traceback__
        while trace is not None:
            # Frames of coroutines and generators are removed from the traceback instead. If such a frame has ended it
            # cannot be distinguished from a suspended one, which may raise the same error again, and clearing a
            # suspended frame would end it.
            if not trace.tb_frame.f_code.co_flags & _MAY_BE_SUSPENDED:
                entries.append(trace)
            trace = trace.tb_next
        for entry, following in pairwise([*entries, None]):
            cleared = cast("TracebackType", entry)
            with suppress(RuntimeError):  # the frame is still running
                cleared.tb_frame.clear()
            cleared.tb_next = following
        linked.__traceback__ = entries[0] if entries else None


def _linked_errors(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        yield from _linked_errors(error.__cause__, seen)
        error = error.__context__
