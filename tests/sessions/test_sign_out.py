"""Sign-out by the site's own code, and the revocations that Cognito has not confirmed yet."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.db import connections
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito import sessions
from django_cognito.core.errors import CognitoUnavailableError, SignInError, TokenError
from django_cognito.core.tracebacks import clear_frame_locals
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import refresh, store
from django_cognito.sessions import sign_in as sign_in_module
from django_cognito.sessions.ending import ended_logins, sign_out
from django_cognito.sessions.ending.sign_out import retry_due_revocation, retry_revocations
from django_cognito.signals import signed_out
from django_cognito.testing import sign_in
from django_cognito.users import revocation
from django_cognito.users.authentication import authenticate
from tests.support.frames import carried_values
from tests.support.scenarios.login import (
    change_login,
    create_login,
    read_form,
    refusal,
    start_sign_in,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

ADMIN_SCOPE = "openid aws.cognito.signin.user.admin"
GLOBAL_SIGN_OUT_REFUSED = json_answer({"__type": "NotAuthorizedException", "message": "no"}, 400)


@pytest.fixture(params=["sync", "async"])
def end_everywhere(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    is_sync = request.param == "sync"
    return sessions.sign_out_everywhere if is_sync else async_to_sync(sessions.asign_out_everywhere)


@pytest.fixture(params=["sync", "async"])
def end_one(request: pytest.FixtureRequest) -> Callable[[CognitoLogin], None]:
    return sessions.revoke_login if request.param == "sync" else async_to_sync(sessions.arevoke_login)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test have retried a revocation in this minute."""
    monkeypatch.setattr(sign_out, "_next_retry_at", 0.0)


@pytest.fixture
def signals() -> Any:
    """Yield the arguments of each `signed_out` signal."""
    received: list[dict[str, Any]] = []

    def receive(**arguments: Any) -> None:
        received.append(arguments)

    signed_out.connect(receive)
    yield received
    signed_out.disconnect(receive)


def steps(server: ScriptedServer) -> list[str]:
    """Return the requests to Cognito."""
    return [
        "GlobalSignOut" if "x-amz-target" in request.headers else f"revoke {read_form(request).get('token')}"
        for request in server.requests
    ]


def raw_token(login: CognitoLogin) -> str:
    return store.decrypt_tokens(login).access_token


def code_of(raw: str) -> str:
    """Return the error code of a bearer token; empty if it is accepted."""
    try:
        authenticate(raw)
    except TokenError as error:
        return error.code
    return ""


def leave_unconfirmed(client: Client, server: ScriptedServer, **columns: Any) -> CognitoLogin:
    """Sign alice in and out while Cognito is down; return the login. `columns` are written to its row."""
    login = create_login(client)
    server.script(Answer(500))
    sessions.revoke_login(login)
    CognitoLogin.objects.filter(pk=login.pk).update(**columns)
    server.requests.clear()
    server.script(Answer())
    return CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk)


# One login, and all


def test_revoked_login_ends_its_session_and_its_tokens(
    client: Client, cognito_server: ScriptedServer, end_one: Any
) -> None:
    other_browser = Client()
    login, other = create_login(client), create_login(other_browser)
    cognito_server.script(Answer())
    end_one(login)
    assert steps(cognito_server) == ["revoke a-refresh-token"]
    assert (code_of(raw_token(login)), code_of(raw_token(other))) == ("token_revoked", "")
    assert (username_at(client), username_at(other_browser)) == ("nobody", "alice")
    assert list(CognitoLogin.objects.values_list("pk", flat=True)) == [other.pk]


def test_revoked_login_sends_the_signal_once(client: Client, cognito_server: ScriptedServer, signals: Any) -> None:
    login = create_login(client)
    cognito_server.script(Answer())
    sessions.revoke_login(login)
    sessions.revoke_login(login)
    assert [(signal["reason"], signal["everywhere"]) for signal in signals] == [("revoked", False)]
    assert len(cognito_server.requests) == 1


