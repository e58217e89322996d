"""`fetch_link` returns the same row as the ORM, for every string."""

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
from tests.support.scenarios.users import fields_of, link_state_of

pytestmark = pytest.mark.django_db
POOL = "eu-west-1_TestPool1"


def create_link(sub: str = "alice's", using: str = "default", **fields: Any) -> CognitoUser:
    """Create a user and its link row; no two fields have the same value."""
    user = User.objects.using(using).create(username=f"the user of {sub}", email="a@example.com", is_staff=True)
    link = {"user_pool_id": POOL, "username": "alice", "groups": ["editors", "é"], "identity_id": "eu-west-1:1"}
    moment = datetime(2024, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    return CognitoUser.objects.using(using).create(user=user, sub=sub, as_of=moment, **{**link, **fields})


def test_fetch_link_returns_what_the_orm_returns() -> None:
    create_link("bob's"), create_link()
    link, expected = fetch_link(POOL, "alice's"), CognitoUser.objects.select_related("user").get(sub="alice's")
    assert link_state_of(link) == link_state_of(expected)
    assert fields_of(link.user) == fields_of(expected.user)
    assert type(link.user) is User


def test_fetch_link_makes_one_query_and_defers_no_field(django_assert_num_queries) -> None:
    create_link()
    with django_assert_num_queries(1):
        user = fetch_link(POOL, "alice's").user
        assert fields_of(user)["email"] == "a@example.com"
    assert user.get_deferred_fields() == set()


def test_user_of_a_fetched_link_can_be_saved() -> None:
    create_link()
    user = fetch_link(POOL, "alice's").user
    user.first_name = "Alice"
    user.save()
    assert User.objects.get().first_name == "Alice"


@pytest.mark.parametrize(
    ("pool", "sub"), [(POOL, "bob's"), ("eu-west-1_Other", "alice's"), ("alice's", POOL), ("", "")]
)
def test_fetch_link_of_an_unknown_sub_returns_none(pool, sub) -> None:
    create_link()
    assert fetch_link(pool, sub) is None


@pytest.mark.parametrize(
    "sub",
    ["%s", "%(sub)s", "100%", "' OR ''='", "\\'; --", "?", ":sub", "{sub}", "the sub", "the pool", "\u20ac"],
)
def test_special_characters_in_a_sub_are_not_sql(sub) -> None:
    create_link("bob's"), create_link(sub)
    assert fetch_link(POOL, sub).user.username == f"the user of {sub}"
    assert fetch_link("the pool", sub) is None


def test_fetch_link_compiles_its_sql_once(monkeypatch, django_assert_num_queries) -> None:
    create_link()
    fetch_link(POOL, "alice's")
    monkeypatch.delattr(SQLCompiler, "as_sql")
    with django_assert_num_queries(1):
        assert fetch_link(POOL, "alice's").user.is_staff


def test_fetch_link_uses_the_connection_of_its_thread() -> None:
    links = []
    create_link()
    fetch_link(POOL, "alice's")

    def fetch() -> None:
        links.append(fetch_link(POOL, "alice's"))  # another connection does not see this test's transaction
        connection.close()

    thread = Thread(target=fetch)
    thread.start()
    thread.join()
    assert links == [None]


def test_new_user_creates_an_object_and_sends_post_init() -> None:
    create_link()
    created = []
    post_init.connect(receiver := lambda instance, **_: created.append(instance), sender=User)
    link = fetch_link(POOL, "alice's")
    other = link.new_user()
    post_init.disconnect(receiver, sender=User)
    assert [id(user) for user in created] == [id(link.user), id(other)]
    other.is_staff = link.user.is_staff = False
    assert link.new_user().is_staff
