"""The limits of attempts per hour."""

import pytest
from local_cognito.errors import ServiceError
from local_cognito.self_service.attempt_limits import AttemptLimits


class Clock:
    """A clock that stands still until it is set."""

    time = 1_790_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_attempts_of_the_last_hour_are_limited(clock: Clock) -> None:
    limits = AttemptLimits(clock)
    for _ in range(2):
        limits.count("alice", 2)
        clock.time += 1800
    limits.count("alice", 2)  # the first attempt was an hour ago
    with pytest.raises(
        ServiceError, match="LimitExceededException: Attempt limit exceeded, please try after some time"
    ):
        limits.count("alice", 2)


def test_refused_attempt_does_not_count(clock: Clock) -> None:
    limits = AttemptLimits(clock)
    limits.count("alice", 1)
    clock.time += 3599
    with pytest.raises(ServiceError):
        limits.count("alice", 1)
    clock.time += 1
    limits.count("alice", 1)


def test_each_name_has_its_own_limit(clock: Clock) -> None:
    limits = AttemptLimits(clock)
    limits.count("alice", 1)
    limits.count("bob", 1)


def test_name_with_the_oldest_attempt_is_evicted_at_capacity(clock: Clock) -> None:
    limits = AttemptLimits(clock)
    for name in ["first", "second", *range(9_999)]:
        limits.count(name, 1)
    limits.count("first", 1)
    with pytest.raises(ServiceError):
        limits.count(9_998, 1)
