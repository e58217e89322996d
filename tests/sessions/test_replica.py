"""Reads go to a replica that is never updated: what a request wrote is read from the database of the write."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connections
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.aws.client_cache import clear_cache
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.signals import account_linked, signed_out
from django_cognito.testing import make_token, sign_in
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.writing.bulk_provisioning import update_users
from tests.aws.token_identity_endpoint import GET_CREDENTIALS, GET_ID, POOL_ID, TokenIdentityEndpoint
from tests.support.callers import bearer
from tests.support.scenarios.login import change_login, finish_sign_in, refusal, start_sign_in, token_response
from tests.support.second_database import second_database

pytestmark = [
    pytest.mark.django_db(databases=["default", "replica"]),
    pytest.mark.urls("tests.sessions.replica_site"),
    pytest.mark.usefixtures("cognito_keys"),
]
GROUPS = {"admins": {"permissions": ["auth.change_group"], "staff": True, "superuser": True}}
EACH_CLIENT = pytest.mark.parametrize(
    ("client_class", "url"), [(Client, "/user/"), (AsyncClient, "/user/async/"), (Client, "/user/api/")]
)
EACH_PAGE = pytest.mark.parametrize(("client_class", "url"), [(Client, "/user/"), (AsyncClient, "/user/async/")])


class ReadsFromReplica:
    """The router of Django's own documentation, "Multiple databases"."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.fixture(scope="module", autouse=True)
def replica_database(tmp_path_factory: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), second_database("replica", tmp_path_factory.mktemp("db") / "replica.sqlite3"):
        yield


