"""Pages of directory users with concurrent writers, on two real connections, and pages whose last user fails."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import UserAdapter, bulk_provisioning
from django_cognito.users.claim_sources import claims_from_directory
from tests.support.scenarios.users import NOW, django_groups

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("mapped")]
NAMES = ("alice", "google")


@pytest.fixture
def user(user_from_token: Any) -> User:
    """Return a user with two links."""
    user = user_from_token("viewers", at=-600)
    user_from_token("viewers", at=-600, username="google")
    CognitoUser.objects.update(user=user)
    return user


def page(*groups: str, at: int = 0, names: tuple[str, ...] = NAMES) -> list[Any]:
    """Return the claims of directory users who are all in `groups`."""
    subs = dict(CognitoUser.objects.values_list("username", "sub"))
    moment = datetime.fromtimestamp(NOW + at, UTC)
    directory_users = [
        DirectoryUser(subs.get(name, f"sub-{name}"), name, {}, True, "CONFIRMED", moment, moment) for name in names
    ]
    return [claims_from_directory(user, groups, moment, get_settings()) for user in directory_users]


class Statements:
    """Record kinds of statements; call `on_user_lock` before the user's row is locked."""

    def __init__(self, on_user_lock: Callable[[], Any] = lambda: None) -> None:
        self.kinds: list[str] = []
        self.on_user_lock = on_user_lock

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if "FOR UPDATE" in sql:
            is_of_users = "auth_user" in sql and "django_cognito_cognitouser" not in sql
            self.kinds.append("lock users" if is_of_users else "lock links")
            if is_of_users:
                self.on_user_lock()
        elif sql.startswith("UPDATE"):
            self.kinds.append("update")
        return execute(sql, *args)


@pytest.mark.needs("database_server")
@pytest.mark.parametrize(
    ("group", "expected"),
    [("editors", ["lock links", "lock users", "update"]), ("viewers", ["lock links", "update"])],
    ids=["changed", "moments only"],
)
def test_page_locks_links_then_users_before_it_writes(user: User, group: str, expected: list[str]) -> None:
    bulk_provisioning.update_users(page("viewers", at=-300))
    statements = Statements()
    with connection.execute_wrapper(statements):
        bulk_provisioning.update_users(page(group))
    assert statements.kinds[: len(expected)] == expected


@pytest.mark.needs("database_server")
def test_page_is_retried_after_a_deadlock(user: User) -> None:
    user_is_locked, page_waits_for_user = Event(), Event()
    statements = Statements(page_waits_for_user.set)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(_lock_user_and_then_links, user.pk, user_is_locked, page_waits_for_user)
        assert user_is_locked.wait(20)
        with connection.execute_wrapper(statements):
            assert bulk_provisioning.update_users(page("editors")).changed == 2
        other.result(20)
    assert statements.kinds.count("lock users") == 2
    assert django_groups(user) == {"Writers", "Readers"}
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors"}


def _lock_user_and_then_links(user_pk: int, user_is_locked: Event, page_waits_for_user: Event) -> None:
    """Lock in the opposite order; the database rolls back the page's transaction to resolve the deadlock."""
    try:
        with transaction.atomic():
            # MariaDB rolls back the transaction with fewer changed rows, PostgreSQL the one that detects the deadlock.
            Group.objects.bulk_create(Group(name=f"group{number}") for number in range(100))
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL deadlock_timeout = '60s'")
            User.objects.select_for_update().get(pk=user_pk)
            user_is_locked.set()
            assert page_waits_for_user.wait(20)
            list(CognitoUser.objects.select_for_update().order_by("pk"))
    finally:
        connection.close()


class FailingAdapter(UserAdapter):
    """Fails for members of editors."""

    def after_sync(self, user: Any, identity: Any, *, is_new: bool) -> None:
        if "editors" in CognitoUser.objects.get(sub=identity.sub).groups:
            raise RuntimeError("the adapter of the site failed")


@pytest.mark.parametrize("create", [True, False])
def test_page_with_a_failing_last_user_writes_nothing(user: User, cognito: Any, create: bool) -> None:
    cognito(GROUPS={"viewers": {"staff": True}, "editors": {}}, USER_ADAPTER=f"{__name__}.FailingAdapter")
    names = (*NAMES, "zoe") if create else NAMES
    claims = [*page("viewers", names=names[:-1]), *page("editors", names=names[-1:])]
    with pytest.raises(RuntimeError):
        bulk_provisioning.update_users(claims, create=create)
    user.refresh_from_db()
    assert (user.is_staff, User.objects.count(), CognitoUser.objects.count()) == (False, 2, 2)
    assert {link.as_of.timestamp() for link in CognitoUser.objects.all()} == {NOW - 600}
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"viewers"}
    # The failing user is the last of the page: the other users were written before.
    assert bulk_provisioning.update_users(claims[:-1], create=create).changed == len(names) - 1


def test_model_with_a_save_of_its_own_is_written_one_by_one(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[str] = []

    def save(instance: User, *args: Any, **options: Any) -> None:
        saved.append(instance.username)
        AbstractBaseUser.save(instance, *args, **options)

    monkeypatch.setattr(User, "save", save)
    claims = [*page("admins", names=("alice", "google")), *page("admins", names=("zoe",))]
    assert bulk_provisioning.update_users(claims, create=True).changed == 3
    assert set(saved) == {"alice", "zoe"}
