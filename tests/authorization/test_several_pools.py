"""People of several pools: each pool's groups give by its own settings, and one pool never speaks for another.

`staff` and `guests` are two pools; `her` is a Django user with a person of Cognito in both.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.test import Client

from django_cognito.authorization.rights import aget_rights, get_rights
from django_cognito.backends import CognitoBackend
from django_cognito.conf.loading import get_pool_registry
from django_cognito.core.directory import DirectoryUser
from django_cognito.core.errors import IssuerError, TokenError
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.testing import sign_in
from django_cognito.users import provisioning
from django_cognito.users.authentication import authenticate
from django_cognito.users.claim_sources import claims_from_directory
from django_cognito.users.machine import MachineUser
from tests.support.callers import bearer
from tests.support.user_scenario import django_groups, token

STAFF, GUESTS = "eu-west-1_StaffPool", "us-east-1_GuestPool"
POOLS: dict[str, dict[str, Any]] = {
    "staff": {
        "USER_POOL_ID": STAFF,
        "CLIENT_ID": "1staff",
        "GROUPS": {
            "admins": {"permissions": ["auth.change_group"], "staff": True, "groups": ["Writers"]},
            "editors": {"permissions": ["auth.view_group"]},
        },
        "SCOPES_TO_PERMISSIONS": {"orders/read": ["auth.view_group"]},
    },
    "guests": {
        "USER_POOL_ID": GUESTS,
        "CLIENT_ID": "1guests",
        "GROUPS": {
            "admins": {"permissions": ["auth.view_user"], "groups": ["Writers"]},
            "hosts": {"staff": True},
        },
        "SCOPES_TO_PERMISSIONS": {"orders/read": ["auth.view_user"], "orders/write": ["auth.change_user"]},
    },
}
EACH = pytest.mark.parametrize(("mine", "other"), [("staff", "guests"), ("guests", "staff")])
OF_ADMINS = {"staff": "auth.change_group", "guests": "auth.view_user"}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("two_of_them", "cognito_keys")]


@pytest.fixture
def two_of_them(settings: Any) -> None:
    settings.COGNITO = {"POOLS": POOLS}


@pytest.fixture
def leave(settings: Any) -> Any:
    """`leave("staff")`: from now on these are the site's pools."""

    def change(*aliases: str, **changes: dict[str, Any]) -> None:
        settings.COGNITO = {"POOLS": {alias: {**POOLS[alias], **changes.get(alias, {})} for alias in aliases}}

    return change


@pytest.fixture
def her(told: Any) -> User:
    """A Django user who is somebody in both pools, with no groups yet."""
    user = told(at=-60, username="her", alias="staff")
    told(at=-60, username="her", alias="guests")
    CognitoUser.objects.update(user=user)
    User.objects.exclude(pk=user.pk).delete()
    return user  # type: ignore[no-any-return]


@pytest.fixture
def says(told: Any) -> Any:
    """`says("guests", "admins", at=-30)`: her user by that pool's token with these groups."""

    def say(alias: str, *groups: str, **claims: Any) -> Any:
        return told(*groups, alias=alias, **{"username": "her", **claims})

    return say


def anew(user: Any) -> Any:
    """The user as the database has it, without rights of a token."""
    return User.objects.get(pk=user.pk)


# Who


@pytest.mark.defends("RP-13", "RP-14")
def test_the_same_sub_and_address_in_two_pools_are_two_people(told) -> None:
    address = {"email": "alice@example.com", "email_verified": True}
    first, second = (told(alias=alias, token_use="id", **address) for alias in ("staff", "guests"))
    assert first != second
    assert len({link.sub for link in CognitoUser.objects.all()}) == 1
    assert told(alias="staff", at=1) == first
    assert told(alias="guests", at=1) == second
    assert (first.username, second.username.startswith("alice-")) == ("alice", True)