def test_sign_out_everywhere_ends_all_logins_and_tokens(
    client: Client, cognito_server: ScriptedServer, end_everywhere: Any, signals: Any
) -> None:
    browsers = [client, Client()]
    logins = [create_login(browser) for browser in browsers]
    bob = create_login(Client(), "bob")
    cognito_server.script(json_answer({}))
    end_everywhere(logins[0].cognito_user.user)
    assert steps(cognito_server) == ["GlobalSignOut"]
    assert [code_of(raw_token(login)) for login in (*logins, bob)] == ["token_revoked", "token_revoked", ""]
    assert [username_at(browser) for browser in browsers] == ["nobody", "nobody"]
    assert list(CognitoLogin.objects.values_list("pk", flat=True)) == [bob.pk]
    assert [signal["everywhere"] for signal in signals] == [True]


def test_sign_out_everywhere_rejects_tokens_without_a_login(
    cognito_server: ScriptedServer, end_everywhere: Any
) -> None:
    from tests.support.scenarios.users import token

    raw = token(at=-60, auth_time=int(time.time()) - 60)
    user, _ = authenticate(raw)
    end_everywhere(user)
    assert code_of(raw) == "token_revoked"
    assert code_of(token(at=-60, auth_time=int(time.time()) + 2)) == ""
    assert cognito_server.count == 0


def test_login_of_the_test_kit_sends_no_request(
    client: Client, cognito_server: ScriptedServer, end_everywhere: Any
) -> None:
    user = sign_in(client, "alice")  # its access token has the scope of GlobalSignOut, and there is no refresh token
    end_everywhere(user)
    assert steps(cognito_server) == []
    assert not CognitoLogin.objects.exists()


def test_sign_out_everywhere_of_a_local_user_does_nothing(
    end_everywhere: Any, signals: Any, cognito_server: ScriptedServer
) -> None:
    end_everywhere(get_user_model().objects.create_user("local"))
    assert (signals, cognito_server.count) == ([], 0)


def test_not_before_is_after_sign_ins_by_a_fast_clock(
    client: Client, cognito_server: ScriptedServer, end_everywhere: Any
) -> None:
    sign_in(client, auth_time=int(time.time()) + 8)  # Cognito's clock is ahead, within LEEWAY_SECONDS
    login = store.load_login(client.session)
    end_everywhere(login.cognito_user.user)
    assert code_of(raw_token(login)) == "token_revoked"
    caches["default"].clear()
    revocation.get_revocation_list().clear_entries()
    assert code_of(raw_token(login)) == "token_revoked"


def test_not_before_never_becomes_earlier(client: Client, cognito_server: ScriptedServer, end_everywhere: Any) -> None:
    login = create_login(client)
    later = timezone.now() + timedelta(hours=1)
    CognitoUser.objects.update(not_before=later)
    end_everywhere(login.cognito_user.user)
    assert CognitoUser.objects.get().not_before == later


def test_new_sign_in_after_a_sign_out_everywhere_is_accepted(client: Client, cognito_server: ScriptedServer) -> None:
    login = create_login(client)
    cognito_server.script(json_answer({}))
    sessions.sign_out_everywhere(login.cognito_user.user)
    assert username_at(client) == "nobody"
    create_login(client)
    assert username_at(client) == "alice"


def test_login_stored_after_the_sign_out_everywhere_is_refused(client: Client, cognito_keys: None) -> None:
    login = create_login(client)
    CognitoUser.objects.update(not_before=timezone.now() + timedelta(hours=1))
    token = store.get_access_token(login)
    with pytest.raises(TokenError) as caught:
        sign_in_module._insert_login(token, store.decrypt_tokens(login), HttpRequest())
    assert caught.value.code == "token_revoked"


# Sessions


