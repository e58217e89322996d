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
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.authentication import authenticate

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("cognito_keys", "editors_may_change_groups"),
]
BACKEND = "django_cognito.backends.CognitoBackend"


def user_with_groups(username: str = "alice", *groups: str, **fields: Any) -> Any:
    """Return a user whose token was authenticated, loaded from the database without the token's rights."""
    user = CognitoBackend().authenticate(None, cognito_token=make_token(username=username, groups=groups))
    assert user is not None
    get_user_model().objects.filter(pk=user.pk).update(**fields) if fields else None
    return get_user_model().objects.get(pk=user.pk)


# authenticate


def test_authenticate_returns_the_user_of_the_token() -> None:
    user = auth.authenticate(None, cognito_token=make_token())
    assert user == get_user_model().objects.get(username="alice")
    assert user.backend == BACKEND


def test_aauthenticate_returns_the_user_of_the_token() -> None:
    user = async_to_sync(auth.aauthenticate)(None, cognito_token=make_token())
    assert user == get_user_model().objects.get(username="alice")


@pytest.mark.parametrize("raw_of", [lambda: "bad", lambda: make_token(exp=1), lambda: make_token(token_use="id")])
def test_authenticate_with_a_refused_token_returns_none(raw_of: Any) -> None:
    assert auth.authenticate(None, cognito_token=raw_of()) is None
    assert async_to_sync(auth.aauthenticate)(None, cognito_token=raw_of()) is None


def test_user_login_failed_signal_contains_no_token() -> None:
    received_credentials: list[Any] = []

    def listen(credentials: Any, **_: Any) -> None:
        received_credentials.append(credentials)

    user_login_failed.connect(listen)
    try:
        auth.authenticate(None, cognito_token="a secret")
    finally:
        user_login_failed.disconnect(listen)
    assert "a secret" not in repr(received_credentials)


@pytest.mark.defends("RP-15")
def test_authenticate_for_an_inactive_user_returns_none() -> None:
    user_with_groups(is_active=False)
    assert auth.authenticate(None, cognito_token=make_token()) is None


def test_authenticate_raises_cognito_unavailable_in_an_outage(cognito_down: None) -> None:
    discard_instances()  # the keys of `cognito_keys` too
    with pytest.raises(CognitoUnavailableError):
        auth.authenticate(None, cognito_token=make_token())
    with pytest.raises(CognitoUnavailableError):
        async_to_sync(auth.aauthenticate)(None, cognito_token=make_token())


def test_authenticate_with_a_client_token_returns_none() -> None:
    raw = make_token(username=None)
    assert auth.authenticate(None, cognito_token=raw) is None
    assert async_to_sync(auth.aauthenticate)(None, cognito_token=raw) is None


def test_machine_user_has_no_permissions_by_the_backend() -> None:
    user = authenticate(make_token(username=None))[0]
    assert isinstance(user, MachineUser)
    assert not CognitoBackend().get_all_permissions(user)


def test_password_is_authenticated_by_the_next_backend(django_user_model: Any) -> None:
    django_user_model.objects.create_user("local", password="a local password")
    user = auth.authenticate(RequestFactory().get("/"), username="local", password="a local password")
    assert user is not None
    assert user.backend == "django.contrib.auth.backends.ModelBackend"


@pytest.mark.parametrize("is_active", [True, False])
def test_get_user_returns_active_users_only(is_active: bool) -> None:
    user = user_with_groups(is_active=is_active)
    expected = user if is_active else None
    assert CognitoBackend().get_user(user.pk) == expected
    assert async_to_sync(CognitoBackend().aget_user)(user.pk) == expected


def test_get_user_of_a_deleted_user_returns_none() -> None:
    assert CognitoBackend().get_user(0) is None
    assert async_to_sync(CognitoBackend().aget_user)(0) is None


# Permissions


def test_cognito_group_grants_its_permissions() -> None:
    user = user_with_groups("alice", "editors", "admins", "unmapped")
    assert user.has_perm("auth.change_group")
    assert user.has_perms(["auth.change_group", "auth.view_group"])
    assert not user.has_perm("auth.delete_group")
    assert user.has_module_perms("auth")
    assert not user.has_module_perms("sessions")
    assert not user.has_module_perms("aut")
    assert user.get_all_permissions() == user.get_group_permissions() == {"auth.change_group", "auth.view_group"}
    assert user.get_user_permissions() == set()


