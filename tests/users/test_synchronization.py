"""A user over time: repeated tokens write nothing, a change is written once, and older claims change nothing."""

from contextlib import nullcontext

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.authorization.rights import get_rights
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import UserAdapter
from django_cognito.users.attributes.claim_sources import IdentityClaims
from django_cognito.users.writing import bulk_provisioning
from tests.support.scenarios.users import GROUPS, NOW, directory_claims, django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]


# Repeated tokens


def test_repeated_token_makes_one_query(user_from_token, django_assert_num_queries) -> None:
    user_from_token("editors")
    with django_assert_num_queries(1):
        assert user_from_token("editors").has_perm("auth.change_group")


def test_newer_token_with_equal_groups_makes_one_update(user_from_token, writes, django_assert_num_queries) -> None:
    user_from_token("editors")
    with writes(1), django_assert_num_queries(2):
        user = user_from_token("editors", at=5)
    assert link_of(user).as_of.timestamp() == NOW + 5
    with writes(0), django_assert_num_queries(2):
        user_from_token("editors", at=5)
        user_from_token("editors")


def test_alternating_tokens_make_one_update_per_newer_token(user_from_token, writes) -> None:
    user_from_token("editors", at=-60)
    user_from_token("editors", at=-60, token_use="id", given_name="Alice")
    for at, updates in ((-60, 0), (-30, 2), (0, 2), (-30, 0), (0, 0)):
        with writes(updates):
            user_from_token("editors", at=at)
            user_from_token("editors", at=at, token_use="id", given_name="Alice")
            user_from_token("editors", at=at, profile={"given_name": "Alice"})


def test_groups_in_another_order_write_nothing(user_from_token, writes) -> None:
    user_from_token("editors", "viewers")
    user_from_token("viewers", "editors", token_use="id")
    with writes(0):
        user_from_token("editors", "viewers")
        user_from_token("viewers", "editors", token_use="id")


@pytest.mark.parametrize("between", [0, 60])
def test_alternating_tokens_with_different_groups_write_once(user_from_token, writes, between) -> None:
    user_from_token("editors", "viewers", at=-between)
    with writes(3):  # the link row, the membership, and its Django group
        user_from_token("viewers")
    with writes(0):
        for _ in range(2):
            user_from_token("editors", "viewers", at=-between)
            user_from_token("viewers")


def test_changed_permissions_of_a_group_write_nothing(user_from_token, writes, cognito) -> None:
    user_from_token("editors")
    cognito(GROUPS={**GROUPS, "editors": {**GROUPS["editors"], "permissions": ["auth.delete_group"]}})
    with writes(0):
        user = user_from_token("editors")
    assert user.has_perm("auth.delete_group")
    assert not user.has_perm("auth.change_group")


# Changes


@pytest.mark.defends("RP-16")
def test_groups_grant_django_groups_flags_and_permissions(user_from_token) -> None:
    user = user_from_token("editors", "helpers")
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Writers", "Readers"})
    assert user.has_perm("auth.change_group")
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors", "helpers"}


@pytest.mark.defends("RP-16")
def test_group_missing_in_a_newer_token_is_revoked(user_from_token) -> None:
    user_from_token("editors", "admins", at=-60)
    user = user_from_token()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (False, False, set())
    assert not user.has_perm("auth.change_group")
    assert not CognitoMembership.objects.exists()


def test_grant_of_two_groups_stays_while_one_remains(user_from_token) -> None:
    user_from_token("editors", "viewers", "admins", "helpers", at=-60)
    user = user_from_token("viewers", "helpers")
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Readers"})


def test_changed_mapping_is_applied_by_the_next_token(user_from_token, cognito) -> None:
    user_from_token("editors")
    cognito(GROUPS={"editors": {"groups": ["Authors"], "staff": True}})
    user = user_from_token("editors")
    assert (user.is_staff, django_groups(user)) == (True, {"Authors"})
    cognito(GROUPS={})
    user = user_from_token("editors")
    assert (user.is_staff, django_groups(user)) == (False, set())


