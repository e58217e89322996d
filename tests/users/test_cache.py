"""The user of a verified token is cached for USER_CACHE_SECONDS, and a change of the user invalidates it."""

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
from django.utils import timezone

from django_cognito import factories
from django_cognito.authorization.rights import get_rights
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing.keys import trusted_keys
from django_cognito.users import cache
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.authentication import aauthenticate, authenticate
from django_cognito.users.cache import UserCache
from tests.support.callers import bearer
from tests.support.clock import Clock
from tests.support.scenarios.users import GROUPS, link_of, token

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("cache_enabled")]
SECONDS = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def caches() -> list[Callable[[], Any]]:
    """Return the list of weak references to each `UserCache` that the site creates."""
    return []


@pytest.fixture
def cache_enabled(
    settings: Any, cognito_keys: None, clock: Clock, caches: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configure a site that caches users by the test's clock."""

    def make(seconds: float) -> UserCache:
        user_cache = UserCache(seconds, now=clock)
        caches.append(weakref.ref(user_cache))
        return user_cache

    monkeypatch.setattr(cache, "UserCache", make)
    settings.COGNITO = {**settings.COGNITO, "USER_CACHE_SECONDS": SECONDS, "GROUPS": GROUPS}


@pytest.fixture
def raw(cache_enabled: None) -> str:
    """Return alice's token, which is not cached yet."""
    return token("editors")


@pytest.fixture
def alice(raw: str) -> Callable[[], Any]:
    """Return a function that authenticates alice's token: two calls have created and cached her."""

    def load() -> Any:
        return authenticate(raw)[0]

    load(), load()
    return load


def in_a_thread(call: Callable[[], Any]) -> Any:
    """Return the result of `call` in a thread and a connection of its own."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join(120)
    return results[0]


# Cached users


def test_without_user_cache_seconds_no_user_is_cached(settings, raw, caches, call_with_queries) -> None:
    settings.COGNITO = {name: value for name, value in settings.COGNITO.items() if name != "USER_CACHE_SECONDS"}
    authenticate(raw)
    for _ in range(3):
        call_with_queries(1, lambda: authenticate(raw))
    assert caches == []


def test_cached_user_makes_no_query_and_has_rights(alice, call_with_queries) -> None:
    user = call_with_queries(0, alice)
    assert (type(user), user.username, user.is_authenticated) == (User, "alice", True)
    assert call_with_queries(0, lambda: (user.has_perm("auth.change_group"), get_rights(user).groups)) == (
        True,
        ("editors",),
    )
    assert call_with_queries(0, lambda: get_rights(user).scopes) == get_rights(user).scopes != frozenset()


def test_cached_user_is_read_again_after_user_cache_seconds(alice, clock, call_with_queries) -> None:
    clock.now += SECONDS - 0.1
    call_with_queries(0, alice)
    clock.now += 0.1
    call_with_queries(1, alice)
    call_with_queries(0, alice)


def test_user_cache_seconds_count_from_before_the_read(alice, clock, call_with_queries, monkeypatch) -> None:
    clock.now += SECONDS
    read = cache.read_user

    def read_slowly(*arguments: Any) -> Any:
        user = read(*arguments)
        clock.now += SECONDS - 1
        return user

    monkeypatch.setattr(cache, "read_user", read_slowly)
    alice()
    call_with_queries(0, alice)
    clock.now += 1
    monkeypatch.undo()
    call_with_queries(1, alice)


def test_another_token_of_the_user_is_cached_separately(alice, call_with_queries) -> None:
    other = token("editors", at=5)
    call_with_queries(2, lambda: authenticate(other))  # updates `as_of`
    call_with_queries(0, lambda: authenticate(other))
    call_with_queries(0, alice)


def test_aauthenticate_of_a_cached_user_uses_no_thread(alice, raw, call_with_queries, monkeypatch) -> None:
    monkeypatch.delattr("django_cognito.users.authentication.sync_to_async")
    user, verified = call_with_queries(0, partial(async_to_sync(aauthenticate), raw))
    assert (user, verified.username, user.has_perm("auth.change_group")) == (alice(), "alice", True)


def test_aauthenticate_caches_a_user_that_is_not_cached(raw, call_with_queries) -> None:
    for _ in range(3):
        user, _ = async_to_sync(aauthenticate)(raw)
    assert call_with_queries(0, lambda: authenticate(raw))[0] == user


def test_cached_service_user_makes_no_query_and_is_read_after_a_change(cognito, call_with_queries) -> None:
    cognito(SERVICE_USERS={"1testclient23456789": "importer"}, SCOPES_TO_PERMISSIONS={"a/read": ["auth.view_user"]})
    raw = token(username=None, sub="1testclient23456789", scope="a/read")
    user = User.objects.create_user("importer")
    call_with_queries(1, lambda: authenticate(raw))
    cached = call_with_queries(0, lambda: authenticate(raw))[0]
    assert (cached, call_with_queries(0, lambda: cached.has_perm("auth.view_user"))) == (user, True)
    assert call_with_queries(0, partial(async_to_sync(aauthenticate), raw))[0] is not cached
    user.save()
    call_with_queries(1, lambda: authenticate(raw))
    CognitoUser.objects.create(user=user, user_pool_id="p", sub="s", username="u", as_of=timezone.now())
    with pytest.raises(TokenError) as raised:
        authenticate(raw)
    assert raised.value.code == "service_user_rejected"


def test_deactivated_service_user_is_rejected_at_once(cognito) -> None:
    cognito(SERVICE_USERS={"1testclient23456789": "importer"})
    raw = token(username=None, sub="1testclient23456789", scope="a/read")
    user = User.objects.create_user("importer")
    authenticate(raw), authenticate(raw)
    user.is_active = False
    user.save()
    with pytest.raises(TokenError) as raised:
        async_to_sync(aauthenticate)(raw)
    assert raised.value.code == "user_inactive"


def test_machine_users_are_not_cached(call_with_queries) -> None:
    raw = token(username=None, sub="1testclient23456789", scope="orders/read")
    first, second = (call_with_queries(0, lambda: authenticate(raw))[0] for _ in range(2))
    third = call_with_queries(0, lambda: async_to_sync(aauthenticate)(raw))[0]
    assert type(first) is type(second) is type(third) is MachineUser
    assert first is not second


# Isolation of requests


def test_each_request_has_its_own_user_object(alice, call_with_queries) -> None:
    user = call_with_queries(0, alice)
    user.is_superuser, user.first_name, user.note = True, "Mallory", "a note"
    user.groups.add(Group.objects.create(name="hers"))
    list(user.groups.all()), user.get_all_permissions(), user.has_perm("auth.view_group")
    other = alice()
    assert other is not user
    assert (other.is_superuser, other.first_name, hasattr(other, "note")) == (False, "", False)
    assert other._state is not user._state
    assert {name for name in vars(other) if "cache" in name} == set()
    assert other.get_deferred_fields() == set()


def test_change_by_the_first_request_is_not_cached(raw) -> None:
    authenticate(raw)
    first = authenticate(raw)[0]  # this user was read; the cached ones are copies
    first.is_superuser = True
    assert authenticate(raw)[0].is_superuser is False


def test_attribute_of_a_post_init_receiver_is_per_user(raw) -> None:
    def watch(instance: User, **_: Any) -> None:
        instance.watched = [instance]  # like libraries that track changed fields

    post_init.connect(watch, sender=User)
    try:
        users = [authenticate(raw)[0] for _ in range(4)][2:]
    finally:
        post_init.disconnect(watch, sender=User)
    assert [user.watched[0] is user for user in users] == [True, True]


def test_new_permission_counts_at_the_next_request(alice) -> None:
    user = alice()
    assert not user.has_perm("auth.view_permission")
    user.user_permissions.add(Permission.objects.get(codename="view_permission"))
    group = Group.objects.create(name="local group")
    group.permissions.add(Permission.objects.get(codename="view_user"))
    User.objects.get().groups.add(group)
    assert alice().has_perms(["auth.view_permission", "auth.view_user"])


def test_cached_user_can_be_saved(alice) -> None:
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
def test_changed_user_is_read_again_at_once(alice, call_with_queries, change) -> None:
    call_with_queries(0, alice)
    CHANGES[change]()
    assert call_with_queries(1, alice).first_name == "Al"
    call_with_queries(0, alice)


def test_deleted_user_is_created_again_and_not_served(alice) -> None:
    before = alice().pk
    User.objects.all().delete()
    assert alice().pk == User.objects.get().pk != before


def test_link_moved_to_another_user_counts_at_once(alice, call_with_queries) -> None:
    other = User.objects.create(username="other")
    link = CognitoUser.objects.get()
    link.user = other
    link.save()
    assert [alice(), alice()] == [other, other]  # the first grants what the groups of the link grant
    assert call_with_queries(0, alice) == other


def test_deleted_link_counts_at_once(alice) -> None:
    CognitoUser.objects.all().delete()
    assert alice().username.startswith("alice-")


def test_disabled_user_is_rejected_at_once(alice) -> None:
    user = User.objects.get()
    user.is_active = False
    user.save()
    for _ in range(2):
        with pytest.raises(TokenError) as raised:
            alice()
        assert raised.value.code == "user_inactive"


def test_user_disabled_by_a_property_is_rejected_at_once(alice, monkeypatch) -> None:
    always_false = property(lambda user: False, lambda user, value: None)  # like a model that checks the time of day
    monkeypatch.setattr(User, "is_active", always_false)
    with pytest.raises(TokenError):
        alice()


def test_newer_token_with_fewer_groups_applies_to_older_token(alice) -> None:
    assert alice().has_perm("auth.change_group")
    authenticate(token("viewers", at=5))
    user = alice()
    assert (get_rights(user).groups, user.has_perm("auth.change_group")) == (("viewers",), False)


def test_id_token_of_a_cached_access_token_is_applied(alice, raw, call_with_queries) -> None:
    id_token = token("editors", token_use="id", given_name="Alice")
    assert authenticate(raw, id_token=id_token)[0].first_name == "Alice"
    assert alice().first_name == "Alice"
    for _ in range(2):
        assert call_with_queries(1, lambda: authenticate(raw, id_token=id_token))[0].first_name == "Alice"
    assert call_with_queries(0, alice).first_name == "Alice"


def test_aauthenticate_applies_id_token_of_a_cached_token(alice, raw) -> None:
    id_token = token("editors", token_use="id", given_name="Alice")
    assert async_to_sync(aauthenticate)(raw, id_token=id_token)[0].first_name == "Alice"
    assert alice().first_name == "Alice"


def test_change_of_one_user_leaves_others_cached(monkeypatch) -> None:
    slots: dict[Any, int] = {}
    # Otherwise one row in a thousand shares the slot of another one. Rows that follow each other have slots with equal
    # distances, so that several of these users may be invalidated together.
    monkeypatch.setattr(cache, "_get_slot", lambda model, pk: slots.setdefault((model, pk), len(slots)))
    raws = [token(username=f"user{number}") for number in range(5)]
    users = [authenticate(raw)[0] for raw in raws for _ in range(2)]
    users[0].save()
    queries = [_queries_of(raw) for raw in raws]
    assert [len(queries_of_user) for queries_of_user in queries] == [1, 0, 0, 0, 0], queries


def test_most_users_have_a_slot_of_their_own() -> None:
    slots = [cache._get_slot(User, pk) for pk in range(1, 101)]
    assert (len(set(slots)), max(slots) < cache._VERSION_SLOTS) == (100, True)


def _queries_of(raw: str) -> list[str]:
    with CaptureQueriesContext(connection) as context:
        authenticate(raw)
    return [query["sql"] for query in context.captured_queries]


def test_changed_row_of_a_parent_model_invalidates_all_users(alice, caches, call_with_queries) -> None:
    user_cache = caches[-1]()
    versions = user_cache._versions
    user_cache._on_change(instance=Group(name="as a parent of the user model"))
    assert not set(versions) & set(user_cache._versions)
    call_with_queries(1, alice)


# Changes without a signal: visible after USER_CACHE_SECONDS


def test_change_without_signal_counts_after_user_cache_seconds(alice, clock) -> None:
    User.objects.update(is_active=False)  # like a change by another process
    assert alice().is_active
    clock.now += SECONDS
    with pytest.raises(TokenError):
        alice()


# Saving a cached user


def revoke_flags() -> None:
    """Remove staff status and deactivate the account like another process: no signal is sent."""
    User.objects.update(is_active=False, is_staff=False)


def test_saved_cached_user_preserves_changes_of_other_processes(raw, call_with_queries) -> None:
    staff = token("admins", username="bob")
    authenticate(staff), authenticate(staff)
    user = call_with_queries(0, lambda: authenticate(staff))[0]
    assert user.is_staff
    revoke_flags()
    user.first_name = "Bob"
    user.save()
    saved = User.objects.get()
    assert (saved.first_name, saved.is_active, saved.is_staff, saved.is_superuser) == ("Bob", False, False, True)
    with pytest.raises(TokenError):
        authenticate(staff)


def test_saved_cached_user_restores_no_revoked_group(raw, cognito_keys, caches) -> None:
    older, newer = token("admins", username="bob", at=-100), token(username="bob", at=-10)
    for _ in range(2):
        authenticate(older)
    user = authenticate(older)[0]
    versions = list(caches[-1]()._versions)
    authenticate(newer)
    caches[-1]()._versions[:] = versions  # as if another process had handled the newer token
    cached = authenticate(older)[0]
    assert cached.is_staff
    for instance in (user, cached):
        instance.save()
    assert (User.objects.get().is_staff, User.objects.get().is_superuser) == (False, False)


def test_every_copy_of_a_cached_user_is_protected(alice) -> None:
    copies = [alice() for _ in range(3)]
    for position, user in enumerate(copies):
        revoke_flags()
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
        revoke_flags()
        user.save()
    finally:
        post_init.disconnect(watch, sender=User)
    assert User.objects.get().is_active is False


def rename(request: Any) -> HttpResponse:
    """Save the user of the request, as a page of a site may."""
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
    factories.discard_instances()
    with trusted_keys():
        for _ in range(3):
            authenticate(raw)
        revoke_flags()
        assert Client().get(url, {"to": "Bob"}, headers=bearer(raw)).status_code == 200
    saved = User.objects.get()
    assert (saved.first_name, saved.is_active, saved.is_staff) == ("Bob", False, False)


# Transactions


def test_rolled_back_change_is_not_served(alice) -> None:
    with transaction.atomic():
        _save()
        assert alice().first_name == "Al"  # inside the transaction
        transaction.set_rollback(True)
    assert [alice().first_name for _ in range(2)] == ["", ""]


def test_change_rolled_back_to_a_savepoint_is_not_served(alice) -> None:
    with transaction.atomic():
        with transaction.atomic():
            _save()
            assert alice().first_name == "Al"
            transaction.set_rollback(True)
        assert alice().first_name == ""
    assert [alice().first_name for _ in range(2)] == ["", ""]


def test_user_read_in_a_transaction_is_cached_after_commit(raw, call_with_queries) -> None:
    authenticate(raw)
    with transaction.atomic():  # as with ATOMIC_REQUESTS
        call_with_queries(1, lambda: authenticate(raw))
        call_with_queries(1, lambda: authenticate(raw))
    call_with_queries(0, lambda: authenticate(raw))


@pytest.mark.needs("postgresql")
def test_concurrent_read_before_a_commit_is_not_served_after_it(alice) -> None:
    with transaction.atomic():
        _save()
        assert in_a_thread(alice).first_name == ""
        assert in_a_thread(alice).first_name == ""
    assert alice().first_name == "Al"


@pytest.mark.parametrize("change", ["save", "another token"])
def test_user_read_before_a_concurrent_change_is_not_cached(alice, clock, monkeypatch, change) -> None:
    read = cache.read_user
    clock.now += SECONDS

    def read_before_change(*arguments: Any) -> Any:
        monkeypatch.setattr(cache, "read_user", read)
        user = read(*arguments)
        CHANGES[change]()
        return user

    monkeypatch.setattr(cache, "read_user", read_before_change)
    assert alice().first_name == ""
    assert alice().first_name == "Al"


def test_without_autocommit_nothing_is_cached(alice, clock, call_with_queries) -> None:
    clock.now += SECONDS
    connection.set_autocommit(False)
    try:
        alice()
        _save()
        assert alice().first_name == "Al"
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert call_with_queries(1, alice).first_name == ""


@pytest.mark.needs("postgresql")
def test_saved_change_counts_despite_concurrent_reads(alice) -> None:
    done = Event()

    def read() -> None:
        while not done.is_set():
            alice()
        connection.close()

    readers = [Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for number in range(10):
            user = User.objects.get()
            user.first_name = str(number)
            user.save()
            assert alice().first_name == str(number)
    finally:
        done.set()
        for reader in readers:
            reader.join(120)


# Entry points


@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.parametrize("url", ["/who/", "/who/async/", "/who/class/", "/api/"])
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_cached_request_makes_no_query_and_disabled_user_gets_401(make, url, raw, call_with_queries) -> None:
    client = make()
    get = async_to_sync(client.get) if make is AsyncClient else client.get

    def send() -> Any:
        return get(url, headers=bearer(raw))

    statuses = [send().status_code, send().status_code, call_with_queries(0, send).status_code]
    assert statuses == [200, 200, 200]
    User.objects.get().delete()
    response = send()
    assert response.status_code == 200
    user = User.objects.get()
    user.is_active = False
    user.save()
    assert send().status_code == 401


# Settings, tests and limits


def test_changed_settings_empty_the_cache(alice, settings, call_with_queries) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"permissions": ["auth.view_group"]}}}
    user = alice()
    assert (user.has_perm("auth.view_group"), user.has_perm("auth.change_group")) == (True, False)


def test_reset_empties_the_cache_and_disconnects_its_receivers(alice, caches, call_with_queries) -> None:
    factories.discard_instances()
    gc.collect()
    assert [reference() for reference in caches] == [None]  # its receivers are connected weakly
    with trusted_keys():
        call_with_queries(1, alice)


def test_flush_empties_the_cache(alice) -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert alice() == User.objects.get() == link_of(User.objects.get()).user


def test_in_a_test_case_nothing_is_cached_despite_on_commit(raw, call_with_queries) -> None:
    authenticate(raw)

    class Case(TestCase):
        def test(self) -> None:
            User.objects.update(first_name="of this test")
            with self.captureOnCommitCallbacks(execute=True):
                call_with_queries(1, lambda: authenticate(raw))
            assert call_with_queries(1, lambda: authenticate(raw))[0].first_name == "of this test"

    result = unittest.TestResult()
    unittest.TestSuite([Case("test")]).run(result)
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])
    assert authenticate(raw)[0].first_name == ""


def test_evicted_token_evicts_its_user(settings, caches) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_CACHE_SIZE": 1}
    for raw in [token(username=name) for name in ("alice", "bob")]:
        authenticate(raw), authenticate(raw)
    gc.collect()
    assert [len(tokens) for tokens in caches[-1]()._by_token.values()] == [1]
