"""The local variables in the frames of an error."""

import traceback
from collections.abc import Iterator


def carried_values(error: BaseException) -> str:
    """Return the values in all frames except the test's, of an error, its causes and contexts."""
    return "\n".join(repr(value) for link in _chain(error) for value in _values(link))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _values(error: BaseException) -> Iterator[object]:
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_globals["__name__"].startswith("tests."):
            yield from frame.f_locals.values()
