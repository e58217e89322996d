"""A site with every door open, whose pool is scripted and whose keys' ages go by a clock that stands."""

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
    """The connections that the test made; none of them abroad."""
    with watched() as seen:
        yield seen
    assert seen.abroad == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the site's keys grow old by."""
    clock = Clock()
    monkeypatch.setattr(factories, "KeyStores", partial(KeyStores, now=clock))
    return clock


@pytest.fixture
def site(settings: Any, clock: Clock, db: None) -> Iterator[Site]:
    """The site; its pool publishes `make_token`'s key, and nothing has been fetched."""
    factories.discard_instances()
    with ScriptedServer(json_answer(jwks())) as keys, ScriptedServer() as tokens:
        settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{keys.url}/jwks.json", "DOMAIN": tokens.url}
        yield Site(keys, tokens, clock)
        settle()
    factories.discard_instances()
