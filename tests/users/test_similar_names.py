"""Names that differ only in case, accents or trailing spaces: MariaDB's usual collations treat them as equal.

The tests run on every database, also on those that compare exactly.
"""

import logging
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from django_cognito.authorization import memberships
from django_cognito.models import CognitoMembership, CognitoUser, FormerLink
from django_cognito.users.writing import provisioning
from tests.support.scenarios.users import django_groups, link_of

pytestmark = pytest.mark.django_db
PAIRS = [("Editors", "editors"), ("Café", "Cafe"), ("staff", "staff ")]
each_similar_pair = pytest.mark.parametrize("names", PAIRS, ids=["case", "accent", "space"])


def test_subs_that_differ_in_case_or_spaces_are_two_users(user_from_token) -> None:
    subs = ["ABC-def", "abc-DEF", "abc-def", "abc-def "]
    users = [user_from_token(sub=sub, username=f"user{number}") for number, sub in enumerate(subs)]
    assert len({user.pk for user in users}) == 4
    assert [user_from_token(sub=sub, at=5, username=f"user{number}").pk for number, sub in enumerate(subs)] == [
        user.pk for user in users
    ]


def test_pools_sources_and_former_links_are_looked_up_exactly(user_from_token) -> None:
    link = link_of(user_from_token(sub="abc-def"))
    FormerLink.objects.create(user=link.user, user_pool_id=link.user_pool_id, sub="abc-def")
    CognitoMembership.objects.create(cognito_user=link, name="editors")
    for pool, sub in (
        (link.user_pool_id.upper(), "abc-def"),
        (link.user_pool_id, "ABC-DEF"),
        (link.user_pool_id, "abc-def "),
    ):
        assert not CognitoUser.objects.filter(user_pool_id=pool, sub=sub).exists()
        assert not FormerLink.objects.filter(user_pool_id=pool, sub=sub).exists()
    assert not CognitoMembership.objects.filter(name__in=["EDITORS", "éditors", "editors "]).exists()


@each_similar_pair
def test_token_with_two_similar_groups_has_both(user_from_token, cognito, names) -> None:
    permissions = ("auth.add_group", "auth.change_group")
    cognito(GROUPS={name: {"permissions": [permission]} for name, permission in zip(names, permissions, strict=True)})
    user = user_from_token(*names)
    assert user.has_perms(permissions)
    assert set(link_of(user).groups) == set(CognitoMembership.objects.values_list("name", flat=True)) == set(names)


@each_similar_pair
def test_group_renamed_to_a_similar_name_replaces_the_former(user_from_token, cognito, names) -> None:
    cognito(GROUPS={names[0]: {"staff": True}, names[1]: {"superuser": True}})
    user_from_token(names[0], at=-60)
    user = user_from_token(names[1])
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, True)
    assert CognitoMembership.objects.get().name == names[1]


@each_similar_pair
def test_newer_token_with_equal_similar_groups_makes_one_update(user_from_token, writes, names) -> None:
    user_from_token(*names, at=-60)
    with writes(1):
        user_from_token(*names)
    with writes(0):
        user_from_token(*names)


@each_similar_pair
def test_concurrent_change_to_a_similar_group_name_is_overwritten(user_from_token, monkeypatch, names) -> None:
    user_from_token(names[0], at=-60)
    fetch = provisioning._fetch_link

    def fetch_before_change(statement: Any) -> Any:
        link = fetch(statement)
        CognitoUser.objects.update(groups=[names[1]])
        return link

    monkeypatch.setattr(provisioning, "_fetch_link", fetch_before_change)
    assert link_of(user_from_token(names[0])).groups == [names[0]]


@pytest.mark.parametrize("name", ["ADMINS", "àdmins", "admins "])
def test_mirrored_group_grants_no_django_group_of_a_similar_name(user_from_token, cognito, name) -> None:
    cognito(MIRROR_GROUPS=True)
    Group.objects.create(name="admins")
    user = user_from_token(name, "others")
    assert django_groups(user) - {name} == {"others"}
    assert link_of(user).groups == [name, "others"]


@each_similar_pair
def test_mapped_group_grants_no_django_group_of_a_similar_name(user_from_token, cognito, names) -> None:
    cognito(GROUPS={"a": {"groups": [names[0]], "staff": True}, "b": {"groups": [names[1]], "staff": True}})
    assert django_groups(user_from_token("a", username="first")) == {names[0]}
    user = user_from_token("b", username="second")
    user.refresh_from_db()
    assert user.is_staff
    assert django_groups(user) <= {names[1]}
    assert django_groups(user_from_token("a", at=5, username="first")) == {names[0]}


def test_django_group_that_cannot_be_created_is_logged(user_from_token, cognito, caplog) -> None:
    cognito(GROUPS={"a": {"groups": ["Help desk", "help desk"]}})
    is_exact = connection.vendor != "mysql"
    with caplog.at_level(logging.WARNING, logger=memberships.__name__):
        user = user_from_token("a")
    assert django_groups(user) == ({"Help desk", "help desk"} if is_exact else {"Help desk"})
    expected = "the Django group 'help desk' cannot be created: the database treats the name of another group as equal"
    assert [record.getMessage() for record in caplog.records] == ([] if is_exact else [expected])


@pytest.mark.parametrize("name", ["ALICE", "älice", "alice "])
@pytest.mark.parametrize("claim", ["username", "preferred_username"])
def test_user_with_a_similar_username_gets_a_new_account(user_from_token, cognito, name, claim) -> None:
    cognito(USERNAME=claim)
    local = User.objects.create_user("alice", password="secret")
    names = {"preferred_username": name, "username": "x"} if claim == "preferred_username" else {"username": name}
    user = user_from_token(token_use="id", **names)
    assert user.pk != local.pk
    assert user_from_token(token_use="id", at=5, **names).pk == user.pk
    local.refresh_from_db()
    assert local.check_password("secret")


@pytest.mark.parametrize("in_case", [str.lower, str.upper], ids=["exact", "similar"])
def test_user_with_only_existing_usernames_gets_a_new_account(user_from_token, in_case) -> None:
    sub = "0a1b2c3d-1111-2222-3333-444455556666"
    existing = [User.objects.create_user(in_case(name)).pk for name in ("alice", "alice-0a1b2c3d", sub)]
    user = user_from_token(sub=sub, username="alice")
    assert user.pk not in existing
    assert user_from_token(sub=sub, username="alice", at=5).pk == user.pk
    assert User.objects.count() == 4


@pytest.mark.parametrize("others", [[], ["cafe@example.com"], ["CAFÉ@example.com", "cafe@example.com"]])
def test_linking_by_email_uses_the_account_with_exactly_this_email(user_from_token, cognito, others) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "café@example.com")
    for number, email in enumerate(others):
        User.objects.create_user(f"other{number}", email)
    assert user_from_token(token_use="id", email="café@example.com", email_verified=True) == local


@pytest.mark.parametrize("email", ["cafe@example.com", "café@example.com ", "cafë@example.com"])
def test_linking_by_email_uses_no_account_with_a_similar_email(user_from_token, cognito, email) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "café@example.com")
    assert user_from_token(token_use="id", email=email, email_verified=True) != local
