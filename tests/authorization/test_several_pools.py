"""Users of several pools: each pool's groups grant by the pool's own settings, never by those of another pool.

`staff` and `guests` are two pools; `linked_user` is a Django user that is linked to a Cognito user of both.
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
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.authentication import authenticate
from django_cognito.users.writing import bulk_provisioning
from tests.support.callers import bearer
from tests.support.scenarios.users import django_groups, token

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
each_pool = pytest.mark.parametrize(("own_alias", "other"), [("staff", "guests"), ("guests", "staff")])
PERMISSION_OF_ADMINS = {"staff": "auth.change_group", "guests": "auth.view_user"}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("configured_pools", "cognito_keys")]


@pytest.fixture
def configured_pools(settings: Any) -> None:
    settings.COGNITO = {"POOLS": POOLS}


@pytest.fixture
def configure_pools(settings: Any) -> Any:
    """`configure_pools("staff")`: set the site's pools until the test ends."""

    def change(*aliases: str, **changes: dict[str, Any]) -> None:
        settings.COGNITO = {"POOLS": {alias: {**POOLS[alias], **changes.get(alias, {})} for alias in aliases}}

    return change


@pytest.fixture
def linked_user(user_from_token: Any) -> User:
    """Return a Django user with a link to both pools, without groups."""
    user = user_from_token(at=-60, username="erin", alias="staff")
    user_from_token(at=-60, username="erin", alias="guests")
    CognitoUser.objects.update(user=user)
    User.objects.exclude(pk=user.pk).delete()
    return user  # type: ignore[no-any-return]


@pytest.fixture
def authenticate_in(user_from_token: Any) -> Any:
    """`authenticate_in("guests", "admins", at=-30)`: the linked user of that pool's token with these groups."""

    def authenticate_user(alias: str, *groups: str, **claims: Any) -> Any:
        return user_from_token(*groups, alias=alias, **{"username": "erin", **claims})

    return authenticate_user


def reload(user: Any) -> Any:
    """Return the user from the database, without the rights of a token."""
    return User.objects.get(pk=user.pk)


# Users


@pytest.mark.defends("RP-13", "RP-14")
def test_same_sub_and_email_in_two_pools_are_two_users(user_from_token) -> None:
    email_claims = {"email": "alice@example.com", "email_verified": True}
    first, second = (user_from_token(alias=alias, token_use="id", **email_claims) for alias in ("staff", "guests"))
    assert first != second
    assert len({link.sub for link in CognitoUser.objects.all()}) == 1
    assert user_from_token(alias="staff", at=1) == first
    assert user_from_token(alias="guests", at=1) == second
    assert (first.username, second.username.startswith("alice-")) == ("alice", True)


@pytest.mark.defends("RP-13")
def test_same_verified_email_in_two_pools_links_one_user(user_from_token, settings) -> None:
    settings.COGNITO = {"POOLS": POOLS, "LINK_BY_VERIFIED_EMAIL": True}
    local = User.objects.create_user("local", "alice@example.com")
    first = user_from_token(alias="guests", token_use="id", email="alice@example.com")
    second = user_from_token(alias="staff", token_use="id", email="alice@example.com", sub="another")
    assert (first, second == local) == (local, False)


def test_token_of_an_unconfigured_pool_is_rejected(configure_pools) -> None:
    raw = token(alias="guests", username="erin")
    configure_pools("staff")
    with pytest.raises(IssuerError):
        authenticate(raw)
    assert not CognitoUser.objects.exists()


@each_pool
def test_tokens_of_two_pools_are_rejected_together(own_alias, other) -> None:
    with pytest.raises(TokenError) as raised:
        authenticate(token(alias=own_alias), id_token=token(alias=other, token_use="id"))
    assert raised.value.code == "wrong_client"
    assert not CognitoUser.objects.exists()


def test_tokens_of_two_pools_with_equal_client_ids_are_rejected(configure_pools) -> None:
    configure_pools("staff", "guests", guests={"CLIENT_ID": "1staff"})
    with pytest.raises(TokenError) as raised:
        authenticate(token(alias="staff"), id_token=token(alias="guests", token_use="id"))
    assert raised.value.code == "token_mismatch"