@pytest.mark.parametrize("ago", [0, 3_600])
def test_session_of_a_revoked_sign_in_ends(
    client: Client, cognito_server: ScriptedServer, signals: Any, ago: int
) -> None:
    login = create_login(client)
    revocation.revoke_sign_ins([login], timezone.now() - timedelta(seconds=ago))
    assert username_at(client) == "nobody"
    assert [signal["reason"] for signal in signals] == ["revoked"]
    assert CognitoLogin.objects.get().ended_at is not None
    assert cognito_server.count == 0  # no page waits for Cognito


def test_session_without_origin_jti_is_revoked_by_its_id(client: Client, cognito_server: ScriptedServer) -> None:
    sign_in(client, origin_jti=None)
    other_browser = Client()
    sign_in(other_browser, origin_jti=None)
    login = store.load_login(client.session)
    assert login.origin_jti == ""
    revocation.revoke_sign_ins([login], timezone.now())
    assert (username_at(client), username_at(other_browser)) == ("nobody", "alice")


def test_session_of_an_earlier_sign_in_than_not_before_ends(client: Client, cognito_server: ScriptedServer) -> None:
    create_login(client)
    CognitoUser.objects.update(not_before=timezone.now() + timedelta(seconds=1))
    assert username_at(client) == "nobody"


def test_session_of_a_later_sign_in_than_not_before_stays(client: Client, cognito_server: ScriptedServer) -> None:
    create_login(client)
    CognitoUser.objects.update(not_before=timezone.now() - timedelta(minutes=1))
    assert username_at(client) == "alice"


def test_revoked_session_ends_in_an_outage_of_cognito(client: Client, cognito_keys: None, cognito_down: None) -> None:
    login = create_login(client, ends_in=-10)
    revocation.revoke_sign_ins([login], timezone.now())
    assert username_at(client) == "nobody"


def test_session_is_unavailable_without_the_cache_if_set_so(client: Client, settings: Any, cognito_keys: None) -> None:
    create_login(client)
    settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    assert username_at(client) == "alice"
    settings.COGNITO = {**settings.COGNITO, "WITHOUT_CACHE": "reject"}
    response = client.get("/who/")
    assert (response.status_code, response.json()["code"]) == (503, "revocation_unavailable")


@pytest.mark.parametrize("is_atomic", [True, False])
def test_sign_out_without_the_cache_ends_the_session(
    client: Client, settings: Any, cognito_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, is_atomic: bool
) -> None:
    create_login(client)
    settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    settings.COGNITO = {**settings.COGNITO, "WITHOUT_CACHE": "reject"}
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", is_atomic)
    assert client.post("/auth/logout/").status_code == 302
    assert not CognitoLogin.objects.active().exists()
    assert auth.SESSION_KEY not in client.session


# What Cognito has not confirmed


def test_failed_revocation_keeps_the_sealed_row(client: Client, cognito_server: ScriptedServer) -> None:
    login = leave_unconfirmed(client, cognito_server)
    assert login.ended_at is not None
    assert store.decrypt_tokens(login).refresh_token == "a-refresh-token"
    assert (username_at(client), code_of(raw_token(login))) == ("nobody", "token_revoked")


@pytest.mark.parametrize("answer", [Answer(500), refusal("invalid_client"), refusal("unauthorized_client")])
def test_row_of_a_refused_revocation_stays(client: Client, cognito_server: ScriptedServer, answer: Answer) -> None:
    login = leave_unconfirmed(client, cognito_server)
    cognito_server.script(answer)
    assert retry_revocations() == (0, 1, 0)
    cognito_server.script(Answer())
    assert retry_revocations() == (1, 0, 0)
    assert not CognitoLogin.objects.filter(pk=login.pk).exists()


def test_row_stays_until_the_cache_has_stored_the_sign_in(
    client: Client, cognito_server: ScriptedServer, settings: Any
) -> None:
    login = create_login(client)
    before = settings.CACHES
    settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    cognito_server.script(Answer())
    sessions.revoke_login(login)
    assert CognitoLogin.objects.get().ended_at is not None
    settings.CACHES = before
    assert retry_revocations() == (1, 0, 0)


