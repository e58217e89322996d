"""A person's AWS against a loopback identity pool, by a clock of the tests' own."""

from collections.abc import Iterator

import pytest

from .identity_endpoint import Clock, IdentityEndpoint


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint(clock: Clock) -> Iterator[IdentityEndpoint]:
    with IdentityEndpoint(clock) as server:
        yield server
