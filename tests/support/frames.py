"""What an error carries in its frames, shown or not."""

import traceback
from collections.abc import Iterator


def carried_values(error: BaseException) -> str:
    """The values in all frames, but the test's, of an error and of those that led to it, shown or not."""
    return "\n".join(repr(value) for each in _chain(error) for value in _values(each))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _values(error: BaseException) -> Iterator[object]:
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not frame.f_globals["__name__"].startswith("tests."):
            yield from frame.f_locals.values()
