"""Every test here has a key server of its own, and fails where anything was to leave this machine."""

from collections.abc import Iterator

import pytest

from tests.support.connections import Connections, watched
from tests.support.pool_scenario import Scene, keys, settle
from tests.support.scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def connections() -> Iterator[Connections]:
    """The connections that the test made; none of them abroad."""
    with watched() as seen:
        yield seen
        settle()
    assert seen.abroad == []


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A key address that publishes the key "one"."""
    with ScriptedServer(keys("one")) as started:
        yield started
        settle()


@pytest.fixture
def scene(server: ScriptedServer) -> Scene:
    """The pool whose keys `server` publishes; nothing is fetched yet."""
    return Scene(server.url)


@pytest.fixture
def warm(scene: Scene) -> Scene:
    """The same, with the keys in hand since now."""
    scene.verifier.hydrate()
    return scene
