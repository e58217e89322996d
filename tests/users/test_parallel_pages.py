"""Pages of directory users with concurrent writers, on two real connections, and pages whose last user fails."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import UserAdapter
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.writing import bulk_provisioning
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
    other = _OtherTransaction(user.pk)
    statements = Statements(other.lock_links)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(other.run)
        assert other.user_is_locked.wait(120)
        with connection.execute_wrapper(statements):
            assert bulk_provisioning.update_users(page("editors")).changed == 2
        result.result(120)
    assert statements.kinds.count("lock users") >= 2  # a retry may meet the other transaction again
    assert django_groups(user) == {"Writers", "Readers"}
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors"}


class _OtherTransaction:
    """Locks in the opposite order; the database rolls back the page's transaction to resolve the deadlock."""

    def __init__(self, user_pk: int) -> None:
        self._user_pk = user_pk
        self.user_is_locked, self._may_lock_links = Event(), Event()
        self._backend_id = 0

    def run(self) -> None:
        try:
            with transaction.atomic():
                # MariaDB rolls back the transaction with fewer changed rows, PostgreSQL the one that detects the
                # deadlock: the last one that waits, and only if it looks for a deadlock.
                Group.objects.bulk_create(Group(name=f"group{number}") for number in range(100))
                if connection.vendor == "postgresql":
                    _read_value("SELECT set_config('deadlock_timeout', '600s', true)")
                self._backend_id = _read_value(_DEADLOCKS[connection.vendor].backend_id)
                User.objects.select_for_update().get(pk=self._user_pk)
                self.user_is_locked.set()
                assert self._may_lock_links.wait(120)
                list(CognitoUser.objects.select_for_update().order_by("pk"))
        finally:
            connection.close()

    def lock_links(self) -> None:
        """Lock the links, which the page has locked: return when this transaction waits."""
        if self._may_lock_links.is_set():  # the page's second attempt
            return
        self._may_lock_links.set()
        end = time.monotonic() + 120
        while not _read_value(_DEADLOCKS[connection.vendor].is_waiting, self._backend_id):
            assert time.monotonic() < end
            time.sleep(0.15)  # MariaDB renews this table only if it was not read for 0.1 seconds


class _Deadlocks(NamedTuple):
    backend_id: str
    is_waiting: str  # with the id of a backend


_DEADLOCKS = {
    "postgresql": _Deadlocks("SELECT pg_backend_pid()", "SELECT cardinality(pg_blocking_pids(%s)) > 0"),
    "mysql": _Deadlocks(
        "SELECT connection_id()",
        "SELECT count(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = %s AND trx_state = 'LOCK WAIT'",
    ),
}


def _read_value(sql: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


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
