"""SESSION_IDLE_SECONDS and SESSION_MAX_SECONDS: when a login ends, and how often its use is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.db.models import QuerySet
from django.test import AsyncClient, Client
from django.utils import timezone
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.conf.validation import find_problems
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from django_cognito.sessions.ending.login_age import (
    AgeLimits,
    filter_too_old,
    is_too_old,
    is_use_record_due,
    record_use,
)
from django_cognito.signals import signed_out
from tests.support.scenarios.login import create_login, read_form

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LIMITS = AgeLimits(idle=timedelta(minutes=30), total=timedelta(hours=8))
VALID = {"USER_POOL_ID": "eu-west-1_TestPool1", "CLIENT_ID": "1testclient23456789"}


@dataclass
class Row:
    """A login with the columns that the rule reads, by ages in minutes."""

    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime


def row(*, signed_in: float = 60, used: float | None = 1, expired: float = -30) -> Row:
    ages = (timedelta(minutes=signed_in), timedelta(minutes=expired))
    last_used_at = None if used is None else NOW - timedelta(minutes=used)
    return Row(NOW - ages[0], last_used_at, NOW - ages[1])


@pytest.fixture(params=["sync", "async"])
def get_username(request: pytest.FixtureRequest) -> Callable[[Client], str]:
    """Return a function that requests a page of the user of a browser, in both modes."""

    def get(client: Client) -> str:
        if request.param == "sync":
            return str(client.get("/who/").content.decode())
        other = AsyncClient()
        other.cookies = client.cookies
        return str(async_to_sync(other.get)("/who/async/").content.decode())

    return get


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    """Yield the reasons of the `signed_out` signals."""
    received: list[str] = []

    def receive(reason: str, **_: Any) -> None:
        received.append(reason)

    signed_out.connect(receive)
    yield received
    signed_out.disconnect(receive)


def set_ages(login: CognitoLogin, **seconds: float | None) -> None:
    """Store that many seconds ago in the columns of a login."""
    moments = {
        name: None if value is None else timezone.now() - timedelta(seconds=value) for name, value in seconds.items()
    }
    CognitoLogin.objects.filter(pk=login.pk).update(**moments)


# The rule


@pytest.mark.parametrize(
    ("login", "is_old"),
    [
        (row(used=29.9), False),
        (row(used=30), True),
        (row(signed_in=479.9), False),
        (row(signed_in=480), True),
        (row(used=None, expired=29.9), False),
        (row(used=None, expired=30), True),
        (row(used=-5), False),  # the clock of another server
    ],
)
def test_login_is_too_old_from_the_limit_on(login: Row, is_old: bool) -> None:
    assert is_too_old(login, LIMITS, NOW) is is_old


def test_login_never_expires_without_limits() -> None:
    assert not is_too_old(row(signed_in=10_000_000, used=10_000_000), AgeLimits(), NOW)


@pytest.mark.parametrize(
    ("used", "limits", "is_due"),
    [
        (None, AgeLimits(), True),
        (4.9, AgeLimits(), False),
        (5, AgeLimits(), True),
        (2.9, LIMITS, False),
        (3, LIMITS, True),
        (5, AgeLimits(idle=timedelta(days=7)), True),
    ],
)
def test_use_is_recorded_every_five_minutes_or_a_tenth(used: float | None, limits: AgeLimits, is_due: bool) -> None:
    assert is_use_record_due(row(used=used), limits, NOW) is is_due


@pytest.mark.parametrize("limits", [AgeLimits(), LIMITS, AgeLimits(idle=LIMITS.idle), AgeLimits(total=LIMITS.total)])
@pytest.mark.parametrize("ages", [(0, 0), (0, 2_000), (30_000, 0), (30_000, 2_000), (30_000, None)])
def test_query_selects_the_logins_that_the_rule_ends(
    client: Client, cognito_keys: None, limits: AgeLimits, ages: tuple[float, float | None]
) -> None:
    login = create_login(client)
    set_ages(login, created_at=ages[0], last_used_at=ages[1], expires_at=2_000)
    login.refresh_from_db()
    now = timezone.now()
    selected = CognitoLogin.objects.filter(filter_too_old(limits, now)).exists()
    assert selected is is_too_old(login, limits, now)


@pytest.mark.parametrize("key", ["SESSION_IDLE_SECONDS", "SESSION_MAX_SECONDS"])
@pytest.mark.parametrize(("value", "problems"), [(None, 0), (60, 0), (59, 1), (0, 1), ("1800", 1), (True, 1)])
def test_limit_is_none_or_at_least_a_minute(key: str, value: Any, problems: int) -> None:
    assert len(find_problems({**VALID, key: value})) == problems


# In a request


@pytest.mark.parametrize(
    ("key", "column"), [("SESSION_IDLE_SECONDS", "last_used_at"), ("SESSION_MAX_SECONDS", "created_at")]
)
def test_login_that_is_too_old_ends_and_is_revoked(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    get_username: Callable[[Client], str],
    reasons: list[str],
    key: str,
    column: str,
) -> None:
    settings.COGNITO = {**settings.COGNITO, key: 1_800}
    login = create_login(client)
    set_ages(login, **{column: 1_700})
    assert get_username(client) == "alice"
    set_ages(login, **{column: 1_801})
    assert get_username(client) == "nobody"
    assert not CognitoLogin.objects.exists()
    assert [(item.path, read_form(item)["token"]) for item in token_endpoint.requests] == [
        ("/oauth2/revoke", "a-refresh-token")
    ]
    assert reasons == ["session_expired"]
    assert store.SESSION_KEY not in client.session
    assert get_username(client) == "nobody"


def test_page_of_an_expired_login_goes_to_the_sign_in(client: Client, settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "SESSION_IDLE_SECONDS": 60}
    set_ages(create_login(client), last_used_at=61)
    assert client.get("/auth/logins/")["Location"].startswith("/auth/login/")
    response = client.get("/auth/logins/", headers={"sec-fetch-mode": "cors"})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


def test_old_login_stays_signed_in_by_default(
    client: Client, cognito_keys: None, get_username: Callable[[Client], str]
) -> None:
    set_ages(create_login(client), created_at=30_000_000, last_used_at=30_000_000)
    assert get_username(client) == "alice"


def test_expired_login_ends_also_while_cognito_is_down(
    client: Client, settings: Any, cognito_down: None, cognito_keys: None, get_username: Callable[[Client], str]
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SESSION_MAX_SECONDS": 3_600}
    set_ages(create_login(client), created_at=3_601, expires_at=1)
    assert get_username(client) == "nobody"


# Writes


def test_sign_in_stores_browser_address_and_use(cognito_keys: None) -> None:
    client = Client(headers={"user-agent": "Firefox/140.0\0" + "x" * 300}, REMOTE_ADDR="::1")
    login = create_login(client)
    assert (login.user_agent[:14], len(login.user_agent), login.ip_address) == ("Firefox/140.0x", 255, "::1")
    assert login.last_used_at is not None


def test_request_within_five_minutes_writes_nothing(
    client: Client, cognito_keys: None, get_username: Callable[[Client], str], writes: Callable[[int], Any]
) -> None:
    login = create_login(client)
    set_ages(login, last_used_at=290)
    with writes(0):
        assert get_username(client) == "alice"


@pytest.mark.parametrize("used", [301, None])
def test_later_request_writes_its_time_once(
    client: Client, cognito_keys: None, get_username: Callable[[Client], str], used: float | None
) -> None:
    login = create_login(client)
    set_ages(login, last_used_at=used)
    get_username(client)
    login.refresh_from_db()
    last_used_at = login.last_used_at
    assert last_used_at is not None
    assert timezone.now() - last_used_at < timedelta(seconds=60)
    get_username(client)
    login.refresh_from_db()
    assert login.last_used_at == last_used_at


def test_use_that_another_request_has_recorded_is_not_replaced(client: Client, cognito_keys: None) -> None:
    login = create_login(client)
    set_ages(login, last_used_at=10)
    record_use(login, timezone.now() + timedelta(days=1))
    assert CognitoLogin.objects.get().last_used_at < timezone.now()  # type: ignore[operator]


def test_use_is_not_recorded_for_a_login_that_has_ended(client: Client, cognito_keys: None) -> None:
    login = create_login(client)
    set_ages(login, ended_at=0)
    record_use(login, timezone.now() + timedelta(days=1))
    assert CognitoLogin.objects.get().last_used_at == login.last_used_at


def test_page_is_shown_if_the_use_cannot_be_written(
    client: Client, cognito_keys: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("read-only transaction")

    set_ages(create_login(client), last_used_at=301)
    monkeypatch.setattr(QuerySet, "update", fail)
    assert client.get("/who/").content == b"alice"
    assert "last use was not stored: DatabaseError" in caplog.text