@each_pool
def test_user_creation_follows_the_settings_of_the_pool(user_from_token, configure_pools, own_alias, other) -> None:
    own = {"CREATE_USERS": True, "USERNAME": "email", "ATTRIBUTES": {"last_name": "given_name"}}
    configure_pools("staff", "guests", **{own_alias: own, other: {"CREATE_USERS": False}})
    user = user_from_token(alias=own_alias, token_use="id", given_name="Alice")
    assert (user.username, user.email, user.first_name, user.last_name) == ("alice@example.com", "", "", "Alice")
    with pytest.raises(TokenError) as raised:
        user_from_token(alias=other, token_use="id")
    assert raised.value.code == "user_unknown"


# Rights of a request


@each_pool
def test_group_grants_permissions_of_its_own_pool_only(user_from_token, own_alias, other) -> None:
    user = user_from_token("admins", "editors", "hosts", alias=own_alias)
    assert user.has_perm(PERMISSION_OF_ADMINS[own_alias])
    assert not user.has_perm(PERMISSION_OF_ADMINS[other])
    assert user.has_perm("auth.view_group") is (own_alias == "staff")
    assert {name for name in ("admins", "editors", "hosts") if get_rights(user).in_group(name)} == {
        "admins",
        "editors",
        "hosts",
    }


def test_group_grants_flags_of_its_own_pool_only(user_from_token) -> None:
    assert not user_from_token("admins", alias="guests").is_staff
    assert not user_from_token("hosts", alias="staff", username="bob").is_staff
    assert user_from_token("admins", alias="staff", username="carol").is_staff
    assert user_from_token("hosts", alias="guests", username="dave").is_staff


@each_pool
def test_linked_user_has_the_rights_of_the_requests_token(linked_user, authenticate_in, own_alias, other) -> None:
    authenticate_in(own_alias, "admins", at=-30)
    authenticate_in(other, "admins", at=-30)
    user = authenticate_in(own_alias, "admins")
    assert user == linked_user
    assert user.has_perm(PERMISSION_OF_ADMINS[own_alias])
    assert not user.has_perm(PERMISSION_OF_ADMINS[other])
    assert async_to_sync(user.ahas_perm)(PERMISSION_OF_ADMINS[own_alias])
    assert not async_to_sync(user.ahas_perm)(PERMISSION_OF_ADMINS[other])
    assert CognitoBackend().get_all_permissions(user) == {PERMISSION_OF_ADMINS[own_alias]}


@each_pool
def test_token_without_groups_has_no_groups_of_the_other_pool(linked_user, authenticate_in, own_alias, other) -> None:
    authenticate_in(other, "admins", "editors", "hosts", at=-30)
    user = authenticate_in(own_alias)
    assert get_rights(user).groups == ()
    assert CognitoBackend().get_all_permissions(user) == set()


@each_pool
@pytest.mark.urls("tests.support.entry_point_views")
def test_session_and_request_use_the_pool_of_their_token(linked_user, authenticate_in, own_alias, other) -> None:
    authenticate_in(other, "admins", at=-30)
    client, pool = Client(), POOLS[own_alias]["USER_POOL_ID"]
    sign_in(client, "erin", alias=own_alias, groups=["editors"])
    for headers in ({}, bearer(token("editors", username="erin", alias=own_alias))):
        content = client.get("/cognito/", headers=headers).json()
        assert (content["user"], content["pool"], content["groups"]) == ("erin", pool, ["editors"])
        assert client.get("/may/", headers=headers).content == b"False"


def test_groups_claim_is_a_setting_per_pool(linked_user, authenticate_in, configure_pools) -> None:
    configure_pools("staff", "guests", guests={"GROUPS_CLAIM": "custom:groups"})
    authenticate_in("guests", "admins", token_use="id", **{"custom:groups": "hosts"}, at=-30)
    assert get_rights(authenticate_in("guests", "admins")).groups == ("hosts",)
    assert get_rights(authenticate_in("staff", "admins", **{"custom:groups": "editors"})).groups == ("admins",)


# Stored rights


