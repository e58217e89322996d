"""A request that refreshes its session's tokens has the user of the new tokens, and does not write old values."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import HASH_SESSION_KEY, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.sessions import refresh, session_user
from django_cognito.sessions.lookup import fetch_login
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.login import change_login, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.sessions.user_site")]

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
GROUPS = {
    "admins": {"permissions": ["auth.delete_user"], "staff": True, "superuser": True, "groups": ["Site admins"]},
}
EXPIRES_IN = pytest.mark.parametrize("expires_in", [30, -5, -3 * 86_400], ids=["margin", "expired", "days ago"])
NOTHING = {"staff": False, "superuser": False, "may": False, "groups": []}


@pytest.fixture
def sign_in_admin(settings: Any, token_endpoint: ScriptedServer) -> Callable[..., Any]:
    """Sign in an admin who is not in the group in the refreshed tokens."""

    def sign_in_with_admin_group(client: Client, expires_in: float) -> Any:
        settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
        past = int(time.time()) - 3_000
        user = sign_in(client, "alice", groups=["admins"], refresh_token="r", iat=past, auth_time=past)
        assert user.is_superuser
        change_login(CognitoLogin.objects.get(), ends_in=expires_in)
        token_endpoint.script(token_response("alice", both={"groups": []}))
        return user

    return sign_in_with_admin_group


def add_early_middleware(settings: Any) -> None:
    """Add a middleware of the site between Django's and the package's."""
    at = settings.MIDDLEWARE.index(AUTHENTICATION) + 1
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE[:at],
        "tests.sessions.user_site.load_user_early",
        *settings.MIDDLEWARE[at:],
    ]


def _rights(user_data: dict[str, Any]) -> dict[str, Any]:
    return {name: user_data[name] for name in NOTHING}


@EXPIRES_IN
def test_refreshing_request_has_no_removed_rights(client: Client, sign_in_admin: Any, expires_in: float) -> None:
    sign_in_admin(client, expires_in)
    for _ in range(2):
        assert _rights(client.get("/user/").json()) == NOTHING


@EXPIRES_IN
def test_refreshing_async_request_has_no_removed_rights(
    async_client: AsyncClient, sign_in_admin: Any, expires_in: float
) -> None:
    sign_in_admin(async_client, expires_in)
    get = async_to_sync(async_client.get)
    for _ in range(2):
        assert _rights(get("/user/async/").json()) == NOTHING


@EXPIRES_IN
@pytest.mark.parametrize("url", ["/save/", "/save/async/"])
def test_user_saved_while_refreshing_does_not_restore_removed_flags(
    client: Client, async_client: AsyncClient, sign_in_admin: Any, expires_in: float, url: str
) -> None:
    is_async = "async" in url
    user = sign_in_admin(async_client if is_async else client, expires_in)
    get: Any = async_to_sync(async_client.get) if is_async else client.get
    assert get(url, {"name": "New"}).status_code == 200
    user.refresh_from_db()
    assert (user.first_name, user.is_staff, user.is_superuser) == ("New", False, False)
    assert list(user.groups.all()) == []
    assert not CognitoMembership.objects.exists()


@EXPIRES_IN
def test_refreshing_request_may_not_use_the_admin(client: Client, sign_in_admin: Any, expires_in: float) -> None:
    sign_in_admin(client, expires_in)
    bob = get_user_model().objects.create_user("bob")
    assert client.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"}).status_code == 302
    assert get_user_model().objects.filter(username="bob").exists()


@EXPIRES_IN
def test_refreshing_async_request_may_not_use_the_admin(
    async_client: AsyncClient, sign_in_admin: Any, expires_in: float
) -> None:
    sign_in_admin(async_client, expires_in)
    bob = get_user_model().objects.create_user("bob")
    response = async_to_sync(async_client.post)(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})
    assert response.status_code == 302
    assert get_user_model().objects.filter(username="bob").exists()


@EXPIRES_IN
def test_admin_form_while_refreshing_does_not_restore_removed_flags(
    client: Client, sign_in_admin: Any, expires_in: float
) -> None:
    user = sign_in_admin(client, expires_in)
    form = {"username": "alice", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    moments = {
        f"{name}_{part}": value
        for name in ("date_joined", "last_login")
        for part, value in enumerate(("2026-01-01", "00:00:00"))
    }
    client.post(f"/admin/auth/user/{user.pk}/change/", {**form, **moments, "email": "alice@example.com"})
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, False)


@EXPIRES_IN
def test_user_object_of_an_earlier_middleware_has_the_new_flags(
    client: Client, settings: Any, sign_in_admin: Any, expires_in: float
) -> None:
    add_early_middleware(settings)
    sign_in_admin(client, expires_in)
    user_data = client.get("/user/").json()
    assert _rights(user_data) == NOTHING


@EXPIRES_IN
def test_user_object_of_a_sync_middleware_is_updated_in_async_view(
    async_client: AsyncClient, settings: Any, sign_in_admin: Any, expires_in: float
) -> None:
    add_early_middleware(settings)
    sign_in_admin(async_client, expires_in)
    user_data = async_to_sync(async_client.get)("/user/early/async/").json()
    assert user_data == {"is_same": True, "superuser": False}


def test_permissions_read_before_the_refresh_are_read_again(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    add_early_middleware(settings)
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"groups": ["Site admins"]}}}
    past = int(time.time()) - 3_000
    sign_in(client, "alice", groups=["admins"], refresh_token="r", iat=past, auth_time=past)
    Group.objects.get().permissions.add(Permission.objects.get(codename="delete_user"))
    assert client.get("/user/").json()["may"] is True
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    token_endpoint.script(token_response("alice", both={"groups": []}))
    assert client.get("/user/").json()["may"] is False


def test_refresh_by_another_worker_reloads_the_user(
    client: Client, settings: Any, sign_in_admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_early_middleware(settings)
    sign_in_admin(client, 30)
    ensure_fresh = refresh.ensure_fresh

    def refresh_elsewhere(login: CognitoLogin) -> CognitoLogin:
        ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get())
        return ensure_fresh(login)

    monkeypatch.setattr(refresh, "ensure_fresh", refresh_elsewhere)
    assert _rights(client.get("/user/").json()) == NOTHING


def test_refresh_between_reads_of_user_and_login_reloads_the_user(
    client: Client, settings: Any, sign_in_admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_early_middleware(settings)
    sign_in_admin(client, 30)

    def refresh_before_read(*ids: Any) -> CognitoLogin:
        monkeypatch.undo()
        refresh.ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get())
        return fetch_login(*ids)

    monkeypatch.setattr("django_cognito.sessions.store.fetch_login", refresh_before_read)
    assert _rights(client.get("/user/").json()) == NOTHING


@pytest.mark.parametrize("change_user", ["disable", "password", "delete"])
def test_session_that_ended_during_its_refresh_is_anonymous(
    client: Client, settings: Any, sign_in_admin: Any, monkeypatch: pytest.MonkeyPatch, change_user: str
) -> None:
    add_early_middleware(settings)
    user = sign_in_admin(client, 30)
    changes: dict[str, Callable[[], Any]] = {
        "disable": lambda: get_user_model().objects.filter(pk=user.pk).update(is_active=False),
        "password": lambda: get_user_model().objects.filter(pk=user.pk).update(password="!changed"),
        "delete": lambda: get_user_model().objects.filter(pk=user.pk).delete(),
    }
    ensure_fresh = refresh.ensure_fresh

    def change_meanwhile(login: CognitoLogin) -> CognitoLogin:
        login = ensure_fresh(login)
        changes[change_user]()
        return login

    monkeypatch.setattr(refresh, "ensure_fresh", change_meanwhile)
    assert client.get("/user/").json()["user"] == ""
    assert "_auth_user_id" not in client.session


class ReadsFromReplica:
    """A router with a replica that cannot be read."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


def test_user_is_reloaded_from_the_database_for_writes(settings: Any) -> None:
    user = get_user_model().objects.create_user("alice")
    get_user_model().objects.update(first_name="New")
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    store = SessionStore()
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session_user.reload_user(store, user)
    assert user.first_name == "New"


def test_group_added_by_the_refresh_grants_rights_at_once(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    past = int(time.time()) - 3_000
    sign_in(client, "alice", refresh_token="r", iat=past, auth_time=past)
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    token_endpoint.script(token_response("alice", both={"groups": ["admins"]}))
    user_data = client.get("/user/").json()
    assert _rights(user_data) == {"staff": True, "superuser": True, "may": True, "groups": ["admins"]}


# Bearer tokens


def test_bearer_token_with_a_removal_is_effective_at_once(client: Client, settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    now = int(time.time())
    authenticate(make_token(groups=["admins"], iat=now - 100, auth_time=now - 100))
    headers = {"authorization": f"Bearer {make_token(iat=now - 50, auth_time=now - 100)}"}
    assert _rights(client.get("/user/", headers=headers).json()) == NOTHING
    assert not get_user_model().objects.get().is_superuser
    assert CognitoUser.objects.get().groups == []
