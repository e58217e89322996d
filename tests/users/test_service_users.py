"""SERVICE_USERS: a machine-to-machine client has an ordinary Django user, and no human's rights by accident."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate as django_aauthenticate
from django.contrib.auth import aget_user, login
from django.contrib.auth import authenticate as django_authenticate
from django.contrib.auth import get_user as django_get_user
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory

from django_cognito.authorization.rights import get_rights
from django_cognito.core.errors import TokenError
from django_cognito.decorators import user_required
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import UserAdapter, authenticate, rejected_tokens
from django_cognito.users.accounts import service_users
from django_cognito.users.accounts.machine import MachineUser
from django_cognito.users.accounts.service_users import read_service_user
from django_cognito.web.request import RequestCognito
from tests.support.scenarios.users import link

CLIENT = "2machine3456789"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys", "mapping")]


class ServiceUserAdapter(UserAdapter):
    """Selects the service user for every Cognito user."""

    def find_user(self, identity: Any) -> Any:
        return User.objects.get(username="importer")


@pytest.fixture
def mapping(cognito: Any) -> None:
    cognito(
        CLIENT_IDS=["1testclient23456789", CLIENT, "3unmapped"],
        SCOPES_TO_PERMISSIONS={"orders/read": ["auth.view_group"]},
        SERVICE_USERS={CLIENT: "importer"},
    )


@pytest.fixture
def importer(mapping: None) -> User:
    return User.objects.create_user("importer", "ops@example.com")


def machine_token(client_id: str = CLIENT, **claims: Any) -> str:
    return make_token(username=None, client_id=client_id, **{"scope": "orders/read", **claims})


def get_user(raw: str = "") -> Any:
    return authenticate(raw or machine_token())[0]


def code_of(raw: str = "") -> str:
    with pytest.raises(TokenError) as raised:
        get_user(raw)
    return raised.value.code


def permission(name: str) -> Permission:
    return Permission.objects.get(content_type__app_label="auth", codename=name)


def test_mapped_client_has_its_service_user_with_one_query(importer, call_with_queries) -> None:
    user = call_with_queries(1, get_user)
    assert (type(user), user, user.is_authenticated, user.is_active) == (User, importer, True, True)
    assert (get_rights(user).scopes, get_rights(user).groups) == ({"orders/read"}, ())
    assert (User.objects.count(), CognitoUser.objects.count()) == (1, 0)


def test_client_that_is_not_mapped_has_a_machine_user(importer) -> None:
    assert type(get_user(machine_token("3unmapped"))) is MachineUser


def test_rights_are_those_of_the_user_and_of_the_scopes(importer) -> None:
    group = Group.objects.create(name="Importers")
    group.permissions.add(permission("add_group"))
    importer.groups.add(group)
    importer.user_permissions.add(permission("change_group"))
    user = get_user()
    expected = {"auth.view_group", "auth.add_group", "auth.change_group"}
    assert user.get_all_permissions() == expected
    assert all(user.has_perm(name) for name in expected)
    assert user.has_module_perms("auth")
    assert not user.has_perm("auth.delete_group")
    assert not user.has_perm("auth.view_group", importer)
    assert not get_user(machine_token(scope="orders/write")).has_perm("auth.view_group")


@pytest.mark.parametrize("seconds", [None, 2_592_000])
def test_scopes_count_for_the_token_only(importer, cognito, seconds) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=seconds, GROUPS={"editors": {"permissions": ["auth.add_user"]}})
    assert async_to_sync(get_user().ahas_perm)("auth.view_group")
    assert not User.objects.get().has_perm("auth.view_group")
    cognito(SCOPES_TO_PERMISSIONS={})
    assert not get_user().has_perm("auth.view_group")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"username": "another"}, "service_user_rejected"),
        ({"username": "IMPORTER"}, "service_user_rejected"),  # MariaDB finds it
        ({"is_staff": True}, "service_user_rejected"),
        ({"is_superuser": True}, "service_user_rejected"),
        ({"is_superuser": True, "is_active": False}, "service_user_rejected"),
        ({"is_active": False}, "user_inactive"),
    ],
)
def test_client_of_an_unusable_user_is_rejected(importer, fields, code) -> None:
    User.objects.update(**fields)
    assert code_of() == code
    assert User.objects.count() == 1


@pytest.mark.mistake("user of SERVICE_USERS missing, inactive, staff, a superuser or linked", by="request")
def test_rejected_client_is_a_warning_for_the_operator(caplog, monkeypatch) -> None:
    monkeypatch.setattr(rejected_tokens, "_warned", {})
    assert code_of() == "service_user_rejected"
    (text,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"SERVICE_USERS maps the app client {CLIENT} to 'importer': there is no such user" in text
    assert "Next step: correct SERVICE_USERS" in text


def test_client_of_a_linked_user_is_rejected(importer) -> None:
    link(importer, "mallory", groups=["editors"])
    assert code_of() == "service_user_rejected"


@pytest.mark.parametrize(
    "claims",
    [
        {"client_id": CLIENT},
        {"client_id": CLIENT, "sub": CLIENT},
        {"client_id": CLIENT, "username": "importer"},
        {"client_id": CLIENT, "sub": CLIENT, "username": "importer", "scope": "orders/read"},
    ],
)
def test_token_of_a_human_never_has_the_service_user(importer, claims) -> None:
    user = get_user(make_token(**claims))
    assert user != importer
    assert not user.has_perm("auth.view_group")
    assert get_user() == importer


def test_service_user_is_not_linked_by_email(importer, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, TOKEN_USE="id")
    raw = make_token(token_use="id", email="ops@example.com", email_verified=True)
    assert get_user(raw) != importer
    assert not CognitoUser.objects.filter(user=importer).exists()


def test_service_user_of_another_client_is_not_linked_by_the_adapter(importer, cognito) -> None:
    cognito(USER_ADAPTER=f"{__name__}.ServiceUserAdapter")
    assert code_of(make_token()) == "account_not_linkable"
    assert User.objects.get().has_usable_password() is importer.has_usable_password()


def test_client_of_another_pool_is_not_mapped(importer, settings) -> None:
    first = {"USER_POOL_ID": "eu-west-1_First", "CLIENT_ID": CLIENT, "SERVICE_USERS": {CLIENT: "importer"}}
    settings.COGNITO = {"POOLS": {"first": first, "other": {"USER_POOL_ID": "eu-west-1_Other", "CLIENT_ID": CLIENT}}}
    users = {alias: get_user(machine_token(alias=alias)) for alias in ("first", "other")}
    assert (users["first"], type(users["other"])) == (importer, MachineUser)


def test_machine_users_of_two_pools_with_one_client_id_differ(settings) -> None:
    pools = {name: {"USER_POOL_ID": f"eu-west-1_{name}", "CLIENT_ID": CLIENT} for name in ("First", "Other")}
    settings.COGNITO = {"POOLS": pools}
    users = [get_user(machine_token(alias=name)) for name in pools]
    assert [user.pk for user in users] == [f"eu-west-1_First/{CLIENT}", f"eu-west-1_Other/{CLIENT}"]
    assert (users[0] != users[1], {user.username for user in users}) == (True, {CLIENT})


def test_view_that_requires_a_user_refuses_a_service_user(importer) -> None:
    request: Any = RequestFactory().post("/")
    request.cognito = RequestCognito(request)
    raw = machine_token()
    request.cognito.set_bearer(*authenticate(raw), raw)
    assert (request.user, request.cognito.is_machine) == (importer, True)
    with pytest.raises(PermissionDenied):
        user_required(lambda request: HttpResponse())(request)


# Sessions

BACKEND = "django_cognito.backends.CognitoBackend"


@pytest.mark.parametrize("is_async", [False, True])
def test_token_of_a_service_user_opens_no_session(importer, is_async) -> None:
    call = async_to_sync(django_aauthenticate) if is_async else django_authenticate
    assert call(None, cognito_token=machine_token()) is None


def load_session_user(user: Any, is_async: bool, backend: str = BACKEND) -> Any:
    """Return the user of a request with a session that `login()` started for `user`."""
    request: Any = RequestFactory().get("/")
    request.session = SessionStore()
    login(request, user, backend=backend)
    return async_to_sync(aget_user)(request) if is_async else django_get_user(request)


@pytest.mark.parametrize("is_async", [False, True])
def test_session_of_a_service_user_is_anonymous(importer, is_async) -> None:
    assert load_session_user(importer, is_async).is_anonymous  # such as one of an earlier release
    other = User.objects.create_user("IMPORTER2")
    assert load_session_user(other, is_async) == other


@pytest.mark.parametrize("is_async", [False, True])
def test_session_of_a_linked_user_in_service_users_is_loaded(importer, is_async) -> None:
    link(importer, "mallory")  # a mistake in the setting: the tokens of the client are rejected
    assert load_session_user(importer, is_async) == importer


# Replicas


@pytest.mark.parametrize("has_user", [True, False])
def test_service_user_of_a_replica_that_lags_is_read_and_protected(importer, monkeypatch, has_user) -> None:
    fetch = service_users.fetch_service_user

    def fetch_from(username: str, using: str) -> Any:
        return fetch(username, "default") if using == "default" or has_user else None

    monkeypatch.setattr(service_users, "get_read_alias", lambda: "replica")
    monkeypatch.setattr(service_users, "fetch_service_user", fetch_from)
    user = get_user()
    assert user == importer
    User.objects.update(is_active=False)
    user.first_name = "Importer"
    user.save()
    stored = User.objects.get()
    assert (stored.first_name, stored.is_active) == ("Importer", not has_user)


def test_each_instance_of_a_service_user_is_its_own(importer) -> None:
    _, token = authenticate(machine_token())
    service_user = read_service_user(token, "importer")  # type: ignore[arg-type]
    first, second = service_user.new_user(), service_user.new_user()
    assert (first == second == importer, first is second) == (True, False)
