"""Issuing and verifying use the same clock, with every tool that a site's tests may use to change it."""

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import freezegun
import psycopg  # noqa: F401 - its types compare with those of datetime: import it before a clock is frozen
import pytest
import requests
import time_machine
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from local_cognito import Emulator
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.clock import unix_time, utc_now
from django_cognito.core.identity_pool import AwsCredentials
from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin
from django_cognito.testing import make_token, sign_in
from tests.support import source
from tests.support.callers import bearer
from tests.support.scenarios.login import start_sign_in, token_response, username_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]
MARCH = datetime(2026, 3, 1, 12, tzinfo=UTC)
At = Callable[[datetime], AbstractContextManager[Any]]


@contextmanager
def _mock_time(moment: datetime) -> Iterator[None]:
    with mock.patch("time.time", return_value=moment.timestamp()):
        yield


def _travel(moment: datetime) -> Any:
    return time_machine.travel(moment, tick=False)


TOOLS = {"freezegun": freezegun.freeze_time, "time-machine": _travel, "mock": _mock_time}


@pytest.fixture(params=TOOLS.values(), ids=TOOLS)
def at(request: Any) -> At:
    """Return a context manager: in `with at(MARCH):` the clock stands at that time."""
    freeze: At = request.param
    return freeze


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    """Use cache sessions without a timeout: Django's other session backends use a clock of their own."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "TIMEOUT": None}}


def test_clock_functions_use_the_changed_clock(at: At) -> None:
    with at(MARCH):
        assert (unix_time(), utc_now()) == (MARCH.timestamp(), MARCH)
    assert abs(unix_time() - time.time()) < 3_600


@pytest.mark.parametrize("url", ["/who/", "/api/"])
@pytest.mark.parametrize("hours", [-24 * 365, 24 * 365])
def test_token_is_accepted_at_its_time_and_expires(at: At, url: str, hours: int) -> None:
    moment = MARCH + timedelta(hours=hours)
    with at(moment):
        headers = bearer(make_token())
        assert Client().get(url, headers=headers).status_code == 200
    with at(moment + timedelta(hours=2)):
        response = Client().get(url, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "token_expired")
    with at(moment - timedelta(hours=2)):
        response = Client().get(url, headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, "token_not_yet_valid")


def test_session_is_valid_at_its_time_and_expires(at: At) -> None:
    client, async_client = Client(), AsyncClient()
    with at(MARCH):
        sign_in(client)
        async_client.cookies = client.cookies
        assert username_at(client) == "alice"
        assert async_to_sync(async_client.get)("/who/async/").content == b"alice"
    with at(MARCH + timedelta(hours=2)):
        assert username_at(client) == "nobody"
        assert not CognitoLogin.objects.exists()


def test_session_is_refreshed_by_the_changed_clock(at: At, token_endpoint: ScriptedServer) -> None:
    client = Client()
    with at(MARCH):
        sign_in(client, refresh_token="r")
        assert username_at(client) == "alice"
    assert token_endpoint.count == 0
    for hours in (2, 4):
        with at(MARCH + timedelta(hours=hours)):
            token_endpoint.script(token_response())
            assert [username_at(client), username_at(client)] == ["alice", "alice"]
    assert token_endpoint.count == 2


def test_failed_refresh_is_retried_by_the_changed_clock(at: At, token_endpoint: ScriptedServer) -> None:
    client = Client()
    with at(MARCH):
        sign_in(client, refresh_token="r")
    with at(MARCH + timedelta(hours=2)):
        token_endpoint.script(json_answer({}, 503))
        client.get("/who/")
        count = token_endpoint.count
        client.get("/who/")
        assert token_endpoint.count == count  # the back-off has not passed
    with at(MARCH + timedelta(hours=3)):
        token_endpoint.script(token_response())
        assert username_at(client) == "alice"


@pytest.mark.parametrize(("minutes", "status"), [(0, 302), (10, 302), (60, 400)])
def test_pending_sign_in_expires_by_the_changed_clock(
    at: At, token_endpoint: ScriptedServer, minutes: int, status: int
) -> None:
    client = Client()
    with at(MARCH):
        params = start_sign_in(client)
    with at(MARCH + timedelta(minutes=minutes)):
        token_endpoint.script(token_response(nonce=params["nonce"]))
        query = {"code": "a-code", "state": params["state"]}
        assert client.get("/auth/callback/", query).status_code == status
        assert username_at(client) == ("alice" if status == 302 else "nobody")


def test_remembered_groups_expire_by_the_changed_clock(at: At, settings: Any, editors_may_change_groups: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "REMEMBERED_GROUPS_SECONDS": 3_600}
    for hours, may in ((0, True), (2, False)):
        with at(MARCH):
            Client().get("/who/", headers=bearer(make_token(groups=["editors"])))
        with at(MARCH + timedelta(hours=hours)):
            assert User.objects.get(username="alice").has_perm("auth.change_group") is may


@pytest.mark.django_db(transaction=True)
def test_cached_user_expires_by_the_changed_clock(at: At, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "USER_CACHE_SECONDS": 60}
    with at(MARCH):
        headers = bearer(make_token())
        for _ in range(2):
            Client().get("/who/", headers=headers)
        User.objects.update(username="renamed")
        assert Client().get("/who/", headers=headers).content == b"alice"
    with at(MARCH + timedelta(seconds=61)):
        assert Client().get("/who/", headers=headers).content == b"renamed"
        User.objects.update(username="renamed again")
    with at(MARCH + timedelta(seconds=2)):  # the clock is set back
        assert Client().get("/who/", headers=headers).content == b"renamed again"


class _Pool:
    """An identity pool that issues credentials for one hour."""

    calls = 0

    def identity_id(self, id_token: str) -> str:
        return "eu-west-1:1"

    def credentials(self, identity_id: str, id_token: str) -> tuple[str, AwsCredentials]:
        self.calls += 1
        return identity_id, AwsCredentials("key", "secret", "token", utc_now() + timedelta(hours=1))


def test_aws_credentials_are_refreshed_by_the_changed_clock(at: At) -> None:
    pool: Any = _Pool()
    credentials = UserCredentials(pool, "an id token")
    for minutes, count in ((0, 1), (54, 1), (56, 2), (110, 2), (112, 3)):
        with at(MARCH + timedelta(minutes=minutes)):
            credentials.get_current()
        assert pool.calls == count, minutes


def test_sign_out_everywhere_refreshes_by_the_changed_clock(
    at: At, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}
    for hours, is_refreshed in ((0, False), (2, True)):
        token_endpoint.requests.clear()
        client = Client()
        with at(MARCH):
            sign_in(client, refresh_token="r")
        with at(MARCH + timedelta(hours=hours)):
            token_endpoint.script(token_response())
            client.post("/auth/logout/", {"where": "everywhere"})
        assert ("/oauth2/token" in [request.path for request in token_endpoint.requests]) is is_refreshed


def test_local_cognito_issues_by_the_changed_clock(at: At) -> None:
    with Emulator() as emulator:
        pool = emulator.seed.pools[0]
        client = next(client for client in pool.clients if "client_credentials" in client.flows)
        with at(MARCH):
            response = requests.post(
                f"{emulator.url}/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=(client.id, client.secret or ""),
                timeout=30,
            )
        assert read_unverified(response.json()["access_token"])["iat"] == MARCH.timestamp()


# The same rule for every module


def test_no_module_has_a_clock_of_its_own() -> None:
    assert [line for module in source.modules().values() for line in _other_clocks(module.name, module.nodes)] == []


@pytest.mark.parametrize(
    "code",
    [
        "def f(now=time.time): ...",
        "started: float = field(default_factory=time.time)",
        "from time import time",
        "now = timezone.now()",
        "now = datetime.now(UTC)",
        "now = datetime.utcnow()",
    ],
)
def test_other_clock_is_reported(code: str) -> None:
    assert len(list(_other_clocks("module", list(ast.walk(ast.parse(code)))))) == 1


def _other_clocks(name: str, nodes: Sequence[ast.AST]) -> Iterator[str]:
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    for node in nodes:
        is_clock = isinstance(node, ast.Attribute) and node.attr in {"time", "now", "utcnow", "today"}
        text = ast.unparse(node) if is_clock else ""
        is_bound = text == "time.time" and id(node) not in called
        is_imported = isinstance(node, ast.ImportFrom) and node.module == "time" and "time" in _names(node)
        if is_bound or is_imported or text in ("timezone.now", "datetime.now", "datetime.utcnow", "datetime.today"):
            yield f"{name}:{node.lineno}"


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}
