"""Simultaneous refreshes in one process whose threads are greenlets: a gunicorn worker of the class gevent."""

from pathlib import Path
from typing import Any

import pytest
from local_cognito import Emulator

from django_cognito import factories
from tests.support.local_cognito import settings_for

from .refresh_processes import (
    CLIENT_ID,
    DelayingProxy,
    delayed_refreshes,
    login_in,
    rotating_seed,
    running_site,
    sign_in_browsers,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]


def test_three_simultaneous_refreshes_under_gevent_succeed(settings: Any, tmp_path: Path) -> None:
    with Emulator(seed=rotating_seed(60)) as emulator, DelayingProxy(emulator) as proxy:
        settings.COGNITO = settings_for(emulator, CLIENT_ID, DOMAIN=proxy.url)
        clients = sign_in_browsers(emulator, [-1, -1, -1])
        options = ["--workers=1", "--worker-class=gevent"]
        # gevent patches the standard library, and must do so before other imports.
        with running_site(emulator, proxy, tmp_path, 15, options=options, module="gunicorn") as site:
            with delayed_refreshes(site, proxy, clients) as answers:
                proxy.release()  # all three wait for Cognito at the same time
            assert answers == [(200, "alice")] * 3
    assert [login_in(client).version for client in clients] == [1, 1, 1]
    factories.discard_instances()