@pytest.mark.defends("RP-13")
def test_the_same_verified_address_in_two_pools_joins_nobody(told, settings) -> None:
    settings.COGNITO = {"POOLS": POOLS, "LINK_BY_VERIFIED_EMAIL": True}
    local = User.objects.create_user("local", "alice@example.com")
    first = told(alias="guests", token_use="id", email="alice@example.com")
    second = told(alias="staff", token_use="id", email="alice@example.com", sub="another")
    assert (first, second == local) == (local, False)


def test_a_pool_that_is_not_configured_is_nobodys_and_there_is_no_fallback(leave) -> None:
    raw = token(alias="guests", username="her")
    leave("staff")
    with pytest.raises(IssuerError):
        authenticate(raw)
    assert not CognitoUser.objects.exists()


@EACH
def test_tokens_of_two_pools_are_no_pair(mine, other) -> None:
    with pytest.raises(TokenError) as refused:
        authenticate(token(alias=mine), id_token=token(alias=other, token_use="id"))
    assert refused.value.code == "wrong_client"
    assert not CognitoUser.objects.exists()


def test_not_even_where_both_call_their_client_the_same(leave) -> None:
    leave("staff", "guests", guests={"CLIENT_ID": "1staff"})
    with pytest.raises(TokenError) as refused:
        authenticate(token(alias="staff"), id_token=token(alias="guests", token_use="id"))
    assert refused.value.code == "token_mismatch"


@EACH
def test_how_users_are_made_is_each_pools_own_setting(told, leave, mine, other) -> None:
    own = {"CREATE_USERS": True, "USERNAME": "email", "ATTRIBUTES": {"last_name": "given_name"}}
    leave("staff", "guests", **{mine: own, other: {"CREATE_USERS": False}})
    user = told(alias=mine, token_use="id", given_name="Alice")
    assert (user.username, user.email, user.first_name, user.last_name) == ("alice@example.com", "", "", "Alice")
    with pytest.raises(TokenError) as rejected:
        told(alias=other, token_use="id")
    assert rejected.value.code == "user_unknown"


# Rights in a request


@EACH
def test_a_group_gives_what_its_own_pool_says_and_nothing_by_the_other(told, mine, other) -> None:
    user = told("admins", "editors", "hosts", alias=mine)
    assert user.has_perm(OF_ADMINS[mine])
    assert not user.has_perm(OF_ADMINS[other])
    assert user.has_perm("auth.view_group") is (mine == "staff")
    assert {name for name in ("admins", "editors", "hosts") if get_rights(user).in_group(name)} == {
        "admins",
        "editors",
        "hosts",
    }


def test_a_group_of_one_pool_raises_no_flag_by_the_others_settings(told) -> None:
    assert not told("admins", alias="guests").is_staff
    assert not told("hosts", alias="staff", username="bob").is_staff
    assert told("admins", alias="staff", username="carol").is_staff
    assert told("hosts", alias="guests", username="dave").is_staff


@EACH
def test_who_is_somebody_in_both_has_the_rights_of_the_token_that_came(her, says, mine, other) -> None:
    says(mine, "admins", at=-30)
    says(other, "admins", at=-30)
    user = says(mine, "admins")
    assert user == her
    assert user.has_perm(OF_ADMINS[mine])
    assert not user.has_perm(OF_ADMINS[other])
    assert async_to_sync(user.ahas_perm)(OF_ADMINS[mine])
    assert not async_to_sync(user.ahas_perm)(OF_ADMINS[other])
    assert CognitoBackend().get_all_permissions(user) == {OF_ADMINS[mine]}


@EACH
def test_a_token_without_groups_has_none_of_the_other_pools(her, says, mine, other) -> None:
    says(other, "admins", "editors", "hosts", at=-30)
    user = says(mine)
    assert get_rights(user).groups == ()
    assert CognitoBackend().get_all_permissions(user) == set()


@EACH
@pytest.mark.urls("tests.support.entry_point_views")
def test_a_session_and_a_request_are_of_the_pool_of_their_token(her, says, mine, other) -> None:
    says(other, "admins", at=-30)
    client, pool = Client(), POOLS[mine]["USER_POOL_ID"]
    sign_in(client, "her", alias=mine, groups=["editors"])
    for headers in ({}, bearer(token("editors", username="her", alias=mine))):
        side = client.get("/cognito/", headers=headers).json()
        assert (side["user"], side["pool"], side["groups"]) == ("her", pool, ["editors"])
        assert client.get("/may/", headers=headers).content == b"False"


