"""`request.cognito` belongs to the current `request.user`, also if the user changes during the request."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.db import SessionStore
from django.test import AsyncClient, Client
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.errors import CredentialsError
from django_cognito.models import CognitoLogin
from django_cognito.sessions import revoke_login
from django_cognito.signals import signed_out
from django_cognito.testing import make_token, sign_in
from django_cognito.users.account_status import record_disabled
from tests.support.scenarios.login import change_login, finish_sign_in, start_sign_in, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.sessions.user_site")]

EMPTY = {"token": None, "groups": [], "raw": False, "is_bearer": False}


def _cognito(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in EMPTY}


@pytest.fixture
def eve() -> Any:
    return get_user_model().objects.create_user("eve", password="x")


def test_request_after_logout_has_no_token(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", groups=["admins"])
    data = client.get("/log-out/").json()
    assert data["before"]["token"] == "alice"
    assert (data["after"]["user"], _cognito(data["after"]), data["aws"]) == ("", EMPTY, "")


@pytest.mark.parametrize("caller", ["session", "bearer"])
@pytest.mark.parametrize("url", ["/log-in/", "/log-in/async/"])
def test_request_after_login_of_another_user_has_no_token(
    client: Client, async_client: AsyncClient, token_endpoint: ScriptedServer, eve: Any, url: str, caller: str
) -> None:
    headers = {"authorization": f"Bearer {make_token(groups=['admins'])}"} if caller == "bearer" else {}
    get: Any = async_to_sync(async_client.get) if "async" in url else client.get
    if caller == "session":
        sign_in(async_client if "async" in url else client, "alice", groups=["admins"])
    data = get(url, {"name": "eve"}, headers=headers).json()
    assert (data["before"]["user"], data["before"]["token"]) == ("alice", "alice")
    assert (data["after"]["user"], _cognito(data["after"])) == ("eve", EMPTY)


def test_request_after_login_of_the_same_user_keeps_the_token(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, "alice", groups=["admins"])
    data = client.get("/log-in/", {"name": "alice"}).json()
    assert (data["after"]["token"], data["after"]["groups"]) == ("alice", ["admins"])


def test_user_logged_in_receivers_have_the_new_login(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.sessions.user_site.load_user_early"]
    logins = []

    def record_login(sender: Any, request: Any, user: Any, **_: Any) -> None:
        logins.append((user.get_username(), request.cognito.token.username, request.cognito.groups))
        assert CognitoLogin.objects.get(pk=request.session["_cognito_login"]).cognito_user.username == "bob"
        assert request.cognito.aws._id_token().count(".") == 2

    sign_in(client, "alice", groups=["admins"])
    params = start_sign_in(client)
    token_endpoint.script(token_response("bob", nonce=params["nonce"], both={"groups": ["editors"]}))
    user_logged_in.connect(record_login)
    try:
        assert finish_sign_in(client, params).status_code == 302
    finally:
        user_logged_in.disconnect(record_login)
    assert logins == [("bob", "bob", ("editors",))]


@pytest.mark.parametrize(
    ("error", "status"),
    [(RuntimeError("a fault of the site's own"), 500), (CredentialsError("AWS refused", code="not_signed_in"), 403)],
)
def test_failing_user_logged_in_receiver_leaves_no_login(
    token_endpoint: ScriptedServer, error: Exception, status: int
) -> None:
    client = Client(raise_request_exception=False)
    params = start_sign_in(client)
    token_endpoint.script(token_response("bob", nonce=params["nonce"]), Answer(200))

    def fail(**_: Any) -> None:
        raise error

    user_logged_in.connect(fail)
    try:
        assert client.get("/auth/callback/", {"code": "a-code", "state": params["state"]}).status_code == status
    finally:
        user_logged_in.disconnect(fail)
    assert not CognitoLogin.objects.exists()
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert client.get("/user/").json()["user"] == ""


def fail_once_signed_in(*_: Any) -> None:
    """Raise an error, as a function of TENANT with a fault."""
    raise RuntimeError("a fault of the site's own")


@pytest.mark.parametrize("name", ["function", "selector"])
def test_failing_tenant_function_leaves_no_login(token_endpoint: ScriptedServer, cognito: Any, name: str) -> None:
    client = Client(raise_request_exception=False)
    source = {"claim": "custom:tenant"} if name == "selector" else {}
    cognito(TENANT={**source, name: fail_once_signed_in})
    params = start_sign_in(client)
    answer = token_response("bob", nonce=params["nonce"], both={"custom:tenant": "acme"})
    token_endpoint.script(answer, Answer(200))
    assert client.get("/auth/callback/", {"code": "a-code", "state": params["state"]}).status_code == 500
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert not CognitoLogin.objects.exists()
    assert client.get("/user/").json()["user"] == ""


def test_session_store_that_fails_at_a_sign_in_leaves_no_login(
    client: Client, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError("the session store does not respond")

    sign_in(client, "alice")
    params = start_sign_in(client)
    token_endpoint.script(token_response("alice", nonce=params["nonce"]), Answer(200))
    monkeypatch.setattr(SessionStore, "cycle_key", fail)
    with pytest.raises(OSError, match="does not respond"):
        client.get("/auth/callback/", {"code": "a-code", "state": params["state"]})
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert not CognitoLogin.objects.exists()


def test_sign_in_with_a_changed_password_hash_has_its_login(client: Client, token_endpoint: ScriptedServer) -> None:
    user = sign_in(client, "alice")
    get_user_model().objects.filter(pk=user.pk).update(password="!changed meanwhile")
    params = start_sign_in(client)
    token_endpoint.script(token_response("alice", nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302
    assert client.get("/user/").json()["token"] == "alice"


@pytest.mark.parametrize("expires_in", [600, 30, -5])
def test_user_set_by_an_earlier_middleware_stays_and_has_no_token(
    client: Client, settings: Any, token_endpoint: ScriptedServer, eve: Any, expires_in: float
) -> None:
    at = settings.MIDDLEWARE.index("django_cognito.middleware.CognitoMiddleware")
    added = "tests.sessions.user_site.impersonate_eve"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], added, *settings.MIDDLEWARE[at:]]
    sign_in(client, "alice", groups=["admins"], refresh_token="r")
    change_login(CognitoLogin.objects.get(), ends_in=expires_in)
    token_endpoint.script(token_response("alice"))
    data = client.get("/user/").json()
    assert (data["user"], _cognito(data)) == ("eve", EMPTY)
    assert "_cognito_login" in client.session
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    token_endpoint.script(Answer(500))
    data = client.get("/user/").json()
    assert (data["user"], _cognito(data)) == ("eve", EMPTY)


# django-hijack


@pytest.fixture
def hijack_receivers() -> None:
    import django_cognito.contrib.hijack  # noqa: F401 - as apps.ready() does for a site with django-hijack


@pytest.fixture
def superuser(client: Client, settings: Any, token_endpoint: ScriptedServer) -> Any:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"owners": {"superuser": True, "staff": True}}}
    return sign_in(client, "owner", groups=["owners"], refresh_token="r")


@pytest.mark.usefixtures("hijack_receivers")
def test_hijack_has_no_token_and_release_restores_the_login(
    client: Client, superuser: Any, eve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login_id = client.session["_cognito_login"]
    assert client.post("/hijack/acquire/", {"user_pk": eve.pk}).status_code == 302
    response = client.get("/user/")
    assert (response.json()["user"], _cognito(response.json())) == ("eve", EMPTY)
    with pytest.raises(CredentialsError):
        _ = response.wsgi_request.cognito.aws.credentials
    assert "_cognito_login" not in client.session
    assert client.post("/hijack/release/").status_code == 302
    data = client.get("/user/").json()
    assert (data["user"], data["token"], data["superuser"]) == ("owner", "owner", True)
    assert client.session["_cognito_login"] == login_id
    assert "_cognito_logins_set_aside" not in client.session


@pytest.mark.usefixtures("hijack_receivers")
def test_nested_hijack_is_released_step_by_step(client: Client, superuser: Any, eve: Any) -> None:
    admin = get_user_model().objects.create_superuser("admin", password="x")
    client.post("/hijack/acquire/", {"user_pk": admin.pk})
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    assert client.get("/user/").json()["user"] == "eve"
    client.post("/hijack/release/")
    data = client.get("/user/").json()
    assert (data["user"], _cognito(data)) == ("admin", EMPTY)
    client.post("/hijack/release/")
    assert client.get("/user/").json()["token"] == "owner"


@pytest.mark.usefixtures("hijack_receivers")
def test_stored_login_of_a_hijack_is_bound_to_its_user(client: Client, superuser: Any, eve: Any) -> None:
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    session = client.session
    session["_cognito_logins_set_aside"] = [[str(eve.pk), session["_cognito_logins_set_aside"][0][1]]]
    session.save()
    client.post("/hijack/release/")
    data = client.get("/user/").json()
    assert (data["user"], data["token"]) == ("owner", None)


@pytest.mark.usefixtures("hijack_receivers")
def test_login_during_a_hijack_drops_the_stored_logins(client: Client, superuser: Any, eve: Any) -> None:
    get_user_model().objects.create_user("mallory")
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    assert client.get("/log-in/", {"name": "mallory"}).json()["after"]["user"] == "mallory"
    assert "_cognito_logins_set_aside" not in client.session
    assert "_cognito_login" not in client.session


@pytest.mark.usefixtures("hijack_receivers")
@pytest.mark.parametrize("url", ["/log-out/", "/auth/logout/", "/admin/logout/"])
def test_sign_out_during_a_hijack_ends_the_stored_login(
    client: Client, superuser: Any, eve: Any, token_endpoint: ScriptedServer, url: str
) -> None:
    get_user_model().objects.filter(pk=eve.pk).update(is_staff=True)
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    token_endpoint.script(Answer(200))
    users: list[Any] = []
    receive = lambda **arguments: users.append(arguments["user"])  # noqa: E731
    signed_out.connect(receive)
    assert (client.get if url == "/log-out/" else client.post)(url).status_code in (200, 302)
    assert not CognitoLogin.objects.exists()
    assert token_endpoint.requests[-1].path == "/oauth2/revoke"
    assert users == [superuser]  # the signal that removes cached AWS clients


@pytest.mark.usefixtures("hijack_receivers")
@pytest.mark.parametrize("url", ["/user/", "/user/async/"])
@pytest.mark.parametrize("ending", ["revoked", "disabled", "too old"])
def test_hijack_ends_with_the_login_of_the_hijacker(
    client: Client, async_client: AsyncClient, superuser: Any, eve: Any, settings: Any, url: str, ending: str
) -> None:
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    login = CognitoLogin.objects.select_related("cognito_user").get()
    if ending == "revoked":
        revoke_login(login)
    elif ending == "disabled":
        record_disabled(login.cognito_user)
    else:
        settings.COGNITO = {**settings.COGNITO, "SESSION_MAX_SECONDS": 3_600}
        CognitoLogin.objects.update(created_at=timezone.now() - timedelta(hours=2))
    async_client.cookies = client.cookies
    get: Any = async_to_sync(async_client.get) if "async" in url else client.get
    data = get(url).json()
    assert (data["user"], _cognito(data)) == ("", EMPTY)
    assert auth.SESSION_KEY not in client.session


@pytest.mark.usefixtures("hijack_receivers")
def test_sign_out_during_a_hijack_leaves_the_login_of_another_user(
    client: Client, superuser: Any, eve: Any, token_endpoint: ScriptedServer
) -> None:
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    session = client.session
    session["_cognito_logins_set_aside"] = [[str(eve.pk), session["_cognito_logins_set_aside"][0][1]]]
    session.save()
    client.get("/log-out/")
    assert CognitoLogin.objects.count() == 1


@pytest.mark.usefixtures("hijack_receivers")
def test_hijacker_without_a_cognito_login_is_released_without_one(client: Client, settings: Any, eve: Any) -> None:
    admin = get_user_model().objects.create_superuser("admin", password="x")
    client.force_login(admin)
    client.post("/hijack/acquire/", {"user_pk": eve.pk})
    client.post("/hijack/release/")
    data = client.get("/user/").json()
    assert (data["user"], _cognito(data)) == ("admin", EMPTY)


@pytest.mark.usefixtures("hijack_receivers")
def test_hijack_without_the_middleware_changes_nothing(client: Client, settings: Any, eve: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "cognito" not in name]
    client.force_login(get_user_model().objects.create_superuser("admin", password="x"))
    assert client.post("/hijack/acquire/", {"user_pk": eve.pk}).status_code == 302
    assert client.post("/hijack/release/").status_code == 302
