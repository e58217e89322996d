"""Many first requests, changes and pages at the same moment, in real threads on a real database."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from django_cognito.authorization.group_expiry import expire_all_remembered_groups, expire_remembered_groups
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.core.errors import SignInError, TokenError
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import linking
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.writing import bulk_provisioning, provisioning
from tests.support.scenarios.users import NOW, django_groups, link_of
from tests.support.threads import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("mapped")]
THREADS = 8


@pytest.mark.needs("database_server")
def test_parallel_first_requests_create_one_user(user_from_token) -> None:
    keys = at_once([lambda: user_from_token("editors", "helpers").pk] * THREADS)
    assert len(set(keys)) == 1
    assert (User.objects.count(), CognitoUser.objects.count(), CognitoMembership.objects.count()) == (1, 1, 2)
    assert django_groups(User.objects.get()) == {"Writers", "Readers"}


@pytest.mark.needs("database_server")
def test_parallel_users_with_one_preferred_username_are_all_created(user_from_token, cognito) -> None:
    cognito(USERNAME="preferred_username")
    names = [f"user{number}" for number in range(THREADS)]
    users = at_once([_login(user_from_token, name) for name in names])
    assert len({user.pk for user in users}) == THREADS
    assert sum(user.username == "al" for user in users) == 1


@pytest.mark.needs("database_server")
def test_parallel_users_create_the_same_groups_without_deadlock(user_from_token, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    names = [f"group{number}" for number in range(12)]
    calls = [
        lambda name=f"user{n}", order=names[:: (-1) ** n]: user_from_token(*order, username=name)
        for n in range(THREADS)
    ]
    assert all(django_groups(user) == set(names) for user in at_once(calls))
    assert Group.objects.count() == 12


@pytest.mark.needs("database_server")
def test_parallel_changes_end_with_the_groups_of_the_newest_token(user_from_token) -> None:
    user_from_token("editors", "admins", at=-600)
    calls = [lambda at=at: user_from_token(*(["editors"] if at else ["helpers"]), at=-at) for at in range(0, 160, 10)]
    at_once(calls)
    user = User.objects.get()
    link = link_of(user)
    assert (link.as_of.timestamp() - NOW, link.groups) == (0, ["helpers"])
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, set())


@pytest.mark.needs("database_server")
def test_parallel_changes_of_two_links_of_one_user_agree(user_from_token) -> None:
    user = user_from_token(at=-60)
    user_from_token(at=-60, username="google")
    CognitoUser.objects.update(user=user)
    for at in range(-50, -30, 2):
        first, second = (("helpers",), ()) if at % 4 else ((), ("helpers",))
        at_once([partial(user_from_token, *first, at=at), partial(user_from_token, *second, at=at, username="google")])
        user.refresh_from_db()
        assert user.is_staff


@pytest.mark.needs("database_server")
def test_expiry_parallel_to_newer_tokens_leaves_their_grants(user_from_token) -> None:
    user = user_from_token("helpers", at=-600)
    user_from_token("helpers", "editors", at=-600, username="google")
    CognitoUser.objects.update(user=user)
    for at in range(-50, -25, 5):
        CognitoUser.objects.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
        expire = [partial(expire_remembered_groups, User.objects.get(pk=user.pk)) for _ in range(4)]
        tokens = [
            partial(user_from_token, "helpers", at=at),
            partial(user_from_token, "helpers", "viewers", at=at, username="google"),
        ]
        at_once([*expire, *tokens])
        user.refresh_from_db()
        assert (user.is_staff, django_groups(user)) == (True, {"Readers"})


@pytest.mark.needs("database_server")
def test_parallel_users_with_one_verified_email_link_one_account(user_from_token, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "al@example.com")
    calls = [
        partial(user_from_token, token_use="id", username=f"user{n}", email="al@example.com") for n in range(THREADS)
    ]
    users = at_once(calls)
    assert len({user.pk for user in users}) == THREADS
    assert CognitoUser.objects.filter(user=local).count() == 1


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("is_one_user", [True, False])
def test_parallel_requests_for_one_account_of_the_adapter_link_once(user_from_token, cognito, is_one_user) -> None:
    cognito(USER_ADAPTER="tests.users.test_adapter.ByEmployee")
    local = User.objects.create_user("local", last_name="E7")
    employee = {"custom:employee": "E7"}

    def first_token(number: int) -> Any:
        try:
            return user_from_token(token_use="id", username="alice" if is_one_user else f"user{number}", **employee)
        except TokenError as error:
            return error.code

    results = at_once([partial(first_token, number) for number in range(THREADS)])
    refused = [] if is_one_user else ["account_not_linkable"] * (THREADS - 1)
    assert sorted(map(str, results)) == sorted([*refused, *["local"] * (THREADS - len(refused))])
    assert [link.user for link in CognitoUser.objects.all()] == [local]


@pytest.mark.needs("database_server")
def test_parallel_first_requests_of_one_user_link_one_account(user_from_token, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, CREATE_USERS=False)
    local = User.objects.create_user("local", "alice@example.com")
    assert set(at_once([lambda: user_from_token(token_use="id").pk] * THREADS)) == {local.pk}


def test_user_linked_during_a_request_needs_no_create_users(user_from_token, cognito, monkeypatch) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, CREATE_USERS=False)
    local = User.objects.create_user("local", "alice@example.com")
    fetch = provisioning._fetch_link

    def fetch_before_linking(statement: Any) -> CognitoUser | None:
        link = fetch(statement)
        monkeypatch.setattr(provisioning, "_fetch_link", fetch)
        user_from_token(token_use="id")
        return link

    monkeypatch.setattr(provisioning, "_fetch_link", fetch_before_linking)
    assert user_from_token(token_use="id") == local


def test_account_deleted_during_a_request_is_created_again(user_from_token, monkeypatch) -> None:
    user_from_token(at=-60)
    fetch = provisioning._fetch_link

    def fetch_before_deletion(statement: Any) -> CognitoUser | None:
        link = fetch(statement)
        monkeypatch.setattr(provisioning, "_fetch_link", fetch)
        User.objects.all().delete()
        return link

    monkeypatch.setattr(provisioning, "_fetch_link", fetch_before_deletion)
    assert user_from_token("helpers").is_staff
    assert User.objects.count() == 1


def test_token_that_waits_for_a_newer_one_grants_nothing(user_from_token, monkeypatch) -> None:
    user_from_token("admins", at=-60)
    fetch = provisioning._fetch_link

    def fetch_before_newer_token(statement: Any) -> CognitoUser | None:
        link = fetch(statement)
        monkeypatch.setattr(provisioning, "_fetch_link", fetch)
        user_from_token(at=-10)
        return link

    monkeypatch.setattr(provisioning, "_fetch_link", fetch_before_newer_token)
    user = user_from_token("admins", "editors", at=-30)
    assert (user.is_staff, user.is_superuser, user.has_perm("auth.change_group")) == (False, False, False)


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("attempt", range(2))
def test_parallel_unlinks_never_remove_the_last_way_in(user_from_token, attempt) -> None:
    user = user_from_token(at=-60)
    for name in ("google", "acme", "umbrella"):
        user_from_token(at=-60, username=name)
    CognitoUser.objects.update(user=user)
    results = at_once([partial(_unlink, user.pk, link.pk) for link in CognitoUser.objects.all()])
    assert sorted(results) == ["", "", "", "last_way_in"]
    assert CognitoUser.objects.filter(user=user).count() == 1


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("attempt", range(3))
def test_unlink_parallel_to_group_changes_leaves_no_grant(user_from_token, attempt) -> None:
    user = user_from_token(at=-60)
    user_from_token(at=-60, username="google")
    CognitoUser.objects.update(user=user)
    link = CognitoUser.objects.get(username="google")
    tokens = [partial(user_from_token, "editors", "admins", at=at, username="google") for at in range(-50, -45)]
    at_once([*tokens, partial(_unlink, user.pk, link.pk), partial(user_from_token, "viewers", at=-50)])
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (False, False, {"Readers"})
    assert list(CognitoMembership.objects.filter(cognito_user__user=user).values_list("name", flat=True)) == ["viewers"]
    assert list(user.cognito_users.values_list("username", flat=True)) == ["alice"]
    assert user.former_cognito_links.count() == 1


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("kind", ["tokens", "expiry"])
def test_page_with_two_links_of_one_user_does_not_deadlock(user_from_token, kind) -> None:
    user = user_from_token(at=-600)
    user_from_token(at=-600, username="google")
    CognitoUser.objects.update(user=user)
    names, subs = ("alice", "google"), dict(CognitoUser.objects.values_list("username", "sub"))
    for at in range(-500, -436, 4):
        # The page alternates: it changes the groups of one link and only `as_of` of the other.
        moment, groups = datetime.fromtimestamp(NOW + at, UTC), ("editors", "viewers") if at % 8 else ("viewers",)
        directory_users = [DirectoryUser(subs[name], name, {}, True, "CONFIRMED", moment, moment) for name in names]
        groups_by_name = dict(zip(names, ((), groups) if at % 16 < 8 else (groups, groups), strict=True))
        page = [
            claims_from_directory(user, groups_by_name[user.username], moment, get_settings())
            for user in directory_users
        ]
        others = [partial(user_from_token, "helpers", at=at + n, username="google") for n in range(4)]
        if kind == "expiry":
            CognitoUser.objects.filter(username="google").update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
            others = [partial(expire_remembered_groups, User.objects.get(pk=user.pk)) for _ in range(4)]
        at_once([partial(bulk_provisioning.update_users, page), *others])


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("attempt", range(2))
def test_group_deletion_parallel_to_grants_does_not_deadlock(user_from_token, attempt) -> None:
    user = user_from_token("editors", at=-600)
    tokens = [partial(user_from_token, "editors" if at % 2 else "viewers", at=at) for at in range(-500, -495)]
    at_once([*tokens, *(Group.objects.get(name=name).delete for name in ("Readers", "Writers"))])
    user_from_token("editors", at=-1)
    assert django_groups(user) == {"Readers", "Writers"}


@pytest.mark.needs("database_server")
@pytest.mark.parametrize("attempt", range(2))
def test_parallel_writers_of_all_kinds_leave_only_recorded_groups(user_from_token, attempt) -> None:
    user, other = user_from_token(at=-600), User.objects.create(username="other")
    for name in ("google", "acme", "umbrella"):
        user_from_token("helpers", at=-600, username=name)
    CognitoUser.objects.update(user=user)
    old = CognitoUser.objects.filter(username__in=["acme", "umbrella"])
    old.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
    moved = CognitoUser.objects.get(username="umbrella")
    moved.user = other
    tokens = [
        partial(user_from_token, "editors", at=at, username=name)
        for at in (-500, -499)
        for name in ("umbrella", "acme")
    ]
    expiry = [partial(expire_remembered_groups, User.objects.get(pk=user.pk)) for _ in range(4)]
    google = CognitoUser.objects.get(username="google")
    at_once([*tokens, *expiry, expire_all_remembered_groups, partial(_unlink, user.pk, google.pk), moved.save])
    for owner in (user, other):
        rows = CognitoMembership.objects.filter(cognito_user__user=owner).values_list("granted_groups", flat=True)
        assert set(owner.groups.values_list("pk", flat=True)) == {pk for granted in rows for pk in granted}
    user.refresh_from_db()
    assert not user.is_staff


@pytest.mark.needs("database_server")
def test_link_deletion_parallel_to_tokens_does_not_deadlock(user_from_token) -> None:
    user = user_from_token(at=-60)
    for name in ("google", "acme"):
        user_from_token(at=-60, username=name)
    CognitoUser.objects.update(user=user)
    tokens = [
        partial(user_from_token, "editors", at=at, username=name)
        for at in (-50, -40)
        for name in ("acme", "google", "alice")
    ]
    at_once([*tokens, *[partial(_unlink, user.pk, link.pk) for link in CognitoUser.objects.order_by("-pk")[:2]]])
    assert CognitoUser.objects.filter(user=user).count() == 1


def _unlink(user_pk: Any, link_pk: int) -> str:
    """Return the code of the error, or an empty string."""
    try:
        linking.unlink(User.objects.get(pk=user_pk), link_pk)
    except SignInError as error:
        return error.code
    return ""


def _login(user_from_token: Callable[..., Any], name: str) -> Callable[[], Any]:
    return lambda: user_from_token(token_use="id", username=name, preferred_username="al")
