"""A step of the journey: a title, the expected result and a function that returns the actual result."""

from collections.abc import Callable
from dataclasses import dataclass

import requests
from botocore.exceptions import BotoCoreError, ClientError

from .context import Context
from .page import UnexpectedPageError

_STEP_ERRORS = (UnexpectedPageError, requests.RequestException, BotoCoreError, ClientError, ValueError, KeyError)


@dataclass(frozen=True)
class Outcome:
    """The result of a step."""

    title: str
    expected: str
    actual: str

    @property
    def is_success(self) -> bool:
        """Whether the actual result is exactly the expected one."""
        return self.actual == self.expected


@dataclass(frozen=True)
class Step:
    """A step. `function` returns the actual result, in the words of `expected` if the step succeeds."""

    title: str
    expected: str
    function: Callable[[Context], str]

    def run(self, context: Context) -> Outcome:
        """Run the step. If it raises an error, the error is the actual result, and the journey continues."""
        try:
            actual = self.function(context)
        except _STEP_ERRORS as error:
            actual = f"{type(error).__name__}: {error}"
        return Outcome(self.title, self.expected, actual)


def step(title: str, *, expected: str) -> Callable[[Callable[[Context], str]], Step]:
    """Return a decorator that converts a function to a step."""
    return lambda function: Step(title, expected, function)
