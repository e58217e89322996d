"""The age of remembered groups: past REMEMBERED_GROUPS_SECONDS they give nothing, and what they granted is removed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import login, user_logged_in
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.utils import timezone

from django_cognito.authorization import group_expiry
from django_cognito.authorization.group_expiry import (
    SESSION_KEY,
    acheck_session,
    check_session,
    expire_all_remembered_groups,
    expire_remembered_groups,
)
from django_cognito.authorization.rights import NO_RIGHTS, get_rights
from django_cognito.backends import CognitoBackend
from django_cognito.conf.loading import get_pool_registry, get_settings
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import cache
from django_cognito.users.authentication import authenticate
from tests.support.user_scenario import NOW, django_groups, link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]
DAY = 86_400
MONTH = 30 * DAY
NOTHING = (False, False, set(), set())


def has(user: Any) -> tuple[bool, bool, set[str], set[str]]:
    """Return what the database says: staff, superuser, Django groups, memberships."""
    stored = User.objects.get(pk=user.pk)
    names = CognitoMembership.objects.filter(cognito_user__user=user).values_list("name", flat=True)
    return stored.is_staff, stored.is_superuser, django_groups(stored), set(names)


def age(seconds: float = MONTH + 10, **conditions: Any) -> None:
    """Let the groups of link rows have been confirmed so long ago."""
    moment = timezone.now() - timedelta(seconds=seconds)
    CognitoUser.objects.filter(**conditions).update(as_of=moment)


@pytest.fixture
def admin(told) -> Any:
    """A user whose groups, which gave everything, are too old. The object is as read from the database."""
    told("editors", "admins")
    age()
    return User.objects.get()


@pytest.fixture
def local_session() -> Callable[..., Any]:
    """`local_session(user)`: the session after a login by local password."""

    def sign_in(user: Any) -> Any:
        request = HttpRequest()
        request.session = SessionStore()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return request.session

    return sign_in


# What is removed


def test_expired_groups_lose_what_they_granted(admin) -> None:
    as_of = link_of(admin).as_of
    assert expire_remembered_groups(admin) is None
    assert has(admin) == NOTHING
    assert (link_of(admin).groups, link_of(admin).as_of) == ([], as_of)
    assert (admin.is_staff, admin.is_superuser) == (False, False)


def test_fresh_groups_stay_and_cost_one_query(told, django_assert_num_queries) -> None:
    user = told("editors", "admins")
    with django_assert_num_queries(1):
        assert expire_remembered_groups(user) == datetime.fromtimestamp(NOW + MONTH, UTC)
    assert has(user)[:2] == (True, True)


@pytest.mark.parametrize(("seconds", "is_removed"), [(MONTH - 60, False), (MONTH + 1, True)])
def test_groups_expire_after_the_setting_counted_from_as_of(told, seconds, is_removed) -> None:
    user = told("admins")
    age(seconds)
    expire_remembered_groups(user)
    assert (has(user) == NOTHING) is is_removed


def test_age_none_turns_expiry_off(admin, cognito, local_session) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=None)
    assert expire_remembered_groups(admin) is None
    assert expire_all_remembered_groups() == 0
    assert get_rights(User.objects.get()).groups == ("editors", "admins")
    session = local_session(admin)
    assert SESSION_KEY not in session
    assert (check_session(session, admin), async_to_sync(acheck_session)(session, admin)) == (False, False)
    assert CognitoBackend().with_perm("auth.change_group").exists()
    assert has(admin)[:2] == (True, True)


def test_grants_by_hand_stay_when_groups_expire(told) -> None:
    told(at=-60)
    user = User.objects.get()
    user.groups.add(Group.objects.create(name="Writers"))
    User.objects.update(is_staff=True)
    told("editors", "admins", at=-30)
    age()
    expire_remembered_groups(User.objects.get())
    assert has(user) == (True, False, {"Writers"}, set())


def test_fresh_link_keeps_what_an_expired_one_granted_too(told) -> None:
    user = told("helpers", "editors")
    told("helpers", "viewers", username="alice.google")
    CognitoUser.objects.update(user=user)
    age(username="alice")
    assert expire_remembered_groups(user) == datetime.fromtimestamp(NOW + MONTH, UTC)
    assert has(user) == (True, False, {"Readers"}, {"helpers", "viewers"})
    age(username="alice.google")
    assert expire_remembered_groups(user) is None
    assert has(user) == NOTHING


def test_grants_of_groups_that_were_emptied_by_hand_expire_too(admin) -> None:
    CognitoUser.objects.update(groups=[])
    assert expire_all_remembered_groups() == 1
    assert has(admin) == NOTHING


def test_two_links_that_expire_together_leave_nothing(told) -> None:
    user = told("helpers", "editors")
    told("helpers", "admins", username="alice.google")
    CognitoUser.objects.update(user=user)
    age()
    expire_remembered_groups(user)
    assert has(user) == NOTHING


def test_newer_token_restores_what_expired(admin, told) -> None:
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(seconds=MONTH + 10))
    expire_remembered_groups(admin)
    user = told("editors", "admins", at=5)
    assert has(user) == (True, True, {"Writers", "Readers"}, {"editors", "admins"})


def test_groups_that_were_confirmed_meanwhile_stay(admin, told, monkeypatch) -> None:
    removing = group_expiry._remove_expired

    def remove_late(user: Any, settings: Any) -> bool:
        told("editors", "admins", at=5)
        return removing(user, settings)

    monkeypatch.setattr(group_expiry, "_remove_expired", remove_late)
    assert expire_remembered_groups(admin) is not None
    assert has(admin)[:2] == (True, True)


def test_expiry_of_a_user_that_was_deleted_meanwhile_changes_nothing(admin, monkeypatch) -> None:
    removing = group_expiry._remove_expired

    def remove_late(user: Any, settings: Any) -> bool:
        pk = user.pk
        User.objects.all().delete()
        user.pk = pk
        return removing(user, settings)

    monkeypatch.setattr(group_expiry, "_remove_expired", remove_late)
    expire_remembered_groups(admin)
    assert not User.objects.exists()


def test_disabled_account_loses_expired_groups_too(admin) -> None:
    User.objects.update(is_active=False)
    expire_remembered_groups(admin)
    assert has(admin) == NOTHING


# (a) at a login


def test_local_login_removes_expired_groups_and_stores_the_next_moment(admin, local_session) -> None:
    session = local_session(admin)
    assert has(admin) == NOTHING
    assert (admin.is_staff, admin.is_superuser) == (False, False)
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)


def test_login_stores_when_the_oldest_groups_expire(told, local_session) -> None:
    user = told("helpers")
    told("viewers", username="alice.google")
    told(username="alice.apple")
    CognitoUser.objects.update(user=user)
    age(MONTH - 600, username="alice.google")
    age(MONTH * 2, username="alice.apple")  # in no group: nothing to end
    assert local_session(user)[SESSION_KEY] == pytest.approx(time.time() + 600, abs=10)


def test_login_of_a_user_without_links_stores_a_moment_for_links_to_come(django_user_model, local_session) -> None:
    session = local_session(django_user_model.objects.create(username="her"))
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)


@pytest.mark.parametrize("request_", [None, HttpRequest(), SimpleNamespace(session=None)])
def test_login_without_a_session_removes_expired_groups(admin, request_) -> None:
    user_logged_in.send(User, request=request_, user=admin)
    assert has(admin) == NOTHING


@pytest.mark.parametrize("user", [User(), SimpleNamespace(pk="a client")])
def test_login_signal_of_what_is_no_stored_user_is_ignored(user, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        group_expiry.store_next_moment(user=user, request=HttpRequest())


# (b) at the first has_perm that needs the row


def test_has_perm_that_needs_the_row_removes_expired_groups(admin) -> None:
    User.objects.update(is_superuser=False)
    user = User.objects.get()
    assert not user.has_perm("auth.change_group")
    assert has(user) == NOTHING
    assert (user.is_staff, get_rights(user)) == (False, NO_RIGHTS)


def test_has_perm_of_one_expired_and_one_fresh_link_reads_the_fresh_one(told) -> None:
    user = told("editors")
    told("viewers", username="alice.google")
    CognitoUser.objects.update(user=user)
    age(username="alice")
    assert get_rights(User.objects.get(pk=user.pk)).groups == ("viewers",)


def test_permission_caches_are_dropped_when_groups_expire(admin, monkeypatch) -> None:
    User.objects.update(is_superuser=False)
    user = User.objects.get()
    user._perm_cache = user._group_perm_cache = {"auth.delete_user"}
    expire_remembered_groups(user)
    assert not hasattr(user, "_perm_cache")
    assert not user.has_perm("auth.delete_user")


def test_with_perm_leaves_out_users_whose_groups_expired(told) -> None:
    told("editors")
    told("editors", username="bob")
    age(username="alice")
    found = CognitoBackend().with_perm("auth.change_group", include_superusers=False)
    assert [user.username for user in found] == ["bob"]


@pytest.mark.parametrize("claims", [{}, {"at": -10}])
def test_access_token_without_the_groups_claim_gets_no_expired_groups(told, cognito, claims) -> None:
    cognito(GROUPS_CLAIM="custom:groups")
    told(at=-60, token_use="id", **{"custom:groups": "[editors,admins]"})
    age()
    user = told(**claims)
    assert (get_rights(user).groups, user.is_superuser, user.has_perm("auth.change_group")) == ((), False, False)
    assert has(user) == NOTHING


def test_token_that_is_older_than_expired_groups_gets_none(told, cognito) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=60)
    told("editors", at=-200)
    age(90)
    user = told("editors", "admins", at=-150)
    assert (get_rights(user).groups, has(user)) == ((), NOTHING)


@pytest.mark.django_db(transaction=True)
def test_cached_user_has_no_rights_past_the_age(told, cognito, monkeypatch, costs) -> None:
    cognito(GROUPS_CLAIM="custom:groups", USER_CACHE_SECONDS=600)
    told(at=-60, token_use="id", **{"custom:groups": "[editors]"})
    age(MONTH - 5)
    raw = token()
    for _ in range(2):  # the first one writes, and what was written is not cached
        assert authenticate(raw)[0].has_perm("auth.change_group")
    assert costs(0, lambda: authenticate(raw))[0].has_perm("auth.change_group")
    users = cache._get_cache(get_pool_registry())
    now = users._now
    monkeypatch.setattr(users, "_now", lambda: now() + 10)
    age()  # as it is by then; no signal tells of it
    assert not authenticate(raw)[0].has_perm("auth.change_group")


# (c) when a session passes the stored moment


def test_session_is_not_looked_at_before_the_stored_moment(told, local_session, django_assert_num_queries) -> None:
    user = told("admins")
    session = local_session(user)
    age()
    with django_assert_num_queries(0):
        assert not check_session(session, user)
        assert not async_to_sync(acheck_session)(session, user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("check", [check_session, async_to_sync(acheck_session)])
def test_session_past_the_stored_moment_removes_expired_groups_once(told, local_session, check) -> None:
    user = told("editors", "admins")
    session = local_session(user)
    age()
    session[SESSION_KEY] = int(time.time()) - 1
    assert check(session, user)
    assert has(user) == NOTHING
    assert not user.is_superuser
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)
    assert not check(session, user)


def test_parallel_request_of_a_session_loses_the_flags_that_another_removed(told, local_session) -> None:
    """Requests of one page load the user, and then find the moment passed, at the same time."""
    user = told("editors", "admins")
    session = local_session(user)
    age()
    session[SESSION_KEY] = int(time.time()) - 1
    first, second = User.objects.get(), User.objects.get()
    second._perm_cache = {"auth.delete_user"}
    expire_remembered_groups(first)
    check_session(session, second)
    assert (second.is_staff, second.is_superuser, hasattr(second, "_perm_cache")) == (False, False, False)
    second.save()
    assert has(second) == NOTHING


def test_user_whose_expired_groups_were_removed_while_the_lock_is_waited_for_loses_the_flags(admin) -> None:
    second = User.objects.get()
    expire_remembered_groups(admin)
    assert not group_expiry._remove_expired(second, get_settings())
    assert (second.is_staff, second.is_superuser) == (False, False)


def test_session_past_the_stored_moment_of_a_deleted_user_is_checked(told, local_session) -> None:
    user = told("admins")
    session = local_session(user)
    session[SESSION_KEY] = int(time.time()) - 1
    User.objects.all().delete()
    assert not check_session(session, user)


def test_session_past_the_stored_moment_with_confirmed_groups_stores_the_next_one(told, local_session) -> None:
    user = told("admins")
    session = local_session(user)
    session[SESSION_KEY] = int(time.time()) - 1
    assert not check_session(session, user)
    assert session[SESSION_KEY] == NOW + MONTH


def test_session_from_before_the_setting_became_shorter_is_checked(told, cognito, local_session) -> None:
    user = told("admins")
    session = local_session(user)
    age(2 * DAY)
    cognito(REMEMBERED_GROUPS_SECONDS=DAY)
    assert check_session(session, user)
    assert has(user) == NOTHING


def test_session_without_a_stored_moment_is_checked_a_day_later(admin, django_assert_num_queries) -> None:
    """Before the upgrade `as_of` did not move with each token: a refresh within the day confirms the groups."""
    session = SessionStore()
    with django_assert_num_queries(0):
        assert not check_session(session, admin)
    assert session[SESSION_KEY] == pytest.approx(time.time() + DAY, abs=10)
    session[SESSION_KEY] -= DAY + 1
    assert check_session(session, admin)
    assert has(admin) == NOTHING


# (d) all users


def test_all_users_with_expired_groups_lose_them_page_by_page(told, monkeypatch, django_assert_max_num_queries) -> None:
    monkeypatch.setattr(group_expiry, "_PAGE_SIZE", 2)
    for number in range(5):
        told("admins", username=f"user{number}")
    told("admins", username="fresh")
    age(username__startswith="user")
    assert expire_all_remembered_groups() == 5
    assert set(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == {"fresh"}
    with django_assert_max_num_queries(1):
        assert expire_all_remembered_groups() == 0


def test_groups_of_a_pool_that_is_configured_no_longer_expire_too(admin) -> None:
    CognitoUser.objects.update(user_pool_id="eu-west-1_Former")
    assert expire_all_remembered_groups() == 1
    assert has(admin) == NOTHING
