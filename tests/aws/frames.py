"""What an error would show of its frames: Django's debug page does, and so do error reports."""

import traceback
from collections.abc import Iterator

from django.views.debug import ExceptionReporter


def debug_page(error: BaseException) -> str:
    """Django's debug page of an error that a test caught, without the test's own frame."""
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    return str(ExceptionReporter(None, type(error), error, error.__traceback__).get_traceback_html())


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
