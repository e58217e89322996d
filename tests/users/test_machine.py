"""Machines: authenticated, with scopes, without a row, and never mistaken for a person."""

import copy
import inspect
import pickle
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from django_cognito.authorization.rights import aget_rights, get_rights
from django_cognito.users.authentication import authenticate
from django_cognito.users.machine import MachineUser
from tests.support.user_scenario import token

CLIENT = "1testclient23456789"
pytestmark = pytest.mark.usefixtures("cognito_keys")


@pytest.fixture
def orders(cognito: Any) -> None:
    """A site where scopes give permissions."""
    given = {
        "orders/read": ["auth.view_group"],
        "orders/write": ["auth.change_group", "auth.add_group"],
        "users/read": ["auth.view_user"],
        "nothing": [],
    }
    cognito(SCOPES_TO_PERMISSIONS=given)


def machine(**claims: Any) -> MachineUser:
    """The user of a client's own token. No test here has a database: a query fails it."""
    user, _ = authenticate(token(**{"username": None, "sub": CLIENT, "scope": "orders/read orders/write", **claims}))
    assert isinstance(user, MachineUser)
    return user


def test_a_machine_is_its_app_client() -> None:
    user = machine()
    assert (user.pk, user.id, user.username, user.get_username(), str(user)) == (CLIENT,) * 5
    assert (user.is_authenticated, user.is_anonymous, user.is_active) == (True, False, True)
    assert not user.is_staff
    assert not user.is_superuser


def test_a_machine_has_the_tokens_scopes_and_no_groups() -> None:
    rights = get_rights(machine(**{"cognito:groups": ["admins"]}))
    assert (rights.scopes, rights.groups) == ({"orders/read", "orders/write"}, ())


async def _rights(user: Any) -> Any:
    return await aget_rights(user)


AGAIN = pytest.mark.parametrize("again", [copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))])


@AGAIN
def test_a_kept_machine_is_the_same_machine_without_its_rights(orders, again) -> None:
    user = machine()
    other = again(user)
    assert other == user
    assert hash(other) == hash(user)
    assert user.has_perm("auth.change_group")
    assert get_rights(other).scopes == frozenset()
    assert not other.has_perm("auth.change_group")
    assert b"eyJ" not in pickle.dumps(user)


def test_machines_of_different_clients_differ(cognito) -> None:
    cognito(CLIENT_IDS=[CLIENT, "2other"])
    other = machine(sub="2other", client_id="2other")
    assert other != machine()
    assert other != "2other"


def test_a_machines_scopes_give_what_the_settings_say(orders) -> None:
    user = machine()
    mine = {"auth.view_group", "auth.change_group", "auth.add_group"}
    assert user.get_all_permissions() == user.get_group_permissions() == mine
    assert user.get_user_permissions() == set()
    assert all(user.has_perm(perm) for perm in mine)
    assert user.has_perms([*mine])
    assert user.has_module_perms("auth")


def test_a_machines_other_permissions_are_none(orders) -> None:
    user = machine()
    assert not user.has_perm("auth.view_user")
    assert not user.has_perm("orders/read")
    assert not user.has_perms(["auth.view_group", "auth.view_user"])
    assert not user.has_module_perms("aut")
    assert not user.has_module_perms("contenttypes")
    assert not user.is_superuser


def test_a_scope_gives_nothing_for_a_single_object(orders) -> None:
    user = machine()
    assert not user.has_perm("auth.change_group", object())
    assert not user.has_perms(["auth.change_group"], object())
    assert user.get_all_permissions(object()) == set()


@pytest.mark.parametrize("scope", ["", "nothing", "ORDERS/READ", "orders", "orders/readers", None])
def test_only_a_scope_to_the_letter_gives_something(orders, scope) -> None:
    assert machine(scope=scope).get_all_permissions() == set()


def test_a_change_of_the_setting_counts_at_once(orders, cognito) -> None:
    user = machine()
    cognito(SCOPES_TO_PERMISSIONS={})
    assert not user.has_perm("auth.change_group")


@pytest.mark.django_db
def test_a_persons_scopes_give_no_permission(orders) -> None:
    user, _ = authenticate(token(scope="orders/write"))
    assert not user.has_perm("auth.change_group")
    assert user.get_all_permissions() == set()


def test_a_machine_without_a_mapped_scope_has_no_permission(mapped) -> None:
    user = machine()
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
def test_the_async_twins_say_the_same(orders, name, arguments) -> None:
    from asgiref.sync import async_to_sync

    user = machine()
    assert async_to_sync(getattr(user, name))(*arguments) == getattr(user, name[1:])(*arguments)


def test_a_machine_has_all_that_django_asks_of_a_user() -> None:
    asked = {name for name in dir(AnonymousUser) if not name.startswith("_")}
    assert asked <= set(dir(machine()))


@pytest.mark.parametrize("name", ["save", "delete", "set_password", "check_password"])
def test_a_machine_cannot_be_saved_and_has_no_password(name) -> None:
    arguments = ["x"] if "password" in name else []
    with pytest.raises(NotImplementedError):
        getattr(machine(), name)(*arguments)


def test_a_machines_rights_are_there_without_a_thread() -> None:
    from asgiref.sync import async_to_sync

    assert async_to_sync(_rights)(machine()).scopes == {"orders/read", "orders/write"}
    assert inspect.iscoroutinefunction(aget_rights)
