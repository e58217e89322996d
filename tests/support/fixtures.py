"""Fixtures that several folders of tests use; a plugin that the root conftest loads."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.signals import m2m_changed
from django.test.utils import CaptureQueriesContext
from django.urls import get_script_prefix, set_script_prefix

from django_cognito.users.authentication import authenticate
from tests.support.scripted_server import ScriptedServer

from .user_scenario import GROUPS, token


@pytest.fixture
def editors_may_change_groups(settings: Any) -> None:
    """A site where the Cognito group "editors" gives a permission, and "admins" opens the Django admin."""
    groups = {
        "editors": {"permissions": ["auth.change_group"]},
        "admins": {"permissions": ["auth.view_group"], "staff": True},
    }
    settings.COGNITO = {**settings.COGNITO, "GROUPS": groups}


@pytest.fixture
def prefix() -> Iterator[str]:
    """The site under a prefix, SCRIPT_NAME."""
    before = get_script_prefix()
    set_script_prefix("/notes/")
    yield "/notes"
    set_script_prefix(before)


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An origin on this machine where nobody listens, for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def cognito_down(settings: Any, unreachable: str) -> None:
    """A site whose Cognito cannot be asked: neither for keys nor for the next tokens."""
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": unreachable, "JWKS_URI": f"{unreachable}/jwks.json"}


@pytest.fixture
def token_endpoint(settings: Any, cognito_keys: None) -> Iterator[ScriptedServer]:
    """The hosted UI's origin, as far as programs ask it; the tokens that it gives are `make_token`'s."""
    with ScriptedServer() as server:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": server.url}
        yield server


@pytest.fixture
def two_pools(settings: Any, cognito_keys: None) -> Iterator[Any]:
    """A site with two pools, each with a hosted UI of its own; both take `make_token`'s tokens for theirs."""
    from tests.support.two_pools import serving  # not before its assertions are rewritten

    with serving(settings) as pools:
        yield pools


@pytest.fixture
def mapped(settings: Any) -> None:
    """A site that maps Cognito groups to everything that can be mapped."""
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}


@pytest.fixture
def cognito(settings: Any) -> Callable[..., None]:
    """`cognito(CREATE_USERS=False)` changes settings until the test ends."""

    def change(**changes: Any) -> None:
        settings.COGNITO = {**settings.COGNITO, **changes}

    return change


@pytest.fixture
def told(cognito_keys: None, db: None) -> Callable[..., Any]:
    """`told("editors", at=-60)`: the user by an access token with these groups, issued a minute ago."""

    def tell(*groups: str, at: int = 0, token_use: Any = "access", profile: Any = None, **claims: Any) -> Any:
        raw = token(*groups, at=at, token_use=token_use, **claims)
        id_token = None
        if profile is not None:
            said = {"groups": groups, "at": at, "username": claims.get("username", "alice"), **profile}
            id_token = token(*said.pop("groups"), token_use="id", **said)
        return authenticate(raw, token_use=token_use, id_token=id_token)[0]

    return tell


@pytest.fixture
def writes() -> Callable[[int], Any]:
    """`with writes(0):` no statement that changes a row; savepoints and reads are not counted."""

    @contextmanager
    def expect(count: int) -> Iterator[None]:
        with CaptureQueriesContext(connection) as queries:
            yield
        found = [query["sql"] for query in queries if re.match("INSERT|UPDATE|DELETE", query["sql"])]
        assert len(found) == count, "\n".join(found)

    return expect


@pytest.fixture
def costs(django_assert_num_queries: Any) -> Callable[..., Any]:
    """`costs(0, alice)`: what `alice()` gives, for no query."""

    def call(count: int, ask: Callable[[], Any]) -> Any:
        with django_assert_num_queries(count):
            return ask()

    return call


@pytest.fixture
def failing_on() -> Iterator[Callable[[str], None]]:
    """`failing_on("Writers")`: a receiver of the site fails once somebody has been put into that Django group."""
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
