"""Remembered groups expire after REMEMBERED_GROUPS_SECONDS; their grants are removed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import login, user_logged_in
from django.contrib.auth.models import Group, Permission, User
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
from tests.support.scenarios.users import NOW, django_groups, link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]
DAY = 86_400
MONTH = 30 * DAY
NO_GRANTS = (False, False, set(), set())


def state_of(user: Any) -> tuple[bool, bool, set[str], set[str]]:
    """Return the stored state: staff, superuser, Django groups, memberships."""
    stored = User.objects.get(pk=user.pk)
    names = CognitoMembership.objects.filter(cognito_user__user=user).values_list("name", flat=True)
    return stored.is_staff, stored.is_superuser, django_groups(stored), set(names)


def set_age(seconds: float = MONTH + 10, **conditions: Any) -> None:
    """Set `as_of` of link rows to `seconds` ago."""
    moment = timezone.now() - timedelta(seconds=seconds)
    CognitoUser.objects.filter(**conditions).update(as_of=moment)


@pytest.fixture
def expired_admin(user_from_token) -> Any:
    """Return a user, read from the database, whose groups granted everything and have expired."""
    user_from_token("editors", "admins")
    set_age()
    return User.objects.get()


@pytest.fixture
def local_session() -> Callable[..., Any]:
    """`local_session(user)`: the session after a login with a local password."""

    def sign_in(user: Any) -> Any:
        request = HttpRequest()
        request.session = SessionStore()
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return request.session

    return sign_in


# Removed grants


def test_grants_of_expired_groups_are_removed(expired_admin) -> None:
    as_of = link_of(expired_admin).as_of
    assert expire_remembered_groups(expired_admin) is None
    assert state_of(expired_admin) == NO_GRANTS
    assert (link_of(expired_admin).groups, link_of(expired_admin).as_of) == ([], as_of)
    assert (expired_admin.is_staff, expired_admin.is_superuser) == (False, False)


def test_fresh_groups_stay_and_make_one_query(user_from_token, django_assert_num_queries) -> None:
    user = user_from_token("editors", "admins")
    with django_assert_num_queries(1):
        assert expire_remembered_groups(user) == datetime.fromtimestamp(NOW + MONTH, UTC)
    assert state_of(user)[:2] == (True, True)


@pytest.mark.parametrize(("seconds", "is_removed"), [(MONTH - 60, False), (MONTH + 1, True)])
def test_groups_expire_after_the_setting_counted_from_as_of(user_from_token, seconds, is_removed) -> None:
    user = user_from_token("admins")
    set_age(seconds)
    expire_remembered_groups(user)
    assert (state_of(user) == NO_GRANTS) is is_removed


def test_remembered_groups_seconds_none_disables_expiry(expired_admin, cognito, local_session) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=None)
    assert expire_remembered_groups(expired_admin) is None
    assert expire_all_remembered_groups() == 0
    assert get_rights(User.objects.get()).groups == ("editors", "admins")
    session = local_session(expired_admin)
    assert SESSION_KEY not in session
    assert (check_session(session, expired_admin), async_to_sync(acheck_session)(session, expired_admin)) == (
        False,
        False,
    )
    assert CognitoBackend().with_perm("auth.change_group").exists()
    assert state_of(expired_admin)[:2] == (True, True)


def test_local_grants_stay_when_groups_expire(user_from_token) -> None:
    user_from_token(at=-60)
    user = User.objects.get()
    user.groups.add(Group.objects.create(name="Writers"))
    User.objects.update(is_staff=True)
    user_from_token("editors", "admins", at=-30)
    set_age()
    expire_remembered_groups(User.objects.get())
    assert state_of(user) == (True, False, {"Writers"}, set())


def test_grant_of_a_fresh_and_an_expired_link_stays(user_from_token) -> None:
    user = user_from_token("helpers", "editors")
    user_from_token("helpers", "viewers", username="alice.google")
    CognitoUser.objects.update(user=user)
    set_age(username="alice")
    assert expire_remembered_groups(user) == datetime.fromtimestamp(NOW + MONTH, UTC)
    assert state_of(user) == (True, False, {"Readers"}, {"helpers", "viewers"})
    set_age(username="alice.google")
    assert expire_remembered_groups(user) is None
    assert state_of(user) == NO_GRANTS


def test_grants_of_a_link_with_emptied_groups_expire(expired_admin) -> None:
    CognitoUser.objects.update(groups=[])
    assert expire_all_remembered_groups() == 1
    assert state_of(expired_admin) == NO_GRANTS


def test_grants_of_two_links_that_expire_together_are_removed(user_from_token) -> None:
    user = user_from_token("helpers", "editors")
    user_from_token("helpers", "admins", username="alice.google")
    CognitoUser.objects.update(user=user)
    set_age()
    expire_remembered_groups(user)
    assert state_of(user) == NO_GRANTS


def test_newer_token_restores_expired_grants(expired_admin, user_from_token) -> None:
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(seconds=MONTH + 10))
    expire_remembered_groups(expired_admin)
    user = user_from_token("editors", "admins", at=5)
    assert state_of(user) == (True, True, {"Writers", "Readers"}, {"editors", "admins"})


def test_groups_confirmed_by_a_concurrent_token_stay(expired_admin, user_from_token, monkeypatch) -> None:
    remove = group_expiry._remove_expired

    def remove_after_change(user: Any, settings: Any) -> bool:
        user_from_token("editors", "admins", at=5)
        return remove(user, settings)

    monkeypatch.setattr(group_expiry, "_remove_expired", remove_after_change)
    assert expire_remembered_groups(expired_admin) is not None
    assert state_of(expired_admin)[:2] == (True, True)


def test_expiry_of_a_deleted_user_changes_nothing(expired_admin, monkeypatch) -> None:
    remove = group_expiry._remove_expired

    def remove_after_change(user: Any, settings: Any) -> bool:
        pk = user.pk
        User.objects.all().delete()
        user.pk = pk
        return remove(user, settings)

    monkeypatch.setattr(group_expiry, "_remove_expired", remove_after_change)
    expire_remembered_groups(expired_admin)
    assert not User.objects.exists()


def test_disabled_account_loses_expired_groups(expired_admin) -> None:
    User.objects.update(is_active=False)
    expire_remembered_groups(expired_admin)
    assert state_of(expired_admin) == NO_GRANTS


# (a) At a login


def test_local_login_removes_expired_groups_and_stores_the_next_moment(expired_admin, local_session) -> None:
    session = local_session(expired_admin)
    assert state_of(expired_admin) == NO_GRANTS
    assert (expired_admin.is_staff, expired_admin.is_superuser) == (False, False)
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)


def test_login_stores_when_the_oldest_groups_expire(user_from_token, local_session) -> None:
    user = user_from_token("helpers")
    user_from_token("viewers", username="alice.google")
    user_from_token(username="alice.apple")
    CognitoUser.objects.update(user=user)
    set_age(MONTH - 600, username="alice.google")
    set_age(MONTH * 2, username="alice.apple")  # in no group: nothing expires
    assert local_session(user)[SESSION_KEY] == pytest.approx(time.time() + 600, abs=10)


def test_login_of_a_user_without_links_stores_a_moment(django_user_model, local_session) -> None:
    session = local_session(django_user_model.objects.create(username="local"))
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)


@pytest.mark.parametrize("request_", [None, HttpRequest(), SimpleNamespace(session=None)])
def test_login_without_a_session_removes_expired_groups(expired_admin, request_) -> None:
    user_logged_in.send(User, request=request_, user=expired_admin)
    assert state_of(expired_admin) == NO_GRANTS


@pytest.mark.parametrize("user", [User(), SimpleNamespace(pk="a client")])
def test_login_signal_of_an_unsaved_user_is_ignored(user, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        group_expiry.store_next_moment(user=user, request=HttpRequest())


# (b) At the first has_perm that needs the row


def test_has_perm_that_needs_the_row_removes_expired_groups(expired_admin) -> None:
    User.objects.update(is_superuser=False)
    user = User.objects.get()
    assert not user.has_perm("auth.change_group")
    assert state_of(user) == NO_GRANTS
    assert (user.is_staff, get_rights(user)) == (False, NO_RIGHTS)


def test_has_perm_that_no_group_grants_removes_expired_groups_too(expired_admin) -> None:
    User.objects.update(is_superuser=False)
    user = User.objects.get()
    for group in Group.objects.filter(user=user):
        group.permissions.add(Permission.objects.get(codename="add_session"))
    assert not user.has_perm("sessions.add_session")
    assert state_of(user) == NO_GRANTS


def test_rights_of_an_expired_and_a_fresh_link_are_of_the_fresh_one(user_from_token) -> None:
    user = user_from_token("editors")
    user_from_token("viewers", username="alice.google")
    CognitoUser.objects.update(user=user)
    set_age(username="alice")
    assert get_rights(User.objects.get(pk=user.pk)).groups == ("viewers",)


def test_permission_caches_are_cleared_when_groups_expire(expired_admin, monkeypatch) -> None:
    User.objects.update(is_superuser=False)
    user = User.objects.get()
    user._perm_cache = user._group_perm_cache = {"auth.delete_user"}
    expire_remembered_groups(user)
    assert not hasattr(user, "_perm_cache")
    assert not user.has_perm("auth.delete_user")


def test_with_perm_omits_users_with_expired_groups(user_from_token) -> None:
    user_from_token("editors")
    user_from_token("editors", username="bob")
    set_age(username="alice")
    users = CognitoBackend().with_perm("auth.change_group", include_superusers=False)
    assert [user.username for user in users] == ["bob"]


@pytest.mark.parametrize("claims", [{}, {"at": -10}])
def test_access_token_without_groups_claim_gets_no_expired_groups(user_from_token, cognito, claims) -> None:
    cognito(GROUPS_CLAIM="custom:groups")
    user_from_token(at=-60, token_use="id", **{"custom:groups": "[editors,admins]"})
    set_age()
    user = user_from_token(**claims)
    assert (get_rights(user).groups, user.is_superuser, user.has_perm("auth.change_group")) == ((), False, False)
    assert state_of(user) == NO_GRANTS


def test_token_older_than_expired_groups_gets_no_groups(user_from_token, cognito) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=60)
    user_from_token("editors", at=-200)
    set_age(90)
    user = user_from_token("editors", "admins", at=-150)
    assert (get_rights(user).groups, state_of(user)) == ((), NO_GRANTS)


@pytest.mark.django_db(transaction=True)
def test_cached_user_has_no_rights_after_expiry(user_from_token, cognito, monkeypatch, call_with_queries) -> None:
    cognito(GROUPS_CLAIM="custom:groups", USER_CACHE_SECONDS=600)
    user_from_token(at=-60, token_use="id", **{"custom:groups": "[editors]"})
    set_age(MONTH - 5)
    raw = token()
    for _ in range(2):  # the first call writes, and a written user is not cached
        assert authenticate(raw)[0].has_perm("auth.change_group")
    assert call_with_queries(0, lambda: authenticate(raw))[0].has_perm("auth.change_group")
    user_cache = cache._get_cache(get_pool_registry())
    now = user_cache._now
    monkeypatch.setattr(user_cache, "_now", lambda: now() + 10)
    set_age()  # the state at that time; no signal is sent
    assert not authenticate(raw)[0].has_perm("auth.change_group")


# (c) When a session passes the stored moment


def test_session_before_the_stored_moment_makes_no_query(
    user_from_token, local_session, django_assert_num_queries
) -> None:
    user = user_from_token("admins")
    session = local_session(user)
    set_age()
    with django_assert_num_queries(0):
        assert not check_session(session, user)
        assert not async_to_sync(acheck_session)(session, user)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("check", [check_session, async_to_sync(acheck_session)])
def test_session_past_the_stored_moment_removes_expired_groups_once(user_from_token, local_session, check) -> None:
    user = user_from_token("editors", "admins")
    session = local_session(user)
    set_age()
    session[SESSION_KEY] = int(time.time()) - 1
    assert check(session, user)
    assert state_of(user) == NO_GRANTS
    assert not user.is_superuser
    assert session[SESSION_KEY] == pytest.approx(time.time() + MONTH, abs=10)
    assert not check(session, user)


def test_parallel_request_loses_the_flags_that_another_removed(user_from_token, local_session) -> None:
    """Parallel requests load the user and then check the stored moment at the same time."""
    user = user_from_token("editors", "admins")
    session = local_session(user)
    set_age()
    session[SESSION_KEY] = int(time.time()) - 1
    first, second = User.objects.get(), User.objects.get()
    second._perm_cache = {"auth.delete_user"}
    expire_remembered_groups(first)
    check_session(session, second)
    assert (second.is_staff, second.is_superuser, hasattr(second, "_perm_cache")) == (False, False, False)
    second.save()
    assert state_of(second) == NO_GRANTS


def test_flags_removed_during_a_lock_wait_are_cleared_in_memory(expired_admin) -> None:
    second = User.objects.get()
    expire_remembered_groups(expired_admin)
    assert not group_expiry._remove_expired(second, get_settings())
    assert (second.is_staff, second.is_superuser) == (False, False)


def test_session_past_the_stored_moment_of_a_deleted_user_is_checked(user_from_token, local_session) -> None:
    user = user_from_token("admins")
    session = local_session(user)
    session[SESSION_KEY] = int(time.time()) - 1
    User.objects.all().delete()
    assert not check_session(session, user)


def test_session_with_confirmed_groups_stores_the_next_moment(user_from_token, local_session) -> None:
    user = user_from_token("admins")
    session = local_session(user)
    session[SESSION_KEY] = int(time.time()) - 1
    assert not check_session(session, user)
    assert session[SESSION_KEY] == NOW + MONTH


def test_session_is_checked_after_the_setting_became_shorter(user_from_token, cognito, local_session) -> None:
    user = user_from_token("admins")
    session = local_session(user)
    set_age(2 * DAY)
    cognito(REMEMBERED_GROUPS_SECONDS=DAY)
    assert check_session(session, user)
    assert state_of(user) == NO_GRANTS


def test_session_without_a_stored_moment_is_checked_a_day_later(expired_admin, django_assert_num_queries) -> None:
    """Before the upgrade tokens did not always update `as_of`: a refresh within a day confirms the groups."""
    session = SessionStore()
    with django_assert_num_queries(0):
        assert not check_session(session, expired_admin)
    assert session[SESSION_KEY] == pytest.approx(time.time() + DAY, abs=10)
    session[SESSION_KEY] -= DAY + 1
    assert check_session(session, expired_admin)
    assert state_of(expired_admin) == NO_GRANTS


# (d) All users


def test_expiry_of_all_users_removes_groups_page_by_page(
    user_from_token, monkeypatch, django_assert_max_num_queries
) -> None:
    monkeypatch.setattr(group_expiry, "_PAGE_SIZE", 2)
    for number in range(5):
        user_from_token("admins", username=f"user{number}")
    user_from_token("admins", username="fresh")
    set_age(username__startswith="user")
    assert expire_all_remembered_groups() == 5
    assert set(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == {"fresh"}
    with django_assert_max_num_queries(1):
        assert expire_all_remembered_groups() == 0


def test_groups_of_an_unconfigured_pool_expire(expired_admin) -> None:
    CognitoUser.objects.update(user_pool_id="eu-west-1_Former")
    assert expire_all_remembered_groups() == 1
    assert state_of(expired_admin) == NO_GRANTS
