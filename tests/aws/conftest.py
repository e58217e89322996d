"""Fixtures: a loopback identity pool, and the clock of the tests."""

from collections.abc import Iterator

import pytest

from tests.support.clock import Clock

from .identity_endpoint import IdentityEndpoint


@pytest.fixture
def clock() -> Clock:
    return Clock(1_790_000_000.0)


@pytest.fixture
def endpoint(clock: Clock) -> Iterator[IdentityEndpoint]:
    with IdentityEndpoint(clock) as server:
        yield server