def test_changed_profile_is_written_once(user_from_token, writes) -> None:
    user_from_token(token_use="id", given_name="Alice", at=-60)
    with writes(2):  # the user and the link row
        assert user_from_token(token_use="id", given_name="Alicia").first_name == "Alicia"
    with writes(0):
        user_from_token(token_use="id", given_name="Alicia")


def test_mirror_groups_skips_cognitos_provider_groups(user_from_token, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    user_from_token("viewers", "gardeners", "eu-west-1_TestPool1_Google", at=-60)
    assert django_groups(User.objects.get()) == {"Readers", "viewers", "gardeners"}
    assert django_groups(user_from_token("gardeners")) == {"gardeners"}
    assert Group.objects.filter(name="viewers").exists()


@pytest.mark.parametrize("remover", ["id", "directory"])
def test_newer_token_restores_what_another_source_removed(user_from_token, update_from_directory, remover) -> None:
    user_from_token("editors", at=-60)
    if remover == "directory":
        update_from_directory(at=-30)
    else:
        user_from_token(at=-30, token_use="id")
    assert django_groups(user_from_token("editors")) == {"Writers", "Readers"}


def test_django_groups_are_created_in_alphabetical_order(user_from_token, cognito) -> None:
    cognito(MIRROR_GROUPS=True)
    user_from_token(*"hdagfbce")
    assert "".join(Group.objects.order_by("pk").values_list("name", flat=True)) == "abcdefgh"


# Older claims


@pytest.mark.parametrize("remover", ["access", "id", "directory"])
def test_token_older_than_a_removal_restores_nothing(user_from_token, update_from_directory, remover, writes) -> None:
    old = {"at": -60, "given_name": "Old"}
    user_from_token("editors", "admins", **old)
    if remover == "directory":
        update_from_directory(at=-30, given_name="New")
    else:
        user_from_token(at=-30, token_use=remover, given_name="New")
    with writes(0):
        user = user_from_token("editors", "admins", **old)
        user_from_token("editors", "admins", **old, token_use="id")  # with an email, which is as old
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user), user.first_name) == (False, False, set(), "New")
    assert not user.has_perm("auth.change_group")
    assert get_rights(user).groups == ()


def test_older_token_has_the_stored_groups(user_from_token) -> None:
    user_from_token(at=-60)
    user_from_token("editors", at=-30)
    assert user_from_token(at=-60).has_perm("auth.change_group")


@pytest.mark.parametrize("first", [("editors",), ("editors", "admins")])
def test_token_of_an_equal_moment_only_removes_groups(user_from_token, first) -> None:
    second = ("admins",) if first == ("editors",) else ("editors",)
    user_from_token(*first)
    user = user_from_token(*second)
    user.refresh_from_db()
    expected = set(first) & set(second)
    assert set(link_of(user).groups) == set(get_rights(user).groups) == expected
    assert (user.is_staff, bool(django_groups(user))) == (False, "editors" in expected)


def test_newer_token_grants_what_an_equal_moment_did_not(user_from_token) -> None:
    user_from_token("viewers", at=-60)
    user_from_token("viewers", "editors", at=-60)
    user = user_from_token("viewers", "editors")
    assert django_groups(user) == {"Writers", "Readers"}
    assert set(link_of(user).groups) == {"viewers", "editors"}


def test_older_id_token_with_newer_access_token_sets_no_profile(user_from_token) -> None:
    user_from_token(profile={"email": "old@example.com"}, at=-60)
    user_from_token(profile={"email": "new@example.com"}, at=-30)
    user = user_from_token(profile={"email": "old@example.com", "at": -60}, at=0)
    user.refresh_from_db()
    assert user.email == "new@example.com"


