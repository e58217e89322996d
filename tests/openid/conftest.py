"""A site whose pool is the scripted provider, and whose keys' ages go by a clock that stands."""

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
    """The connections that the test made; none of them abroad."""
    with watched() as seen:
        yield seen
        settle()
    assert seen.abroad == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the site's keys grow old by."""
    clock = Clock()
    monkeypatch.setattr(factories, "KeyStores", partial(KeyStores, now=clock))
    return clock


@pytest.fixture
def provider(settings: Any, clock: Clock, db: None) -> Iterator[Provider]:
    """The provider, without a fault; the site has never asked it anything."""
    factories.discard_instances()
    with Provider(settings.COGNITO["USER_POOL_ID"], CLIENT_ID) as provider:
        settings.COGNITO = {**settings.COGNITO, **provider.settings}
        yield provider
        settle()
    factories.discard_instances()


@pytest.fixture(params=["nobody", "bob"])
def before(request: pytest.FixtureRequest, client: Client, provider: Provider) -> str:
    """Who the browser is before something is refused, and must be after it; the provider has forgotten how."""
    if request.param != "nobody":
        provider.username = request.param
        sign_in(client)
        provider.username = "alice"
        factories.discard_instances()  # the keys are asked for anew
    provider.asked.clear()
    return str(request.param)


@pytest.fixture
def profile_from_user_info(settings: Any, provider: Provider) -> None:
    """A site that asks userInfo for the profile of whoever signs in."""
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo"}
