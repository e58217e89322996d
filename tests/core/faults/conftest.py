"""Fixtures of the fault tests: one JWKS server per test. A connection to another host fails the test."""

from collections.abc import Iterator

import pytest
from local_cognito_support.scripted_server import ScriptedServer

from tests.support.connections import Connections, watched
from tests.support.scenarios.user_pool import UserPoolScenario, keys, settle


@pytest.fixture(autouse=True)
def connections() -> Iterator[Connections]:
    """Yield the connections of the test. Fail if one of them left this host."""
    settle()  # fetches of earlier tests, on a busy computer
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
def scenario(server: ScriptedServer) -> UserPoolScenario:
    """Return a pool with the JWKS of `server`. Nothing is fetched yet."""
    return UserPoolScenario(server.url)


@pytest.fixture
def warm(scenario: UserPoolScenario) -> UserPoolScenario:
    """Return the same pool with its keys just cached."""
    scenario.verifier.hydrate()
    return scenario
