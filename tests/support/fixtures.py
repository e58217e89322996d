"""Fixtures for several directories of tests: a plugin that the root conftest loads."""

import math
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.signals import m2m_changed
from django.test.utils import CaptureQueriesContext
from django.urls import get_script_prefix, set_script_prefix, set_urlconf
from local_cognito_support.scripted_server import ScriptedServer, Step

from django_cognito.core.http import client as http_client
from django_cognito.core.http.deadline import Deadline
from django_cognito.sessions.refresh import limit as refresh_limit
from django_cognito.users import live_check
from django_cognito.users.authentication import authenticate
from django_cognito.users.revocation_list import start_new_namespace

from .scenarios.users import GROUPS, token
from .statements import is_write


@pytest.fixture(autouse=True)
def _django_set_urlconf(request: pytest.FixtureRequest) -> Iterator[None]:
    """Use the URLs of the marker `urls`, with the resolvers of earlier tests.

    The fixture of pytest-django with this name discards all resolvers before and after each test, and building them
    takes longer than most tests.
    """
    marker, urlconf = request.node.get_closest_marker("urls"), django_settings.ROOT_URLCONF
    if marker is not None:
        django_settings.ROOT_URLCONF = marker.args[0]
        set_urlconf(None)
    yield
    if marker is not None:
        django_settings.ROOT_URLCONF = urlconf
        set_urlconf(None)


@pytest.fixture(autouse=True)
def _no_revocations() -> None:
    """Let no test see what another one has revoked: the cache is not emptied between tests."""
    start_new_namespace()


@pytest.fixture(autouse=True)
def _no_slow_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no failed request of a slow computer begin a pause, in which the next one is not sent.

    A module with tests of such pauses has clocks of its own, and replaces this fixture.
    """
    monkeypatch.setattr(live_check, "_SLOW_SECONDS", math.inf)
    monkeypatch.setattr(refresh_limit, "_SLOW_SECONDS", math.inf)


@pytest.fixture
def editors_may_change_groups(settings: Any) -> None:
    """Map the Cognito group "editors" to a permission and "admins" to staff."""
    groups = {
        "editors": {"permissions": ["auth.change_group"]},
        "admins": {"permissions": ["auth.view_group"], "staff": True},
    }
    settings.COGNITO = {**settings.COGNITO, "GROUPS": groups}


@pytest.fixture
def prefix() -> Iterator[str]:
    """Serve the site under a prefix, SCRIPT_NAME."""
    before = get_script_prefix()
    set_script_prefix("/notes/")
    yield "/notes"
    set_script_prefix(before)


@pytest.fixture
def sqlite_features(django_db_blocker: Any) -> None:
    """Read what SQLite supports, which Django's checks read on first use: a test without a database may not do so."""
    if connection.vendor == "sqlite":
        with django_db_blocker.unblock():
            assert connection.features.supports_json_field


@pytest.fixture
def unreachable() -> Iterator[str]:
    """Yield an origin on loopback that refuses connections during the test."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def cognito_down(settings: Any, unreachable: str) -> None:
    """Make Cognito unreachable, both the JWKS and the token endpoint."""
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": unreachable, "JWKS_URI": f"{unreachable}/jwks.json"}


@pytest.fixture
def token_endpoint(settings: Any, cognito_keys: None) -> Iterator[ScriptedServer]:
    """Yield a scripted token endpoint at the hosted UI's origin; tokens of `make_token` are valid."""
    with ScriptedServer() as server:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": server.url}
        yield server


@pytest.fixture
def end_soon(monkeypatch: pytest.MonkeyPatch) -> Callable[[Step], Step]:
    """Return a function: with `server.script(end_soon(step))` the deadline of a request ends soon after it was read.

    A short deadline could pass before a busy computer has sent the request.
    """
    from .bad_answers import HASTE  # here: its import compresses 50 MiB

    deadlines: list[Deadline] = []

    def start_deadline(seconds: float) -> Deadline:
        deadlines.append(Deadline(seconds))
        return deadlines[-1]

    def shorten(step: Step) -> Step:
        def send(*arguments: Any) -> None:
            Timer(HASTE, deadlines[-1]._shut_down).start()
            step.send(*arguments)

        return SimpleNamespace(send=send)  # type: ignore[return-value]

    monkeypatch.setattr(http_client, "Deadline", start_deadline)
    return shorten


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop `time.time`: a test of a difference of a few seconds does not depend on how long it takes."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture
def two_pools(settings: Any, cognito_keys: None) -> Iterator[Any]:
    """Yield two pools, each with its own hosted UI; tokens of `make_token` are valid at both."""
    from tests.support.two_pools import serving  # after pytest has rewritten its assertions

    with serving(settings) as pools:
        yield pools


@pytest.fixture
def mapped(settings: Any) -> None:
    """Map Cognito groups to Django groups, permissions and flags."""
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}


@pytest.fixture
def cognito(settings: Any) -> Callable[..., None]:
    """Return a function that changes settings during the test: `cognito(CREATE_USERS=False)`."""

    def change(**changes: Any) -> None:
        settings.COGNITO = {**settings.COGNITO, **changes}

    return change


@pytest.fixture
def user_from_token(cognito_keys: None, db: None) -> Callable[..., Any]:
    """Return a function: `user_from_token("editors", at=-60)` is the user of a token with this group, a minute old."""

    def authenticate_token(
        *groups: str, at: int = 0, token_use: Any = "access", profile: Any = None, **claims: Any
    ) -> Any:
        raw = token(*groups, at=at, token_use=token_use, **claims)
        id_token = None
        if profile is not None:
            id_claims = {"groups": groups, "at": at, "username": claims.get("username", "alice"), **profile}
            id_token = token(*id_claims.pop("groups"), token_use="id", **id_claims)
        return authenticate(raw, token_use=token_use, id_token=id_token)[0]

    return authenticate_token


@pytest.fixture
def writes() -> Callable[[int], Any]:
    """Return a context manager: `with writes(0):` asserts the number of INSERT, UPDATE and DELETE statements.

    A statement that a driver repeats for several rows counts once.
    """

    @contextmanager
    def expect(count: int) -> Iterator[None]:
        with CaptureQueriesContext(connection) as queries:
            yield
        statements = [query["sql"] for query in queries if is_write(query["sql"])]
        assert len(statements) == count, "\n".join(statements)

    return expect


@pytest.fixture
def call_with_queries(django_assert_num_queries: Any) -> Callable[..., Any]:
    """Return a function: `call_with_queries(0, alice)` returns `alice()` and asserts that it makes no query."""

    def call(count: int, function: Callable[[], Any]) -> Any:
        with django_assert_num_queries(count):
            return function()

    return call


@pytest.fixture
def failing_on() -> Iterator[Callable[[str], None]]:
    """Return a function: `failing_on("Writers")` connects a receiver that fails if a user is added to that group."""
    receivers = []

    def fail_on(name: str) -> None:
        def receiver(action: str, pk_set: set[int], **_: Any) -> None:
            if action == "post_add" and Group.objects.filter(pk__in=pk_set, name=name).exists():
                raise RuntimeError("a receiver of the site failed")

        receivers.append(receiver)
        m2m_changed.connect(receiver, sender=User.groups.through)

    yield fail_on
    for receiver in receivers:
        m2m_changed.disconnect(receiver, sender=User.groups.through)


@pytest.fixture
def container_host(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a host name that resolves to this machine, as that of a container does in its network."""
    getaddrinfo = socket.getaddrinfo

    def resolve(host: Any, *args: Any, **options: Any) -> Any:
        return getaddrinfo("127.0.0.1" if host == "cognito" else host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return "cognito"