def test_the_claim_that_names_groups_is_each_pools_own(her, says, leave) -> None:
    leave("staff", "guests", guests={"GROUPS_CLAIM": "custom:groups"})
    says("guests", "admins", token_use="id", **{"custom:groups": "hosts"}, at=-30)
    assert get_rights(says("guests", "admins")).groups == ("hosts",)
    assert get_rights(says("staff", "admins", **{"custom:groups": "editors"})).groups == ("admins",)


# Rights that the database remembers


def test_what_is_remembered_is_all_of_them_each_by_its_own_pool(her, says, django_assert_num_queries) -> None:
    says("staff", "editors", at=-30)
    says("guests", "admins", at=-30)
    user = anew(her)
    with django_assert_num_queries(1):
        assert CognitoBackend().get_all_permissions(user) == {"auth.view_group", "auth.view_user"}
    assert get_rights(user).groups == ("editors", "admins")
    assert not user.has_perm("auth.change_group")  # `admins` of guests is not that of staff
    assert async_to_sync(aget_rights)(anew(her)).by_pool == ((STAFF, ("editors",)), (GUESTS, ("admins",)))


def test_a_pool_that_is_configured_no_longer_gives_nothing_that_is_asked_for(her, says, leave) -> None:
    says("staff", "editors", at=-30)
    says("guests", "admins", at=-30)
    leave("staff")
    user = anew(her)
    assert get_rights(user).groups == ("editors",)
    assert not get_rights(user).in_group("admins")
    assert CognitoBackend().get_all_permissions(user) == {"auth.view_group"}
    leave("guests")
    assert get_rights(anew(her)).groups == ("admins",)