def _only_reads(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
    assert sql.lstrip(" (").startswith(("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK")), sql
    return execute(sql, params, many, context)


@pytest.fixture(autouse=True)
def site(settings: Any, db: None) -> Iterator[None]:
    """Send reads to the replica, and let writes to it fail. Sessions are not in the database: Django reads them."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    with connections["replica"].execute_wrapper(_only_reads):
        yield


@pytest.fixture
def replicated() -> Callable[[], Any]:
    """Return a context manager that copies the users and links that its block created to the replica."""

    @contextmanager
    def replicate() -> Iterator[None]:
        before = set(User.objects.using("default").values_list("pk", flat=True))
        yield
        wrappers, connections["replica"].execute_wrappers = connections["replica"].execute_wrappers, []
        for user in User.objects.using("default").exclude(pk__in=before):
            user.save(using="replica", force_insert=True)
        for link in CognitoUser.objects.using("default").exclude(user__in=before):
            link.save(using="replica", force_insert=True)
        connections["replica"].execute_wrappers = wrappers

    return replicate


def get(client: Any, url: str, **headers: str) -> Any:
    call: Any = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    return call(url, headers=headers).json()


def sign_in_at(client: Any, token_endpoint: ScriptedServer, username: str = "alice", **both: Any) -> Any:
    """Sign in through the login view and the callback."""
    params = start_sign_in(client)
    token_endpoint.script(token_response(username, nonce=params["nonce"], both=both))
    return finish_sign_in(client, params)


def stored_link(username: str = "alice") -> CognitoUser:
    return CognitoUser.objects.using("default").select_related("user").get(username=username)


@pytest.fixture
def signed_out_usernames() -> Iterator[list[Any]]:
    """Yield the usernames of the `signed_out` signals."""
    users: list[Any] = []

    def receiver(user: Any, **_: Any) -> None:
        users.append(user.get_username())

    signed_out.connect(receiver)
    yield users
    signed_out.disconnect(receiver)


# API requests


@EACH_CLIENT
def test_first_api_requests_have_their_user(client_class: Callable[[], Any], url: str) -> None:
    raw = make_token(groups=["admins"])
    for _ in range(2):
        assert get(client_class(), url, **bearer(raw)) == {"user": "alice", "superuser": True, "may": True}
    assert User.objects.using("default").count() == 1


def test_username_missing_on_the_replica_is_not_used_twice() -> None:
    User.objects.create_user("alice")
    assert get(Client(), "/user/api/", **bearer(make_token()))["user"].startswith("alice-")


@EACH_CLIENT
def test_groups_that_the_replica_still_has_are_removed(
    client_class: Callable[[], Any], url: str, replicated: Any
) -> None:
    past = int(time.time()) - 60
    with replicated():
        get(client_class(), url, **bearer(make_token(groups=["admins"], iat=past, auth_time=past)))
    raw = make_token()
    for _ in range(2):
        assert get(client_class(), url, **bearer(raw)) == {"user": "alice", "superuser": False, "may": False}


def test_save_of_a_replica_user_does_not_restore_removed_flags(replicated: Any) -> None:
    past = int(time.time()) - 60
    raw = make_token(groups=["admins"], iat=past, auth_time=past)
    with replicated():
        get(Client(), "/user/api/", **bearer(raw))
    get(Client(), "/user/api/", **bearer(make_token()))
    get(Client(), "/user/save/", **bearer(raw))
    assert not stored_link().user.is_superuser


def test_stored_groups_grant_their_permissions() -> None:
    get(Client(), "/user/api/", **bearer(make_token(groups=["editors"])))
    user = stored_link().user
    CognitoUser.objects.update(groups=["admins"])
    assert user.has_perm("auth.change_group")


# Sign-in


@EACH_PAGE
def test_first_sign_in_is_effective_on_the_next_pages(
    client_class: Any, url: str, token_endpoint: ScriptedServer
) -> None:
    client = Client()
    assert sign_in_at(client, token_endpoint, **{"cognito:groups": ["admins"]}).status_code == 302
    browser = client_class()
    browser.cookies = client.cookies
    for _ in range(2):
        assert get(browser, url) == {"user": "alice", "superuser": True, "may": True}


@EACH_PAGE
def test_account_linked_by_email_stays_signed_in(
    client_class: Any, url: str, token_endpoint: ScriptedServer, replicated: Any, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "LINK_BY_VERIFIED_EMAIL": True}
    with replicated():
        User.objects.create_user("her", "alice@example.com", "password")
    client = Client()
    # Linking makes the password unusable, which ends sessions: the replica still has the old one.
    assert sign_in_at(client, token_endpoint).status_code == 302
    browser = client_class()
    browser.cookies = client.cookies
    assert get(browser, url)["user"] == "her"


@EACH_PAGE
def test_user_of_a_refreshing_session_is_read_from_the_primary(
    client_class: Any, url: str, token_endpoint: ScriptedServer
) -> None:
    browser = client_class()
    sign_in(browser, "alice", refresh_token="r")
    change_login(CognitoLogin.objects.using("default").get(), ends_in=-5)
    token_endpoint.script(token_response("alice"))
    assert get(browser, url)["user"] == "alice"


class UsersAreWrittenElsewhere(ReadsFromReplica):
    """A router with another database for the user model alone."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "replica" if model is User else "default"


def test_session_user_of_another_database_is_read_there(client: Client, replicated: Any, settings: Any) -> None:
    with replicated():
        sign_in(client, "alice")
    User.objects.using("default").update(is_superuser=True)
    settings.DATABASE_ROUTERS = [UsersAreWrittenElsewhere()]
    assert get(client, "/user/") == {"user": "alice", "superuser": False, "may": False}


def test_second_sign_in_reads_the_link_of_the_first(token_endpoint: ScriptedServer) -> None:
    for _ in range(2):
        assert sign_in_at(Client(), token_endpoint).status_code == 302
    assert User.objects.using("default").count() == 1


# Linking and unlinking


def test_link_and_unlink_in_one_session(token_endpoint: ScriptedServer) -> None:
    client = Client()
    sign_in_at(client, token_endpoint)
    params = dict(part.split("=") for part in client.post("/auth/link/")["Location"].partition("?")[2].split("&"))
    token_endpoint.script(token_response("google", nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302
    assert stored_link("google").user == stored_link("alice").user
    assert client.post(f"/auth/unlink/{stored_link('alice').pk}/").status_code == 302
    assert [link.username for link in CognitoUser.objects.using("default").all()] == ["google"]


def test_link_moved_by_user_id_sends_the_signal_with_the_new_user(django_capture_on_commit_callbacks: Any) -> None:
    get(Client(), "/user/api/", **bearer(make_token()))
    eve, owners = User.objects.create_user("eve", "eve@example.com"), []

    def receiver(user: Any, **_: Any) -> None:
        owners.append(user)

    account_linked.connect(receiver)
    link = stored_link()
    with django_capture_on_commit_callbacks(execute=True):
        link.user_id = eve.pk
        link.save()
    account_linked.disconnect(receiver)
    assert owners == [eve]
    assert stored_link().verified_attributes == ["email"]


@pytest.mark.parametrize("change_link", [CognitoUser.delete, CognitoUser.save])
def test_former_owner_is_read_from_the_written_row(change_link: Any, replicated: Any) -> None:
    with replicated():
        get(Client(), "/user/api/", **bearer(make_token(groups=["admins"])))
    alice, eve = stored_link().user, User.objects.create_user("eve")
    User.objects.filter(pk=eve.pk).update(is_staff=True)
    link = stored_link()
    link.user = eve
    link.save()
    raw = make_token(groups=["admins"], iat=int(time.time()) + 5)
    assert get(Client(), "/user/api/", **bearer(raw))["user"] == "eve"
    assert stored_link().user.is_superuser
    # As in the admin, which reads from the replica: there the link still belongs to alice.
    stale_link = CognitoUser.objects.get()
    assert stale_link.user_id == alice.pk
    change_link(stale_link, using="default")
    assert not User.objects.using("default").get(pk=eve.pk).is_superuser


# Sign-out


@pytest.mark.parametrize("where", ["", "here", "everywhere"])
def test_sign_out_ends_the_login(token_endpoint: ScriptedServer, where: str, signed_out_usernames: list[Any]) -> None:
    client = Client()
    sign_in_at(client, token_endpoint)
    assert client.post("/auth/logout/", {"where": where}).status_code == 302
    assert signed_out_usernames == ["alice"]
    assert not CognitoLogin.objects.using("default").exists()
    assert get(client, "/user/")["user"] == ""


# Refresh


@pytest.fixture
def sign_in_expired_admin(token_endpoint: ScriptedServer, replicated: Any) -> Callable[..., None]:
    """Return a function that signs an admin in with expired tokens; the replica has the user too."""

    def sign_in_expired(client: Any) -> None:
        past = int(time.time()) - 3_000
        with replicated():
            sign_in(client, groups=["admins"], refresh_token="r", iat=past, auth_time=past)
        change_login(CognitoLogin.objects.using("default").get(), ends_in=-5)

    return sign_in_expired


@EACH_PAGE
def test_groups_removed_by_a_refresh_stay_removed_on_the_next_page(
    client_class: Any, url: str, sign_in_expired_admin: Any, token_endpoint: ScriptedServer
) -> None:
    client = client_class()
    sign_in_expired_admin(client)
    token_endpoint.script(token_response())
    for _ in range(2):
        assert get(client, url) == {"user": "alice", "superuser": False, "may": False}
    assert token_endpoint.count == 1
    assert CognitoLogin.objects.using("default").get().version == 1
    assert stored_link().groups == []


@EACH_PAGE
def test_rejected_refresh_sends_signed_out_with_the_user(
    client_class: Any, url: str, token_endpoint: ScriptedServer, signed_out_usernames: list[Any]
) -> None:
    client = client_class()
    sign_in(client, refresh_token="r")
    change_login(CognitoLogin.objects.using("default").get(), ends_in=-5)
    token_endpoint.script(refusal())
    assert get(client, url)["user"] == ""
    assert signed_out_usernames == ["alice"]


def test_user_saved_after_a_refresh_does_not_restore_removed_flags(
    client: Client, sign_in_expired_admin: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired_admin(client)
    token_endpoint.script(token_response())
    for _ in range(2):
        get(client, "/user/save/")
    assert not stored_link().user.is_superuser


@pytest.mark.usefixtures("cognito_down")
def test_outage_hides_flags_without_their_grants_on_the_replica(client: Client, sign_in_expired_admin: Any) -> None:
    sign_in_expired_admin(client)
    assert get(client, "/user/open/") == {"user": "alice", "superuser": False, "may": False}


# AWS


@pytest.mark.parametrize(("client_class", "url"), [(Client, "/identity/"), (AsyncClient, "/identity/async/")])
def test_stored_identity_id_is_not_requested_again(client_class: Any, url: str, settings: Any) -> None:
    client = client_class()
    with TokenIdentityEndpoint() as endpoint:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
        sign_in(client)
        answers = []
        for _ in range(2):
            answers.append(get(client, url))
            clear_cache()  # as in another process
        assert endpoint.take_operations() == [GET_ID, GET_CREDENTIALS, GET_CREDENTIALS]
    assert answers[0] == answers[1] == {"identity": stored_link().identity_id}


# Directory


def test_directory_page_updates_a_user_missing_on_the_replica(settings: Any) -> None:
    get(Client(), "/user/api/", **bearer(make_token()))
    link, cognito_settings = stored_link(), get_settings()
    attributes, at = {"email": "new@example.com", "email_verified": "true"}, datetime.now(UTC) + timedelta(seconds=5)
    directory_user = DirectoryUser(link.sub, "alice", attributes, True, "CONFIRMED", at, at)
    assert update_users([claims_from_directory(directory_user, ("admins",), at, cognito_settings)]).changed == 1
    user = stored_link().user
    assert (user.email, user.is_superuser) == ("new@example.com", True)
