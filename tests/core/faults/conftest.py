"""Fixtures of the fault tests: one JWKS server per test. A connection to another host fails the test."""

from collections.abc import Iterator

import pytest

from tests.support.connections import Connections, watched
from tests.support.pool_scenario import Scene, keys, settle
from tests.support.scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def connections() -> Iterator[Connections]:
    """Yield the connections of the test. Fail if one of them left this host."""
    with watched() as recorded:
        yield recorded
        settle()
    assert recorded.abroad == []


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Yield a JWKS server with the key "one"."""
    with ScriptedServer(keys("one")) as started:
        yield started
        settle()


@pytest.fixture
def scenario(server: ScriptedServer) -> Scene:
    """Return a pool with the JWKS of `server`. Nothing is fetched yet."""
    return Scene(server.url)


@pytest.fixture
def warm(scenario: Scene) -> Scene:
    """Return the same pool with its keys just cached."""
    scenario.verifier.hydrate()
    return scenario
