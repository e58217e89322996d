"""KEEP_LAST_SUPERUSER: the last active superuser keeps the flags when the Cognito group is removed."""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from django_cognito.authorization import memberships
from django_cognito.authorization.group_expiry import expire_remembered_groups
from django_cognito.db import transactions
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users.authentication import authenticate
from django_cognito.users.writing.bulk_provisioning import update_users
from tests.support.scenarios.users import directory_claims, token

LOGGER = "django_cognito.authorization.memberships"
OWNERS = {"owners": {"staff": True, "superuser": True, "permissions": ["auth.view_group"]}}


@pytest.fixture(autouse=True)
def _keep(cognito: Any) -> None:
    cognito(GROUPS=OWNERS, KEEP_LAST_SUPERUSER=True)


def flags_of(username: str) -> tuple[bool, bool]:
    """Return `is_staff` and `is_superuser` of the row."""
    return User.objects.values_list("is_staff", "is_superuser").get(username=username)


@pytest.mark.django_db
def test_last_superuser_keeps_the_flags(user_from_token: Any, caplog: pytest.LogCaptureFixture) -> None:
    user_from_token("owners", at=-60)
    caplog.set_level(logging.INFO, LOGGER)
    user = user_from_token(at=0)
    assert (user.is_staff, user.is_superuser, flags_of("alice")) == (True, True, (True, True))
    assert [(record.levelname, str(user.pk) in record.getMessage()) for record in caplog.records] == [("ERROR", True)]
    assert not CognitoMembership.objects.exists()


@pytest.mark.django_db
def test_without_the_setting_the_last_superuser_loses_the_flags(user_from_token: Any, cognito: Any) -> None:
    cognito(KEEP_LAST_SUPERUSER=False)
    user_from_token("owners", at=-60)
    user_from_token(at=0)
    assert flags_of("alice") == (False, False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "is_protected"),
    [
        ({"is_superuser": True}, False),
        ({"is_superuser": True, "is_active": False}, True),
        ({"is_staff": True}, True),
    ],
    ids=["a superuser", "an inactive superuser", "staff"],
)
def test_another_active_superuser_counts(user_from_token: Any, other: dict[str, bool], is_protected: bool) -> None:
    User.objects.create(username="other", **other)
    user_from_token("owners", at=-60)
    user_from_token(at=0)
    assert flags_of("alice") == (is_protected, is_protected)


@pytest.mark.django_db
def test_protected_flags_are_the_sites_own(user_from_token: Any) -> None:
    user_from_token("owners", at=-60)
    user_from_token(at=-50)
    User.objects.create(username="other", is_superuser=True)
    user_from_token("owners", at=-40)
    user_from_token(at=-30)
    assert flags_of("alice") == (True, True)


@pytest.mark.django_db
@pytest.mark.parametrize("cause", ["expired groups", "deleted link"])
def test_other_causes_leave_the_last_superuser_too(user_from_token: Any, cognito: Any, cause: str) -> None:
    user = user_from_token("owners", at=-3600)
    if cause == "expired groups":
        cognito(REMEMBERED_GROUPS_SECONDS=60)
        expire_remembered_groups(user)
    else:
        CognitoUser.objects.get().delete()
    assert flags_of("alice") == (True, True)


@pytest.mark.django_db
def test_permissions_of_the_group_are_removed(user_from_token: Any) -> None:
    User.objects.create(username="other", is_superuser=True)
    user_from_token("owners", at=-60)
    assert not user_from_token(at=0).has_perm("auth.view_group")


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_of_the_last_two_superusers_one_keeps_the_flag(user_from_token: Any) -> None:
    """Each of the two requests would see the other superuser if the rows were not locked."""
    for number in range(10):
        names = [f"a{number}", f"b{number}"]
        User.objects.filter(is_superuser=True).update(is_superuser=False)
        for name in names:
            user_from_token("owners", at=-60, username=name)
        barrier = Barrier(2)

        def remove(name: str, barrier: Barrier = barrier) -> None:
            try:
                barrier.wait(120)
                user_from_token(at=0, username=name)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(remove, names))
        assert sum(flags_of(name)[1] for name in names) == 1


@pytest.fixture
def conflicts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the list of conflicts with another transaction, such as deadlocks, after which a write is repeated."""
    errors: list[Any] = []
    is_conflict = transactions.is_conflict

    def note_conflict(error: Any, vendor: str) -> bool:
        errors.append(error)
        return is_conflict(error, vendor)

    monkeypatch.setattr(transactions, "is_conflict", note_conflict)
    return errors


def expire(user: Any) -> None:
    expire_remembered_groups(user)


def delete_link(user: Any) -> None:
    CognitoUser.objects.get(user=user).delete()


def send_token(user: Any) -> None:
    authenticate(token(username=user.username))


def write_page(user: Any) -> None:
    update_users([directory_claims(at=0, username=user.username, given_name="New")])


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("first", "second"),
    [(send_token, write_page), (delete_link, delete_link), (expire, expire)],
    ids=lambda item: item.__name__,
)
def test_superusers_who_lose_the_group_together_do_not_deadlock(
    user_from_token: Any, cognito: Any, monkeypatch: pytest.MonkeyPatch, conflicts: list[Any], first: Any, second: Any
) -> None:
    """Each transaction has locked its own user when the other one does: without one lock order they deadlock."""
    users = [user_from_token("owners", at=-3600, username=name) for name in ("a", "b")]
    cognito(REMEMBERED_GROUPS_SECONDS=60 if first is expire else None)
    barrier, plan = Barrier(2), memberships._plan_writes

    def plan_together(wanted: Any) -> Any:
        with suppress(BrokenBarrierError):  # the other one waits for a lock of this one
            barrier.wait(0.2)
        return plan(wanted)

    monkeypatch.setattr(memberships, "_plan_writes", plan_together)

    def remove(call: Any, user: Any) -> None:
        try:
            call(user)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(remove, (first, second), users))
    assert (conflicts, sorted(flags_of(user.username)[1] for user in users)) == ([], [False, True])


@pytest.mark.django_db
def test_of_the_superusers_of_one_page_one_keeps_the_flag(user_from_token: Any) -> None:
    for name in ("alice", "bob", "carol"):
        user_from_token("owners", at=-60, username=name)
    page = [directory_claims(at=0, username=name) for name in ("alice", "bob", "carol")]
    assert update_users(page).changed == 3
    assert [flags_of(name) for name in ("alice", "bob", "carol")].count((True, True)) == 1
