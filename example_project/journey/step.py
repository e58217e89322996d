"""What a step of the journey is: a title, what is expected, and a function that says what it saw."""

from collections.abc import Callable
from dataclasses import dataclass

import requests
from botocore.exceptions import BotoCoreError, ClientError

from .page import LostError
from .world import World


@dataclass(frozen=True)
class Outcome:
    """How a step went."""

    title: str
    expected: str
    seen: str

    @property
    def held(self) -> bool:
        """Whether what was seen is what was expected, to the word."""
        return self.seen == self.expected


@dataclass(frozen=True)
class Step:
    """A step: `look` takes it and says what it saw, in the words of `expected` if all went well."""

    title: str
    expected: str
    look: Callable[[World], str]

    def take(self, world: World) -> Outcome:
        """Take the step. What stops it on the way is what it saw, and the journey goes on with the next."""
        try:
            seen = self.look(world)
        except (LostError, requests.RequestException, BotoCoreError, ClientError, ValueError, KeyError) as error:
            seen = f"{type(error).__name__}: {error}"
        return Outcome(self.title, self.expected, seen)


def step(title: str, *, expected: str) -> Callable[[Callable[[World], str]], Step]:
    """Make a function a step."""
    return lambda look: Step(title, expected, look)