def test_retry_revokes_those_first_that_waited_longest(client: Client, cognito_server: ScriptedServer) -> None:
    now = timezone.now()
    waits = [
        leave_unconfirmed(Client(), cognito_server, retry_at=now - timedelta(minutes=number)) for number in range(3)
    ]
    assert retry_revocations(limit=2) == (2, 1, 0)
    assert CognitoLogin.objects.get() == waits[0]


def test_retry_revokes_logins_without_an_attempt_first(client: Client, cognito_server: ScriptedServer) -> None:
    leave_unconfirmed(Client(), cognito_server, retry_at=timezone.now() + timedelta(minutes=9))
    expired_login = leave_unconfirmed(Client(), cognito_server, retry_at=None)  # ended by the clean-up
    assert retry_revocations(limit=1) == (1, 1, 0)
    assert not CognitoLogin.objects.filter(pk=expired_login.pk).exists()


def test_retry_begins_no_attempt_after_its_time(
    client: Client, cognito_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unconfirmed(client, cognito_server)
    monkeypatch.setattr(sign_out, "_COMMAND_SECONDS", -1.0)
    assert (retry_revocations(), cognito_server.count) == ((0, 1, 0), 0)


def test_undecryptable_login_stays_and_does_not_stop_the_retry(client: Client, cognito_server: ScriptedServer) -> None:
    unreadable = leave_unconfirmed(Client(), cognito_server, tokens=b"no tokens")
    leave_unconfirmed(client, cognito_server)
    assert retry_revocations() == (1, 1, 0)
    assert CognitoLogin.objects.get() == unreadable


def test_sign_out_everywhere_of_an_undecryptable_login_ends_it(client: Client, cognito_server: ScriptedServer) -> None:
    login = create_login(client)
    CognitoLogin.objects.update(tokens=b"no tokens")
    sessions.sign_out_everywhere(login.cognito_user.user)
    assert CognitoLogin.objects.get().ended_at is not None
    assert username_at(client) == "nobody"


def test_retry_never_ends_a_later_sign_in(client: Client, cognito_server: ScriptedServer) -> None:
    sign_in(client, refresh_token="of-the-first", scope=ADMIN_SCOPE)
    user = store.load_login(client.session).cognito_user.user
    cognito_server.script(GLOBAL_SIGN_OUT_REFUSED, Answer(500))
    sessions.sign_out_everywhere(user)
    not_before = CognitoUser.objects.get().not_before
    sign_in(client, refresh_token="of-the-second", scope=ADMIN_SCOPE)
    later = store.load_login(client.session)
    cognito_server.requests.clear()
    cognito_server.script(Answer())
    assert retry_revocations() == (1, 0, 0)
    assert steps(cognito_server) == ["revoke of-the-first"]
    assert CognitoUser.objects.get().not_before == not_before
    assert (username_at(client), code_of(raw_token(later))) == ("alice", "")


def test_retry_with_a_replaced_refresh_token_revokes_that_one(client: Client, cognito_server: ScriptedServer) -> None:
    sign_in(client, refresh_token="the-first", scope=ADMIN_SCOPE, exp=int(time.time()) + 1)
    login = store.load_login(client.session)
    time.sleep(1.1)  # GlobalSignOut needs a valid access token: it is refreshed
    cognito_server.script(token_response(refresh_token="the-second"), GLOBAL_SIGN_OUT_REFUSED, Answer(500), Answer())
    sessions.sign_out_everywhere(login.cognito_user.user)
    cognito_server.requests.clear()
    assert retry_revocations() == (1, 0, 0)
    assert steps(cognito_server) == ["revoke the-second"]


def test_error_after_the_requests_shows_no_refresh_token(
    client: Client, cognito_server: ScriptedServer, end_everywhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise RuntimeError("of a receiver of the site")

    login = create_login(client)
    answered = ended_logins.Revocation({login.pk: "the-second"})  # it was replaced
    monkeypatch.setattr(sign_out, "_revoke_at_cognito", lambda *_, **__: answered)
    monkeypatch.setattr(sign_out, "store_results", clear_frame_locals(fail))
    with pytest.raises(RuntimeError) as caught:
        end_everywhere(login.cognito_user.user)
    assert "the-second" not in carried_values(caught.value)


def test_login_without_a_refresh_token_is_deleted(client: Client, cognito_server: ScriptedServer) -> None:
    sign_in(client)
    sessions.revoke_login(store.load_login(client.session))
    assert not CognitoLogin.objects.exists()


def test_refresh_token_of_another_client_stays(client: Client, cognito_server: ScriptedServer, settings: Any) -> None:
    login = create_login(client)
    clients = {"CLIENT_ID": "2another", "CLIENT_IDS": ["2another", settings.COGNITO["CLIENT_ID"]]}
    settings.COGNITO = {**settings.COGNITO, **clients}
    sessions.revoke_login(login)
    assert (CognitoLogin.objects.get().ended_at is None, cognito_server.count) == (False, 0)


def test_expired_refresh_token_is_not_revoked_any_more(client: Client, cognito_server: ScriptedServer) -> None:
    leave_unconfirmed(client, cognito_server, created_at=timezone.now() - timedelta(days=3_651))
    assert retry_revocations() == (0, 0, 0)
    assert cognito_server.count == 0


def test_ended_login_is_never_refreshed(client: Client, cognito_server: ScriptedServer) -> None:
    login = leave_unconfirmed(client, cognito_server)
    change_login(login, ends_in=-10)
    with pytest.raises((SignInError, CognitoUnavailableError)):
        refresh.ensure_fresh(login)
    assert cognito_server.count == 0


# Retries by later requests


def test_later_sign_out_retries_one_revocation_in_a_minute(client: Client, cognito_server: ScriptedServer) -> None:
    due = {"retry_at": timezone.now() - timedelta(seconds=1)}
    for _ in range(3):
        leave_unconfirmed(Client(), cognito_server, **due)
    create_login(client)
    client.post("/auth/logout/")
    assert CognitoLogin.objects.count() == 2
    assert cognito_server.count == 2
    create_login(client)
    client.post("/auth/logout/")
    assert CognitoLogin.objects.count() == 2


def test_later_sign_in_retries_one_revocation(client: Client, cognito_server: ScriptedServer) -> None:
    leave_unconfirmed(Client(), cognito_server, retry_at=timezone.now() - timedelta(seconds=1))
    params = start_sign_in(client)
    cognito_server.script(token_response(nonce=params["nonce"]), Answer())
    assert client.get("/auth/callback/", {"code": "a-code", "state": params["state"]}).status_code == 302
    assert not CognitoLogin.objects.exclude(ended_at=None).exists()


def test_request_does_not_retry_before_the_pause_has_passed(
    client: Client, cognito_server: ScriptedServer, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unconfirmed(client, cognito_server)
    with django_assert_num_queries(1):
        retry_due_revocation()
    with django_assert_num_queries(0):
        retry_due_revocation()
    assert cognito_server.count == 0


def test_pauses_between_attempts_double_up_to_a_day(client: Client, cognito_server: ScriptedServer) -> None:
    pauses = []
    for age in (timedelta(seconds=1), timedelta(hours=2), timedelta(days=30)):
        now = timezone.now()
        login = CognitoLogin(ended_at=now - age)
        pauses.append(round((ended_logins.get_next_attempt(login) - now).total_seconds(), -1))
    assert pauses == [60, 7_200, 86_400]


def test_two_processes_do_not_retry_one_revocation(client: Client, cognito_server: ScriptedServer) -> None:
    login = leave_unconfirmed(client, cognito_server)
    cognito_server.script(Answer(500))  # so that the row stays
    same = CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk)
    assert [sign_out._retry(login), sign_out._retry(same)] == [None, None]
    assert cognito_server.count == 1
