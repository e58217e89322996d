"""Every write of the package is retried after a conflict between transactions; other errors are raised."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cognito.authorization.group_expiry import expire_remembered_groups
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.db import transactions
from django_cognito.db.transactions import retry_conflicts, write_transaction
from django_cognito.models import CognitoUser
from django_cognito.users import linking
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.writing import bulk_provisioning, provisioning
from tests.support.database_errors import FailsAtFirst, conflict
from tests.support.scenarios.users import NOW, django_groups, link_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("mapped", "pauses")]
OLD = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the list of pauses between attempts, in seconds; the test does not wait."""
    seconds: list[float] = []
    monkeypatch.setattr(transactions, "sleep", seconds.append)
    return seconds


def failing(*errors: DatabaseError) -> tuple[Callable[[], str], list[int]]:
    """Return a function that raises `errors` and then returns, and the list of its calls."""
    calls: list[int] = []

    def write() -> str:
        calls.append(len(calls))
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return "written"

    return write, calls


def test_conflict_is_retried_after_pauses_that_grow(pauses: list[float]) -> None:
    write, calls = failing(*[conflict() for _ in range(9)])
    assert retry_conflicts(write) == "written"
    assert len(calls) == 10
    assert len(pauses) == 9
    assert all(0 <= pause <= limit for pause, limit in zip(pauses, (0.01, 0.02, 0.04, 0.08, 0.16), strict=False))
    assert max(pauses) <= 0.32


def test_tenth_conflict_is_raised() -> None:
    errors = [conflict() for _ in range(10)]
    write, calls = failing(*errors)
    with pytest.raises(OperationalError) as raised:
        retry_conflicts(write)
    assert raised.value is errors[-1]
    assert len(calls) == 10


def test_conflict_that_took_long_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 5.0, 10.5])
    monkeypatch.setattr(transactions, "monotonic", lambda: next(times))
    write, calls = failing(*[conflict() for _ in range(9)])
    with pytest.raises(OperationalError):
        retry_conflicts(write)
    assert len(calls) == 2


def test_other_database_error_is_raised_at_once() -> None:
    write, calls = failing(IntegrityError("duplicate"))
    with pytest.raises(IntegrityError):
        retry_conflicts(write)
    assert len(calls) == 1


def test_conflict_inside_a_transaction_of_the_caller_is_raised_at_once() -> None:
    write, calls = failing(conflict())
    with pytest.raises(OperationalError), transaction.atomic():
        retry_conflicts(write)
    assert len(calls) == 1


def test_conflict_without_autocommit_is_raised_at_once() -> None:
    write, calls = failing(conflict())
    connection.set_autocommit(False)
    try:
        with pytest.raises(OperationalError):
            retry_conflicts(write)
    finally:
        connection.rollback()
        connection.set_autocommit(True)
    assert len(calls) == 1


LINKS, MEMBERSHIPS, USERS = (
    '"django_cognito_cognitouser"',
    '"django_cognito_cognitomembership"',
    '"auth_user"',
)


def statement(*groups: str, at: int = 0, username: str = "alice") -> Any:
    """Return the claims of a directory user, with the `sub` of the linked user if there is one."""
    sub = CognitoUser.objects.filter(username=username).values_list("sub", flat=True).first() or f"sub of {username}"
    moment = datetime.fromtimestamp(NOW + at, UTC)
    return claims_from_directory(
        DirectoryUser(sub, username, {"sub": sub}, True, "CONFIRMED", moment, moment), groups, moment, get_settings()
    )


@pytest.mark.parametrize("refused", [f"INSERT INTO {USERS}", f"INSERT INTO {LINKS}", f"INSERT INTO {MEMBERSHIPS}"])
def test_first_token_is_written_after_a_conflict(user_from_token: Any, refused: str) -> None:
    failing = FailsAtFirst(refused, *[conflict() for _ in range(5)])
    with connection.execute_wrapper(failing):
        user = user_from_token("editors")
    assert failing.errors == []
    assert (User.objects.count(), CognitoUser.objects.count()) == (1, 1)
    assert django_groups(user) == {"Writers", "Readers"}


@pytest.mark.parametrize("groups", [("editors",), ("viewers",)])
def test_newer_token_is_written_after_a_conflict(user_from_token: Any, groups: tuple[str, ...]) -> None:
    user = user_from_token("editors", at=-60)
    failing = FailsAtFirst(f"UPDATE {LINKS}", conflict(), conflict())
    with connection.execute_wrapper(failing):
        user_from_token(*groups)
    assert failing.errors == []
    assert (link_of(user).as_of.timestamp(), link_of(user).groups) == (NOW, list(groups))


