import inspect
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.contrib.auth.signals import user_login_failed
from django.test import RequestFactory

from django_cognito.backends import CognitoBackend
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.factories import discard_instances
from django_cognito.testing import make_token
from django_cognito.users.machine import MachineUser

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("cognito_keys", "editors_may_change_groups"),
]
BACKEND = "django_cognito.backends.CognitoBackend"


def person(username: str = "alice", *groups: str, **fields: Any) -> Any:
    """Somebody whose token was seen, fresh from the database: without the token's rights riding along."""
    made = CognitoBackend().authenticate(None, cognito_token=make_token(username=username, groups=groups))
    assert made is not None
    get_user_model().objects.filter(pk=made.pk).update(**fields) if fields else None
    return get_user_model().objects.get(pk=made.pk)


# authenticate


def test_a_token_is_its_person() -> None:
    user = auth.authenticate(None, cognito_token=make_token())
    assert user == get_user_model().objects.get(username="alice")
    assert user.backend == BACKEND


def test_a_token_is_its_person_in_async() -> None:
    user = async_to_sync(auth.aauthenticate)(None, cognito_token=make_token())
    assert user == get_user_model().objects.get(username="alice")


@pytest.mark.parametrize("raw_of", [lambda: "bad", lambda: make_token(exp=1), lambda: make_token(token_use="id")])
def test_a_refused_token_is_nobody(raw_of: Any) -> None:
    assert auth.authenticate(None, cognito_token=raw_of()) is None
    assert async_to_sync(auth.aauthenticate)(None, cognito_token=raw_of()) is None


def test_a_refused_token_is_not_told_to_those_who_listen() -> None:
    heard: list[Any] = []

    def listen(credentials: Any, **_: Any) -> None:
        heard.append(credentials)

    user_login_failed.connect(listen)
    try:
        auth.authenticate(None, cognito_token="a secret")
    finally:
        user_login_failed.disconnect(listen)
    assert "a secret" not in repr(heard)


@pytest.mark.defends("RP-15")
def test_a_disabled_account_is_nobody() -> None:
    person(is_active=False)
    assert auth.authenticate(None, cognito_token=make_token()) is None


def test_an_outage_is_no_refusal(cognito_down: None) -> None:
    discard_instances()  # the pinned keys too
    with pytest.raises(CognitoUnavailableError):
        auth.authenticate(None, cognito_token=make_token())
    with pytest.raises(CognitoUnavailableError):
        async_to_sync(auth.aauthenticate)(None, cognito_token=make_token())


def test_a_machine_is_somebody() -> None:
    user = auth.authenticate(None, cognito_token=make_token(username=None))
    assert isinstance(user, MachineUser)
    assert not CognitoBackend().get_all_permissions(user)


def test_passwords_are_left_to_the_next_backend(django_user_model: Any) -> None:
    django_user_model.objects.create_user("local", password="a local password")
    user = auth.authenticate(RequestFactory().get("/"), username="local", password="a local password")
    assert user is not None
    assert user.backend == "django.contrib.auth.backends.ModelBackend"


@pytest.mark.parametrize("is_active", [True, False])
def test_a_sessions_user_is_an_active_one(is_active: bool) -> None:
    user = person(is_active=is_active)
    expected = user if is_active else None
    assert CognitoBackend().get_user(user.pk) == expected
    assert async_to_sync(CognitoBackend().aget_user)(user.pk) == expected


def test_a_sessions_user_may_be_gone() -> None:
    assert CognitoBackend().get_user(0) is None
    assert async_to_sync(CognitoBackend().aget_user)(0) is None


# Permissions


def test_a_cognito_group_gives_its_permissions() -> None:
    user = person("alice", "editors", "admins", "unmapped")
    assert user.has_perm("auth.change_group")
    assert user.has_perms(["auth.change_group", "auth.view_group"])
    assert not user.has_perm("auth.delete_group")
    assert user.has_module_perms("auth")
    assert not user.has_module_perms("sessions")
    assert not user.has_module_perms("aut")
    assert user.get_all_permissions() == user.get_group_permissions() == {"auth.change_group", "auth.view_group"}
    assert user.get_user_permissions() == set()


