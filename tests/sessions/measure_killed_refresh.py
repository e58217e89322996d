"""Figures of killed and late refreshes with the default settings; about four minutes, not part of the suite.

`python -m pytest -s tests/sessions/measure_killed_refresh.py` prints, for each scenario: logins whose refresh was
interrupted, sign-outs, and the seconds from the sending of the interrupted refresh to the new tokens.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from local_cognito import Emulator

from django_cognito import factories
from django_cognito.core.errors import SignInError
from tests.support.local_cognito import settings_for

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

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]

ROUNDS = 5
EXPIRIES: list[float] = [55, 55, 55, 55, -1, -1, -1, -1]
ALICE = (200, "alice")


@pytest.fixture
def running_parts(settings: Any, tmp_path: Path) -> Iterator[tuple[Emulator, DelayingProxy, Site]]:
    with Emulator(seed=rotating_seed(60)) as emulator, DelayingProxy(emulator) as proxy:
        settings.COGNITO = settings_for(emulator, CLIENT_ID, DOMAIN=proxy.url)
        with running_site(emulator, proxy, tmp_path, token_timeout=15) as site:
            yield emulator, proxy, site
    factories.discard_instances()


@pytest.mark.parametrize("is_killed", [True, False], ids=["killed", "late"])
def test_figures(running_parts: tuple[Emulator, DelayingProxy, Site], is_killed: bool) -> None:
    emulator, proxy, site = running_parts
    killed_count, sign_outs, unexpected_count, durations = 0, 0, 0, []
    for _ in range(ROUNDS):
        clients = sign_in_browsers(emulator, EXPIRIES)
        with delayed_refreshes(site, proxy, clients):
            sent_at = {client: login_in(client).refresh_sent_at for client in clients}
            killed_count += site.kill_workers() if is_killed else 0
        deadline = time.monotonic() + 100
        while clients and time.monotonic() < deadline:
            unexpected_count += sum(answer != ALICE for answer in site.get_all(clients))
            states = {client: get_state(client) for client in clients}
            sign_outs += sum(state == "ended" for state in states.values())
            refreshed_clients = [client for client, state in states.items() if state == "refreshed"]
            durations += [(timezone.now() - sent_at[client]).total_seconds() for client in refreshed_clients]
            clients = [client for client, state in states.items() if state == "waiting"]
            time.sleep(0.1)
        sign_outs += len(clients)
    print(
        f"\n{'killed' if is_killed else 'late'}: {ROUNDS * len(EXPIRIES)} refreshes interrupted, {killed_count} workers"
        f" killed, {sign_outs} sign-outs, {unexpected_count} answers other than 200; new tokens after"
        f" {min(durations):.1f} to {max(durations):.1f} s, median {median(durations):.1f} s"
    )
    assert (sign_outs, unexpected_count) == (0, 0)


def get_state(client: Client) -> str:
    try:
        return "refreshed" if login_in(client).version else "waiting"
    except SignInError:
        return "ended"
