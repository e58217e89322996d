"""A known token's user is not read again for USER_CACHE_SECONDS, and is never another than the database would say."""

import gc
import unittest
import weakref
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.signals import post_init
from django.http import HttpResponse
from django.test import AsyncClient, Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import path

from django_cognito import factories
from django_cognito.authorization.rights import get_rights
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing.keys import trusted_keys
from django_cognito.users import cache
from django_cognito.users.authentication import aauthenticate, authenticate
from django_cognito.users.cache import UserCache
from django_cognito.users.machine import MachineUser
from tests.support.callers import bearer
from tests.support.clock import Clock
from tests.support.user_scenario import GROUPS, link_of, token

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("on")]
SECONDS = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def made() -> list[Callable[[], Any]]:
    """A weak reference to each `UserCache` that the site made."""
    return []


@pytest.fixture
def on(settings: Any, cognito_keys: None, clock: Clock, made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that keeps users, by the test's own clock."""

    def make(seconds: float) -> UserCache:
        known = UserCache(seconds, now=clock)
        made.append(weakref.ref(known))
        return known

    monkeypatch.setattr(cache, "UserCache", make)
    settings.COGNITO = {**settings.COGNITO, "USER_CACHE_SECONDS": SECONDS, "GROUPS": GROUPS}


@pytest.fixture
def raw(on: None) -> str:
    """Alice's token, with which nobody has asked yet."""
    return token("editors")


@pytest.fixture
def alice(raw: str) -> Callable[[], Any]:
    """`alice()` is the user of her one token, who is known: the first call made her, the second kept her."""

    def ask() -> Any:
        return authenticate(raw)[0]

    ask(), ask()
    return ask


def in_a_thread(call: Callable[[], Any]) -> Any:
    """What `call` gives in a thread of its own, with a connection of its own."""
    given: list[Any] = []

    def run() -> None:
        try:
            given.append(call())
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join(20)
    return given[0]


# Known


def test_nobody_is_kept_where_the_setting_is_left_out(settings, raw, made, costs) -> None:
    settings.COGNITO = {name: value for name, value in settings.COGNITO.items() if name != "USER_CACHE_SECONDS"}
    authenticate(raw)
    for _ in range(3):
        costs(1, lambda: authenticate(raw))
    assert made == []


def test_a_known_tokens_user_costs_no_query_and_has_its_rights(alice, costs) -> None:
    user = costs(0, alice)
    assert (type(user), user.username, user.is_authenticated) == (User, "alice", True)
    assert costs(0, lambda: (user.has_perm("auth.change_group"), get_rights(user).groups)) == (True, ("editors",))
    assert costs(0, lambda: get_rights(user).scopes) == get_rights(user).scopes != frozenset()


def test_it_is_read_again_when_its_seconds_are_over(alice, clock, costs) -> None:
    clock.now += SECONDS - 0.1
    costs(0, alice)
    clock.now += 0.1
    costs(1, alice)
    costs(0, alice)


def test_the_seconds_count_from_before_it_was_read(alice, clock, costs, monkeypatch) -> None:
    clock.now += SECONDS
    read = cache.read_user

    def slowly(*given: Any) -> Any:
        answer = read(*given)
        clock.now += SECONDS - 1
        return answer

    monkeypatch.setattr(cache, "read_user", slowly)
    alice()
    costs(0, alice)
    clock.now += 1
    monkeypatch.undo()
    costs(1, alice)


def test_another_token_of_the_person_is_asked_for_by_itself(alice, costs) -> None:
    other = token("editors", at=5)
    costs(2, lambda: authenticate(other))  # it moves `as_of`
    costs(0, lambda: authenticate(other))
    costs(0, alice)


def test_the_async_twin_takes_no_thread_for_whom_is_known(alice, raw, costs, monkeypatch) -> None:
    monkeypatch.delattr("django_cognito.users.authentication.sync_to_async")
    user, verified = costs(0, partial(async_to_sync(aauthenticate), raw))
    assert (user, verified.username, user.has_perm("auth.change_group")) == (alice(), "alice", True)


def test_the_async_twin_reads_whom_is_not_known(raw, costs) -> None:
    for _ in range(3):
        user, _ = async_to_sync(aauthenticate)(raw)
    assert costs(0, lambda: authenticate(raw))[0] == user


def test_machines_are_made_of_their_token_as_ever(costs) -> None:
    raw = token(username=None, sub="1testclient23456789", scope="orders/read")
    first, second = (costs(0, lambda: authenticate(raw))[0] for _ in range(2))
    third = costs(0, lambda: async_to_sync(aauthenticate)(raw))[0]
    assert type(first) is type(second) is type(third) is MachineUser
    assert first is not second


# A request's own


def test_each_request_has_a_user_of_its_own(alice, costs) -> None:
    user = costs(0, alice)
    user.is_superuser, user.first_name, user.note = True, "Mallory", "a note"
    user.groups.add(Group.objects.create(name="hers"))
    list(user.groups.all()), user.get_all_permissions(), user.has_perm("auth.view_group")
    other = alice()
    assert other is not user
    assert (other.is_superuser, other.first_name, hasattr(other, "note")) == (False, "", False)
    assert other._state is not user._state
    assert {name for name in vars(other) if "cache" in name} == set()
    assert other.get_deferred_fields() == set()


def test_what_the_first_request_does_to_its_user_is_seen_by_nobody(raw) -> None:
    authenticate(raw)
    first = authenticate(raw)[0]  # the one that was read, and from whose reading the others are made
    first.is_superuser = True
    assert authenticate(raw)[0].is_superuser is False


def test_what_a_model_sets_up_for_itself_is_each_users_own(raw) -> None:
    def watch(instance: User, **_: Any) -> None:
        instance.watched = [instance]  # as libraries do that look for changed fields

    post_init.connect(watch, sender=User)
    try:
        people = [authenticate(raw)[0] for _ in range(4)][2:]
    finally:
        post_init.disconnect(watch, sender=User)
    assert [user.watched[0] is user for user in people] == [True, True]


def test_a_right_of_the_database_given_now_counts_at_the_next_request(alice) -> None:
    user = alice()
    assert not user.has_perm("auth.view_permission")
    user.user_permissions.add(Permission.objects.get(codename="view_permission"))
    group = Group.objects.create(name="given by hand")
    group.permissions.add(Permission.objects.get(codename="view_user"))
    User.objects.get().groups.add(group)
    assert alice().has_perms(["auth.view_permission", "auth.view_user"])


def test_who_was_only_given_may_be_saved(alice) -> None:
    user = alice()
    user.first_name = "Alice"
    user.save()
    assert (User.objects.get().first_name, alice().first_name) == ("Alice", "Alice")


# Changes in this process


def _save() -> None:
    user = User.objects.get()
    user.first_name = "Al"
    user.save(update_fields=["first_name"])


CHANGES: dict[str, Callable[[], Any]] = {
    "save": _save,
    "save by a key that is text": lambda: User(pk=str(User.objects.get().pk), username="alice", first_name="Al").save(),
    "update_or_create": lambda: User.objects.update_or_create(username="alice", defaults={"first_name": "Al"}),
    "another token": lambda: authenticate(token("editors", token_use="id", given_name="Al", at=5), token_use="id"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_user_is_seen_at_once(alice, costs, change) -> None:
    costs(0, alice)
    CHANGES[change]()
    assert costs(1, alice).first_name == "Al"
    costs(0, alice)


def test_who_was_deleted_is_made_anew_and_not_served(alice) -> None:
    before = alice().pk
    User.objects.all().delete()
    assert alice().pk == User.objects.get().pk != before


def test_a_link_that_leads_to_somebody_else_is_seen_at_once(alice, costs) -> None:
    other = User.objects.create(username="other")
    link = CognitoUser.objects.get()
    link.user = other
    link.save()
    assert [alice(), alice()] == [other, other]  # the first grants what the groups of the link grant
    assert costs(0, alice) == other


def test_a_link_that_was_deleted_is_seen_at_once(alice) -> None:
    CognitoUser.objects.all().delete()
    assert alice().username.startswith("alice-")


def test_who_is_disabled_is_refused_at_once(alice) -> None:
    user = User.objects.get()
    user.is_active = False
    user.save()
    for _ in range(2):
        with pytest.raises(TokenError) as refused:
            alice()
        assert refused.value.code == "user_inactive"


def test_who_is_disabled_by_the_models_own_reckoning_is_refused_at_once(alice, monkeypatch) -> None:
    over = property(lambda user: False, lambda user, value: None)  # as a model that looks at the time of day
    monkeypatch.setattr(User, "is_active", over)
    with pytest.raises(TokenError):
        alice()


def test_a_younger_token_of_fewer_groups_is_told_to_the_older_one(alice) -> None:
    assert alice().has_perm("auth.change_group")
    authenticate(token("viewers", at=5))
    user = alice()
    assert (get_rights(user).groups, user.has_perm("auth.change_group")) == (("viewers",), False)


def test_an_id_token_that_comes_along_is_heard(alice, raw, costs) -> None:
    id_token = token("editors", token_use="id", given_name="Alice")
    assert authenticate(raw, id_token=id_token)[0].first_name == "Alice"
    assert alice().first_name == "Alice"
    for _ in range(2):
        assert costs(1, lambda: authenticate(raw, id_token=id_token))[0].first_name == "Alice"
    assert costs(0, alice).first_name == "Alice"


def test_an_id_token_that_comes_along_is_heard_by_the_async_twin_too(alice, raw) -> None:
    id_token = token("editors", token_use="id", given_name="Alice")
    assert async_to_sync(aauthenticate)(raw, id_token=id_token)[0].first_name == "Alice"
    assert alice().first_name == "Alice"


def test_others_stay_known() -> None:
    raws = [token(username=f"person{number}") for number in range(5)]
    people = [authenticate(raw)[0] for raw in raws for _ in range(2)]
    people[0].save()
    # One in a thousand shares her mark, and is forgotten with her.
    assert sum(_is_known(raw) for raw in raws) >= 3


def _is_known(raw: str) -> bool:
    with CaptureQueriesContext(connection) as queries:
        authenticate(raw)
    return len(queries) == 0


def test_changed_row_of_a_parent_model_forgets_all_users(alice, made, costs) -> None:
    known = made[-1]()
    marks = known._versions
    known._on_change(instance=Group(name="as a parent of the user model"))
    assert not set(marks) & set(known._versions)
    costs(1, alice)


# Changes that nobody tells of: until the seconds are over


def test_what_no_signal_tells_of_is_seen_when_the_seconds_are_over(alice, clock) -> None:
    User.objects.update(is_active=False)  # also what another process does
    assert alice().is_active
    clock.now += SECONDS
    with pytest.raises(TokenError):
        alice()


# Saving a cached user


def take_away() -> None:
    """Remove staff status and the account's activity, as another process does: no signal is sent here."""
    User.objects.update(is_active=False, is_staff=False)


def test_saved_cached_user_keeps_changes_of_other_processes(raw, costs) -> None:
    staff = token("admins", username="bob")
    authenticate(staff), authenticate(staff)
    user = costs(0, lambda: authenticate(staff))[0]
    assert user.is_staff
    take_away()
    user.first_name = "Bob"
    user.save()
    saved = User.objects.get()
    assert (saved.first_name, saved.is_active, saved.is_staff, saved.is_superuser) == ("Bob", False, False, True)
    with pytest.raises(TokenError):
        authenticate(staff)


def test_saved_cached_user_restores_no_revoked_group(raw, cognito_keys, made) -> None:
    older, newer = token("admins", username="bob", at=-100), token(username="bob", at=-10)
    for _ in range(2):
        authenticate(older)
    user = authenticate(older)[0]
    marks = list(made[-1]()._versions)
    authenticate(newer)
    made[-1]()._versions[:] = marks  # as if another process had seen the newer token
    cached = authenticate(older)[0]
    assert cached.is_staff
    for each in (user, cached):
        each.save()
    assert (User.objects.get().is_staff, User.objects.get().is_superuser) == (False, False)


def test_every_copy_of_a_cached_user_is_protected(alice) -> None:
    copies = [alice() for _ in range(3)]
    for position, user in enumerate(copies):
        take_away()
        user.last_name = str(position)
        user.save()
        saved = User.objects.get()
        assert (saved.last_name, saved.is_active) == (str(position), False)


def test_cached_user_that_the_model_adds_to_is_protected(raw) -> None:
    def watch(instance: User, **_: Any) -> None:
        instance.watched = [instance]

    post_init.connect(watch, sender=User)
    try:
        user = [authenticate(raw)[0] for _ in range(3)][2]
        take_away()
        user.save()
    finally:
        post_init.disconnect(watch, sender=User)
    assert User.objects.get().is_active is False


def rename(request: Any) -> HttpResponse:
    """A page of a site that saves the user of the request."""
    request.user.first_name = request.GET["to"]
    request.user.save()
    return HttpResponse("saved")


async def rename_async(request: Any) -> HttpResponse:
    """The async version of `rename`."""
    user = await request.auser()
    user.first_name = request.GET["to"]
    await user.asave()
    return HttpResponse("saved")


urlpatterns = [path("rename/", rename), path("rename/async/", rename_async)]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("url", ["/rename/", "/rename/async/"])
def test_request_that_saves_its_cached_user_restores_nothing(raw, url) -> None:
    for _ in range(2):
        authenticate(raw)
    User.objects.update(is_active=True, is_staff=True)
    factories.reset()
    with trusted_keys():
        for _ in range(3):
            authenticate(raw)
        take_away()
        assert Client().get(url, {"to": "Bob"}, headers=bearer(raw)).status_code == 200
    saved = User.objects.get()
    assert (saved.first_name, saved.is_active, saved.is_staff) == ("Bob", False, False)


# Transactions


def test_what_was_rolled_back_is_not_served(alice) -> None:
    with transaction.atomic():
        _save()
        assert alice().first_name == "Al"  # to whoever is in it
        transaction.set_rollback(True)
    assert [alice().first_name for _ in range(2)] == ["", ""]


def test_what_was_rolled_back_to_a_savepoint_is_not_served(alice) -> None:
    with transaction.atomic():
        with transaction.atomic():
            _save()
            assert alice().first_name == "Al"
            transaction.set_rollback(True)
        assert alice().first_name == ""
    assert [alice().first_name for _ in range(2)] == ["", ""]


def test_what_a_transaction_read_is_kept_once_it_is_committed(raw, costs) -> None:
    authenticate(raw)
    with transaction.atomic():  # as with ATOMIC_REQUESTS
        costs(1, lambda: authenticate(raw))
        costs(1, lambda: authenticate(raw))
    costs(0, lambda: authenticate(raw))


@pytest.mark.needs("postgresql")
def test_what_others_read_before_a_commit_is_not_served_after_it(alice) -> None:
    with transaction.atomic():
        _save()
        assert in_a_thread(alice).first_name == ""
        assert in_a_thread(alice).first_name == ""
    assert alice().first_name == "Al"


@pytest.mark.parametrize("change", ["save", "another token"])
def test_what_was_read_before_a_change_is_not_kept_after_it(alice, clock, monkeypatch, change) -> None:
    read = cache.read_user
    clock.now += SECONDS

    def and_be_late(*given: Any) -> Any:
        monkeypatch.setattr(cache, "read_user", read)
        answer = read(*given)
        CHANGES[change]()
        return answer

    monkeypatch.setattr(cache, "read_user", and_be_late)
    assert alice().first_name == ""
    assert alice().first_name == "Al"


def test_where_nobody_tells_of_a_commit_nothing_is_kept(alice, clock, costs) -> None:
    clock.now += SECONDS
    connection.set_autocommit(False)
    try:
        alice()
        _save()
        assert alice().first_name == "Al"
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert costs(1, alice).first_name == ""


@pytest.mark.needs("postgresql")
def test_a_change_that_has_returned_is_seen_whoever_else_reads_meanwhile(alice) -> None:
    done = Event()

    def read() -> None:
        while not done.is_set():
            alice()
        connection.close()

    readers = [Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(20):
            user = User.objects.get()
            user.first_name = str(number)
            user.save()
            assert alice().first_name == str(number)
    finally:
        done.set()
        for reader in readers:
            reader.join(20)


# The doors


@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.parametrize("url", ["/who/", "/who/async/", "/who/class/", "/api/"])
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_known_tokens_request_costs_no_query_and_a_disabled_accounts_is_refused(make, url, raw, costs) -> None:
    client = make()
    get = async_to_sync(client.get) if make is AsyncClient else client.get

    def ask() -> Any:
        return get(url, headers=bearer(raw))

    answers = [ask().status_code, ask().status_code, costs(0, ask).status_code]
    assert answers == [200, 200, 200]
    User.objects.get().delete()
    made = ask()
    assert made.status_code == 200
    user = User.objects.get()
    user.is_active = False
    user.save()
    assert ask().status_code == 401


# Settings, tests and bounds


def test_other_settings_know_nobody(alice, settings, costs) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"permissions": ["auth.view_group"]}}}
    user = alice()
    assert (user.has_perm("auth.view_group"), user.has_perm("auth.change_group")) == (True, False)


def test_a_reset_forgets_all_and_nothing_listens_any_longer(alice, made, costs) -> None:
    factories.reset()
    gc.collect()
    assert [known() for known in made] == [None]  # its receivers were weakly its own
    with trusted_keys():
        costs(1, alice)


def test_a_flush_between_tests_forgets_all(alice) -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert alice() == User.objects.get() == link_of(User.objects.get()).user


def test_in_a_test_case_nothing_is_kept_whatever_it_runs_on_commit(raw, costs) -> None:
    authenticate(raw)

    class Case(TestCase):
        def test(self) -> None:
            User.objects.update(first_name="of this test")
            with self.captureOnCommitCallbacks(execute=True):
                costs(1, lambda: authenticate(raw))
            assert costs(1, lambda: authenticate(raw))[0].first_name == "of this test"

    result = unittest.TestResult()
    unittest.TestSuite([Case("test")]).run(result)
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])
    assert authenticate(raw)[0].first_name == ""


def test_a_token_that_is_known_no_longer_takes_its_user_along(settings, made) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_CACHE_SIZE": 1}
    for raw in [token(username=name) for name in ("alice", "bob")]:
        authenticate(raw), authenticate(raw)
    gc.collect()
    assert [len(tokens) for tokens in made[-1]()._by_token.values()] == [1]
