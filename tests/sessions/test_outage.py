"""Sessions with expired tokens while Cognito cannot refresh them: their rights are limited, they are not signed out."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import AsyncClient, Client
from django.urls import set_urlconf
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import refresh, store
from django_cognito.sessions.refresh import drivers
from django_cognito.sessions.refresh import lease as refresh_lease
from django_cognito.testing import sign_in
from tests.support.scenarios.login import Gate, change_login, refusal, token_response

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.sessions.outage_site"),
    pytest.mark.usefixtures("stopped_clock"),  # the pause of five seconds after a failed refresh does not end
]

DAY = 86_400
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
GRANTS: dict[str, dict[str, Any]] = {
    "superuser": {"superuser": True, "staff": True},
    "staff": {"staff": True},
    "group": {"groups": ["Helpers"]},
    "permission": {"permissions": ["auth.view_group"]},
}


@pytest.fixture
def sign_in_expired(settings: Any, token_endpoint: ScriptedServer) -> Callable[..., Any]:
    """Sign a user in with expired tokens; `grant` is the entry of the Cognito group "owners" in GROUPS."""

    def arrange(client: Client, grant: dict[str, Any] | None = None, *, expired_for: float = 10) -> Any:
        settings.COGNITO = {**settings.COGNITO, "GROUPS": {"owners": grant} if grant else {}}
        user = sign_in(client, "alice", groups=["owners"], refresh_token="r")
        change_login(CognitoLogin.objects.get(), ends_in=-expired_for)
        token_endpoint.script(Answer(500))
        return user

    return arrange


def describe(answer: Any) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


def _is_signed_in(client: Client) -> bool:
    return CognitoLogin.objects.count() == 1 and "_cognito_login" in client.session


# With rights from Cognito: 503


@pytest.mark.parametrize("grant", GRANTS.values(), ids=GRANTS)
@pytest.mark.parametrize("expired_for", [10, 9 * DAY])
def test_expired_session_with_a_grant_gets_503(
    client: Client, sign_in_expired: Any, grant: dict[str, Any], expired_for: float
) -> None:
    sign_in_expired(client, grant, expired_for=expired_for)
    answer = client.get("/user/")
    assert describe(answer) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) >= 1
    assert _is_signed_in(client)


def test_expired_session_with_a_grant_gets_503_in_an_async_view(
    async_client: AsyncClient, sign_in_expired: Any
) -> None:
    sign_in_expired(async_client, GRANTS["staff"])
    assert async_to_sync(async_client.get)("/user/async/").status_code == 503


@pytest.mark.parametrize("path", ["/admin/auth/group/add/", "/add/"])
def test_expired_superuser_session_changes_nothing(client: Client, sign_in_expired: Any, path: str) -> None:
    sign_in_expired(client, GRANTS["superuser"], expired_for=9 * DAY)
    assert client.post(path, {"name": "made after expiry"}).status_code == 503
    assert not Group.objects.exists()


def test_client_refused_by_cognito_is_handled_as_an_outage(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    token_endpoint.script(refusal("invalid_client", 401), Answer(500))
    assert describe(client.get("/user/")) == (503, "client_refused")
    assert _is_signed_in(client)


def test_refresh_refused_by_a_trigger_is_not_the_clients_fault(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    words = {"error": "invalid_request", "error_description": "PreTokenGeneration failed with error not today."}
    token_endpoint.script(json_answer(words, 400), Answer(500))
    assert describe(client.get("/user/")) == (503, "provider_trouble")
    assert _is_signed_in(client)
    assert "not today" in caplog.text
    assert "A Lambda trigger of the user pool refuses to refresh a login (invalid_request)." in caplog.text
    assert "app client's id" not in caplog.text


def test_first_successful_refresh_restores_the_user(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    assert client.get("/user/").status_code == 503
    change_login(CognitoLogin.objects.get(), retry_in=-1)
    token_endpoint.script(token_response(both={"groups": ["owners"]}), Answer(500))
    assert client.get("/user/").json() == {"user": "alice", "staff": True, "superuser": False, "permissions": []}


def test_grant_of_a_link_of_another_pool_is_503(client: Client, sign_in_expired: Any) -> None:
    user = sign_in_expired(client)
    other = CognitoUser.objects.create(user=user, user_pool_id="eu-west-1_Other", sub="x", as_of="2026-01-01T00:00Z")
    other.memberships.create(name="owners", granted_staff=True)
    assert client.get("/user/").status_code == 503


@pytest.mark.parametrize("middleware", [LOGIN_REQUIRED, "tests.sessions.outage_site.read_user_early"])
def test_outage_is_503_if_a_middleware_reads_the_user_first(
    settings: Any, sign_in_expired: Any, middleware: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, middleware]
    client = Client(raise_request_exception=False)
    sign_in_expired(client, GRANTS["staff"])
    assert describe(client.get("/user/")) == (503, "cognito_unavailable")


@pytest.mark.parametrize("path", ["/user/", "/user/async/"])
def test_outage_is_503_after_a_middleware_ignored_it(
    async_client: AsyncClient, settings: Any, sign_in_expired: Any, token_endpoint: ScriptedServer, path: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.sessions.outage_site.read_user_and_ignore_errors"]
    sign_in_expired(async_client, GRANTS["staff"])
    assert async_to_sync(async_client.get)(path).status_code == 503
    assert token_endpoint.count == 1


def test_outage_is_503_with_atomic_requests(settings: Any, client: Client, sign_in_expired: Any) -> None:
    with atomic_requests():
        sign_in_expired(client, GRANTS["staff"])
        assert describe(client.get("/add/")) == (503, "cognito_unavailable")


def test_refresh_survives_a_rollback_of_the_view(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client)
    token_endpoint.script(token_response(refresh_token="a-rotated-one"), Answer(500))
    with atomic_requests():
        assert client.get("/roll-back/").content == b"rolled back"
    assert store.decrypt_tokens(CognitoLogin.objects.get()).refresh_token == "a-rotated-one"
    assert client.get("/user/").json()["user"] == "alice"


# Without rights from Cognito: signed in until SESSION_GRACE_SECONDS, then anonymous


def test_expired_session_without_a_grant_has_no_cognito_rights(client: Client, sign_in_expired: Any) -> None:
    user = sign_in_expired(client)
    user.user_permissions.add(Permission.objects.get(codename="view_group"))
    user_data = client.get("/user/").json()
    assert user_data == {"user": "alice", "staff": False, "superuser": False, "permissions": ["auth.view_group"]}
    assert describe(client.get("/edit/")) == (503, "cognito_unavailable")  # the group membership is unknown


@pytest.mark.parametrize(("expired_for", "user"), [(3_500, "alice"), (3_601, ""), (9 * DAY, "")])
def test_session_grace_ends_after_an_hour(client: Client, sign_in_expired: Any, expired_for: float, user: str) -> None:
    sign_in_expired(client, expired_for=expired_for)
    assert client.get("/user/").json()["user"] == user
    assert async_to_sync(_async_client(client).get)("/user/async/").json()["user"] == user
    assert _is_signed_in(client)


def test_session_grace_is_read_from_the_settings(client: Client, settings: Any, sign_in_expired: Any) -> None:
    sign_in_expired(client, expired_for=9 * DAY)
    settings.COGNITO = {**settings.COGNITO, "SESSION_GRACE_SECONDS": 604_800}
    assert client.get("/user/").json()["user"] == ""
    change_login(CognitoLogin.objects.get(), ends_in=-6 * DAY)
    assert client.get("/user/").json()["user"] == "alice"


def test_anonymous_request_after_the_grace_has_no_token(client: Client, sign_in_expired: Any) -> None:
    sign_in_expired(client, expired_for=9 * DAY)
    request = client.get("/user/").wsgi_request
    assert (request.cognito.token, request.cognito.groups) == (None, ())


# Views that always load the user


@pytest.mark.parametrize(
    ("situation", "url", "grant"),
    [
        *(("plain", url, GRANTS["superuser"]) for url in ("/auth/logout/", "/admin/logout/", "/logout/")),
        *(("plain", url, None) for url in ("/auth/logout/", "/logout/")),  # the admin signs out staff only
        *(
            (situation, url, grant)
            for situation in ("login required", "atomic requests", "read early")
            for url, grant in (("/auth/logout/", GRANTS["superuser"]), ("/admin/logout/", GRANTS["superuser"]))
        ),
        ("login required", "/logout/", None),
    ],
)
def test_sign_out_in_an_outage_ends_the_session(
    settings: Any, client: Client, sign_in_expired: Any, situation: str, url: str, grant: Any
) -> None:
    added = {"login required": LOGIN_REQUIRED, "read early": "tests.sessions.outage_site.read_user_early"}
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *filter(None, [added.get(situation)])]
    sign_in_expired(client, grant, expired_for=9 * DAY)
    with atomic_requests(situation == "atomic requests"):
        assert client.post(url).status_code in (200, 302)
    assert not CognitoLogin.objects.active().exists()
    assert "_auth_user_id" not in client.session


def test_open_view_has_the_user_without_rights_from_cognito(client: Client, sign_in_expired: Any) -> None:
    helpers = Group.objects.create(name="Helpers")
    helpers.permissions.add(Permission.objects.get(codename="view_group"))
    sign_in_expired(client, {**GRANTS["superuser"], "groups": ["Helpers"]}, expired_for=9 * DAY)
    user_data = client.get("/open/").json()
    assert user_data == {"user": "alice", "staff": False, "superuser": False, "permissions": []}


def test_pickled_user_saved_in_an_outage_does_not_lose_its_rights(client: Client, sign_in_expired: Any) -> None:
    user = sign_in_expired(client, GRANTS["superuser"])
    user_data = client.get("/open/copy/").json()
    assert (user_data["staff"], user_data["superuser"]) == (False, False)
    user.refresh_from_db()
    assert (user.first_name, user.is_staff, user.is_superuser) == ("Saved", True, True)


def test_copy_of_the_lazy_user_is_loaded_in_an_open_view(client: Client, sign_in_expired: Any) -> None:
    sign_in_expired(client, GRANTS["superuser"])
    user_data = client.get("/open/lazy-copy/").json()
    assert user_data == {"user": "alice", "staff": False, "superuser": False, "permissions": []}


@pytest.mark.parametrize("grant", [{"groups": ["Helpers"]}, {"superuser": True}])
def test_permissions_read_by_an_earlier_middleware_are_hidden(
    client: Client, settings: Any, sign_in_expired: Any, grant: dict[str, Any]
) -> None:
    at = settings.MIDDLEWARE.index("django_cognito.middleware.CognitoMiddleware")
    added = "tests.sessions.outage_site.read_permissions_early"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], added, *settings.MIDDLEWARE[at:]]
    helpers = Group.objects.create(name="Helpers")
    helpers.permissions.add(Permission.objects.get(codename="view_group"))
    sign_in_expired(client, grant)
    assert client.get("/open/").json()["permissions"] == []


MIDDLEWARE_WITH_URLCONF_CHANGE = [
    "tests.sessions.outage_site.read_user_early",
    "tests.sessions.outage_site.switch_urlconf",
]


@pytest.mark.parametrize("path", ["/moved/out/", "/moved/open/", "/moved/async/"])
def test_user_read_before_a_urlconf_change_is_loaded_again(
    client: Client, settings: Any, sign_in_expired: Any, path: str
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *MIDDLEWARE_WITH_URLCONF_CHANGE]
    sign_in_expired(client, GRANTS["superuser"], expired_for=9 * DAY)
    assert describe(client.get(path)) == (503, "cognito_unavailable")
    assert async_to_sync(_async_client(client).get)(path).status_code == 503
    assert _is_signed_in(client)


def test_early_read_follows_the_requests_urlconf(client: Client, settings: Any, sign_in_expired: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *reversed(MIDDLEWARE_WITH_URLCONF_CHANGE)]
    sign_in_expired(client, GRANTS["superuser"])
    user_data = client.get("/user/").json()
    assert (user_data["user"], user_data["superuser"]) == ("alice", False)


def test_user_read_before_a_urlconf_change_is_anonymous_after_grace(
    client: Client, settings: Any, sign_in_expired: Any
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, *MIDDLEWARE_WITH_URLCONF_CHANGE]
    sign_in_expired(client, expired_for=9 * DAY)
    assert client.get("/moved/open/").json()["user"] == ""


def test_user_set_by_a_middleware_is_not_loaded_again(client: Client, settings: Any, sign_in_expired: Any) -> None:
    get_user_model().objects.create_user("eve")
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        *MIDDLEWARE_WITH_URLCONF_CHANGE,
        "tests.sessions.user_site.impersonate_eve",
    ]
    sign_in_expired(client, GRANTS["superuser"], expired_for=9 * DAY)
    assert client.get("/moved/open/").json()["user"] == "eve"


def test_open_view_has_the_staff_flag_set_by_an_admin(client: Client, sign_in_expired: Any) -> None:
    user = sign_in_expired(client, GRANTS["group"])
    get_user_model().objects.filter(pk=user.pk).update(is_staff=True)
    assert client.get("/open/").json()["staff"] is True


def test_user_saved_in_an_outage_does_not_lose_its_rights(client: Client, sign_in_expired: Any) -> None:
    user = sign_in_expired(client, GRANTS["superuser"])
    assert client.get("/open/save/").status_code == 200
    user.refresh_from_db()
    assert (user.first_name, user.is_staff, user.is_superuser) == ("Saved", True, True)


def test_open_view_without_user_is_200_in_an_outage(
    client: Client, settings: Any, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.sessions.outage_site.read_user_early"]
    sign_in_expired(client, GRANTS["staff"])
    assert client.get("/hello/").status_code == 200


def test_page_that_does_not_exist_is_404_in_an_outage(
    client: Client, settings: Any, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    assert client.get("/nowhere/").status_code == 404
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.sessions.outage_site.read_user_early"]
    client = Client(raise_request_exception=False)
    CognitoLogin.objects.all().delete()
    sign_in_expired(client, GRANTS["staff"])
    assert client.get("/nowhere/").status_code == 503
    set_urlconf(None)


# Back-off


def test_refresh_is_tried_once_per_back_off_period(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    answers = [client.get("/user/") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {503}
    assert token_endpoint.count == 1
    assert 1 <= int(answers[-1]["Retry-After"]) <= 5
    change_login(CognitoLogin.objects.get(), retry_in=-1)
    client.get("/user/")
    assert token_endpoint.count == 2


def test_stale_login_after_a_failed_refresh_sends_no_request(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    before = CognitoLogin.objects.select_related("cognito_user").get()
    assert client.get("/user/").status_code == 503
    with pytest.raises(CognitoUnavailableError):
        refresh.ensure_fresh(before)
    assert token_endpoint.count == 1


def test_request_that_lost_the_race_uses_the_tokens_of_the_winner(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    change_login(CognitoLogin.objects.get(), retry_in=-1)
    before = CognitoLogin.objects.select_related("cognito_user").get()
    token_endpoint.script(token_response(both={"groups": ["owners"]}), Answer(500))
    refresh.ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get())
    assert refresh.ensure_fresh(before).version == before.version + 1
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_async", [False, True])
def test_request_during_a_retry_does_not_wait(
    client: Client,
    sign_in_expired: Any,
    token_endpoint: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    is_async: bool,
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    change_login(CognitoLogin.objects.get(), retry_in=-1)  # an earlier attempt has failed
    gate = Gate()
    token_endpoint.script(replace(Answer(500), before=gate), Answer(500))
    retry = threading.Thread(target=_get_and_close, args=(client, "/user/"))
    retry.start()

    def check_unavailable() -> None:
        login = CognitoLogin.objects.select_related("cognito_user").get()
        ensure = async_to_sync(refresh.aensure_fresh) if is_async else refresh.ensure_fresh
        join = mock.Mock(wraps=refresh_lease.join_refresh)  # called again after each wait
        monkeypatch.setattr(drivers, "join_refresh", join)
        with pytest.raises(CognitoUnavailableError) as caught:
            ensure(login)
        assert (caught.value.retry_after, join.call_count) == (1, 1)

    gate.wait_for_request(then=check_unavailable)
    retry.join()
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_requests_that_wait_for_the_first_attempt_fail_with_it(
    client: Client, sign_in_expired: Any, token_endpoint: ScriptedServer
) -> None:
    sign_in_expired(client, GRANTS["staff"])
    gate = Gate()
    token_endpoint.script(replace(Answer(500), before=gate), Answer(500))
    waiting_threads = [threading.Thread(target=_get_and_close, args=(client, "/user/")) for _ in range(6)]
    for thread in waiting_threads:
        thread.start()
    gate.wait_for_request()
    for thread in waiting_threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in waiting_threads)
    assert token_endpoint.count == 1


def _get_and_close(client: Client, path: str) -> None:
    try:
        assert client.get(path).status_code == 503
    finally:
        connection.close()


def _async_client(client: Client) -> AsyncClient:
    other = AsyncClient()
    other.cookies = client.cookies
    return other


class atomic_requests:  # noqa: N801 - a context manager, used like a function
    """Set ATOMIC_REQUESTS of the tests' database."""

    def __init__(self, value: bool = True) -> None:
        self._value = value

    def __enter__(self) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = self._value

    def __exit__(self, *exc_info: object) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = False