def test_a_cognito_group_gives_its_permissions_in_async() -> None:
    user = person("alice", "editors")
    assert async_to_sync(user.ahas_perm)("auth.change_group")
    assert not async_to_sync(user.ahas_perm)("auth.delete_group")
    assert async_to_sync(user.ahas_module_perms)("auth")
    assert not async_to_sync(user.ahas_module_perms)("sessions")
    assert async_to_sync(user.aget_all_permissions)() == {"auth.change_group"}
    assert async_to_sync(user.aget_group_permissions)() == {"auth.change_group"}


def test_a_single_objects_permission_is_nobodys() -> None:
    user, backend, thing = person("alice", "editors"), CognitoBackend(), object()
    assert not user.has_perm("auth.change_group", thing)
    assert not async_to_sync(user.ahas_perm)("auth.change_group", thing)
    assert backend.get_group_permissions(user, thing) == set()
    assert async_to_sync(backend.aget_group_permissions)(user, thing) == set()


@pytest.mark.parametrize("nobody", ["disabled", "anonymous", "unsaved"])
def test_who_is_not_there_has_none(nobody: str) -> None:
    users: dict[str, Any] = {
        "disabled": person("alice", "editors", is_active=False),
        "anonymous": AnonymousUser(),
        "unsaved": get_user_model()(username="alice"),
    }
    user, backend = users[nobody], CognitoBackend()
    assert not backend.has_perm(user, "auth.change_group")
    assert not backend.has_module_perms(user, "auth")
    assert not async_to_sync(backend.ahas_perm)(user, "auth.change_group")
    assert backend.get_all_permissions(user) == set()


def test_who_carries_rights_needs_no_query(django_assert_num_queries: Any) -> None:
    user = CognitoBackend().authenticate(None, cognito_token=make_token(groups=["editors"]))
    assert user is not None
    with django_assert_num_queries(0):
        assert user.has_perm("auth.change_group")
        assert CognitoBackend().has_module_perms(user, "auth")
        assert not CognitoBackend().has_perm(user, "auth.delete_group")


def test_a_changed_setting_counts_at_once(settings: Any) -> None:
    user = person("alice", "editors")
    assert user.has_perm("auth.change_group")
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"permissions": ["auth.add_group"]}}}
    assert not user.has_perm("auth.change_group")
    assert user.has_perm("auth.add_group")


def test_every_question_has_an_async_twin() -> None:
    names = {name for name, _ in inspect.getmembers(CognitoBackend, inspect.isfunction) if not name.startswith("_")}
    names -= {"with_perm"}
    assert {name for name in names if f"a{name}" not in names and name[1:] not in names} == set()


# with_perm


@pytest.fixture
def _everybody(cognito_keys: None, editors_may_change_groups: None, db: None) -> None:
    person("alice", "editors")
    person("bob", "admins", "unmapped")
    person("root", is_superuser=True)
    person("gone", "editors", is_active=False)


def names(perm: Any, **kwargs: Any) -> set[str]:
    users = get_user_model().objects.with_perm(perm, backend=BACKEND, **kwargs)
    return set(users.values_list("username", flat=True))


@pytest.mark.usefixtures("_everybody")
@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, {"alice", "root"}),
        ({"include_superusers": False}, {"alice"}),
        ({"is_active": None}, {"alice", "root", "gone"}),
        ({"is_active": False}, {"gone"}),
        ({"is_active": False, "include_superusers": False}, {"gone"}),
        ({"obj": object()}, set()),
    ],
)
def test_with_perm_finds_who_has_it(kwargs: Any, expected: set[str]) -> None:
    assert names("auth.change_group", **kwargs) == expected


@pytest.mark.usefixtures("_everybody")
def test_with_perm_takes_a_permission_and_tells_users_once() -> None:
    permission = Permission.objects.get(codename="change_group", content_type__app_label="auth")
    assert names(permission) == {"alice", "root"}
    assert get_user_model().objects.with_perm(permission, backend=BACKEND).count() == 2


@pytest.mark.usefixtures("_everybody")
def test_with_perm_finds_nobody_for_what_no_group_gives() -> None:
    assert names("auth.delete_group", include_superusers=False) == set()


@pytest.mark.parametrize("perm", ["change_group", "a.b.c"])
def test_with_perm_refuses_half_a_name(perm: str) -> None:
    with pytest.raises(ValueError, match="codename"):
        names(perm)


def test_with_perm_refuses_another_thing() -> None:
    with pytest.raises(TypeError, match="Permission"):
        names(42)
