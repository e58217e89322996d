"""Several cases in one test, for cases that take less time than the preparation of a test item."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

Case = Callable[[str], AbstractContextManager[None]]


@contextmanager
def cases() -> Iterator[Case]:
    """Yield a context manager for a case with a name; at the end, fail with each case that failed.

    with cases() as case:
        for name, value in VALUES.items():
            with case(name):
                assert is_accepted(value)
    """
    failures: dict[str, str] = {}

    @contextmanager
    def attempt(name: str) -> Iterator[None]:
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - reported below
            failures[name] = "".join(traceback.format_exception(error))

    yield attempt
    if failures:
        texts = [f"case {name!r}:\n{text}" for name, text in failures.items()]
        pytest.fail(f"{len(failures)} cases failed: {', '.join(failures)}\n\n" + "\n".join(texts), pytrace=False)
