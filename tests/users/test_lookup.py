"""What the steady query finds is what the ORM finds, whatever the strings."""

from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.signals import post_init
from django.db.models.sql.compiler import SQLCompiler

from django_cognito.models import CognitoUser
from django_cognito.users.lookup import fetch_link
from tests.support.user_scenario import fields_of, known_of

pytestmark = pytest.mark.django_db
POOL = "eu-west-1_TestPool1"


def laid(sub: str = "alice's", using: str = "default", **fields: Any) -> CognitoUser:
    """A link row with every field told apart, and its user."""
    user = User.objects.using(using).create(username=f"the user of {sub}", email="a@example.com", is_staff=True)
    link = {"user_pool_id": POOL, "username": "alice", "groups": ["editors", "é"], "identity_id": "eu-west-1:1"}
    moment = datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    return CognitoUser.objects.using(using).create(user=user, sub=sub, as_of=moment, **{**link, **fields})


def test_it_finds_what_the_orm_finds() -> None:
    laid("somebody else's"), laid()
    ours, theirs = fetch_link(POOL, "alice's"), CognitoUser.objects.select_related("user").get(sub="alice's")
    assert known_of(ours) == known_of(theirs)
    assert fields_of(ours.user) == fields_of(theirs.user)
    assert type(ours.user) is User


def test_it_is_one_query_and_nothing_is_left_to_be_read_later(django_assert_num_queries) -> None:
    laid()
    with django_assert_num_queries(1):
        user = fetch_link(POOL, "alice's").user
        assert fields_of(user)["email"] == "a@example.com"
    assert user.get_deferred_fields() == set()


def test_a_user_that_it_found_is_saved_as_one_that_the_orm_found() -> None:
    laid()
    user = fetch_link(POOL, "alice's").user
    user.first_name = "Alice"
    user.save()
    assert User.objects.get().first_name == "Alice"


@pytest.mark.parametrize(
    ("pool", "sub"), [(POOL, "bob's"), ("eu-west-1_Other", "alice's"), ("alice's", POOL), ("", "")]
)
def test_whom_nobody_knows_is_not_found(pool, sub) -> None:
    laid()
    assert fetch_link(pool, sub) is None


@pytest.mark.parametrize(
    "sub",
    ["%s", "%(sub)s", "100%", "' OR ''='", "\\'; --", "?", ":sub", "{sub}", "the sub", "the pool", "\u20ac"],
)
def test_a_sub_is_a_value_and_never_a_part_of_the_query(sub) -> None:
    laid("somebody else's"), laid(sub)
    assert fetch_link(POOL, sub).user.username == f"the user of {sub}"
    assert fetch_link("the pool", sub) is None


def test_the_sql_is_written_once(monkeypatch, django_assert_num_queries) -> None:
    laid()
    fetch_link(POOL, "alice's")
    monkeypatch.delattr(SQLCompiler, "as_sql")
    with django_assert_num_queries(1):
        assert fetch_link(POOL, "alice's").user.is_staff


def test_each_thread_asks_its_own_connection() -> None:
    found = []
    laid()
    fetch_link(POOL, "alice's")

    def ask() -> None:
        found.append(fetch_link(POOL, "alice's"))  # its own connection sees nothing of this test's transaction
        connection.close()

    thread = Thread(target=ask)
    thread.start()
    thread.join()
    assert found == [None]


def test_each_user_is_made_anew_as_the_orm_makes_it() -> None:
    laid()
    made = []
    post_init.connect(receiver := lambda instance, **_: made.append(instance), sender=User)
    person = fetch_link(POOL, "alice's")
    other = person.new_user()
    post_init.disconnect(receiver, sender=User)
    assert [id(user) for user in made] == [id(person.user), id(other)]
    other.is_staff = person.user.is_staff = False
    assert person.new_user().is_staff
