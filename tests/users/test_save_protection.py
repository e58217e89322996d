"""`protect_unread_changes`: `save()` of an older user object does not overwrite what another process has changed."""

import copy
import pickle
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from django_cognito.users.save_protection import protect_unread_changes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> User:
    """Return a protected user, loaded as staff."""
    pk = User.objects.create(username="alice", first_name="Alice", is_staff=True, is_superuser=True).pk
    loaded = User.objects.get(pk=pk)
    protect_unread_changes(loaded)
    return loaded


def change_row(**values: Any) -> None:
    """Change alice's row like another process: no signal is sent."""
    User.objects.filter(username="alice").update(**values)


def row() -> Any:
    return User.objects.get(username="alice")


def values_of(instance: Any, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(instance, name) for name in names)


SAVES: dict[str, Callable[[Any], Any]] = {
    "save": lambda user: user.save(),
    "asave": lambda user: async_to_sync(user.asave)(),
    "force_update": lambda user: user.save(force_update=True),
    "using": lambda user: user.save(using="default"),
    "save_base": lambda user: user.save_base(),
}


@pytest.mark.parametrize("save", SAVES)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_save_preserves_changes_of_other_processes(user, save, in_transaction) -> None:
    change_row(is_active=False, is_staff=False, email="new@example.com")
    user.first_name = "Bob"
    if in_transaction:
        with transaction.atomic():
            SAVES[save](user)
    else:
        SAVES[save](user)
    names = ("first_name", "is_active", "is_staff", "is_superuser", "email")
    assert values_of(row(), *names) == ("Bob", False, False, True, "new@example.com")
    assert values_of(user, *names) == values_of(row(), *names)


def test_each_save_reads_the_row_again(user) -> None:
    user.save()
    change_row(is_staff=False)
    user.save()
    assert row().is_staff is False
    change_row(is_staff=True)
    user.save()
    assert row().is_staff is True


def test_save_makes_one_additional_query(user) -> None:
    with CaptureQueriesContext(connection) as queries:
        user.save()
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "UPDATE"]


@pytest.mark.needs("postgresql")
def test_save_locks_the_row_only_in_a_transaction(user) -> None:
    with CaptureQueriesContext(connection) as outside:
        user.save()
    with transaction.atomic(), CaptureQueriesContext(connection) as inside:
        user.save()
    assert ["FOR NO KEY UPDATE" in queries[0]["sql"] for queries in (outside, inside)] == [False, True]


@pytest.mark.needs("postgresql")
def test_save_in_a_transaction_waits_for_a_concurrent_change(user) -> None:
    user.first_name = "Bob"

    def save() -> None:
        with transaction.atomic():
            user.save()
        connection.close()

    with transaction.atomic():
        change_row(is_staff=False)
        thread = Thread(target=save)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(120)
    assert values_of(row(), "first_name", "is_staff") == ("Bob", False)