def test_older_id_token_with_newer_access_token_grants_no_group(user_from_token) -> None:
    user_from_token("editors", at=-60)
    user = user_from_token(profile={"groups": ("editors",), "at": -60})
    assert (django_groups(user), link_of(user).groups) == (set(), [])


def test_newer_id_token_with_older_access_token_is_applied(user_from_token) -> None:
    user_from_token("editors", at=-60)
    user_from_token("editors", at=-30, token_use="id", given_name="A")
    user = user_from_token("editors", at=-60, profile={"groups": (), "given_name": "Alice", "at": 0})
    assert (user.first_name, django_groups(user), get_rights(user).groups) == ("Alice", set(), ())


# Only what was granted is revoked


def test_local_flags_and_groups_are_not_revoked(user_from_token) -> None:
    user = user_from_token(at=-60)
    writers = Group.objects.create(name="Writers")
    user.groups.add(writers, Group.objects.create(name="Local"))
    User.objects.update(is_staff=True)
    user_from_token("editors", "admins", at=-30)
    user = user_from_token()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, {"Writers", "Local"})


def test_local_permissions_are_not_revoked(user_from_token) -> None:
    user = user_from_token("editors", at=-60)
    user.user_permissions.add(Permission.objects.get(codename="add_group"))
    assert user_from_token().has_perm("auth.add_group")


def test_group_that_an_admin_removed_returns_only_with_a_change(user_from_token, writes) -> None:
    user = user_from_token("editors", at=-60)
    user.groups.clear()
    with writes(1):  # `as_of` only
        user_from_token("editors", at=-30)
    assert django_groups(user) == set()
    user_from_token("editors", "helpers")
    assert django_groups(user) == {"Writers", "Readers"}


def test_renamed_django_group_is_still_revoked(user_from_token) -> None:
    user = user_from_token("viewers", at=-60)
    Group.objects.filter(name="Readers").update(name="Those who read")
    user_from_token()
    assert django_groups(user) == set()


def test_deleted_django_group_is_created_again(user_from_token) -> None:
    user_from_token("viewers", at=-60)
    Group.objects.all().delete()
    assert django_groups(user_from_token("editors")) == {"Writers", "Readers"}


def test_grant_of_two_links_ends_with_the_last_one(user_from_token) -> None:
    user = user_from_token("helpers", "viewers", at=-60)
    user_from_token("helpers", "viewers", at=-60, username="alice.google")
    CognitoUser.objects.update(user=user)
    User.objects.exclude(pk=user.pk).delete()
    user_from_token(at=-30)
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (True, {"Readers"})
    user_from_token(username="alice.google")
    user.refresh_from_db()
    assert (user.is_staff, django_groups(user)) == (False, set())


def test_local_flag_is_not_revoked_by_two_links(user_from_token) -> None:
    user = user_from_token(at=-60)
    user_from_token(at=-60, username="alice.google")
    CognitoUser.objects.update(user=user)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    for name in ("alice", "alice.google"):
        user_from_token("helpers", at=-30, username=name)
    for name in ("alice", "alice.google"):
        user_from_token(username=name)
    user.refresh_from_db()
    assert user.is_staff


# The directory


@pytest.fixture
def update_from_directory(user_from_token):
    """`update_from_directory("editors", at=-30)`: apply alice's directory entry of that moment; return the count."""

    def update(*groups: str, at: float = 0, create: bool = False, **attributes: str) -> int:
        claims = directory_claims(*groups, at=at, **attributes)
        return bulk_provisioning.update_users([claims], create=create).changed

    return update


def test_directory_updates_an_existing_user(user_from_token, update_from_directory) -> None:
    user = user_from_token("editors", at=-60)
    assert update_from_directory("helpers", given_name="Alice") == 1
    user.refresh_from_db()
    assert (user.is_staff, user.first_name, django_groups(user)) == (True, "Alice", set())


