"""Many logins whose tokens expire at the same moment, workers that are killed, and refresh tokens that rotate.

No login is lost while the app client's grace period is longer than the lease, and Cognito receives at most one refresh
for each lease. `python -m tests.load` runs 4 processes with 200 logins and kills a worker each second.
"""

import threading
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.utils import timezone
from local_cognito import Emulator

from django_cognito import factories
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from tests.sessions.refresh_processes import (
    CLIENT_ID,
    DelayingProxy,
    Site,
    login_in,
    rotating_seed,
    running_site,
    sign_in_browsers,
)
from tests.support.clock import Clock
from tests.support.local_cognito import settings_for
from tests.support.sizes import choose_size

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]

TOKEN_TIMEOUT_SECONDS = choose_size(5, 1)  # in a small size, enough for a busy computer; the lease is 5 seconds longer
GRACE_SECONDS = 60  # Cognito's clock stands still, so that it does not pass by itself
MAX_SECONDS = choose_size(300, 120)


class Load(NamedTuple):
    """The size of the storm."""

    workers: int
    logins: int
    kills: int


LOAD = choose_size(Load(workers=2, logins=12, kills=1), Load(workers=4, logins=200, kills=MAX_SECONDS))


def request_until_refreshed(site: Site, clients: list[Client]) -> Counter[tuple[int, str]]:
    """Send requests of each browser until its login has new tokens; return how often each response came."""
    responses: Counter[tuple[int, str]] = Counter()
    deadline = time.monotonic() + MAX_SECONDS
    while waiting_clients := [client for client in clients if login_in(client).version == 0]:
        assert time.monotonic() < deadline, f"{len(waiting_clients)} logins were not refreshed"
        responses.update((status, body if status == 200 else "") for status, body in site.get_all(waiting_clients))
        time.sleep(0.5)  # as a browser pauses
    return responses


def kill_workers(site: Site, proxy: DelayingProxy, is_finished: threading.Event) -> None:
    """Kill a worker while each of its requests waits for Cognito, then one each second."""
    proxy.wait_until_delayed(LOAD.workers * 2)
    site.kill_worker()
    proxy.release()
    for _ in range(LOAD.kills - 1):
        if is_finished.wait(1):
            return
        site.kill_worker()


def run_storm(site: Site, proxy: DelayingProxy, clients: list[Client]) -> Counter[tuple[int, str]]:
    """Let the tokens of all logins expire, request a page for each, and return the responses."""
    CognitoLogin.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    is_finished = threading.Event()
    proxy.start_delaying()
    killer = threading.Thread(target=kill_workers, args=(site, proxy, is_finished))
    killer.start()
    try:
        return request_until_refreshed(site, clients)
    finally:
        is_finished.set()
        killer.join(MAX_SECONDS)


def test_storm_of_refreshes_with_killed_workers_loses_no_login(settings: Any, tmp_path: Path) -> None:
    with (
        Emulator(seed=rotating_seed(GRACE_SECONDS), now=Clock(time.time())) as emulator,
        DelayingProxy(emulator) as proxy,
    ):
        settings.COGNITO = settings_for(emulator, CLIENT_ID, DOMAIN=proxy.url)
        clients = sign_in_browsers(emulator, [60.0] * LOAD.logins)
        logins = [login_in(client) for client in clients]
        tokens = {str(login.pk): str(store.decrypt_tokens(login).refresh_token) for login in logins}
        options = [f"--workers={LOAD.workers}"]
        with running_site(emulator, proxy, tmp_path, TOKEN_TIMEOUT_SECONDS, options=options) as site:
            responses = run_storm(site, proxy, clients)
            leases, refreshes = site.count_leases(), {pk: proxy.refreshes[token] for pk, token in tokens.items()}
            assert {body for status, body in responses if status == 200} == {"alice"}
            assert {status for status, _ in responses} <= {200, 503, 0}
            assert [login_in(client).version for client in clients] == [1] * LOAD.logins
            assert max(leases.values()) > 1  # the killed worker had leases
            assert [pk for pk in tokens if refreshes[pk] > leases[pk] or not refreshes[pk]] == []
            CognitoLogin.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
            assert set(site.get_all(clients[:20])) == {(200, "alice")}  # Cognito accepts the stored refresh tokens
    factories.discard_instances()
    print(f"\n{LOAD}: {sum(leases.values())} leases, {sum(refreshes.values())} refreshes, responses {dict(responses)}")
