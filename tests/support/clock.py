"""Clocks that tests pass to the code under test."""

import time


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        """Add `seconds`; a negative number sets the clock back."""
        self.now += seconds


class OffsetClock:
    """The time of day plus `ahead` seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead
