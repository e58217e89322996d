"""A Django group that was deleted and created again is granted again by the next token."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from django_cognito.authorization import deleted_groups
from django_cognito.models import DIGEST_FIELDS, CognitoUser
from tests.support.scenarios.users import NOW, django_groups, link_of

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
def test_deleted_group_is_granted_again_by_the_next_token(user_from_token, writes, at) -> None:
    user_from_token("editors", at=-60, profile={"given_name": "Alice"})
    recreate("Writers")
    user = user_from_token("editors", at=at, profile={"given_name": "Alice"})
    assert django_groups(user) == {"Writers", "Readers"}
    with writes(0):
        user_from_token("editors", at=at, profile={"given_name": "Alice"})
    user_from_token(at=0)
    assert django_groups(user) == set()


def test_group_deleted_by_a_proxy_is_granted_again(user_from_token) -> None:
    user_from_token("editors", at=-60)
    GroupInAdmin.objects.get(name="Writers").delete()
    assert django_groups(user_from_token("editors", at=-30)) == {"Writers", "Readers"}


def test_flag_removed_by_an_admin_returns_with_a_deleted_group(user_from_token, cognito) -> None:
    cognito(GROUPS={"support": {"groups": ["Help desk"], "staff": True}})
    user_from_token("support", at=-60)
    recreate("Help desk")
    User.objects.update(is_staff=False)
    user = user_from_token("support")
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (True, {"Help desk"})


def test_deleted_group_clears_digests_of_links_that_granted_it(user_from_token) -> None:
    for name, group in (("alice", "editors"), ("bob", "viewers"), ("carol", "helpers")):
        user_from_token(group, username=name)
    Group.objects.get(name="Writers").delete()
    digests = dict(CognitoUser.objects.values_list("username", "access_digest"))
    assert digests["alice"] == f"{NOW}:"
    assert [len(digests[name].partition(":")[2]) for name in ("bob", "carol")] == [64, 64]


def test_deletion_of_several_groups_clears_the_digests_of_each_link(user_from_token) -> None:
    user_from_token("editors")
    user_from_token("viewers", username="bob")
    Group.objects.all().delete()
    assert set(CognitoUser.objects.values_list("access_digest", flat=True)) == {f"{NOW}:"}


def test_cleared_digest_still_rejects_older_attributes(user_from_token) -> None:
    user_from_token("editors", at=-60, token_use="id", given_name="New")
    recreate("Writers")
    user_from_token("editors", at=-90, token_use="id", given_name="Old")
    user = user_from_token("editors", at=-60, token_use="id", given_name="New")
    assert (user.first_name, django_groups(user)) == ("New", {"Writers", "Readers"})


def test_deleted_group_does_not_change_digests_without_a_moment(user_from_token) -> None:
    user_from_token("editors", at=-60)
    CognitoUser.objects.update(**dict.fromkeys(DIGEST_FIELDS, "a" * 64))
    recreate("Writers")
    assert link_of(User.objects.get()).id_digest == "a" * 64
    assert django_groups(user_from_token("editors", at=-60)) == {"Writers", "Readers"}


def test_deletion_of_a_group_that_nothing_granted_writes_nothing(user_from_token, writes: Any) -> None:
    user_from_token("helpers")
    group = Group.objects.create(name="Local")
    link = CognitoUser.objects.values().get()
    group.delete()
    assert CognitoUser.objects.values().get() == link
