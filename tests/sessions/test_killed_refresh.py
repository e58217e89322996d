"""Real worker processes that are killed during a refresh, or get its answer too late, at a client that rotates tokens.

Cognito has replaced the refresh token by then, and only the lost answer had the new one. It accepts the old one for the
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
from tests.support.local_cognito import settings_for
from tests.support.login_scenario import change

from .refresh_processes import (
    CLIENT_ID,
    HoldingProxy,
    Site,
    held_refreshes,
    login_in,
    rotating_seed,
    running_site,
    sign_in_browsers,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.support.login_site"),
]

TOKEN_TIMEOUT_SECONDS = 6
LEASE_SECONDS = TOKEN_TIMEOUT_SECONDS + 5
GRACE_SECONDS = 60
EXPIRIES: list[float] = [40, 40, -1, -1]  # two browsers inside the margin, two past expiry
ALICE = (200, "alice")


@pytest.fixture(params=[GRACE_SECONDS], ids=["grace"])
def emulator(request: pytest.FixtureRequest, settings: Any) -> Iterator[Emulator]:
    with Emulator(seed=rotating_seed(request.param)) as running:
        settings.COGNITO = settings_for(running, CLIENT_ID)
        yield running
    factories.reset()


@pytest.fixture
def proxy(emulator: Emulator, settings: Any) -> Iterator[HoldingProxy]:
    with HoldingProxy(emulator) as running:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": running.url}
        yield running


@pytest.fixture
def site(emulator: Emulator, proxy: HoldingProxy, tmp_path: Path) -> Iterator[Site]:
    with running_site(emulator, proxy, tmp_path, TOKEN_TIMEOUT_SECONDS) as running:
        yield running


def ask_until_refreshed(site: Site, clients: list[Client]) -> list[tuple[int, str]]:
    """Go on with requests of each browser until each has new tokens; return all that they got."""
    seen: list[tuple[int, str]] = []
    deadline = time.monotonic() + LEASE_SECONDS + 30
    while left := [client for client in clients if login_in(client).version == 0]:
        assert time.monotonic() < deadline, f"{len(left)} logins were not refreshed"
        seen += site.get_all(left)
        time.sleep(0.2)  # a browser pauses too
    return seen


def refresh_once_more(site: Site, clients: list[Client]) -> None:
    """Require that the refresh token that was stored is one that Cognito accepts."""
    for client in clients:
        change(login_in(client), ends_in=-1)
    assert site.get_all(clients) == [ALICE] * len(clients)
    assert [login_in(client).version for client in clients] == [2] * len(clients)


def refresh_tokens(clients: list[Client]) -> list[str]:
    return [str(store.decrypt_tokens(login_in(client)).refresh_token) for client in clients]


def test_worker_killed_during_a_refresh_signs_nobody_out(emulator: Emulator, proxy: HoldingProxy, site: Site) -> None:
    clients = sign_in_browsers(emulator, EXPIRIES)
    first = refresh_tokens(clients)
    with held_refreshes(site, proxy, clients) as answers:
        assert site.kill_workers() >= 1
    assert answers == [(0, "")] * len(clients)
    assert site.get_all(clients) == [ALICE] * len(clients)  # by the stored state: the lease is not over
    assert set(proxy.refreshes.values()) == {1}
    assert set(ask_until_refreshed(site, clients)) <= {ALICE}
    assert [proxy.refreshes[token] for token in first] == [2] * len(clients)
    assert [login_in(client).refresh_sent_at for client in clients] == [None] * len(clients)
    refresh_once_more(site, clients)


def test_answer_after_the_timeout_signs_nobody_out(emulator: Emulator, proxy: HoldingProxy, site: Site) -> None:
    clients = sign_in_browsers(emulator, EXPIRIES)
    first = refresh_tokens(clients)
    with held_refreshes(site, proxy, clients) as answers:
        pass  # each worker stops waiting by itself
    assert answers == [ALICE] * len(clients)
    assert all(login_in(client).refresh_sent_at for client in clients)
    assert set(ask_until_refreshed(site, clients)) <= {ALICE}
    assert [proxy.refreshes[token] for token in first] == [2] * len(clients)
    refresh_once_more(site, clients)


@pytest.mark.parametrize("emulator", [1], indirect=True, ids=["grace of 1 s"])
def test_grace_shorter_than_the_lease_signs_out_past_expiry(
    emulator: Emulator, proxy: HoldingProxy, site: Site
) -> None:
    inside, past = clients = sign_in_browsers(emulator, [40, -1])
    with held_refreshes(site, proxy, clients):
        site.kill_workers()
    deadline = time.monotonic() + LEASE_SECONDS + 30
    while site.get(past) == ALICE:
        assert time.monotonic() < deadline
        assert site.get(inside) == ALICE
        time.sleep(0.2)
    with pytest.raises(SignInError):
        login_in(past)
    assert site.get(inside) == ALICE  # its tokens are still good