def test_cognito_group_grants_its_permissions_in_async() -> None:
    user = user_with_groups("alice", "editors")
    assert async_to_sync(user.ahas_perm)("auth.change_group")
    assert not async_to_sync(user.ahas_perm)("auth.delete_group")
    assert async_to_sync(user.ahas_module_perms)("auth")
    assert not async_to_sync(user.ahas_module_perms)("sessions")
    assert async_to_sync(user.aget_all_permissions)() == {"auth.change_group"}
    assert async_to_sync(user.aget_group_permissions)() == {"auth.change_group"}


def test_object_permissions_are_never_granted() -> None:
    user, backend, group = user_with_groups("alice", "editors"), CognitoBackend(), object()
    assert not user.has_perm("auth.change_group", group)
    assert not async_to_sync(user.ahas_perm)("auth.change_group", group)
    assert backend.get_group_permissions(user, group) == set()
    assert async_to_sync(backend.aget_group_permissions)(user, group) == set()


@pytest.mark.parametrize("kind", ["disabled", "anonymous", "unsaved"])
def test_inactive_anonymous_or_unsaved_user_has_no_permissions(kind: str) -> None:
    users: dict[str, Any] = {
        "disabled": user_with_groups("alice", "editors", is_active=False),
        "anonymous": AnonymousUser(),
        "unsaved": get_user_model()(username="alice"),
    }
    user, backend = users[kind], CognitoBackend()
    assert not backend.has_perm(user, "auth.change_group")
    assert not backend.has_module_perms(user, "auth")
    assert not async_to_sync(backend.ahas_perm)(user, "auth.change_group")
    assert backend.get_all_permissions(user) == set()


def test_has_perm_after_authenticate_makes_no_query(django_assert_num_queries: Any) -> None:
    user = CognitoBackend().authenticate(None, cognito_token=make_token(groups=["editors"]))
    assert user is not None
    with django_assert_num_queries(0):
        assert user.has_perm("auth.change_group")
        assert CognitoBackend().has_module_perms(user, "auth")
        assert not CognitoBackend().has_perm(user, "auth.delete_group")


def test_changed_groups_setting_applies_immediately(settings: Any) -> None:
    user = user_with_groups("alice", "editors")
    assert user.has_perm("auth.change_group")
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"permissions": ["auth.add_group"]}}}
    assert not user.has_perm("auth.change_group")
    assert user.has_perm("auth.add_group")


def test_every_backend_method_has_an_async_version() -> None:
    names = {name for name, _ in inspect.getmembers(CognitoBackend, inspect.isfunction) if not name.startswith("_")}
    names -= {"with_perm"}
    assert {name for name in names if f"a{name}" not in names and name[1:] not in names} == set()


# with_perm


@pytest.fixture
def _users(cognito_keys: None, editors_may_change_groups: None, db: None) -> None:
    user_with_groups("alice", "editors")
    user_with_groups("bob", "admins", "unmapped")
    user_with_groups("root", is_superuser=True)
    user_with_groups("gone", "editors", is_active=False)


def usernames_with_perm(perm: Any, **kwargs: Any) -> set[str]:
    users = get_user_model().objects.with_perm(perm, backend=BACKEND, **kwargs)
    return set(users.values_list("username", flat=True))


@pytest.mark.usefixtures("_users")
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
def test_with_perm_returns_users_with_the_permission(kwargs: Any, expected: set[str]) -> None:
    assert usernames_with_perm("auth.change_group", **kwargs) == expected


@pytest.mark.usefixtures("_users")
def test_with_perm_accepts_a_permission_and_returns_users_once() -> None:
    permission = Permission.objects.get(codename="change_group", content_type__app_label="auth")
    assert usernames_with_perm(permission) == {"alice", "root"}
    assert get_user_model().objects.with_perm(permission, backend=BACKEND).count() == 2


@pytest.mark.usefixtures("_users")
def test_with_perm_for_an_ungranted_permission_is_empty() -> None:
    assert usernames_with_perm("auth.delete_group", include_superusers=False) == set()


@pytest.mark.parametrize("perm", ["change_group", "a.b.c"])
def test_with_perm_refuses_an_incomplete_name(perm: str) -> None:
    with pytest.raises(ValueError, match="codename"):
        usernames_with_perm(perm)


def test_with_perm_refuses_other_types() -> None:
    with pytest.raises(TypeError, match="Permission"):
        usernames_with_perm(42)
