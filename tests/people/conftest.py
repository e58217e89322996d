"""People and their groups over time, told by real tokens that were issued at moments of the test's choosing."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.db.models.signals import m2m_changed
from django.test.utils import CaptureQueriesContext

from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate

NOW = int(time.time())
GROUPS = {
    "editors": {"groups": ["Writers", "Readers"], "permissions": ["auth.change_group"]},
    "viewers": {"groups": ["Readers"], "permissions": ["auth.view_group"]},
    "admins": {"staff": True, "superuser": True},
    "helpers": {"staff": True},
}


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


def token(*groups: str, at: int = 0, **claims: Any) -> str:
    """A token of alice's (or of `username`'s), issued `at` seconds from the tests' start."""
    moment = NOW + at
    return make_token(groups=groups, **{"iat": moment, "auth_time": moment, "exp": NOW + 3_600, **claims})


def link_of(user: Any) -> CognitoUser:
    """The one link row of a user."""
    return CognitoUser.objects.get(user=user)


def django_groups(user: Any) -> set[str]:
    """The names of the user's Django groups, as the database has them."""
    return set(user.groups.values_list("name", flat=True))


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