def test_directory_in_the_second_of_a_token_only_removes(user_from_token, update_from_directory) -> None:
    user = user_from_token("editors")
    update_from_directory("editors", "helpers", at=0.9)
    user.refresh_from_db()
    assert not user.is_staff
    update_from_directory(at=0.9)
    assert get_rights(user_from_token("editors")).groups == ()


def test_directory_older_than_a_token_changes_nothing(user_from_token, update_from_directory) -> None:
    user = user_from_token("editors")
    before = (user.is_staff, user.first_name, django_groups(user))
    update_from_directory("helpers", at=-2)  # the first one is recorded
    assert update_from_directory("helpers", at=-1) == 0
    assert get_rights(user_from_token("editors")).groups == ("editors",)
    user.refresh_from_db()
    assert (user.is_staff, user.first_name, django_groups(user)) == before


def test_unchanged_directory_page_makes_one_query_and_no_write(user_from_token) -> None:
    page = [directory_claims("editors", username=f"user{number}", at=-30) for number in range(5)]
    assert bulk_provisioning.update_users(page, create=True).changed == 5
    with CaptureQueriesContext(connection) as queries:
        assert bulk_provisioning.update_users(page).changed == 0
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert [statement.partition(" ")[0] for statement in statements] == ["SELECT"]


def test_newer_unchanged_directory_page_makes_one_update(user_from_token, writes) -> None:
    names = [f"user{number}" for number in range(3)]
    for at, expected in ((-30, 3), (-20, 0)):
        page = [directory_claims("editors", username=name, at=at, given_name="Ada") for name in names]
        with writes(1) if expected == 0 else nullcontext():
            assert bulk_provisioning.update_users(page, create=True).changed == expected
    assert {link.as_of.timestamp() for link in CognitoUser.objects.all()} == {NOW - 20}
    assert {link.directory_digest.partition(":")[0] for link in CognitoUser.objects.all()} == {str(NOW - 20)}


def test_directory_without_create_creates_no_user(user_from_token, update_from_directory) -> None:
    assert update_from_directory() == 0
    assert not User.objects.exists()


def test_directory_with_create_creates_new_users(user_from_token, update_from_directory) -> None:
    assert update_from_directory("helpers", create=True, email="a@example.com", at=-30) == 1
    user = user_from_token("helpers", at=-60)
    assert (user.username, user.is_staff, user.email) == ("alice", True, "a@example.com")
    assert not user.has_usable_password()


def test_directory_without_create_users_updates_and_links(user_from_token, update_from_directory, cognito) -> None:
    cognito(CREATE_USERS=False, LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com")
    page = [
        directory_claims(username="bob"),
        directory_claims("helpers", email="alice@example.com", email_verified="true"),
    ]
    assert bulk_provisioning.update_users(page, create=True).changed == 1
    local.refresh_from_db()
    assert (local.is_staff, User.objects.count()) == (True, 1)


def test_directory_does_not_update_a_disabled_account(user_from_token, update_from_directory) -> None:
    user_from_token(at=-60)
    User.objects.update(is_active=False)
    assert update_from_directory("helpers") == 0


class FailingAdapter(UserAdapter):
    """Fails for the user bob."""

    def fill_user(self, user: User, identity: IdentityClaims) -> None:
        if identity.username == "bob":
            raise RuntimeError("the adapter of the site failed")


@pytest.mark.django_db(transaction=True)
def test_error_in_a_directory_page_writes_nothing(user_from_token, cognito) -> None:
    cognito(USER_ADAPTER=f"{__name__}.FailingAdapter")
    with pytest.raises(RuntimeError):
        bulk_provisioning.update_users([directory_claims(), directory_claims(username="bob")], create=True)
    assert not User.objects.exists()


def read_sub(raw: str) -> str:
    """Return the `sub` of a token."""
    from django_cognito.core.tokens.token import read_unverified

    return read_unverified(raw)["sub"]