def test_stored_rights_are_of_all_pools(linked_user, authenticate_in, django_assert_num_queries) -> None:
    authenticate_in("staff", "editors", at=-30)
    authenticate_in("guests", "admins", at=-30)
    user = reload(linked_user)
    with django_assert_num_queries(1):
        assert CognitoBackend().get_all_permissions(user) == {"auth.view_group", "auth.view_user"}
    assert get_rights(user).groups == ("editors", "admins")
    assert not user.has_perm("auth.change_group")  # `admins` of guests is not that of staff
    assert async_to_sync(aget_rights)(reload(linked_user)).by_pool == ((STAFF, ("editors",)), (GUESTS, ("admins",)))


def test_stored_groups_of_an_unconfigured_pool_grant_nothing(linked_user, authenticate_in, configure_pools) -> None:
    authenticate_in("staff", "editors", at=-30)
    authenticate_in("guests", "admins", at=-30)
    configure_pools("staff")
    user = reload(linked_user)
    assert get_rights(user).groups == ("editors",)
    assert not get_rights(user).in_group("admins")
    assert CognitoBackend().get_all_permissions(user) == {"auth.view_group"}
    configure_pools("guests")
    assert get_rights(reload(linked_user)).groups == ("admins",)


@pytest.mark.urls("tests.support.entry_point_views")
def test_group_of_an_unconfigured_pool_is_rejected_by_a_view(
    linked_user, authenticate_in, configure_pools, client
) -> None:
    authenticate_in("guests", "admins", at=-30)
    client.force_login(linked_user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/edit/").status_code == 200
    configure_pools("staff")
    assert client.get("/edit/").status_code == 403


def users_with_perm(perm: str, **options: Any) -> set[str]:
    users = get_user_model().objects.with_perm(perm, backend="django_cognito.backends.CognitoBackend", **options)
    return set(users.values_list("username", flat=True))


def test_with_perm_returns_users_by_groups_of_their_pool(user_from_token) -> None:
    user_from_token("admins", alias="staff", username="anna")
    user_from_token("admins", alias="guests", username="gus")
    user_from_token("hosts", alias="staff", username="hal")
    assert users_with_perm("auth.change_group") == {"anna"}
    assert users_with_perm("auth.view_user") == {"gus"}
    assert users_with_perm("auth.view_group") == set()
    assert users_with_perm("auth.delete_user") == set()


def test_with_perm_returns_a_linked_user_once(linked_user, authenticate_in) -> None:
    authenticate_in("staff", "admins", at=-30)
    authenticate_in("guests", "admins", at=-30)
    for perm in PERMISSION_OF_ADMINS.values():
        assert list(User.objects.with_perm(perm, backend="django_cognito.backends.CognitoBackend")) == [linked_user]


def test_with_perm_ignores_groups_of_an_unconfigured_pool(user_from_token, configure_pools) -> None:
    user_from_token("admins", alias="staff", username="anna")
    user_from_token("admins", alias="guests", username="gus")
    configure_pools("guests")
    assert users_with_perm("auth.change_group") == set()
    assert users_with_perm("auth.view_user") == {"gus"}


@pytest.mark.parametrize("perm", ["auth.change_group", "auth.view_user", "auth.view_group", "auth.change_user"])
def test_with_perm_and_has_perm_agree_on_stored_groups(
    user_from_token, linked_user, authenticate_in, configure_pools, perm
) -> None:
    authenticate_in("staff", "editors", at=-30)
    authenticate_in("guests", "admins", at=-30)
    user_from_token("admins", alias="staff", username="anna")
    for aliases in (("staff", "guests"), ("guests",), ("staff",)):
        configure_pools(*aliases)
        expected = {user.username for user in User.objects.all() if CognitoBackend().has_perm(user, perm)}
        assert users_with_perm(perm, include_superusers=False) == expected


# Grants


@each_pool
def test_token_of_another_pool_does_not_remove_grants(linked_user, authenticate_in, own_alias, other) -> None:
    authenticate_in(own_alias, "admins", at=-30)
    authenticate_in(other, "admins", "hosts", at=-30)
    authenticate_in(other)
    assert django_groups(linked_user) == {"Writers"}
    assert reload(linked_user).is_staff is (own_alias == "staff")
    assert set(CognitoMembership.objects.values_list("cognito_user__user_pool_id", "name")) == {
        (POOLS[own_alias]["USER_POOL_ID"], "admins")
    }
    authenticate_in(own_alias)
    assert (django_groups(linked_user), reload(linked_user).is_staff) == (set(), False)


def test_flag_of_two_pools_ends_with_the_last_grant(linked_user, authenticate_in) -> None:
    authenticate_in("staff", "admins", at=-30)
    authenticate_in("guests", "hosts", at=-30)
    authenticate_in("staff")
    assert reload(linked_user).is_staff
    authenticate_in("guests")
    assert not reload(linked_user).is_staff


def test_local_grants_stay_when_both_pools_end_theirs(linked_user, authenticate_in) -> None:
    linked_user.groups.add(Group.objects.create(name="Writers"))
    User.objects.update(is_staff=True)
    for alias in ("staff", "guests"):
        authenticate_in(alias, "admins", "hosts", at=-30)
    for alias in ("staff", "guests"):
        authenticate_in(alias)
    assert (django_groups(linked_user), reload(linked_user).is_staff) == ({"Writers"}, True)


def test_alternating_unchanged_tokens_of_two_pools_write_nothing(
    linked_user, authenticate_in, writes, django_assert_num_queries
) -> None:
    authenticate_in("staff", "admins", at=-30)
    authenticate_in("guests", "hosts", at=-30)
    with writes(0), django_assert_num_queries(6):
        for _ in range(3):
            authenticate_in("staff", "admins", at=-30)
            authenticate_in("guests", "hosts", at=-30)


def test_alternating_newer_tokens_of_two_pools_make_one_update_each(
    linked_user, authenticate_in, writes, django_assert_num_queries
) -> None:
    authenticate_in("staff", "admins", at=-30)
    authenticate_in("guests", "hosts", at=-30)
    with writes(4), django_assert_num_queries(8):
        for at in (-20, -10):
            authenticate_in("staff", "admins", at=at)
            authenticate_in("guests", "hosts", at=at)


def test_moments_are_stored_per_pool(linked_user, authenticate_in) -> None:
    authenticate_in("staff", at=-10)
    assert authenticate_in("guests", "admins", at=-50).has_perm("auth.view_user")
    assert django_groups(linked_user) == {"Writers"}


def test_mirror_groups_is_a_setting_per_pool(linked_user, authenticate_in, configure_pools) -> None:
    configure_pools("staff", "guests", guests={"MIRROR_GROUPS": True})
    authenticate_in("staff", "gardeners", f"{STAFF}_Acme", at=-30)
    assert django_groups(linked_user) == set()
    authenticate_in("guests", "gardeners", "admins", f"{GUESTS}_Acme", f"{STAFF}_Acme", at=-30)
    mirrored = {"guests:gardeners", "guests:admins", f"guests:{STAFF}_Acme"}
    assert django_groups(linked_user) == {"Writers", *mirrored}
    authenticate_in("staff")
    assert django_groups(linked_user) == {"Writers", *mirrored}
    authenticate_in("guests")
    assert django_groups(linked_user) == set()


MIRRORING = {"MIRROR_GROUPS": True, "GROUPS": {}}


@each_pool
@pytest.mark.parametrize("name", ["Board", "staff:Board", "guests:Board", "Writers"])
def test_mirrored_group_is_no_group_of_another_pool_or_the_site(
    user_from_token, configure_pools, own_alias, other, name
) -> None:
    configure_pools("staff", "guests", staff={"MIRROR_GROUPS": True}, guests={"MIRROR_GROUPS": True})
    Group.objects.create(name="Board")  # local
    user_from_token("Board", "admins", "editors", alias=other, username="bob")
    others = {"Board", "Writers", *django_groups(User.objects.get(username="bob"))}
    assert {f"{other}:Board", f"{other}:admins", "Writers"} <= others
    assert django_groups(user_from_token(name, alias=own_alias, username="eve")) == {f"{own_alias}:{name}"}
    assert f"{own_alias}:{name}" not in others


def test_mirrored_groups_of_one_pool_have_no_prefix(user_from_token, configure_pools) -> None:
    configure_pools("staff", staff=MIRRORING)
    assert django_groups(user_from_token("gardeners", alias="staff")) == {"gardeners"}


def test_mirrored_groups_of_two_clients_of_one_pool_have_no_prefix(user_from_token, configure_pools, settings) -> None:
    settings.COGNITO = {"POOLS": {"staff": POOLS["staff"], "app": {**POOLS["staff"], "CLIENT_ID": "1app"}}, **MIRRORING}
    settings.COGNITO["POOLS"] = {
        name: {key: value for key, value in pool.items() if key != "GROUPS"}
        for name, pool in settings.COGNITO["POOLS"].items()
    }
    assert django_groups(user_from_token("gardeners", alias="app")) == {"gardeners"}


def test_mirrored_groups_have_the_first_alias_of_their_pool(user_from_token, configure_pools, settings) -> None:
    configure_pools("staff", "guests", staff=MIRRORING)
    settings.COGNITO["POOLS"]["app"] = {**POOLS["staff"], **MIRRORING, "CLIENT_ID": "1app"}
    settings.COGNITO = {**settings.COGNITO}
    assert django_groups(user_from_token("gardeners", alias="app")) == {"staff:gardeners"}


def test_next_token_renames_mirrored_groups_to_the_prefixed_name(user_from_token, configure_pools) -> None:
    configure_pools("staff", staff=MIRRORING)
    user = user_from_token("gardeners", alias="staff", at=-30)
    local = Group.objects.create(name="Local")
    user.groups.add(local)
    configure_pools("staff", "guests", staff=MIRRORING)
    user_from_token("gardeners", alias="staff", at=-20)
    assert django_groups(user) == {"staff:gardeners", "Local"}
    configure_pools("staff", staff=MIRRORING)
    user_from_token("gardeners", alias="staff", at=-10)
    assert django_groups(user) == {"gardeners", "Local"}


def test_mirrored_group_with_longest_name_and_alias_is_stored(user_from_token, settings) -> None:
    alias, name = "a" * 21, "g" * 128
    settings.COGNITO = {"POOLS": {alias: {**POOLS["staff"], **MIRRORING}, "guests": POOLS["guests"]}}
    assert django_groups(user_from_token(name, alias=alias)) == {f"{alias}:{name}"}


@each_pool
def test_directory_of_one_pool_updates_only_its_links(linked_user, authenticate_in, own_alias, other) -> None:
    for alias in (own_alias, other):
        authenticate_in(alias, "admins", at=-30)
    pool = get_pool_registry().by_alias[own_alias]
    link = CognitoUser.objects.get(user_pool_id=pool.user_pool_id)
    now = datetime.now(UTC)
    directory_user = DirectoryUser(link.sub, "erin", {"sub": link.sub}, True, "CONFIRMED", now, now)
    assert bulk_provisioning.update_users([claims_from_directory(directory_user, [], now, pool)]).changed == 1
    groups = dict(CognitoUser.objects.values_list("user_pool_id", "groups"))
    assert groups == {pool.user_pool_id: [], POOLS[other]["USER_POOL_ID"]: ["admins"]}


# Machine users


def machine_user(alias: str, scope: str = "orders/read") -> MachineUser:
    user, _ = authenticate(token(alias=alias, username=None, scope=scope))
    assert isinstance(user, MachineUser)
    return user


def test_scopes_of_a_machine_user_grant_by_its_own_pool() -> None:
    assert machine_user("staff").get_all_permissions() == {"auth.view_group"}
    assert machine_user("guests").get_all_permissions() == {"auth.view_user"}
    assert machine_user("guests", "orders/write").has_perm("auth.change_user")
    assert not machine_user("staff", "orders/write").has_perm("auth.change_user")


def test_machine_user_of_an_unconfigured_pool_has_no_permissions(configure_pools) -> None:
    user = machine_user("guests")
    configure_pools("staff")
    assert user.get_all_permissions() == set()
    assert not user.has_perm("auth.view_group")


def test_machine_user_of_an_additional_client_has_its_pools_rights(configure_pools) -> None:
    configure_pools("staff", "guests", guests={"CLIENT_IDS": ["1guests", "7machine"]})
    raw = token(alias="guests", username=None, client_id="7machine", scope="orders/read")
    assert authenticate(raw)[0].get_all_permissions() == {"auth.view_user"}
