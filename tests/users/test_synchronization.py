"""A person over time: steady requests write nothing, changes are written once, and nothing ever goes backwards."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User

from django_cognito.authorization.rights import get_rights
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import provisioning
from django_cognito.users.claim_sources import claims_from_directory
from tests.support.user_scenario import GROUPS, NOW, django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]


# Steady


def test_a_steady_token_costs_one_query(told, django_assert_num_queries) -> None:
    told("editors")
    with django_assert_num_queries(1):
        assert told("editors").has_perm("auth.change_group")


def test_newer_token_with_equal_groups_costs_one_query_and_one_update(told, writes, django_assert_num_queries) -> None:
    told("editors")
    with writes(1), django_assert_num_queries(2):
        user = told("editors", at=5)
    assert link_of(user).as_of.timestamp() == NOW + 5
    with writes(0), django_assert_num_queries(2):
        told("editors", at=5)
        told("editors")


def test_access_and_id_token_in_turns_cost_one_update_for_each_newer_one(told, writes) -> None:
    told("editors", at=-60)
    told("editors", at=-60, token_use="id", given_name="Alice")
    for at, updates in ((-60, 0), (-30, 2), (0, 2), (-30, 0), (0, 0)):
        with writes(updates):
            told("editors", at=at)
            told("editors", at=at, token_use="id", given_name="Alice")
            told("editors", at=at, profile={"given_name": "Alice"})


def test_groups_in_another_order_are_no_change(told, writes) -> None:
    told("editors", "viewers")
    told("viewers", "editors", token_use="id")
    with writes(0):
        told("editors", "viewers")
        told("viewers", "editors", token_use="id")


@pytest.mark.parametrize("between", [0, 60])
def test_two_access_tokens_of_different_groups_in_turns_cause_one_write(told, writes, between) -> None:
    told("editors", "viewers", at=-between)
    with writes(3):  # the link row, the membership, and its Django group
        told("viewers")
    with writes(0):
        for _ in range(2):
            told("editors", "viewers", at=-between)
            told("viewers")


def test_other_permissions_of_a_group_are_no_write(told, writes, cognito) -> None:
    told("editors")
    cognito(GROUPS={**GROUPS, "editors": {**GROUPS["editors"], "permissions": ["auth.delete_group"]}})
    with writes(0):
        user = told("editors")
    assert user.has_perm("auth.delete_group")
    assert not user.has_perm("auth.change_group")


# Changes


@pytest.mark.defends("RP-16")
def test_groups_give_django_groups_flags_and_permissions(told) -> None:
    user = told("editors", "helpers")
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Writers", "Readers"})
    assert user.has_perm("auth.change_group")
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors", "helpers"}


@pytest.mark.defends("RP-16")
def test_what_a_later_token_no_longer_says_is_taken_away(told) -> None:
    told("editors", "admins", at=-60)
    user = told()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (False, False, set())
    assert not user.has_perm("auth.change_group")
    assert not CognitoMembership.objects.exists()


def test_an_overlap_of_two_groups_stays_with_the_one_that_is_left(told) -> None:
    told("editors", "viewers", "admins", "helpers", at=-60)
    user = told("viewers", "helpers")
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Readers"})


def test_a_changed_mapping_is_applied_by_the_next_token(told, cognito) -> None:
    told("editors")
    cognito(GROUPS={"editors": {"groups": ["Authors"], "staff": True}})
    user = told("editors")
    assert (user.is_staff, django_groups(user)) == (True, {"Authors"})
    cognito(GROUPS={})
    user = told("editors")
    assert (user.is_staff, django_groups(user)) == (False, set())


def test_a_profile_that_changed_is_written_once(told, writes) -> None:
    told(token_use="id", given_name="Alice", at=-60)
    with writes(2):  # the user and the link row
        assert told(token_use="id", given_name="Alicia").first_name == "Alicia"
    with writes(0):
        told(token_use="id", given_name="Alicia")


def test_mirrored_groups_are_django_groups_but_for_cognitos_automatic_ones(told, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    told("viewers", "gardeners", "eu-west-1_TestPool1_Google", at=-60)
    assert django_groups(User.objects.get()) == {"Readers", "viewers", "gardeners"}
    assert django_groups(told("gardeners")) == {"gardeners"}
    assert Group.objects.filter(name="viewers").exists()


@pytest.mark.parametrize("remover", ["id", "directory"])
def test_what_one_source_took_away_another_gives_again_by_saying_what_it_said_before(
    told, directory_says, remover
) -> None:
    told("editors", at=-60)
    if remover == "directory":
        directory_says(at=-30)
    else:
        told(at=-30, token_use="id")
    assert django_groups(told("editors")) == {"Writers", "Readers"}


def test_django_groups_are_made_in_one_order_so_that_two_processes_cannot_block_each_other(told, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    told(*"hdagfbce")
    assert "".join(Group.objects.order_by("pk").values_list("name", flat=True)) == "abcdefgh"


# Never backwards


@pytest.mark.parametrize("remover", ["access", "id", "directory"])
def test_a_token_from_before_a_removal_gives_nothing_back(told, directory_says, remover, writes) -> None:
    old = {"at": -60, "given_name": "Old"}
    told("editors", "admins", **old)
    if remover == "directory":
        directory_says(at=-30, given_name="New")
    else:
        told(at=-30, token_use=remover, given_name="New")
    with writes(0):
        user = told("editors", "admins", **old)
        told("editors", "admins", **old, token_use="id")  # email comes with it, and is as old
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user), user.first_name) == (False, False, set(), "New")
    assert not user.has_perm("auth.change_group")
    assert get_rights(user).groups == ()


def test_an_older_token_has_the_groups_that_are_known_now(told) -> None:
    told(at=-60)
    told("editors", at=-30)
    assert told(at=-60).has_perm("auth.change_group")


@pytest.mark.parametrize("first", [("editors",), ("editors", "admins")])
def test_equal_moments_take_away_and_never_give(told, first) -> None:
    second = ("admins",) if first == ("editors",) else ("editors",)
    told(*first)
    user = told(*second)
    user.refresh_from_db()
    kept = set(first) & set(second)
    assert set(link_of(user).groups) == set(get_rights(user).groups) == kept
    assert (user.is_staff, bool(django_groups(user))) == (False, "editors" in kept)


def test_what_an_equal_moment_did_not_give_a_later_token_gives(told) -> None:
    told("viewers", at=-60)
    told("viewers", "editors", at=-60)
    user = told("viewers", "editors")
    assert django_groups(user) == {"Writers", "Readers"}
    assert set(link_of(user).groups) == {"viewers", "editors"}


def test_an_older_id_token_beside_a_newer_access_token_brings_no_old_profile_back(told) -> None:
    told(profile={"email": "old@example.com"}, at=-60)
    told(profile={"email": "new@example.com"}, at=-30)
    user = told(profile={"email": "old@example.com", "at": -60}, at=0)
    user.refresh_from_db()
    assert user.email == "new@example.com"


def test_an_older_id_token_beside_a_newer_access_token_keeps_no_group(told) -> None:
    told("editors", at=-60)
    user = told(profile={"groups": ("editors",), "at": -60})
    assert (django_groups(user), link_of(user).groups) == (set(), [])


def test_a_newer_id_token_beside_an_older_access_token_is_heard(told) -> None:
    told("editors", at=-60)
    told("editors", at=-30, token_use="id", given_name="A")
    user = told("editors", at=-60, profile={"groups": (), "given_name": "Alice", "at": 0})
    assert (user.first_name, django_groups(user), get_rights(user).groups) == ("Alice", set(), ())


# Only what was granted is taken away


def test_what_was_given_by_hand_stays(told) -> None:
    user = told(at=-60)
    writers = Group.objects.create(name="Writers")
    user.groups.add(writers, Group.objects.create(name="By hand"))
    User.objects.update(is_staff=True)
    told("editors", "admins", at=-30)
    user = told()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Writers", "By hand"})


def test_permissions_given_by_hand_stay(told) -> None:
    user = told("editors", at=-60)
    user.user_permissions.add(Permission.objects.get(codename="add_group"))
    assert told().has_perm("auth.add_group")


def test_what_an_admin_took_away_is_given_again_by_the_next_change_alone(told, writes) -> None:
    user = told("editors", at=-60)
    user.groups.clear()
    with writes(1):  # the moment alone
        told("editors", at=-30)
    assert django_groups(user) == set()
    told("editors", "helpers")
    assert django_groups(user) == {"Writers", "Readers"}


def test_a_django_group_that_was_renamed_is_still_the_one_that_was_granted(told) -> None:
    user = told("viewers", at=-60)
    Group.objects.filter(name="Readers").update(name="Those who read")
    told()
    assert django_groups(user) == set()


def test_a_django_group_that_was_deleted_hinders_nobody(told) -> None:
    told("viewers", at=-60)
    Group.objects.all().delete()
    assert django_groups(told("editors")) == {"Writers", "Readers"}


def test_what_two_links_of_one_person_granted_goes_when_the_last_one_lets_go(told) -> None:
    user = told("helpers", "viewers", at=-60)
    told("helpers", "viewers", at=-60, username="alice.google")
    CognitoUser.objects.update(user=user)
    User.objects.exclude(pk=user.pk).delete()
    told(at=-30)
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (True, {"Readers"})
    told(username="alice.google")
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (False, set())


def test_what_was_given_by_hand_survives_two_links(told) -> None:
    user = told(at=-60)
    told(at=-60, username="alice.google")
    CognitoUser.objects.update(user=user)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    for name in ("alice", "alice.google"):
        told("helpers", at=-30, username=name)
    for name in ("alice", "alice.google"):
        told(username=name)
    user.refresh_from_db()
    assert user.is_staff


# The directory


@pytest.fixture
def directory_says(told):
    """`directory_says("editors", at=-30)`: what a directory call of that moment says of alice; how many it wrote."""

    def say(*groups: str, at: float = 0, create: bool = False, **attributes: str) -> int:
        return provisioning.update_users([_said(*groups, at=at, **attributes)], create=create)

    return say


def test_the_directory_brings_a_known_person_up_to_date(told, directory_says) -> None:
    user = told("editors", at=-60)
    assert directory_says("helpers", given_name="Alice") == 1
    user.refresh_from_db()
    assert (user.is_staff, user.first_name, django_groups(user)) == (True, "Alice", set())


def test_a_directory_call_in_the_second_of_a_token_takes_away_and_never_gives(told, directory_says) -> None:
    user = told("editors")
    directory_says("editors", "helpers", at=0.9)
    user.refresh_from_db()
    assert not user.is_staff
    directory_says(at=0.9)
    assert get_rights(told("editors")).groups == ()


def test_a_directory_call_from_before_a_token_changes_nothing(told, directory_says) -> None:
    told("editors")
    assert directory_says("helpers", at=-1) == 0


def test_an_unchanged_page_costs_one_query_and_no_write(told, django_assert_num_queries) -> None:
    page = [_said("editors", username=f"user{number}", at=-30) for number in range(5)]
    assert provisioning.update_users(page, create=True) == 5
    with django_assert_num_queries(1):
        assert provisioning.update_users(page) == 0


def test_newer_unchanged_page_moves_as_of_by_one_update_for_each_user(told, writes) -> None:
    names = [f"user{number}" for number in range(3)]
    provisioning.update_users([_said("editors", username=name, at=-30) for name in names], create=True)
    with writes(3):
        assert provisioning.update_users([_said("editors", username=name, at=-20) for name in names]) == 0
    assert {link.as_of.timestamp() for link in CognitoUser.objects.all()} == {NOW - 20}


def test_the_directory_makes_nobody_unless_told_to(told, directory_says) -> None:
    assert directory_says() == 0
    assert not User.objects.exists()


def test_the_directory_makes_those_who_are_new(told, directory_says) -> None:
    assert directory_says("helpers", create=True, email="a@example.com", at=-30) == 1
    user = told("helpers", at=-60)
    assert (user.username, user.is_staff, user.email) == ("alice", True, "a@example.com")
    assert not user.has_usable_password()


def test_where_none_are_made_the_directory_still_updates_and_links_the_others(told, directory_says, cognito) -> None:
    cognito(CREATE_USERS=False, LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "alice@example.com")
    page = [_said(username="bob"), _said("helpers", email="alice@example.com", email_verified="true")]
    assert provisioning.update_users(page, create=True) == 1
    local.refresh_from_db()
    assert (local.is_staff, User.objects.count()) == (True, 1)


def test_a_disabled_account_is_left_alone_by_the_directory(told, directory_says) -> None:
    told(at=-60)
    User.objects.update(is_active=False)
    assert directory_says("helpers") == 0


@pytest.mark.django_db(transaction=True)
def test_an_error_in_a_page_leaves_nothing_of_the_page(told, failing_on) -> None:
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        provisioning.update_users([_said("viewers"), _said("editors", username="bob")], create=True)
    assert not User.objects.exists()


def _said(*groups: str, at: float = 0, username: str = "alice", **attributes: str) -> Any:
    from tests.support.user_scenario import token

    sub = read_sub(token(username=username))
    moment = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=at)
    person = DirectoryUser(sub, username, {"sub": sub, **attributes}, True, "CONFIRMED", moment, moment)
    return claims_from_directory(person, groups, moment, get_settings())


def read_sub(raw: str) -> str:
    """The `sub` that a token carries."""
    from django_cognito.core.tokens.token import read_unverified

    return read_unverified(raw)["sub"]