def test_claims_that_were_rolled_back_are_written_after_a_conflict(user_from_token: Any) -> None:
    user = user_from_token("editors", at=-60)
    failing = FailsAtFirst(f"UPDATE {LINKS}", conflict())
    with connection.execute_wrapper(failing):
        provisioning.reapply_claims([statement("viewers")])
    assert failing.errors == []
    assert django_groups(user) == {"Readers"}


def test_page_of_directory_users_is_written_after_a_conflict(user_from_token: Any) -> None:
    user_from_token("editors", at=-60)
    page = [statement("viewers"), statement("viewers", username="bob")]
    failing = FailsAtFirst(f"INSERT INTO {USERS}", conflict())
    with connection.execute_wrapper(failing):
        assert bulk_provisioning.update_users(page, create=True).changed == 2
    assert failing.errors == []
    assert [django_groups(user) for user in User.objects.all()] == [{"Readers"}] * 2


def test_expired_groups_are_removed_after_a_conflict(user_from_token: Any) -> None:
    user = user_from_token("editors")
    CognitoUser.objects.update(as_of=OLD)
    failing = FailsAtFirst(f"DELETE FROM {MEMBERSHIPS}", conflict())
    with connection.execute_wrapper(failing):
        expire_remembered_groups(user)
    assert failing.errors == []
    assert django_groups(user) == set()


def test_account_is_linked_after_a_conflict(user_from_token: Any) -> None:
    user = User.objects.create_user("local")
    failing = FailsAtFirst(f"INSERT INTO {LINKS}", conflict())
    with connection.execute_wrapper(failing):
        provisioning.link_to_user(statement("viewers"), user, get_settings())
    assert failing.errors == []
    assert link_of(user).groups == ["viewers"]


def test_account_is_unlinked_after_a_conflict(user_from_token: Any) -> None:
    user = user_from_token("editors")
    user.set_password("secret")
    user.save()
    failing = FailsAtFirst(f"DELETE FROM {LINKS}", conflict())
    with connection.execute_wrapper(failing):
        linking.unlink(user, link_of(user).pk)
    assert failing.errors == []
    assert (CognitoUser.objects.count(), user.former_cognito_links.count()) == (0, 1)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """`statements("DEFERRED")`: the first words of the statements of an empty `write_transaction` in this mode."""

    def run(*mode: str | None, inside: bool = False) -> list[str]:
        if mode:
            monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"transaction_mode": mode[0]})
        outer = transaction.atomic() if inside else nullcontext()
        with CaptureQueriesContext(connection) as queries, outer, write_transaction():
            pass
        return [query["sql"].split()[0] for query in queries]

    return run


@pytest.mark.needs("sqlite")
@pytest.mark.parametrize("mode", [None, "DEFERRED"])
def test_deferred_transaction_on_sqlite_begins_with_a_write(statements: Any, mode: str | None) -> None:
    assert statements(mode) == ["BEGIN", "UPDATE", "COMMIT"]


@pytest.mark.needs("sqlite")
@pytest.mark.parametrize("mode", ["IMMEDIATE", "EXCLUSIVE", "immediate"])
def test_transaction_that_begins_as_a_writer_has_no_further_statement(statements: Any, mode: str) -> None:
    assert statements(mode) == ["BEGIN", "COMMIT"]


def test_savepoint_has_no_further_statement(statements: Any) -> None:
    assert "UPDATE" not in statements(inside=True)


@pytest.mark.needs("database_server")
def test_transaction_of_a_server_has_no_further_statement(statements: Any) -> None:
    assert "UPDATE" not in statements()


@pytest.mark.needs("mariadb")
@pytest.mark.parametrize("groups", [("editors",), ()])
def test_repeatable_read_transaction_finds_the_row_of_another_writer(
    user_from_token: Any, monkeypatch: pytest.MonkeyPatch, groups: tuple[str, ...]
) -> None:
    def authenticate_elsewhere() -> int:
        try:
            return user_from_token(*groups).pk
        finally:
            connection.close()

    find = provisioning._fetch_link

    def find_and_be_late(statement: Any) -> Any:
        link = find(statement)
        monkeypatch.setattr(provisioning, "_fetch_link", find)
        with ThreadPoolExecutor(1) as pool:
            other.append(pool.submit(authenticate_elsewhere).result(20))
        return link

    other: list[int] = []
    monkeypatch.setattr(provisioning, "_fetch_link", find_and_be_late)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    try:
        with transaction.atomic():  # as with ATOMIC_REQUESTS
            user = user_from_token(*groups)
    finally:
        connection.close()
    assert other == [user.pk]
    assert User.objects.count() == 1
