"""Real worker processes that are killed during a refresh, or get its response too late; the client rotates tokens.

Cognito has then rotated the refresh token, and only the lost response had the new one. It accepts the old one for the
grace period.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from local_cognito import Emulator

from django_cognito import factories
from django_cognito.core.errors import SignInError
from django_cognito.sessions import store
from tests.support.clock import Clock
from tests.support.local_cognito import settings_for
from tests.support.scenarios.login import change_login

from .refresh_processes import (
    CLIENT_ID,
    DelayingProxy,
    Site,
    delayed_refreshes,
    login_in,
    rotating_seed,
    running_site,
    sign_in_browsers,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.support.login_site"),
]

GRACE_SECONDS = 60  # the longest that Cognito allows; Cognito's clock stands still, so that it does not pass by itself
EXPIRIES: list[float] = [55, 55, -1, -1]  # two browsers in the margin, two after expiry
LIMIT_SECONDS = 300
ALICE = (200, "alice")


@pytest.fixture
def cognito_clock() -> Clock:
    return Clock(time.time())


@pytest.fixture(params=[GRACE_SECONDS], ids=["grace"])
def emulator(request: pytest.FixtureRequest, settings: Any, cognito_clock: Clock) -> Iterator[Emulator]:
    with Emulator(seed=rotating_seed(request.param), now=cognito_clock) as running_emulator:
        settings.COGNITO = settings_for(running_emulator, CLIENT_ID)
        yield running_emulator
    factories.discard_instances()


@pytest.fixture
def proxy(emulator: Emulator, settings: Any) -> Iterator[DelayingProxy]:
    with DelayingProxy(emulator) as running_proxy:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": running_proxy.url}
        yield running_proxy


@pytest.fixture
def site(request: pytest.FixtureRequest, emulator: Emulator, proxy: DelayingProxy, tmp_path: Path) -> Iterator[Site]:
    """Yield a site with a TOKEN_TIMEOUT_SECONDS that does not pass by itself, by default."""
    with running_site(emulator, proxy, tmp_path, getattr(request, "param", 60)) as site:
        yield site


def request_until_refreshed(site: Site, clients: list[Client], version: int = 1) -> list[tuple[int, str]]:
    """Send requests of each browser until the tokens of each have this version; return all responses."""
    answers: list[tuple[int, str]] = []
    deadline = time.monotonic() + LIMIT_SECONDS
    while waiting_clients := [client for client in clients if login_in(client).version < version]:
        assert time.monotonic() < deadline, f"{len(waiting_clients)} logins were not refreshed"
        answers += site.get_all(waiting_clients)
        time.sleep(0.5)  # as a browser pauses
    return answers


def end_leases(clients: list[Client]) -> None:
    """Let the time pass after which the lease of a dead worker expires."""
    for client in clients:
        change_login(login_in(client), leased_for=-1)


def refresh_once_more(site: Site, clients: list[Client]) -> None:
    """Check that Cognito accepts the stored refresh token."""
    for client in clients:
        change_login(login_in(client), ends_in=-1)
    # Until Cognito has responded to it once, a worker refreshes one login at a time.
    assert set(request_until_refreshed(site, clients, version=2)) == {ALICE}


def refresh_tokens(clients: list[Client]) -> list[str]:
    return [str(store.decrypt_tokens(login_in(client)).refresh_token) for client in clients]


def test_worker_killed_during_a_refresh_does_not_sign_out(emulator: Emulator, proxy: DelayingProxy, site: Site) -> None:
    clients = sign_in_browsers(emulator, EXPIRIES)
    first_tokens = refresh_tokens(clients)
    with delayed_refreshes(site, proxy, clients) as answers:
        assert site.kill_workers() >= 1
    assert answers == [(0, "")] * len(clients)
    assert site.get_all(clients) == [ALICE] * len(clients)  # with the stored tokens: the lease has not expired
    assert set(proxy.refreshes.values()) == {1}
    end_leases(clients)
    assert set(request_until_refreshed(site, clients)) <= {ALICE}
    assert [proxy.refreshes[token] for token in first_tokens] == [2] * len(clients)
    assert [login_in(client).refresh_sent_at for client in clients] == [None] * len(clients)
    refresh_once_more(site, clients)


@pytest.mark.parametrize("site", [12], indirect=True, ids=["timeout of 12 s"])
def test_response_after_the_timeout_does_not_sign_out(emulator: Emulator, proxy: DelayingProxy, site: Site) -> None:
    clients = sign_in_browsers(emulator, EXPIRIES)
    first_tokens = refresh_tokens(clients)
    with delayed_refreshes(site, proxy, clients) as answers:
        pass  # each worker stops waiting by itself
    assert answers == [ALICE] * len(clients)
    assert all(login_in(client).refresh_sent_at for client in clients)
    assert set(request_until_refreshed(site, clients)) <= {ALICE}
    assert [proxy.refreshes[token] for token in first_tokens] == [2] * len(clients)
    refresh_once_more(site, clients)


@pytest.mark.parametrize("emulator", [1], indirect=True, ids=["grace of 1 s"])
def test_grace_shorter_than_the_lease_signs_out_after_expiry(
    emulator: Emulator, cognito_clock: Clock, proxy: DelayingProxy, site: Site
) -> None:
    valid_client, expired_client = clients = sign_in_browsers(emulator, [55, -1])
    with delayed_refreshes(site, proxy, clients):
        site.kill_workers()
    cognito_clock.forward(2)  # the grace
    end_leases(clients)
    deadline = time.monotonic() + LIMIT_SECONDS
    while site.get(expired_client) == ALICE:
        assert time.monotonic() < deadline
        assert site.get(valid_client) == ALICE
        time.sleep(0.5)
    with pytest.raises(SignInError):
        login_in(expired_client)
    assert site.get(valid_client) == ALICE  # its tokens have not expired
