"""A page with a session login reads login, link and user with one query, and Django's rules for sessions hold."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Permission, User, UserManager
from django.db import connection, models
from django.db.models.signals import post_init
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from django_cognito.backends import CognitoBackend
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions.lookup import fetch_login
from django_cognito.sessions.session_user import load_user
from django_cognito.sessions.store import load_login
from django_cognito.testing import sign_in
from tests.support.scenarios.users import fields_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls(__name__),
    pytest.mark.usefixtures("cognito_keys"),
]
MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
MIDDLEWARE = "django_cognito.middleware.CognitoMiddleware"
GROUPS = {"editors": {"permissions": ["auth.change_group"]}}


def _describe(user: Any, permission: str) -> JsonResponse:
    return JsonResponse({"user": user.get_username(), "may": bool(permission) and user.has_perm(permission)})


def show_user(request: HttpRequest) -> JsonResponse:
    return _describe(request.user, request.GET.get("permission", ""))


async def show_user_async(request: HttpRequest) -> JsonResponse:
    user = await request.auser()
    return await sync_to_async(_describe)(user, request.GET.get("permission", ""))


urlpatterns = [path("user/", show_user), path("user/async/", show_user_async)]


class Browser:
    """A test client of a sync or an async site, with the number of queries of the last request."""

    def __init__(self, client: Any, url: str) -> None:
        self.client, self._url = client, url
        self.queries = 0

    def get_user(self, **query: str) -> dict[str, Any]:
        get = async_to_sync(self.client.get) if "async" in self._url else self.client.get
        with CaptureQueriesContext(connection) as captured:
            response = get(self._url, query)
        self.queries = len(captured)
        data: dict[str, Any] = response.json()
        return data

    def change_session(self, **values: Any) -> None:
        session = self.client.session
        session.update(values)
        session.save()


@pytest.fixture(params=["sync", "async"])
def browser(request: Any) -> Browser:
    """Return a browser without a session, of a sync and of an async site."""
    return Browser(AsyncClient(), "/user/async/") if request.param == "async" else Browser(Client(), "/user/")


@pytest.fixture
def alice(browser: Browser, settings: Any) -> Any:
    """Return the user who has signed in at `browser`."""
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    return sign_in(browser.client, "alice", groups=["editors"])


def test_page_with_a_login_makes_two_queries(browser: Browser, alice: Any) -> None:
    assert browser.get_user()["user"] == "alice"
    assert browser.queries == 2  # the session; login, link and user


def test_permission_of_a_cognito_group_makes_no_query(browser: Browser, alice: Any) -> None:
    assert browser.get_user(permission="auth.change_group")["may"]
    assert browser.queries == 2


@pytest.mark.parametrize("permission", ["", "auth.delete_group"])
def test_local_user_makes_no_query_more_than_without_the_package(
    browser: Browser, settings: Any, permission: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    eve = User.objects.create_user("eve", password="x")
    eve.user_permissions.add(Permission.objects.get(codename="delete_group"))
    browser.client.force_login(eve, backend=MODEL_BACKEND)
    expected = {"user": "eve", "may": bool(permission)}
    assert browser.get_user(permission=permission) == expected
    queries = browser.queries
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != MIDDLEWARE]
    settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND]
    browser.client.handler._middleware_chain = None
    assert browser.get_user(permission=permission) == expected
    assert queries == browser.queries


# Django's rules


def end_with_password(user: Any) -> None:
    user.set_password("another")
    user.save()


ENDINGS: dict[str, Callable[[Any], Any]] = {
    "password": end_with_password,
    "inactive": lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
    "deleted": lambda user: User.objects.filter(pk=user.pk).delete(),
    "login ended": lambda user: CognitoLogin.objects.update(ended_at=timezone.now()),
    "login deleted": lambda user: CognitoLogin.objects.all().delete(),
    "link of another user": lambda user: CognitoUser.objects.update(user=User.objects.create(username="bob")),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_session_whose_user_may_not_continue_is_anonymous(browser: Browser, alice: Any, ending: str) -> None:
    assert browser.get_user()["user"] == "alice"
    ENDINGS[ending](alice)
    assert browser.get_user()["user"] == ""


@pytest.mark.parametrize("ending", ["password", "deleted", "login ended", "link of another user"])
def test_session_that_ended_is_flushed(browser: Browser, alice: Any, ending: str) -> None:
    ENDINGS[ending](alice)
    browser.get_user()
    assert SESSION_KEY not in browser.client.session


def test_session_with_the_login_of_another_user_is_anonymous(browser: Browser, alice: Any) -> None:
    login = CognitoLogin.objects.get()
    sign_in(browser.client, "bob")
    browser.change_session(_cognito_login=str(login.pk))
    assert browser.get_user()["user"] == ""


@pytest.mark.parametrize("stored", ["", "0" * 64])
def test_session_without_a_valid_hash_is_anonymous(browser: Browser, alice: Any, stored: str) -> None:
    browser.change_session(**{HASH_SESSION_KEY: stored})
    assert browser.get_user()["user"] == ""


def test_session_of_a_removed_backend_is_anonymous(browser: Browser, alice: Any, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND]
    assert browser.get_user()["user"] == ""


def test_session_of_another_backend_is_read_by_that_backend(browser: Browser, alice: Any) -> None:
    browser.change_session(**{BACKEND_SESSION_KEY: MODEL_BACKEND})
    assert browser.get_user()["user"] == "alice"
    assert browser.queries == 3


def test_session_under_a_fallback_secret_key_gets_a_new_key(browser: Browser, alice: Any, settings: Any) -> None:
    key, stored = browser.client.session.session_key, browser.client.session[HASH_SESSION_KEY]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another secret key", [settings.SECRET_KEY]
    assert browser.get_user()["user"] == "alice"
    after = browser.client.session
    assert after.session_key != key
    assert after[HASH_SESSION_KEY] == alice.get_session_auth_hash() != stored


# The user model of a site


class HidingManager(UserManager[Any]):
    def get_queryset(self) -> Any:
        return super().get_queryset().exclude(username="alice")


class HidingQuerySet(models.QuerySet[Any]):
    def filter(self, *args: Any, **kwargs: Any) -> Any:
        return super().filter(*args, **kwargs).exclude(username="alice")


class ManagerWithoutReads(UserManager.from_queryset(type("Active", (models.QuerySet,), {"active": None}))):  # type: ignore[misc]
    use_in_migrations = False

    def create(self, **fields: Any) -> Any:
        raise NotImplementedError


def use_manager(monkeypatch: pytest.MonkeyPatch, manager: Any) -> None:
    """Make `manager` the default manager of the user model."""
    manager.model, manager.name = User, "objects"
    monkeypatch.setitem(vars(User._meta), "default_manager", manager)


@pytest.mark.parametrize("manager", [HidingManager(), UserManager.from_queryset(HidingQuerySet)()])
def test_user_hidden_by_the_sites_manager_is_anonymous(
    browser: Browser, alice: Any, monkeypatch: pytest.MonkeyPatch, manager: Any
) -> None:
    use_manager(monkeypatch, manager)
    assert browser.get_user()["user"] == ""


def test_manager_that_changes_no_read_needs_no_query(
    browser: Browser, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_manager(monkeypatch, ManagerWithoutReads())
    assert browser.get_user()["user"] == "alice"
    assert browser.queries == 2


def load_by(client: Client, read: Callable[[], Any]) -> Any:
    """Load the user of a session whose Django user is read by `read`."""
    return load_user(client.session, SimpleLazyObject(read), load_login(client.session))


def test_user_read_with_the_login_is_offered_only_once(client: Client) -> None:
    pk, users = sign_in(client, "alice").pk, []
    load_by(client, lambda: users.extend(CognitoBackend().get_user(pk) for _ in range(2)) or users[0])
    assert users[0] == users[1]
    assert users[0] is not users[1]


def test_user_read_with_the_login_is_not_offered_as_another_user(client: Client) -> None:
    sign_in(client, "alice")
    bob = User.objects.create(username="bob")
    assert load_by(client, lambda: CognitoBackend().get_user(bob.pk)) == bob


def test_offered_user_that_was_not_needed_is_dropped(client: Client) -> None:
    pk = sign_in(client, "alice").pk
    load_by(client, lambda: User.objects.get(pk=pk))
    User.objects.update(first_name="New")
    user: Any = CognitoBackend().get_user(pk)
    assert user.first_name == "New"


# The rows


def test_fetch_login_returns_what_the_orm_returns(client: Client, django_assert_num_queries: Any) -> None:
    sign_in(client, "alice", groups=["editors", "é"])
    expected = CognitoLogin.objects.select_related("cognito_user__user").get()
    with django_assert_num_queries(1):
        login: Any = fetch_login(str(expected.pk), str(expected.cognito_user.user_id))
        rows = [login, login.cognito_user, login.cognito_user.user]
        assert [row.get_deferred_fields() for row in rows] == [set()] * 3
    assert [_values(row) for row in rows] == [
        _values(row) for row in (expected, expected.cognito_user, expected.cognito_user.user)
    ]
    assert login.cognito_user.loaded_user_id == expected.cognito_user.user_id


def _values(row: Any) -> dict[str, Any]:
    return {name: bytes(value) if name == "tokens" else value for name, value in fields_of(row).items()}


def test_fetch_login_creates_one_user_and_sends_post_init(client: Client) -> None:
    user = sign_in(client, "alice")
    pk, created = CognitoLogin.objects.get().pk, []
    post_init.connect(receiver := lambda instance, **_: created.append(instance), sender=User)
    login: Any = fetch_login(pk, str(user.pk))
    post_init.disconnect(receiver, sender=User)
    assert created == [login.cognito_user.user]