@pytest.mark.urls("tests.support.entry_point_views")
def test_nor_where_a_door_asks_for_a_group_of_somebody_who_came_by_another_way(her, says, leave, client) -> None:
    says("guests", "admins", at=-30)
    client.force_login(her, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/edit/").status_code == 200
    leave("staff")
    assert client.get("/edit/").status_code == 403


def who_has(perm: str, **options: Any) -> set[str]:
    found = get_user_model().objects.with_perm(perm, backend="django_cognito.backends.CognitoBackend", **options)
    return set(found.values_list("username", flat=True))


def test_with_perm_finds_people_by_their_own_pools_groups(told) -> None:
    told("admins", alias="staff", username="anna")
    told("admins", alias="guests", username="gus")
    told("hosts", alias="staff", username="hal")
    assert who_has("auth.change_group") == {"anna"}
    assert who_has("auth.view_user") == {"gus"}
    assert who_has("auth.view_group") == set()
    assert who_has("auth.delete_user") == set()


def test_with_perm_finds_who_is_somebody_in_both_once_and_by_either(her, says) -> None:
    says("staff", "admins", at=-30)
    says("guests", "admins", at=-30)
    for perm in OF_ADMINS.values():
        assert list(User.objects.with_perm(perm, backend="django_cognito.backends.CognitoBackend")) == [her]


def test_with_perm_finds_nobody_by_a_pool_that_is_configured_no_longer(told, leave) -> None:
    told("admins", alias="staff", username="anna")
    told("admins", alias="guests", username="gus")
    leave("guests")
    assert who_has("auth.change_group") == set()
    assert who_has("auth.view_user") == {"gus"}


@pytest.mark.parametrize("perm", ["auth.change_group", "auth.view_user", "auth.view_group", "auth.change_user"])
def test_with_perm_and_has_perm_agree_on_what_is_remembered(told, her, says, leave, perm) -> None:
    says("staff", "editors", at=-30)
    says("guests", "admins", at=-30)
    told("admins", alias="staff", username="anna")
    for aliases in (("staff", "guests"), ("guests",), ("staff",)):
        leave(*aliases)
        expected = {user.username for user in User.objects.all() if CognitoBackend().has_perm(user, perm)}
        assert who_has(perm, include_superusers=False) == expected


# What is granted, and by whom


@EACH
def test_what_one_pool_granted_another_pools_news_do_not_take(her, says, mine, other) -> None:
    says(mine, "admins", at=-30)
    says(other, "admins", "hosts", at=-30)
    says(other)
    assert django_groups(her) == {"Writers"}
    assert anew(her).is_staff is (mine == "staff")
    assert set(CognitoMembership.objects.values_list("cognito_user__user_pool_id", "name")) == {
        (POOLS[mine]["USER_POOL_ID"], "admins")
    }
    says(mine)
    assert (django_groups(her), anew(her).is_staff) == (set(), False)


def test_a_flag_of_two_pools_goes_with_the_last_of_them(her, says) -> None:
    says("staff", "admins", at=-30)
    says("guests", "hosts", at=-30)
    says("staff")
    assert anew(her).is_staff
    says("guests")
    assert not anew(her).is_staff


def test_what_was_given_by_hand_stays_when_both_let_go(her, says) -> None:
    her.groups.add(Group.objects.create(name="Writers"))
    User.objects.update(is_staff=True)
    for alias in ("staff", "guests"):
        says(alias, "admins", "hosts", at=-30)
    for alias in ("staff", "guests"):
        says(alias)
    assert (django_groups(her), anew(her).is_staff) == ({"Writers"}, True)


def test_unchanged_tokens_of_two_pools_in_turns_write_nothing(her, says, writes, django_assert_num_queries) -> None:
    says("staff", "admins", at=-30)
    says("guests", "hosts", at=-30)
    with writes(0), django_assert_num_queries(6):
        for _ in range(3):
            says("staff", "admins", at=-30)
            says("guests", "hosts", at=-30)


def test_newer_tokens_of_two_pools_in_turns_cost_one_update_each(her, says, writes, django_assert_num_queries) -> None:
    says("staff", "admins", at=-30)
    says("guests", "hosts", at=-30)
    with writes(4), django_assert_num_queries(8):
        for at in (-20, -10):
            says("staff", "admins", at=at)
            says("guests", "hosts", at=at)


def test_one_pools_moments_are_not_the_others(her, says) -> None:
    says("staff", at=-10)
    assert says("guests", "admins", at=-50).has_perm("auth.view_user")
    assert django_groups(her) == {"Writers"}


def test_groups_are_mirrored_where_their_pool_says_so(her, says, leave) -> None:
    leave("staff", "guests", guests={"MIRROR_GROUPS": True})
    says("staff", "gardeners", f"{STAFF}_Acme", at=-30)
    assert django_groups(her) == set()
    says("guests", "gardeners", "admins", f"{GUESTS}_Acme", f"{STAFF}_Acme", at=-30)
    mirrored = {"guests:gardeners", "guests:admins", f"guests:{STAFF}_Acme"}
    assert django_groups(her) == {"Writers", *mirrored}
    says("staff")
    assert django_groups(her) == {"Writers", *mirrored}
    says("guests")
    assert django_groups(her) == set()


MIRRORING = {"MIRROR_GROUPS": True, "GROUPS": {}}


@EACH
@pytest.mark.parametrize("name", ["Board", "staff:Board", "guests:Board", "Writers"])
def test_mirrored_group_never_is_a_group_of_another_pool_or_of_the_site(told, leave, mine, other, name) -> None:
    leave("staff", "guests", staff={"MIRROR_GROUPS": True}, guests={"MIRROR_GROUPS": True})
    Group.objects.create(name="Board")  # by hand
    told("Board", "admins", "editors", alias=other, username="bob")
    others = {"Board", "Writers", *django_groups(User.objects.get(username="bob"))}
    assert {f"{other}:Board", f"{other}:admins", "Writers"} <= others
    assert django_groups(told(name, alias=mine, username="eve")) == {f"{mine}:{name}"}
    assert f"{mine}:{name}" not in others


def test_mirrored_groups_of_one_pool_keep_their_names(told, leave) -> None:
    leave("staff", staff=MIRRORING)
    assert django_groups(told("gardeners", alias="staff")) == {"gardeners"}


def test_mirrored_groups_of_two_clients_of_one_pool_keep_their_names(told, leave, settings) -> None:
    settings.COGNITO = {"POOLS": {"staff": POOLS["staff"], "app": {**POOLS["staff"], "CLIENT_ID": "1app"}}, **MIRRORING}
    settings.COGNITO["POOLS"] = {
        name: {key: value for key, value in pool.items() if key != "GROUPS"}
        for name, pool in settings.COGNITO["POOLS"].items()
    }
    assert django_groups(told("gardeners", alias="app")) == {"gardeners"}


def test_mirrored_groups_carry_the_first_alias_of_their_pool(told, leave, settings) -> None:
    leave("staff", "guests", staff=MIRRORING)
    settings.COGNITO["POOLS"]["app"] = {**POOLS["staff"], **MIRRORING, "CLIENT_ID": "1app"}
    settings.COGNITO = {**settings.COGNITO}
    assert django_groups(told("gardeners", alias="app")) == {"staff:gardeners"}


def test_mirrored_groups_move_to_the_prefixed_name_with_the_next_token(told, leave) -> None:
    leave("staff", staff=MIRRORING)
    user = told("gardeners", alias="staff", at=-30)
    by_hand = Group.objects.create(name="By hand")
    user.groups.add(by_hand)
    leave("staff", "guests", staff=MIRRORING)
    told("gardeners", alias="staff", at=-20)
    assert django_groups(user) == {"staff:gardeners", "By hand"}
    leave("staff", staff=MIRRORING)
    told("gardeners", alias="staff", at=-10)
    assert django_groups(user) == {"gardeners", "By hand"}


def test_mirrored_group_of_the_longest_name_and_alias_is_stored_whole(told, settings) -> None:
    alias, name = "a" * 21, "g" * 128
    settings.COGNITO = {"POOLS": {alias: {**POOLS["staff"], **MIRRORING}, "guests": POOLS["guests"]}}
    assert django_groups(told(name, alias=alias)) == {f"{alias}:{name}"}


@EACH
def test_the_directory_of_one_pool_speaks_of_its_own_people(her, says, mine, other) -> None:
    for alias in (mine, other):
        says(alias, "admins", at=-30)
    found = get_pool_registry().by_alias[mine]
    link = CognitoUser.objects.get(user_pool_id=found.user_pool_id)
    now = datetime.now(UTC)
    person = DirectoryUser(link.sub, "her", {"sub": link.sub}, True, "CONFIRMED", now, now)
    assert provisioning.update_users([claims_from_directory(person, [], now, found)]) == 1
    groups = dict(CognitoUser.objects.values_list("user_pool_id", "groups"))
    assert groups == {found.user_pool_id: [], POOLS[other]["USER_POOL_ID"]: ["admins"]}


# Machines


def machine(alias: str, scope: str = "orders/read") -> MachineUser:
    user, _ = authenticate(token(alias=alias, username=None, scope=scope))
    assert isinstance(user, MachineUser)
    return user


def test_a_machines_scopes_give_what_its_own_pool_says() -> None:
    assert machine("staff").get_all_permissions() == {"auth.view_group"}
    assert machine("guests").get_all_permissions() == {"auth.view_user"}
    assert machine("guests", "orders/write").has_perm("auth.change_user")
    assert not machine("staff", "orders/write").has_perm("auth.change_user")


def test_a_machine_of_a_pool_that_is_configured_no_longer_has_nothing_of_the_others(leave) -> None:
    user = machine("guests")
    leave("staff")
    assert user.get_all_permissions() == set()
    assert not user.has_perm("auth.view_group")


def test_a_machine_of_a_client_that_is_only_accepted_is_of_its_pool(leave) -> None:
    leave("staff", "guests", guests={"CLIENT_IDS": ["1guests", "7machine"]})
    raw = token(alias="guests", username=None, client_id="7machine", scope="orders/read")
    assert authenticate(raw)[0].get_all_permissions() == {"auth.view_user"}
