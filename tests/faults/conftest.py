"""Fixtures of a site with every entry point, a scripted pool, and cached keys that age by a fixed clock."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito import factories
from django_cognito.core.tokens.key_store import KeyStores
from django_cognito.testing.keys import jwks
from tests.support.clock import Clock
from tests.support.connections import Connections, watched
from tests.support.scenarios.user_pool import settle

from .entry_points import Site


@pytest.fixture(autouse=True)
def connections() -> Iterator[Connections]:
    """Yield the connections that the test opens; assert that none leaves this host."""
    settle()  # fetches of earlier tests, on a busy computer
    with watched() as connections:
        yield connections
    assert connections.abroad == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that determines the age of the site's keys."""
    clock = Clock()
    monkeypatch.setattr(factories, "KeyStores", partial(KeyStores, now=clock))
    return clock


@pytest.fixture
def site(settings: Any, clock: Clock, db: None) -> Iterator[Site]:
    """Yield the site; its pool publishes `make_token`'s key, and nothing has been fetched."""
    factories.discard_instances()
    with ScriptedServer(json_answer(jwks())) as keys, ScriptedServer() as tokens:
        settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{keys.url}/jwks.json", "DOMAIN": tokens.url}
        yield Site(keys, tokens, clock)
        settle()
    factories.discard_instances()
