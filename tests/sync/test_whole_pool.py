"""A whole user pool, read over HTTP: every user once, groups, status, deleted users, and the limits of a run."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from django_cognito.core.clock import utc_now
from django_cognito.core.errors import CognitoError
from django_cognito.factories import get_directory
from django_cognito.models import CognitoSync, CognitoUser
from django_cognito.signals import user_gone, user_synced
from django_cognito.sync import bring_in, sync_pool
from django_cognito.sync.errors import SyncError
from tests.support.cases import cases
from tests.support.scenarios.users import django_groups
from tests.support.stub_directory import POOL_ID, FaultError
from tests.sync.scenarios import FAST, get_moment, pass_an_hour, write_token

pytestmark = pytest.mark.django_db


def names_of(**conditions: Any) -> set[str]:
    """Return the usernames of the links with these values."""
    return set(CognitoUser.objects.filter(**conditions).values_list("username", flat=True))


# Users


def test_all_users_are_created_once_and_then_confirmed(create_pool) -> None:
    directory = create_pool(130)
    report = sync_pool(create=True, **FAST)
    assert (report.users, report.changed, User.objects.count(), CognitoUser.objects.count()) == (130, 130, 130, 130)
    assert User.objects.get(username="user7").email == "user7@example.com"
    again = sync_pool(create=True, **FAST)
    assert (again.users, again.changed) == (130, 0)
    assert directory.requests["ListUsers"] == 6


def test_without_create_only_linked_users_are_written(create_pool) -> None:
    directory = create_pool(3)
    sync_pool(**FAST)
    assert not User.objects.exists()
    bring_in("user1")
    pass_an_hour()
    directory.changes = {number: {"given_name": "Grace"} for number in range(3)}
    assert sync_pool(**FAST).changed == 1
    assert list(User.objects.values_list("username", "first_name")) == [("user1", "Grace")]


def test_changed_attributes_are_written_and_the_signal_is_sent(create_pool, django_capture_on_commit_callbacks) -> None:
    directory = create_pool(61)
    sync_pool(create=True, **FAST)
    pass_an_hour()
    directory.changes[3] = {"given_name": "Grace", "email": "grace@example.com"}
    received = []

    def receive(user: Any, changes: Any, created: bool, **_: Any) -> None:
        received.append((user.username, changes, created))

    user_synced.connect(receive)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert sync_pool(**FAST).changed == 1
    finally:
        user_synced.disconnect(receive)
    expected = {"first_name": ("Name3", "Grace"), "email": ("user3@example.com", "grace@example.com")}
    assert received == [("user3", expected, False)]


def test_dry_run_counts_and_changes_nothing(create_pool) -> None:
    directory = create_pool(62)
    assert sync_pool(create=True, dry_run=True, **FAST).changed == 62
    assert not User.objects.exists()
    sync_pool(create=True, **FAST)
    pass_an_hour()
    directory.changes = {0: {"given_name": "Grace"}, 61: {"given_name": "Joan"}}
    directory.deleted = {5}
    before = list(CognitoUser.objects.order_by("pk").values())
    report = sync_pool(dry_run=True, deactivate_missing=True, **FAST)
    assert (report.changed, report.missing, report.deletions) == (2, 1, 0)
    assert list(CognitoUser.objects.order_by("pk").values()) == before


def test_run_stops_before_it_would_change_more_users(create_pool) -> None:
    create_pool(130)
    with pytest.raises(SyncError, match="more than 100 users") as raised:
        sync_pool(create=True, max_changes=100, **FAST)
    assert (raised.value.code, User.objects.count()) == ("sync_stopped", 60)


# Groups


def test_groups_are_granted_and_revoked(create_pool) -> None:
    directory = create_pool(70, {"editors": [0, 65], "admins": [1], "others": range(70)})
    sync_pool(create=True, groups=True, **FAST)
    by_name = {user.username: user for user in User.objects.all()}
    assert {name for name, user in by_name.items() if django_groups(user) == {"Writers"}} == {"user0", "user65"}
    assert {name for name, user in by_name.items() if user.is_staff} == {"user1"}
    assert names_of(groups=["editors"]) == {"user0", "user65"}
    assert directory.requests["ListUsersInGroup"] == 2  # "others" grants nothing
    pass_an_hour()
    directory.groups["editors"] = [65]
    sync_pool(groups=True, **FAST)
    assert not django_groups(by_name["user0"])
    assert django_groups(by_name["user65"]) == {"Writers"}


def test_groups_that_grant_nothing_stay_until_they_are_deleted(create_pool) -> None:
    directory = create_pool(1, {"editors": [0], "gardeners": [0]})
    sync_pool(create=True, groups=True, **FAST)
    # As a token said; the group "painters" was deleted.
    CognitoUser.objects.update(groups=["gardeners", "painters"], listed_digest="")
    pass_an_hour()
    sync_pool(groups=True, **FAST)
    assert set(CognitoUser.objects.get().groups) == {"editors", "gardeners"}
    assert directory.requests["ListUsersInGroup"] == 2


def test_mirrored_groups_are_all_read(create_pool, cognito) -> None:
    directory = create_pool(3, {"editors": [0], "gardeners": [2], f"{POOL_ID}_Google": [1]})
    cognito(MIRROR_GROUPS=True)
    sync_pool(create=True, groups=True, **FAST)
    assert set(Group.objects.values_list("name", flat=True)) == {"Writers", "editors", "gardeners"}
    assert directory.requests["ListUsersInGroup"] == 2


@pytest.mark.parametrize(
    ("tenant", "names"),
    [
        ({"group_prefix": "org/"}, ["org/acme", "org/acme/editors"]),
        ({"claim": "tenant_id"}, ["viewers"]),
    ],
)
def test_groups_of_tenants_are_read(create_pool, cognito, tenant, names) -> None:
    directory = create_pool(3, {"org/acme": [0], "org/acme/editors": [1], "viewers": [2], "others": [0]})
    cognito(TENANT=tenant, TENANT_GROUPS={"viewers": {}} if "claim" in tenant else {"editors": {}}, GROUPS={})
    sync_pool(create=True, groups=True, **FAST)
    assert sorted(name for link in CognitoUser.objects.all() for name in link.groups) == names
    assert directory.requests["ListUsersInGroup"] == len(names)


def test_without_groups_the_stored_groups_stay(create_pool) -> None:
    directory = create_pool(3, {"editors": [0]})
    sync_pool(create=True, groups=True, **FAST)
    pass_an_hour()
    as_of = CognitoUser.objects.get(username="user0").as_of
    directory.groups = {}
    directory.changes[0] = {"given_name": "Grace"}
    sync_pool(**FAST)
    link = CognitoUser.objects.get(username="user0")
    assert (link.groups, link.as_of, link.user.first_name) == (["editors"], as_of, "Grace")


def test_token_that_is_later_than_the_beginning_of_the_run_wins(create_pool, user_from_token) -> None:
    directory = create_pool(1, {"editors": [0]})
    sync_pool(create=True, groups=True, **FAST)
    CognitoUser.objects.update(as_of=utc_now() + timedelta(minutes=5))
    directory.groups = {"editors": []}
    sync_pool(groups=True, **FAST)
    assert CognitoUser.objects.get().groups == ["editors"]


# Disabled and deleted users


def test_disabled_users_are_recorded_and_enabled_again(create_pool) -> None:
    directory = create_pool(3)
    sync_pool(create=True, **FAST)
    directory.changes[1] = {"enabled": False}
    assert sync_pool(**FAST).disabled == 1
    assert names_of(enabled=False) == {"user1"}
    directory.changes.clear()
    assert sync_pool(**FAST).disabled == 1
    assert names_of(enabled=False) == set()
    assert sync_pool(**FAST).disabled == 0


def test_listing_that_is_old_does_not_enable_a_user(create_pool) -> None:
    """The listing shows an enabled user; AdminGetUser, which is consistent, a disabled one."""
    directory = create_pool(2)
    sync_pool(create=True, **FAST)
    CognitoUser.objects.filter(username="user1").update(enabled=False)

    def disable(operation: str, parameters: Any) -> None:
        directory.changes[1] = {"enabled": operation != "AdminGetUser"}

    directory.before = disable
    sync_pool(**FAST)
    assert names_of(enabled=False) == {"user1"}


def test_status_is_requested_by_the_username_of_the_listing(create_pool) -> None:
    create_pool(1)
    sync_pool(create=True, **FAST)
    # Claims are not written to the user, who is disabled here too; `link_users` may have stored another username.
    User.objects.update(is_active=False)
    CognitoUser.objects.update(username="user7", enabled=False)
    sync_pool(**FAST)
    assert CognitoUser.objects.values_list("enabled", "gone_at").get() == (True, None)


def test_deleted_users_are_recorded_and_confirmed(create_pool, django_capture_on_commit_callbacks) -> None:
    directory = create_pool(130)
    sync_pool(create=True, **FAST)
    local = User.objects.create(username="local")
    CognitoUser.objects.create(user=local, user_pool_id=POOL_ID, sub="x", username="user129", as_of=utc_now())
    CognitoUser.objects.filter(sub="x").update(created_user=False)
    pass_an_hour()
    directory.deleted = {5, 125}
    usernames: list[str] = []

    def receive(user: Any, **_: Any) -> None:
        usernames.append(user.username)

    user_gone.connect(receive)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            report = sync_pool(deactivate_missing=True, **FAST)
    finally:
        user_gone.disconnect(receive)
    assert (report.missing, report.deletions, sorted(usernames)) == (2, 2, ["user125", "user5"])
    assert names_of(gone_at__isnull=False) == {"user5", "user125"}
    assert directory.requests["AdminGetUser"] == 2
    assert User.objects.filter(username="user5", is_active=True).exists()
    assert sync_pool(deactivate_missing=True, **FAST).missing == 0


def test_user_who_is_only_missing_in_the_listing_stays(create_pool) -> None:
    directory = create_pool(100)
    sync_pool(create=True, **FAST)
    pass_an_hour()

    def list_without(operation: str, parameters: Any) -> None:
        directory.deleted = {5} if operation == "ListUsers" else set()

    directory.before = list_without
    report = sync_pool(deactivate_missing=True, **FAST)
    assert (report.missing, report.deletions, names_of(gone_at__isnull=False)) == (1, 0, set())


def test_too_many_missing_users_are_refused(create_pool) -> None:
    directory = create_pool(100)
    sync_pool(create=True, **FAST)
    pass_an_hour()
    directory.deleted = {1, 2, 3}
    with pytest.raises(SyncError, match="3 of 100 users were not listed, more than 2 %") as raised:
        sync_pool(deactivate_missing=True, **FAST)
    assert (raised.value.code, names_of(gone_at__isnull=False)) == ("sync_refused", set())
    assert sync_pool(deactivate_missing=True, max_missing_percent=3, **FAST).deletions == 3


def test_user_who_signed_in_first_during_the_run_is_not_missing(create_pool) -> None:
    directory = create_pool(100)
    sync_pool(create=True, **FAST)
    directory.deleted = {5}  # the links are younger than the run's beginning, as far as the run can tell
    CognitoUser.objects.update(created_at=utc_now() + timedelta(minutes=1))
    assert sync_pool(deactivate_missing=True, **FAST).missing == 0


# A directory that fails


@pytest.mark.parametrize("dry_run", [False, True])
def test_listing_begins_again_when_its_token_has_expired(create_pool, dry_run) -> None:
    directory = create_pool(130, {"editors": range(70)})
    failing = iter([False, False, True])

    def expire(operation: str, parameters: Any) -> None:
        is_next = "PaginationToken" in parameters or "NextToken" in parameters
        if is_next and next(failing, False):
            raise FaultError("InvalidParameterException", "Invalid pagination token given.")

    directory.before = expire
    report = sync_pool(create=True, groups=True, dry_run=dry_run, **FAST)
    assert (report.restarts, report.users, report.changed) == (1, 130, 130)
    assert (CognitoUser.objects.count(), len(names_of(groups=["editors"]))) == ((0, 0) if dry_run else (130, 70))


def test_parameter_that_aws_always_rejects_ends_the_run(create_pool) -> None:
    directory = create_pool(130)

    def reject(operation: str, parameters: Any) -> None:
        if "PaginationToken" in parameters:
            raise FaultError("InvalidParameterException", "Invalid pagination token given.")

    directory.before = reject
    with pytest.raises(CognitoError, match="InvalidParameterException") as raised:
        sync_pool(create=True, **FAST)
    assert raised.value.code == "directory_refused"
    assert (directory.requests["ListUsers"], CognitoUser.objects.count()) == (8, 60)


def test_pages_that_were_read_before_an_outage_are_written(create_pool) -> None:
    directory = create_pool(400)

    def refuse(operation: str, parameters: Any) -> None:
        if parameters.get("PaginationToken", "").startswith("300"):
            raise FaultError("NotAuthorizedException")

    directory.before = refuse
    with pytest.raises(CognitoError):
        sync_pool(create=True, **FAST)
    assert CognitoUser.objects.count() == 300  # 60, then 120; the third transaction has two pages of three


def test_throttled_and_failing_requests_are_repeated(create_pool, monkeypatch) -> None:
    monkeypatch.setattr("django_cognito.sync.pace._MAX_PAUSE_SECONDS", 0.02)
    directory = create_pool(130)
    faults = iter(
        [FaultError("TooManyRequestsException"), None, FaultError("InternalErrorException", status=500), None]
    )

    def fail(operation: str, parameters: Any) -> None:
        if operation == "ListUsers" and (fault := next(faults, None)):
            raise fault

    directory.before = fail
    report = sync_pool(create=True, **FAST)
    assert (report.throttled, CognitoUser.objects.count(), directory.requests["ListUsers"]) == (1, 130, 5)


def test_empty_pages_do_not_end_the_listing(create_pool) -> None:
    directory = create_pool(130)
    directory.empty_pages = True
    assert sync_pool(create=True, **FAST).users == 130
    assert directory.requests["ListUsers"] == 6


def test_estimate_needs_a_right_and_is_left_out_without_it(create_pool) -> None:
    directory = create_pool(3)

    def deny(operation: str, parameters: Any) -> None:
        if operation == "DescribeUserPool":
            raise FaultError("AccessDeniedException")

    assert sync_pool(**FAST).estimated_users == 3
    directory.before = deny
    assert sync_pool(**FAST).estimated_users is None


# One run at a time


def test_second_run_is_refused_while_another_one_holds_the_pool(create_pool) -> None:
    create_pool(1)
    now = utc_now()
    CognitoSync.objects.create(user_pool_id=POOL_ID, held_until=now + timedelta(seconds=30))
    with pytest.raises(SyncError) as raised:
        sync_pool(**FAST)
    assert raised.value.code == "sync_running"
    CognitoSync.objects.update(held_until=now - timedelta(seconds=1))  # the other run was killed
    sync_pool(**FAST)
    row = CognitoSync.objects.get()
    assert (row.held_until, row.run_id, row.completed_at is not None) == (None, None, True)


def test_run_that_lost_the_pool_ends(create_pool, monkeypatch) -> None:
    monkeypatch.setattr("django_cognito.sync.lock._RENEW_SECONDS", 0)
    directory = create_pool(130)
    seen: list[int] = []

    def take_over(report: Any) -> None:
        seen.append(report.users)
        CognitoSync.objects.update(run_id="00000000-0000-4000-8000-000000000000")

    with pytest.raises(SyncError) as raised:
        sync_pool(create=True, on_progress=take_over, **FAST)
    assert (raised.value.code, seen, directory.requests["ListUsers"] <= 3) == ("sync_lost", [60], True)
    assert CognitoSync.objects.get().held_until is not None  # the other run's


def test_run_stops_after_the_current_page(create_pool) -> None:
    create_pool(150)
    stop = threading.Event()
    with pytest.raises(SyncError) as raised:
        sync_pool(create=True, stop=stop, on_progress=lambda report: stop.set(), **FAST)
    assert (raised.value.code, CognitoUser.objects.count()) == ("sync_stopped", 60)
    assert CognitoSync.objects.get().completed_at is None
    assert sync_pool(create=True, **FAST).users == 150


def test_transactions_become_larger_with_each_page(create_pool) -> None:
    create_pool(1030)
    written: list[int] = []
    sync_pool(create=True, on_progress=lambda report: written.append(CognitoUser.objects.count()), **FAST)
    assert written == [60, 180, 360, 600, 900, 1030]


def test_requests_keep_the_rate(create_pool) -> None:
    directory = create_pool(150)
    sync_pool(dry_run=True, requests_per_second=10)
    pauses = [later - earlier for earlier, later in zip(directory.times, directory.times[1:], strict=False)]
    assert sum(pauses) >= len(pauses) / 10 * 0.8


# One user


def test_one_user_is_brought_in(create_pool) -> None:
    directory = create_pool(3, {"editors": [1]})
    user = bring_in("user1")
    assert (user.username, user.email, django_groups(user)) == ("user1", "user1@example.com", {"Writers"})
    directory.changes[2] = {"enabled": False}
    bring_in("user2")
    assert names_of(enabled=False) == {"user2"}
    with pytest.raises(CognitoError) as raised:
        bring_in("user9")
    assert raised.value.code == "user_unknown"


def test_alias_that_does_not_exist_is_named(create_pool) -> None:
    create_pool(1)
    with cases() as case:
        for name, function in {"sync_pool": sync_pool, "bring_in": lambda alias: bring_in("user0", alias)}.items():
            with case(name), pytest.raises(ImproperlyConfigured, match="no alias 'other'"):
                function("other")


# Users who are disabled here too


def test_user_who_is_enabled_again_gets_the_rights_of_now(create_pool, cognito) -> None:
    directory = create_pool(2, {"admins": [0, 1]})
    cognito(MIRROR_ENABLED=True)

    def bring_both_in() -> None:
        sync_pool(create=True, groups=True, **FAST)
        bring_in("user1")

    bring_both_in()
    directory.changes = {number: {"enabled": False} for number in range(2)}
    bring_both_in()
    assert set(User.objects.values_list("is_active", "is_staff")) == {(False, True)}
    pass_an_hour()
    directory.changes = {number: {"given_name": "Grace"} for number in range(2)}
    directory.groups["admins"] = []
    bring_in("user1")
    sync_pool(groups=True, **FAST)
    assert set(User.objects.values_list("is_active", "is_staff", "first_name")) == {(True, False, "Grace")}


def test_user_who_is_brought_in_is_as_stored(create_pool, cognito) -> None:
    directory = create_pool(1)
    cognito(MIRROR_ENABLED=True)
    bring_in("user0")
    directory.changes[0] = {"enabled": False}
    assert bring_in("user0").is_active is User.objects.get().is_active is False


# Answers that are old, and claims that the directory does not have


def test_listing_that_is_some_seconds_old_grants_nothing_again(create_pool) -> None:
    create_pool(1, {"admins": [0]})
    sync_pool(create=True, groups=True, **FAST)
    pass_an_hour()
    write_token(get_moment(seconds=1))  # the user was removed from the group
    assert not User.objects.get().is_staff
    sync_pool(groups=True, **FAST)
    assert not User.objects.get().is_staff


def test_groups_of_a_claim_that_is_no_attribute_stay(create_pool, cognito) -> None:
    create_pool(1)
    cognito(GROUPS_CLAIM="roles")  # added to tokens by a trigger
    sync_pool(create=True, **FAST)
    pass_an_hour()
    write_token(get_moment(minutes=5), "admins", digest_field="id_digest")
    sync_pool(groups=True, **FAST)
    assert User.objects.get().is_staff


def test_links_of_earlier_versions_are_not_looked_for(create_pool) -> None:
    directory = create_pool(60)
    sync_pool(create=True, **FAST)
    pass_an_hour()
    CognitoUser.objects.update(created_user=None)
    directory.deleted = {5}
    assert sync_pool(deactivate_missing=True, **FAST).missing == 0


def test_throttled_run_stops_at_once(create_pool) -> None:
    directory = create_pool(1)
    stop = threading.Event()

    def throttle(operation: str, parameters: Any) -> None:
        if operation == "ListUsers":
            stop.set()
            raise FaultError("TooManyRequestsException")

    directory.before = throttle
    with pytest.raises(SyncError) as raised:
        sync_pool(stop=stop, **FAST)
    assert (raised.value.code, directory.requests["ListUsers"]) == ("sync_stopped", 1)


def test_group_that_is_deleted_during_the_run_has_no_members(create_pool) -> None:
    directory = create_pool(2, {"editors": [0], "admins": [1]})
    sync_pool(create=True, groups=True, **FAST)
    pass_an_hour()

    def delete_group(operation: str, parameters: Any) -> None:
        if parameters.get("GroupName") == "admins":
            raise FaultError("ResourceNotFoundException")

    directory.before = delete_group
    sync_pool(groups=True, **FAST)
    assert names_of(groups=["editors"]) == {"user0"}
    assert not User.objects.filter(is_staff=True).exists()


def test_pool_is_held_while_a_request_is_slow(create_pool, monkeypatch) -> None:
    monkeypatch.setattr("django_cognito.sync.lock._RENEW_SECONDS", 0)
    monkeypatch.setattr("django_cognito.sync.page_reader._SECONDS_BETWEEN_CALLS", 0.05)
    directory = create_pool(1)
    renewals: list[str] = []
    are_many = threading.Event()

    def count_renewals(execute: Any, sql: str, *arguments: Any) -> Any:
        if sql.startswith("UPDATE") and "held_until" in sql:
            renewals.append(sql)
        if len(renewals) > 5:
            are_many.set()
        return execute(sql, *arguments)

    directory.before = lambda operation, parameters: are_many.wait(20) if operation == "ListUsers" else None
    CognitoSync.objects.create(user_pool_id=POOL_ID)
    with connection.execute_wrapper(count_renewals):
        sync_pool(**FAST)
    assert are_many.is_set()


def test_moments_of_the_directory_are_in_utc(create_pool) -> None:
    create_pool(1)
    [user] = get_directory().user_page().users
    assert user.created_at == user.modified_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert user.created_at.utcoffset() == timedelta(0)