@pytest.mark.needs("postgresql")
def test_concurrent_transactions_with_the_user_do_not_deadlock(user) -> None:
    both_refer, failed = Barrier(2), []

    def refer_and_save(number: int) -> None:
        try:
            with transaction.atomic():
                copied = copy.copy(user)
                LogEntry.objects.create(user_id=user.pk, action_flag=1)
                connection.check_constraints()  # PostgreSQL locks the user's key for it, otherwise at the commit
                both_refer.wait(120)
                copied.first_name = str(number)
                copied.save()
        except OperationalError as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [Thread(target=refer_and_save, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failed == []


# Values that are set on purpose


def test_field_set_on_purpose_is_written(user) -> None:
    change_row(is_staff=False, first_name="Carol")
    user.is_staff, user.first_name = False, "Bob"
    user.save()
    assert values_of(row(), "is_staff", "first_name") == (False, "Bob")


def test_field_set_and_set_back_between_saves_is_written_twice(user) -> None:
    for name in ("Bob", "Alice", "Bob"):
        user.first_name = name
        user.save()
        assert row().first_name == name


@pytest.mark.parametrize("update_fields", [["first_name"], ["first_name", "email"]])
def test_field_saved_by_name_can_be_set_back(user, update_fields) -> None:
    user.first_name = "Bob"
    user.save(update_fields=update_fields)
    user.first_name = "Alice"
    user.save()
    assert row().first_name == "Alice"


def test_field_not_saved_by_name_stays_protected(user) -> None:
    user.save(update_fields=["first_name"])
    change_row(is_staff=False)
    user.save()
    assert row().is_staff is False


def test_save_repeated_after_an_error_writes_the_set_field(user) -> None:
    other = User.objects.create(username="bob")
    user.first_name, user.username = "Bob", "bob"
    with pytest.raises(IntegrityError):
        user.save()
    other.delete()
    user.save()
    assert User.objects.get().first_name == "Bob"


def test_save_repeated_after_a_rollback_writes_the_set_field(user) -> None:
    user.first_name = "Bob"
    with transaction.atomic():
        user.save()
        transaction.set_rollback(True)
    change_row(is_staff=False)
    user.save()
    assert values_of(row(), "first_name", "is_staff") == ("Bob", False)


def test_expression_is_written_each_time_it_is_set(user) -> None:
    change_row(first_name="7", last_name="8")
    for _ in range(2):
        user.last_name = F("first_name")
        user.save()
        assert row().last_name == "7"
        change_row(last_name="8")


def test_value_changed_in_place_is_written(user) -> None:
    names: Any = ["a"]
    user.first_name = names
    protect_unread_changes(user)
    names.append("b")
    user.save()
    assert row().first_name == "['a', 'b']"


# Documented limitations


def test_explicit_update_fields_are_written_as_they_are(user) -> None:
    change_row(is_staff=False, email="new@example.com")
    user.save(update_fields=["is_staff"])
    assert values_of(row(), "is_staff", "email") == (True, "new@example.com")


def test_raw_save_is_written_as_it_is(user) -> None:
    change_row(is_staff=False)
    user.save_base(raw=True)  # as loaddata does
    assert row().is_staff is True
    user.is_staff = False
    user.save()
    user.is_staff = True
    user.save()
    assert row().is_staff is True


def test_fixture_replaces_every_value(user) -> None:
    text = serializers.serialize("json", [user])
    change_row(is_staff=False)
    for loaded in serializers.deserialize("json", text):
        loaded.save()
    assert row().is_staff is True


def test_deleted_user_is_saved_as_django_does(user) -> None:
    User.objects.all().delete()
    user.first_name = "Bob"
    user.save()
    assert row().first_name == "Bob"
    change_row(is_staff=False)
    user.save()  # this object has written the row
    assert row().is_staff is True


# Reading the user again


def test_value_set_after_refresh_from_db_is_written(user) -> None:
    change_row(is_staff=False)
    user.refresh_from_db()
    user.is_staff = True  # the value in the snapshot
    user.save()
    assert row().is_staff is True


def test_refresh_of_one_field_leaves_the_others_protected(user) -> None:
    user.refresh_from_db(fields=["email"])
    change_row(is_staff=False)
    user.save()
    assert row().is_staff is False


def test_relations_of_a_protected_user_work(user) -> None:
    user.groups.add(Group.objects.create(name="writers"))
    assert list(user.cognito_users.all()) == []
    loaded = User.objects.prefetch_related("cognito_users", "groups").get()
    protect_unread_changes(loaded)
    assert (len(loaded.cognito_users.all()), len(loaded.groups.all())) == (0, 1)


@pytest.mark.parametrize("load", ["defer", "only"])
def test_user_with_deferred_fields_is_protected(user, load) -> None:
    users = User.objects.defer("email") if load == "defer" else User.objects.only("username", "is_staff", "first_name")
    loaded = users.get()
    protect_unread_changes(loaded)
    change_row(is_staff=False, email="new@example.com")
    loaded.first_name = "Bob"
    loaded.save()
    assert values_of(row(), "first_name", "is_staff", "email") == ("Bob", False, "new@example.com")


def test_update_fields_of_a_deferred_user_are_written_as_they_are(user) -> None:
    loaded = User.objects.defer("email").get()
    protect_unread_changes(loaded)
    change_row(is_staff=False)
    loaded.save(update_fields=["is_staff"])
    assert row().is_staff is True


def test_deferred_field_loaded_later_leaves_others_protected(user) -> None:
    loaded = User.objects.defer("email").get()
    protect_unread_changes(loaded)
    assert loaded.email == ""  # reads the field, which leaves the snapshot in place
    change_row(is_staff=False)
    loaded.save()
    assert row().is_staff is False


# Copies, pickles and other rows


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_copy_is_protected_independently(user, make) -> None:
    copied = make(user)
    user.first_name = "Bob"
    user.save()
    change_row(is_staff=False)
    copied.last_name = "Liddell"
    copied.save()
    assert values_of(row(), "first_name", "last_name", "is_staff") == ("Bob", "Liddell", False)
    assert (user.last_name, user.is_staff) == ("", True)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
def test_copy_under_another_key_is_written_as_it_is(user, make) -> None:
    other = User.objects.create(username="bob", first_name="Bob")
    copied = make(user)
    copied.pk, copied.username = other.pk, "bob"
    copied.save()
    assert values_of(User.objects.get(pk=other.pk), "first_name", "is_staff") == ("Alice", True)


def test_copy_as_a_new_row_is_written_as_it_is(user) -> None:
    change_row(is_staff=False)
    user.pk, user.username, user._state.adding = None, "bob", True
    user.save()
    assert values_of(User.objects.get(username="bob"), "first_name", "is_staff") == ("Alice", True)


def test_forced_insert_does_not_read_the_row(user) -> None:
    User.objects.all().delete()
    user._state.adding = True
    with CaptureQueriesContext(connection) as queries:
        user.save(force_insert=True)
    assert [query["sql"].split()[0] for query in queries] == ["INSERT"]


def test_pickle_contains_no_value_removed_from_the_user(user) -> None:
    user.first_name = "a secret value"
    protect_unread_changes(user)
    user.first_name = ""
    pickled = pickle.dumps(user)
    assert b"a secret value" not in pickled
    change_row(is_staff=False)
    loaded = pickle.loads(pickled)
    loaded.save()  # an ordinary object of Django
    assert row().is_staff is True


def test_object_of_another_model_with_the_same_state_is_unaffected(user) -> None:
    group = Group(pk=user.pk, name="writers")
    group._state = user._state
    group.save()
    assert Group.objects.get().name == "writers"


# Hidden fields


@pytest.fixture
def hidden() -> User:
    """Return a user whose flags are hidden in memory and not in the row."""
    User.objects.create(username="alice", first_name="Alice", is_staff=True, is_superuser=True)
    loaded = row()
    loaded.is_staff = loaded.is_superuser = False
    protect_unread_changes(loaded, hidden=("is_staff", "is_superuser"))
    return loaded


@pytest.mark.parametrize("save", SAVES)
def test_hidden_fields_stay_in_the_row_and_hidden_in_memory(hidden, save) -> None:
    for name in ("Bob", "Carol"):
        hidden.first_name = name
        SAVES[save](hidden)
        assert values_of(row(), "first_name", "is_staff", "is_superuser") == (name, True, True)
        assert values_of(hidden, "first_name", "is_staff", "is_superuser") == (name, False, False)


def test_hidden_field_removed_by_another_process_stays_removed(hidden) -> None:
    change_row(is_staff=False)
    hidden.save()
    assert values_of(row(), "is_staff", "is_superuser") == (False, True)


def test_hidden_field_set_on_purpose_is_written_and_stays(hidden) -> None:
    change_row(is_staff=False)
    hidden.is_staff = True
    hidden.save()
    assert (row().is_staff, hidden.is_staff, hidden.is_superuser) == (True, True, False)


def test_hidden_field_set_in_memory_survives_update_fields(hidden) -> None:
    hidden.is_staff = True
    hidden.save(update_fields=["first_name"])
    assert hidden.is_staff is True
