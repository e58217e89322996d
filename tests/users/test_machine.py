"""Machine users: authenticated, with scopes, without a database row, and never a user of the pool."""

import copy
import inspect
import pickle
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User

from django_cognito.authorization.rights import aget_rights, get_rights
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.users import token

CLIENT = "1testclient23456789"
pytestmark = pytest.mark.usefixtures("cognito_keys")


@pytest.fixture
def scope_permissions(cognito: Any) -> None:
    """Configure permissions of scopes."""
    permissions = {
        "orders/read": ["auth.view_group"],
        "orders/write": ["auth.change_group", "auth.add_group"],
        "users/read": ["auth.view_user"],
        "nothing": [],
    }
    cognito(SCOPES_TO_PERMISSIONS=permissions)


def machine_user(**claims: Any) -> MachineUser:
    """Return the user of a client token. These tests have no database: a query fails the test."""
    user, _ = authenticate(token(**{"username": None, "sub": CLIENT, "scope": "orders/read orders/write", **claims}))
    assert isinstance(user, MachineUser)
    return user


def test_machine_user_is_identified_by_its_app_client() -> None:
    user = machine_user()
    assert (user.pk, user.id, user.username, user.get_username(), str(user)) == (CLIENT,) * 5
    assert (user.is_authenticated, user.is_anonymous, user.is_active) == (True, False, True)
    assert not user.is_staff
    assert not user.is_superuser


def test_machine_user_has_the_names_of_a_user_without_a_name() -> None:
    for user in (machine_user(), User(username=CLIENT)):
        assert (user.get_full_name(), user.get_short_name(), user.first_name, user.last_name) == ("",) * 4


def test_machine_user_has_no_email() -> None:
    assert not hasattr(machine_user(), "email")


def test_machine_user_has_scopes_and_no_groups() -> None:
    rights = get_rights(machine_user(**{"cognito:groups": ["admins"]}))
    assert (rights.scopes, rights.groups) == ({"orders/read", "orders/write"}, ())


async def _rights(user: Any) -> Any:
    return await aget_rights(user)


each_copy = pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))])


@each_copy
def test_copied_machine_user_is_equal_and_has_no_rights(scope_permissions, duplicate) -> None:
    user = machine_user()
    other = duplicate(user)
    assert other == user
    assert hash(other) == hash(user)
    assert user.has_perm("auth.change_group")
    assert get_rights(other).scopes == frozenset()
    assert not other.has_perm("auth.change_group")
    assert b"eyJ" not in pickle.dumps(user)


def test_machine_users_of_different_clients_differ(cognito) -> None:
    cognito(CLIENT_IDS=[CLIENT, "2other"])
    other = machine_user(sub="2other", client_id="2other")
    assert other != machine_user()
    assert other != "2other"


def test_scopes_of_a_machine_user_grant_mapped_permissions(scope_permissions) -> None:
    user = machine_user()
    expected = {"auth.view_group", "auth.change_group", "auth.add_group"}
    assert user.get_all_permissions() == user.get_group_permissions() == expected
    assert user.get_user_permissions() == set()
    assert all(user.has_perm(perm) for perm in expected)
    assert user.has_perms([*expected])
    assert user.has_module_perms("auth")


def test_machine_user_has_no_other_permissions(scope_permissions) -> None:
    user = machine_user()
    assert not user.has_perm("auth.view_user")
    assert not user.has_perm("orders/read")
    assert not user.has_perms(["auth.view_group", "auth.view_user"])
    assert not user.has_module_perms("aut")
    assert not user.has_module_perms("contenttypes")
    assert not user.is_superuser


def test_scope_grants_no_object_permission(scope_permissions) -> None:
    user = machine_user()
    assert not user.has_perm("auth.change_group", object())
    assert not user.has_perms(["auth.change_group"], object())
    assert user.get_all_permissions(object()) == set()


@pytest.mark.parametrize("scope", ["", "nothing", "ORDERS/READ", "orders", "orders/readers", None])
def test_scope_that_differs_from_the_mapping_grants_nothing(scope_permissions, scope) -> None:
    assert machine_user(scope=scope).get_all_permissions() == set()


def test_changed_scopes_to_permissions_counts_at_once(scope_permissions, cognito) -> None:
    user = machine_user()
    cognito(SCOPES_TO_PERMISSIONS={})
    assert not user.has_perm("auth.change_group")


@pytest.mark.django_db
def test_scopes_of_a_user_grant_no_permission(scope_permissions) -> None:
    user, _ = authenticate(token(scope="orders/write"))
    assert not user.has_perm("auth.change_group")
    assert user.get_all_permissions() == set()


def test_machine_user_without_a_mapped_scope_has_no_permission(mapped) -> None:
    user = machine_user()
    assert not user.has_perm("auth.change_group")
    assert not user.has_perms(["auth.change_group"])
    assert user.has_perms([])
    assert not user.has_module_perms("auth")
    assert user.get_all_permissions() == user.get_user_permissions() == user.get_group_permissions() == set()
    assert (list(user.groups.all()), list(user.user_permissions.all())) == ([], [])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ahas_perm", ["auth.change_group"]),
        ("ahas_perms", [["auth.change_group"]]),
        ("ahas_module_perms", ["auth"]),
        ("aget_all_permissions", []),
        ("ahas_perm", ["auth.view_user"]),
        ("ahas_perm", ["auth.change_group", object()]),
        ("aget_all_permissions", [object()]),
        ("aget_user_permissions", []),
        ("aget_group_permissions", []),
    ],
)
def test_async_permission_methods_return_the_same(scope_permissions, name, arguments) -> None:
    from asgiref.sync import async_to_sync

    user = machine_user()
    assert async_to_sync(getattr(user, name))(*arguments) == getattr(user, name[1:])(*arguments)


def test_machine_user_has_the_attributes_of_anonymous_user() -> None:
    expected = {name for name in dir(AnonymousUser) if not name.startswith("_")}
    assert expected <= set(dir(machine_user()))


@pytest.mark.parametrize("name", ["save", "delete", "set_password", "check_password"])
def test_machine_user_methods_that_write_raise(name) -> None:
    arguments = ["x"] if "password" in name else []
    with pytest.raises(NotImplementedError):
        getattr(machine_user(), name)(*arguments)


def test_rights_of_a_machine_user_are_available_async() -> None:
    from asgiref.sync import async_to_sync

    assert async_to_sync(_rights)(machine_user()).scopes == {"orders/read", "orders/write"}
    assert inspect.iscoroutinefunction(aget_rights)
