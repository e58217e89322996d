"""If a replica lags, every read that decides on a write uses the primary database."""

from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from django_cognito.authorization.group_expiry import expire_all_remembered_groups, expire_remembered_groups
from django_cognito.models import CognitoMembership, CognitoUser, FormerLink
from django_cognito.users import linking, lookup
from django_cognito.users.writing import provisioning
from tests.support.scenarios import users
from tests.support.scenarios.users import django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys", "mapped")]
NO_GRANTS = (False, False, set(), 0)


class ReadsFromReplica:
    """A router to a replica that does not exist."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


@pytest.fixture
def replica(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """`replica(True)`: reads fail, except the one query of a repeated token; until `replica(False)`."""
    monkeypatch.setattr(lookup, "get_read_alias", lambda: "default")

    def switch(is_on: bool) -> None:
        settings.DATABASE_ROUTERS = [ReadsFromReplica()] if is_on else []

    return switch


def state_of(user: Any) -> tuple[bool, bool, set[str], int]:
    stored = User.objects.get(pk=user.pk)
    return stored.is_staff, stored.is_superuser, django_groups(stored), CognitoMembership.objects.count()


def test_group_removal_reads_memberships_from_the_primary(user_from_token, replica) -> None:
    user = user_from_token("editors", "admins", at=-60)
    replica(True)
    user_from_token(at=-30)
    replica(False)
    assert state_of(user) == NO_GRANTS


def test_group_grant_reads_groups_from_the_primary(user_from_token, replica) -> None:
    user = user_from_token(at=-60)
    user.groups.add(Group.objects.create(name="Readers"))
    replica(True)
    user_from_token("editors", at=-30)
    user_from_token(at=-20)
    replica(False)
    assert state_of(user) == (False, False, {"Readers"}, 0)


def test_unverified_email_is_compared_with_the_primary(user_from_token, replica) -> None:
    user = user_from_token(token_use="id", at=-60)
    replica(True)
    user_from_token(token_use="id", at=-30, email="eve@example.com", email_verified=False)
    replica(False)
    assert User.objects.get(pk=user.pk).email == "alice@example.com"


def test_linking_by_email_reads_the_account_from_the_primary(user_from_token, cognito, replica) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com", "pw")
    replica(True)
    assert user_from_token(token_use="id") == local
    replica(False)
    assert link_of(local).verified_attributes == ["email"]


def test_group_expiry_reads_from_the_primary(user_from_token, replica) -> None:
    user = user_from_token("editors", "admins")
    CognitoUser.objects.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
    replica(True)
    expire_remembered_groups(user)
    replica(False)
    assert state_of(user) == NO_GRANTS
    assert not user.is_superuser


def test_group_expiry_of_all_users_reads_from_the_primary(user_from_token, replica) -> None:
    user = user_from_token("editors", "admins")
    CognitoUser.objects.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
    replica(True)
    assert expire_all_remembered_groups() == 1
    replica(False)
    assert state_of(user) == NO_GRANTS


def test_unlink_refreshes_the_user_from_the_primary(user_from_token, replica) -> None:
    user = user_from_token("admins")
    users.link(user, "google")
    user = User.objects.get()
    replica(True)
    linking.unlink(user, CognitoUser.objects.using("default").get(username="alice").pk)
    replica(False)
    user.save()
    assert state_of(user) == NO_GRANTS
    assert FormerLink.objects.count() == 1


# Rows that are missing or outdated in the replica


@pytest.fixture
def lagging(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Callable[[Any], None]:
    """`lagging(link)`: the replica has this link, or none, regardless of later writes."""
    fetch_link = provisioning.fetch_link

    def set_stale_link(link: Any) -> None:
        def fetch_stale_link(user_pool_id: str, sub: str, using: str | None = None) -> Any:
            if using is not None:
                return fetch_link(user_pool_id, sub, using)
            stale = copy(link)
            if stale is not None:
                stale.user = stale.new_user()
            return stale

        monkeypatch.setattr(provisioning, "fetch_link", fetch_stale_link)
        monkeypatch.setattr(provisioning, "get_read_alias", lambda: "replica")

    return set_stale_link


def test_user_missing_in_the_replica_is_found(user_from_token, cognito, lagging) -> None:
    user = user_from_token(at=-60)
    lagging(None)
    cognito(CREATE_USERS=False)
    assert [user_from_token(at=-60), user_from_token(at=-30)] == [user, user]


def test_link_missing_in_the_replica_is_found(user_from_token, lagging) -> None:
    user = user_from_token()
    lagging(None)
    for _ in range(2):
        users.link(user, "google")
    assert user_from_token(username="google") == user


def test_deleted_link_that_the_replica_still_has_is_ignored(user_from_token, lagging) -> None:
    user = user_from_token(at=-60)
    link = link_of(user)
    lagging(provisioning.fetch_link(link.user_pool_id, link.sub))
    link.delete()
    assert user_from_token("editors", at=-30) != user


def test_expired_groups_that_the_replica_still_has_grant_nothing(user_from_token, cognito, lagging) -> None:
    cognito(GROUPS_CLAIM="custom:groups")
    user = user_from_token(at=-60, token_use="id", **{"custom:groups": "[editors,admins]"})
    user_from_token()
    CognitoUser.objects.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
    link = link_of(user)
    lagging(provisioning.fetch_link(link.user_pool_id, link.sub))
    for _ in range(2):
        assert not user_from_token().is_superuser
