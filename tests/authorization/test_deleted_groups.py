"""A Django group that was deleted and created again is granted again by the next token."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from django_cognito.authorization import deleted_groups
from django_cognito.models import DIGEST_FIELDS, CognitoUser
from tests.support.user_scenario import NOW, django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]


class GroupInAdmin(Group):
    """A proxy model, as a site may define for its admin."""

    class Meta:
        proxy = True
        app_label = "a_site"  # not installed, so it needs no migration


deleted_groups.connect_receivers([Group, GroupInAdmin, User])


def recreate(name: str) -> None:
    Group.objects.get(name=name).delete()
    Group.objects.create(name=name)


@pytest.mark.parametrize("at", [-60, -30])
def test_deleted_group_is_granted_again_by_the_next_token(told, writes, at) -> None:
    told("editors", at=-60, profile={"given_name": "Alice"})
    recreate("Writers")
    user = told("editors", at=at, profile={"given_name": "Alice"})
    assert django_groups(user) == {"Writers", "Readers"}
    with writes(0):
        told("editors", at=at, profile={"given_name": "Alice"})
    told(at=0)
    assert django_groups(user) == set()


def test_group_deleted_by_a_proxy_is_granted_again(told) -> None:
    told("editors", at=-60)
    GroupInAdmin.objects.get(name="Writers").delete()
    assert django_groups(told("editors", at=-30)) == {"Writers", "Readers"}


def test_flag_removed_by_an_admin_returns_with_a_deleted_group(told, cognito) -> None:
    cognito(GROUPS={"support": {"groups": ["Help desk"], "staff": True}})
    told("support", at=-60)
    recreate("Help desk")
    User.objects.update(is_staff=False)
    user = told("support")
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (True, {"Help desk"})


def test_deleted_group_clears_digests_of_links_that_granted_it(told) -> None:
    for name, group in (("alice", "editors"), ("bob", "viewers"), ("carol", "helpers")):
        told(group, username=name)
    Group.objects.get(name="Writers").delete()
    digests = dict(CognitoUser.objects.values_list("username", "access_digest"))
    assert digests["alice"] == f"{NOW}:"
    assert [len(digests[name].partition(":")[2]) for name in ("bob", "carol")] == [64, 64]


def test_deletion_of_several_groups_clears_the_digests_of_each_link(told) -> None:
    told("editors")
    told("viewers", username="bob")
    Group.objects.all().delete()
    assert set(CognitoUser.objects.values_list("access_digest", flat=True)) == {f"{NOW}:"}


def test_cleared_digest_still_rejects_older_attributes(told) -> None:
    told("editors", at=-60, token_use="id", given_name="New")
    recreate("Writers")
    told("editors", at=-90, token_use="id", given_name="Old")
    user = told("editors", at=-60, token_use="id", given_name="New")
    assert (user.first_name, django_groups(user)) == ("New", {"Writers", "Readers"})


def test_deleted_group_does_not_change_digests_without_a_moment(told) -> None:
    told("editors", at=-60)
    CognitoUser.objects.update(**dict.fromkeys(DIGEST_FIELDS, "a" * 64))
    recreate("Writers")
    assert link_of(User.objects.get()).id_digest == "a" * 64
    assert django_groups(told("editors", at=-60)) == {"Writers", "Readers"}


def test_deletion_of_a_group_that_nothing_granted_writes_nothing(told, writes: Any) -> None:
    told("helpers")
    group = Group.objects.create(name="Local")
    link = CognitoUser.objects.values().get()
    group.delete()
    assert CognitoUser.objects.values().get() == link
