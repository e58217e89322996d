"""Sign-out: each step runs even if others fail, "everywhere" is every account of the user, within a deadline."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import DatabaseError, connection
from django.http import Http404
from django.test import Client
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import AccessToken
from django_cognito.core.http import client as http_client
from django_cognito.core.tokens.jws import decode_jws
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import refresh, store, stored_tokens
from django_cognito.sessions.ending import sign_out
from django_cognito.sessions.ending.revocation import RevocableLogin
from django_cognito.signals import signed_out
from django_cognito.testing import make_token, sign_in
from tests.support.clock import Clock
from tests.support.database_errors import FailsAtFirst, conflict
from tests.support.scenarios.login import change_login, create_login, read_form, refusal, token_response, username_at
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

ADMIN_SCOPE = "openid aws.cognito.signin.user.admin"
LOGOUT = "/auth/logout/"


def aws_error(kind: str, message: str = "", status: int = 400) -> Answer:
    return json_answer({"__type": kind, "message": message}, status)


FAILURES = {
    "no scope": aws_error("NotAuthorizedException", "Access Token does not have required scopes"),
    "expired": aws_error("NotAuthorizedException", "Access Token has expired"),
    "throttled": aws_error("TooManyRequestsException", "Rate exceeded"),
    "unavailable": Answer(500),
}


@pytest.fixture
def cognito(token_endpoint: ScriptedServer, settings: Any) -> ScriptedServer:
    """Return a server that is the hosted UI and the AWS API."""
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}
    return token_endpoint


@pytest.fixture
def signals() -> Iterator[list[dict[str, Any]]]:
    """Yield the arguments of each `signed_out` signal."""
    received: list[dict[str, Any]] = []

    def receive(**arguments: Any) -> None:
        received.append(arguments)

    signed_out.connect(receive)
    yield received
    signed_out.disconnect(receive)


def steps(server: ScriptedServer) -> list[str]:
    """Return the requests to Cognito: GlobalSignOut, a refresh, or the revocation of a refresh token by its value."""
    return [_step(request) for request in server.requests]


def _step(request: Any) -> str:
    if "x-amz-target" in request.headers:
        return "GlobalSignOut"
    form = read_form(request)
    return f"revoke {form['token']}" if request.path == "/oauth2/revoke" else str(form["grant_type"])


def sign_in_with(client: Client, refresh_token: str, username: str = "alice", **claims: Any) -> CognitoLogin:
    """Sign `username` in with this refresh token; `claims` change the tokens."""
    sign_in(client, username, refresh_token=refresh_token, **claims)
    return store.load_login(client.session)


def link_to(user: Any, client: Client, username: str) -> None:
    """Link the Cognito account `username`, signed in at `client`, to `user`."""
    CognitoUser.objects.filter(username=username).update(user=user)
    browser = client.session
    browser["_auth_user_id"], browser["_auth_user_hash"] = str(user.pk), user.get_session_auth_hash()
    browser.save()


# One login, and no other


SIGN_OUTS: dict[str, Callable[[Client], object]] = {
    "by default": lambda client: client.post(LOGOUT),
    "here": lambda client: client.post(LOGOUT, {"where": "here"}),
    "Django's own": lambda client: client.logout(),
}


@pytest.mark.parametrize("sign_out", SIGN_OUTS.values(), ids=SIGN_OUTS)
def test_sign_out_ends_no_other_login_of_the_user(
    client: Client, cognito: ScriptedServer, sign_out: Callable[[Client], object]
) -> None:
    others = {name: Client() for name in ("another browser", "another account")}
    user = sign_in_with(client, "the-first").cognito_user.user
    remaining_ids = {sign_in_with(others["another browser"], "the-second").pk}
    remaining_ids.add(sign_in_with(others["another account"], "the-third", "acme_alice").pk)
    link_to(user, others["another account"], "acme_alice")
    sign_out(client)
    assert set(CognitoLogin.objects.values_list("pk", flat=True)) == remaining_ids
    assert steps(cognito) == ["revoke the-first"]
    assert [username_at(browser) for browser in (client, *others.values())] == ["nobody", "alice", "alice"]


# Each step is tried


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
def test_failed_global_sign_out_revokes_each_refresh_token(
    client: Client, cognito: ScriptedServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    phone_browser, bobs_browser = Client(), Client()
    (
        sign_in_with(phone_browser, "of-the-phone"),
        sign_in_with(bobs_browser, "of-bob", "bob"),
        sign_in_with(client, "of-this-one"),
    )
    cognito.script(answer, Answer())
    response = client.post(LOGOUT, {"where": "everywhere"})
    assert response["Location"].startswith(f"{cognito.url}/logout?")
    assert steps(cognito) == ["GlobalSignOut", "revoke of-this-one", "revoke of-the-phone"]
    assert [username_at(browser) for browser in (client, phone_browser, bobs_browser)] == ["nobody", "nobody", "bob"]
    assert "GlobalSignOut failed" in caplog.text


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FAILURES["no scope"], "sign_out_scope_required"),
        (FAILURES["expired"], "sign_out_refused"),
        (FAILURES["throttled"], "too_many_requests"),
        (FAILURES["unavailable"], "cognito_unavailable"),
    ],
)
def test_failed_global_sign_out_is_logged_with_its_reason(
    client: Client, cognito: ScriptedServer, answer: Answer, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    create_login(client)
    cognito.script(answer, Answer())
    with caplog.at_level(logging.DEBUG):
        client.post(LOGOUT, {"where": "everywhere"})
    assert [code in caplog.text, "a-refresh-token" in caplog.text] == [True, False]
    assert ("sign_out_scope_required" in caplog.text) == (code == "sign_out_scope_required")


def test_failed_revocation_does_not_prevent_the_next(
    client: Client, cognito: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        sign_in_with(client if number == 0 else Client(), f"number-{number}")
    cognito.script(FAILURES["no scope"], Answer(500), refusal("invalid_client"), Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito)[0] == "GlobalSignOut"
    assert sorted(steps(cognito)[1:]) == ["revoke number-0", "revoke number-1", "revoke number-2"]
    assert "was not revoked: cognito_unavailable (1), invalid_client (1)" in caplog.text


def test_successful_global_sign_out_makes_no_revocations(client: Client, cognito: ScriptedServer) -> None:
    create_login(Client()), create_login(client)
    cognito.script(json_answer({}))
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == ["GlobalSignOut"]


def test_unreadable_login_does_not_prevent_the_others(client: Client, cognito: ScriptedServer) -> None:
    unreadable_login, phone_browser = create_login(client), Client()
    sign_in_with(phone_browser, "of-the-phone")
    CognitoLogin.objects.filter(pk=unreadable_login.pk).update(tokens=b"no tokens")
    cognito.script(FAILURES["no scope"], Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == ["GlobalSignOut", "revoke of-the-phone"]
    assert [username_at(browser) for browser in (client, phone_browser)] == ["nobody"] * 2


class FailingQueries:
    """Raise DatabaseError for each query that contains one of `texts`."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.refused: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if any(text in sql.replace("`", '"') for text in self.texts):  # MariaDB's quotes
            self.refused.append(sql)
            raise DatabaseError("the disk is full")
        return execute(sql, *args)


@pytest.mark.parametrize("where", ["", "everywhere"])
def test_login_whose_end_is_not_stored_is_revoked_and_signed_out(
    client: Client, cognito: ScriptedServer, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    create_login(client)
    cognito.script(FAILURES["no scope"] if where else Answer(), Answer())
    failing_queries = FailingQueries(
        'DELETE FROM "django_cognito_cognitologin"', 'UPDATE "django_cognito_cognitologin"'
    )
    with connection.execute_wrapper(failing_queries):
        response = client.post(LOGOUT, {"where": where})
    assert failing_queries.refused
    assert response["Location"].startswith(f"{cognito.url}/logout?")
    assert steps(cognito)[-1] == "revoke a-refresh-token"
    assert username_at(client) == "nobody"
    assert "DatabaseError" in caplog.text


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["UPDATE", "DELETE FROM"])
def test_row_is_deleted_after_a_conflict(
    client: Client, cognito: ScriptedServer, statement: str, caplog: pytest.LogCaptureFixture
) -> None:
    create_login(client)
    failing_queries = FailsAtFirst(f'{statement} "django_cognito_cognitologin"', conflict(), conflict())
    with connection.execute_wrapper(failing_queries):
        client.post(LOGOUT)
    assert (failing_queries.errors, CognitoLogin.objects.count()) == ([], 0)
    assert steps(cognito) == ["revoke a-refresh-token"]
    assert "A step of a sign-out failed" not in caplog.text


def test_unreadable_links_do_not_prevent_the_end_of_the_own_login(client: Client, cognito: ScriptedServer) -> None:
    create_login(client)
    cognito.script(FAILURES["no scope"], Answer())
    failing_queries = FailingQueries('WHERE "django_cognito_cognitouser"."user_id"')
    with connection.execute_wrapper(failing_queries):
        client.post(LOGOUT, {"where": "everywhere"})
    assert failing_queries.refused
    assert steps(cognito) == ["GlobalSignOut", "revoke a-refresh-token"]
    assert (CognitoLogin.objects.count(), username_at(client)) == (0, "nobody")


def test_unchangeable_rows_leave_a_local_sign_out(client: Client, cognito: ScriptedServer) -> None:
    create_login(Client())
    user = get_user_model().objects.get()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    with connection.execute_wrapper(FailingQueries('UPDATE "django_cognito_cognitologin"')):
        client.post(LOGOUT, {"where": "everywhere"})
    assert username_at(client) == "nobody"


def test_unreadable_login_leaves_a_local_sign_out(client: Client, cognito: ScriptedServer) -> None:
    create_login(client)
    with connection.execute_wrapper(FailingQueries('FROM "django_cognito_cognitologin"')):
        response = client.post(LOGOUT)
    assert response["Location"].startswith(f"{cognito.url}/logout?")
    assert dict(client.session.items()) == {}


def test_failing_receiver_leaves_no_session(client: Client, cognito: ScriptedServer) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a fault of the site's own")

    create_login(client)
    session, key = client.session, client.session.session_key
    user_logged_out.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            client.post(LOGOUT)
    finally:
        user_logged_out.disconnect(fail)
    assert not session.exists(key)
    assert (steps(cognito), CognitoLogin.objects.count()) == (["revoke a-refresh-token"], 0)


@pytest.mark.parametrize("error", [Http404, RuntimeError])
@pytest.mark.parametrize("is_local", [False, True])
def test_failing_pool_resolver_does_not_prevent_a_sign_out(
    client: Client, cognito: ScriptedServer, settings: Any, error: type[Exception], is_local: bool
) -> None:
    def resolve(request: Any) -> str:
        if request.path == LOGOUT:
            raise error
        return "default"

    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": resolve}
    if is_local:
        client.force_login(get_user_model().objects.create_user("root"))
    else:
        create_login(client)
    assert client.get(LOGOUT).status_code == 200
    location = client.post(LOGOUT)["Location"]
    assert location.startswith("http://testserver/" if is_local else f"{cognito.url}/logout?")
    assert (username_at(client), CognitoLogin.objects.count()) == ("nobody", 0)


class AtomicRequests:
    """Set ATOMIC_REQUESTS of the tests' database."""

    def __enter__(self) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = True

    def __exit__(self, *exc_info: object) -> None:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls("tests.admin.two_admins_site")
@pytest.mark.parametrize("url", [LOGOUT, "/admin/logout/"])
def test_failing_receiver_in_atomic_requests_leaves_no_session(
    client: Client, cognito: ScriptedServer, url: str
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a fault of the site's own")

    create_login(client)
    session, key = client.session, client.session.session_key
    user_logged_out.connect(fail)
    try:
        with AtomicRequests(), pytest.raises(RuntimeError):
            client.post(url)
    finally:
        user_logged_out.disconnect(fail)
    assert (session.exists(key), CognitoLogin.objects.count()) == (False, 0)


# The access token


def sign_in_with_expired_tokens(client: Client, refresh_token: str = "the-first-one", **claims: Any) -> CognitoLogin:
    """Sign in with tokens that have expired."""
    long_ago = int(time.time()) - 7_200
    login = sign_in_with(client, refresh_token, **claims)
    tokens = store.decrypt_tokens(login)
    access_token = make_token(username="alice", iat=long_ago, auth_time=long_ago, exp=long_ago + 3_600, **claims)
    stored_tokens.set_tokens(login, type(tokens)(access_token, tokens.id_token, refresh_token, 3_600))
    return change_login(login, ends_in=-3_600)


def test_expired_access_token_is_refreshed_before_global_sign_out(client: Client, cognito: ScriptedServer) -> None:
    sign_in_with_expired_tokens(client)
    answer = token_response(refresh_token="the-second-one")
    cognito.script(answer, json_answer({}))
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == ["refresh_token", "GlobalSignOut"]
    assert decode_jws(_access_token(cognito.requests[1]))[1]["exp"] > time.time()


def _access_token(request: Any) -> str:
    return str(json.loads(request.body)["AccessToken"])


@pytest.mark.parametrize(
    ("rotated_token", "revoked_token"), [("the-second-one", "the-second-one"), (None, "the-first-one")]
)
def test_rotated_refresh_token_is_the_one_revoked(
    client: Client, cognito: ScriptedServer, rotated_token: str | None, revoked_token: str
) -> None:
    sign_in_with_expired_tokens(client)
    cognito.script(token_response(refresh_token=rotated_token), FAILURES["throttled"], Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == ["refresh_token", "GlobalSignOut", f"revoke {revoked_token}"]


def test_failed_refresh_still_revokes(client: Client, cognito: ScriptedServer) -> None:
    sign_in_with_expired_tokens(client)
    cognito.script(Answer(500), Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == ["refresh_token", "revoke the-first-one"]


def test_sign_out_everywhere_without_a_refresh_token_sends_nothing(client: Client, cognito: ScriptedServer) -> None:
    login = sign_in_with_expired_tokens(client)
    tokens = store.decrypt_tokens(login)
    login.tokens = stored_tokens.encrypt_tokens(login.pk, type(tokens)(tokens.access_token, tokens.id_token, None, 0))
    login.save()
    client.post(LOGOUT, {"where": "everywhere"})
    assert steps(cognito) == []


def test_global_sign_out_prefers_a_token_with_the_scope(client: Client, cognito: ScriptedServer) -> None:
    sign_in_with(Client(), "of-the-phone", scope=ADMIN_SCOPE, iat=int(time.time()) - 60)
    sign_in_with(client, "of-this-one", scope="openid")
    cognito.script(json_answer({}))
    client.post(LOGOUT, {"where": "everywhere"})
    (request,) = cognito.requests
    assert decode_jws(_access_token(request))[1]["scope"] == ADMIN_SCOPE


def test_sign_out_of_one_session_does_not_refresh(client: Client, cognito: ScriptedServer) -> None:
    sign_in_with_expired_tokens(client)
    client.post(LOGOUT)
    assert steps(cognito) == ["revoke the-first-one"]


# Every account of the user


def test_everywhere_ends_the_logins_of_all_linked_accounts(client: Client, cognito: ScriptedServer) -> None:
    google_browser, phone_browser, bobs_browser = Client(), Client(), Client()
    user = create_login(client, "native").cognito_user.user
    sign_in_with(google_browser, "of-google", "google"), sign_in_with(phone_browser, "of-the-phone", "google")
    create_login(bobs_browser, "bob")
    link_to(user, google_browser, "google"), link_to(user, phone_browser, "google")
    assert [username_at(browser) for browser in (client, google_browser, phone_browser, bobs_browser)] == [
        "native",
        "native",
        "native",
        "bob",
    ]
    cognito.script(json_answer({}), FAILURES["no scope"], Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert [username_at(browser) for browser in (client, google_browser, phone_browser, bobs_browser)] == [
        "nobody",
        "nobody",
        "nobody",
        "bob",
    ]
    assert sorted(steps(cognito)) == ["GlobalSignOut", "GlobalSignOut", "revoke of-google", "revoke of-the-phone"]


def test_everywhere_ends_the_logins_in_every_pool(client: Client, two_pools: TwoPools) -> None:
    other = Client()
    two_pools.sign_in(client, "acme")
    two_pools.sign_in(other, "zen", "zoe", refresh_token="of-zen")
    link_to(CognitoUser.objects.get(username="alice").user, other, "zoe")
    assert username_at(other) == "alice"
    two_pools.zen.requests.clear()
    two_pools.zen.script(FAILURES["no scope"], Answer())
    client.post(LOGOUT, {"where": "everywhere"})
    assert [username_at(browser) for browser in (client, other)] == ["nobody"] * 2
    assert steps(two_pools.zen)[-1] == "revoke of-zen"


def test_local_password_signs_out_everywhere_and_stays_on_the_site(client: Client, cognito: ScriptedServer) -> None:
    phone_browser, laptop_browser = Client(), Client()
    user = create_login(phone_browser).cognito_user.user
    for browser in (client, laptop_browser):
        browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
    cognito.script(json_answer({}))
    assert client.post(LOGOUT, {"where": "everywhere"})["Location"] == "http://testserver/"
    # Only a change of the password ends a session with a local password (documented).
    assert [username_at(browser) for browser in (client, phone_browser, laptop_browser)] == [
        "nobody",
        "nobody",
        "alice",
    ]
    assert steps(cognito) == ["GlobalSignOut"]


def test_local_user_without_accounts_is_signed_out_of_the_site_only(client: Client, cognito: ScriptedServer) -> None:
    user = get_user_model().objects.create(username="local")
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    create_login(Client(), "bob")
    client.post(LOGOUT, {"where": "everywhere"})
    assert (username_at(client), cognito.count, CognitoLogin.objects.count()) == ("nobody", 0, 1)


# The deadline


def test_deadline_holds_for_all_revocations_together(
    client: Client, cognito: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    for module in (sign_out, http_client):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    login = sign_in_with(client, "number-0")
    for number in range(1, 50):
        copy = CognitoLogin(cognito_user=login.cognito_user, expires_at=timezone.now())
        tokens = store.decrypt_tokens(login)
        copy.tokens = stored_tokens.encrypt_tokens(
            copy.id, type(tokens)(tokens.access_token, tokens.id_token, f"n-{number}", 0)
        )
        copy.save(force_insert=True)
    cognito.script(Answer(500, before=lambda: clock.forward(HTTP_TIMEOUT_SECONDS)))
    response = client.post(LOGOUT, {"where": "everywhere"})
    assert response.status_code == 302
    assert cognito.count == 2  # the deadline is twice HTTP_TIMEOUT_SECONDS
    assert (username_at(client), CognitoLogin.objects.active().count()) == ("nobody", 0)
    assert CognitoLogin.objects.count() == 50  # for the next attempt


# A refresh at the same time


@pytest.mark.django_db(transaction=True)
def test_refresh_before_the_sign_out_leaves_no_refresh_token(
    client: Client, cognito: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    login_before = create_login(client, ends_in=30)
    find_login = sign_out.find_login

    def refresh_after_read(browser: Any) -> Any:
        login = find_login(browser)
        cognito.script(token_response(refresh_token="the-second-one"))
        refresh.ensure_fresh(store.get_login(login_before.pk))
        cognito.script(Answer())
        return login

    monkeypatch.setattr(sign_out, "find_login", refresh_after_read)
    sign_out.end_login(client.session)
    assert steps(cognito) == ["refresh_token", "revoke the-second-one"]


# The signal


def test_signed_out_is_sent_with_its_arguments(
    client: Client, cognito: ScriptedServer, signals: list[dict[str, Any]]
) -> None:
    login = create_login(client)
    client.post(LOGOUT)
    (arguments,) = signals
    user = get_user_model().objects.get()
    assert (arguments["user"], arguments["everywhere"], arguments["reason"]) == (user, False, "sign_out")
    assert arguments["cognito_users"] == (login.cognito_user,)
    assert arguments["sender"] is None


def test_signed_out_everywhere_has_all_accounts(
    client: Client, cognito: ScriptedServer, signals: list[dict[str, Any]]
) -> None:
    user = create_login(client, "native").cognito_user.user
    sign_in(Client(), "google")
    CognitoUser.objects.filter(username="google").update(user=user)
    cognito.script(json_answer({}))
    client.post(LOGOUT, {"where": "everywhere"})
    (arguments,) = signals
    assert arguments["everywhere"] is True
    assert {link.username for link in arguments["cognito_users"]} == {"native", "google"}


def test_signed_out_is_sent_for_a_login_revoked_by_cognito(
    client: Client, cognito: ScriptedServer, signals: list[dict[str, Any]]
) -> None:
    create_login(client, ends_in=-1)
    cognito.script(refusal())
    assert username_at(client) == "nobody"
    (arguments,) = signals
    assert (arguments["reason"], arguments["user"].get_username()) == ("login_ended", "alice")


def test_signed_out_is_not_sent_for_an_anonymous_user(client: Client, signals: list[dict[str, Any]]) -> None:
    client.post(LOGOUT)
    assert signals == []


def test_failing_signed_out_receiver_does_not_prevent_sign_out(client: Client, cognito: ScriptedServer) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("a fault of the site's own")

    signed_out.connect(fail)
    try:
        create_login(client)
        client.post(LOGOUT)
    finally:
        signed_out.disconnect(fail)
    assert steps(cognito) == ["revoke a-refresh-token"]


def test_suitability_for_global_sign_out_needs_no_scope_claim() -> None:
    claims = {"sub": "s", "exp": 1_000, "scope": "openid"}
    login = RevocableLogin(uuid4(), None, AccessToken("eu-west-1_A", claims), "a", "r")  # type: ignore[arg-type]
    assert login.suitability == (False, datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC).timestamp())
    assert (login.account, '"r"' in repr(login)) == (("eu-west-1_A", "s"), False)


def test_everywhere_ends_no_login_of_a_new_owner_of_the_link(client: Client, cognito: ScriptedServer) -> None:
    sign_in_with(client, "r-alice")
    owner = sign_in_with(Client(), "r-owner", "owner").cognito_user.user
    CognitoUser.objects.filter(username="alice").update(user=owner)
    client.post("/auth/logout/", {"where": "everywhere"})
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == ["owner"]
