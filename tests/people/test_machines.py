"""Machines: authenticated, with scopes, without a row, and never mistaken for a person."""

import copy
import inspect
import pickle
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from django_cognito.people.authenticate import authenticate
from django_cognito.people.machines import MachineUser
from django_cognito.people.rights import arights_of, rights_of

from .conftest import token

CLIENT = "1testclient23456789"
pytestmark = pytest.mark.usefixtures("cognito_keys")


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
    rights = rights_of(machine(**{"cognito:groups": ["admins"]}))
    assert (rights.scopes, rights.groups) == ({"orders/read", "orders/write"}, ())


async def _rights(user: Any) -> Any:
    return await arights_of(user)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda user: pickle.loads(pickle.dumps(user))])
def test_a_copied_machine_is_the_same_machine_with_no_rights_of_its_own_making(again) -> None:
    user = machine()
    other = again(user)
    assert other == user
    assert hash(other) == hash(user)
    assert rights_of(other).scopes in (frozenset(), rights_of(user).scopes)
    assert b"eyJ" not in pickle.dumps(user)


def test_machines_of_different_clients_differ(cognito) -> None:
    cognito(CLIENT_IDS=[CLIENT, "2other"])
    other = machine(sub="2other", client_id="2other")
    assert other != machine()
    assert other != "2other"


def test_a_machine_has_no_permission(mapped) -> None:
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
        ("aget_user_permissions", []),
        ("aget_group_permissions", []),
    ],
)
def test_the_async_twins_say_the_same(name, arguments) -> None:
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
    assert inspect.iscoroutinefunction(arights_of)
