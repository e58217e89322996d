"""Fixtures of a site whose pool is the scripted provider and whose cached keys age by a fixed clock."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.test import Client

from django_cognito import factories
from django_cognito.core.tokens.key_store import KeyStores
from tests.support.clock import Clock
from tests.support.connections import Connections, watched
from tests.support.scenarios.user_pool import settle

from .provider import CLIENT_ID, Provider
from .scenario import sign_in


@pytest.fixture(autouse=True)
def connections() -> Iterator[Connections]:
    """Yield the connections that the test opens; assert that none leaves this host."""
    settle()  # fetches of earlier tests, on a busy computer
    with watched() as connections:
        yield connections
        settle()
    assert connections.abroad == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that determines the age of the site's keys."""
    clock = Clock()
    monkeypatch.setattr(factories, "KeyStores", partial(KeyStores, now=clock))
    return clock


@pytest.fixture
def provider(settings: Any, clock: Clock, db: None) -> Iterator[Provider]:
    """Yield the provider without a fault; the site has sent it no request."""
    factories.discard_instances()
    with Provider(settings.COGNITO["USER_POOL_ID"], CLIENT_ID) as provider:
        settings.COGNITO = {**settings.COGNITO, **provider.settings}
        yield provider
        settle()
    factories.discard_instances()


@pytest.fixture(params=["nobody", "bob"])
def username_before(request: pytest.FixtureRequest, client: Client, provider: Provider) -> str:
    """Return the username at the browser before a request is refused, which must be the same after it.

    The provider has no record of the first sign-in.
    """
    if request.param != "nobody":
        provider.username = request.param
        sign_in(client)
        provider.username = "alice"
        factories.discard_instances()  # the keys are fetched again
    provider.called_endpoints.clear()
    return str(request.param)


@pytest.fixture
def profile_from_user_info(settings: Any, provider: Provider) -> None:
    """Configure the site to read the user's profile from the userInfo endpoint."""
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo"}
