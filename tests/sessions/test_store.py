"""A login's tokens: stored encrypted, refreshed by one worker at a time, deleted at a refusal or a sign-out.

`ensure_fresh` is `refresh.ensure_fresh` or `refresh.aensure_fresh`.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_out
from django.db import connection, connections
from django.db.models import F
from django.http import HttpRequest
from django.test import AsyncClient, Client
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.core.hosted_ui import TokenSet
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import refresh, store, stored_tokens
from django_cognito.sessions import sign_in as sessions_sign_in
from django_cognito.sessions.ending import sign_out
from django_cognito.sessions.refresh import drivers
from django_cognito.sessions.refresh import lease as refresh_lease
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate, verify
from tests.support.scenarios.login import (
    Gate,
    change_login,
    create_login,
    read_form,
    refusal,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

EnsureFresh = Callable[[CognitoLogin], CognitoLogin]
MARGIN_SECONDS = 60  # the default of REFRESH_MARGIN_SECONDS


@pytest.fixture
def threads() -> Iterator[Callable[..., "Future[Any]"]]:
    """Yield a function that calls another one in a thread with its own database connection."""

    def call(function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        yield lambda function, *args: pool.submit(call, function, *args)


@pytest.fixture
def patient(cognito: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all requests wait for a refresh, also if the computer takes seconds for it."""
    cognito(MAX_REFRESHES=100)
    monkeypatch.setattr(refresh_lease, "WAIT_SECONDS", 20)


@contextmanager
def raises_sign_in_error(code: str) -> Iterator[None]:
    with pytest.raises(SignInError) as caught:
        yield
    assert caught.value.code == code


def reload_login(login: CognitoLogin) -> CognitoLogin:
    """Return the login as stored in the database."""
    return CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk)


def is_deleted(login: CognitoLogin) -> bool:
    return not CognitoLogin.objects.filter(id=login.id).exists()


# Stored tokens


def test_stored_tokens_are_read_back(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client)
    assert store.get_access_token(login).username == "alice"
    assert store.decrypt_tokens(login).access_token.count(".") == 2
    assert token_endpoint.count == 0


def test_row_and_session_have_no_readable_token(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client)
    change_login(login, ends_in=10)
    token_endpoint.script(token_response(refresh_token="the-refresh-token"))
    login = refresh.ensure_fresh(login)
    tokens = store.decrypt_tokens(login)
    for raw in (tokens.access_token, tokens.id_token, "the-refresh-token"):
        assert raw.encode() not in bytes(login.tokens)
        assert raw not in json.dumps(dict(client.session.items()))
    assert client.session[store.SESSION_KEY] == str(login.id)


def test_token_of_the_allowed_length_is_read_back(client: Client, settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_MAX_BYTES": 65_536}
    user = start_login(client, make_token(**{"custom:long": "x" * 20_000}), make_token(token_use="id"))
    login = CognitoLogin.objects.get(cognito_user__user=user)
    assert store.get_access_token(login).username == "alice"


def test_tokens_of_another_row_cannot_be_decrypted(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = create_login(client, "alice"), create_login(Client(), "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    with raises_sign_in_error("login_unreadable"):
        store.decrypt_tokens(reload_login(bob))


def test_changed_tokens_cannot_be_decrypted(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client)
    login.tokens = bytes(login.tokens)[:-1] + b"\0\0"
    with raises_sign_in_error("login_unreadable"):
        store.get_access_token(login)


def test_tokens_are_decrypted_with_a_fallback_secret_key(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = create_login(client)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    assert store.get_access_token(login).username == "alice"


def test_new_secret_key_without_a_fallback_ends_the_login(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = create_login(client)
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    with raises_sign_in_error("login_unreadable"):
        store.decrypt_tokens(login)


def test_refresh_encrypts_with_the_new_secret_key(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = create_login(client, ends_in=10)
    old_key = settings.SECRET_KEY
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    settings.SECRET_KEY_FALLBACKS = [old_key]
    token_endpoint.script(token_response())
    refreshed_login = refresh.ensure_fresh(login)
    settings.SECRET_KEY_FALLBACKS = []
    assert store.get_access_token(refreshed_login).username == "alice"


def test_session_with_undecryptable_tokens_is_signed_out(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = create_login(Client(), "alice"), create_login(client, "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    assert username_at(client) == "nobody"
    assert not client.session.items()


# Loading


def test_login_is_loaded_with_its_link_in_one_query(
    client: Client, token_endpoint: ScriptedServer, django_assert_num_queries: Any
) -> None:
    sign_in(client, "alice")
    session = client.session
    assert session.get(store.SESSION_KEY)
    with django_assert_num_queries(1):
        assert store.load_login(session).cognito_user.username == "alice"


def test_login_of_another_user_is_not_loaded(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client, "alice")
    bob = sign_in(Client(), "bob")
    session = client.session
    session[auth.SESSION_KEY] = str(bob.pk)
    with raises_sign_in_error("login_ended"):
        store.load_login(session)


@pytest.mark.parametrize("login_id", [None, "not a uuid", "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"])
def test_session_without_a_valid_login_id_has_no_login(
    client: Client, token_endpoint: ScriptedServer, login_id: Any
) -> None:
    sign_in(client, "alice")
    session = client.session
    session[store.SESSION_KEY] = login_id
    with raises_sign_in_error("login_ended"):
        store.load_login(session)


# Start of a login


def start_login(client: Client, access_token: str, id_token: str) -> Any:
    """Sign in at `client` with the given tokens, as the callback does."""
    user, token = authenticate(access_token, token_use="access", id_token=id_token)
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    sessions_sign_in.start_login(request, user, token, TokenSet(access_token, id_token, None, 3_600))  # type: ignore[arg-type]
    return user


@pytest.mark.defends("RP-06")
@pytest.mark.parametrize("second_username", ["alice", "bob"])
def test_each_sign_in_changes_the_session_key(
    client: Client, token_endpoint: ScriptedServer, second_username: str
) -> None:
    keys = [client.session.session_key]
    for username in ("alice", second_username):
        sign_in(client, username)
        keys.append(client.session.session_key)
    assert len(set(keys)) == 3
    assert not any(client.session.exists(key) for key in keys[:2] if key)


@pytest.mark.parametrize("second_username", ["alice", "bob"])
def test_sign_in_ends_the_earlier_login_of_the_browser(
    client: Client, token_endpoint: ScriptedServer, second_username: str
) -> None:
    sign_in(client, refresh_token="the-first-one")
    sign_in(client, second_username)
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == [second_username]
    assert [(request.path, read_form(request)["token"]) for request in token_endpoint.requests] == [
        ("/oauth2/revoke", "the-first-one")
    ]


@pytest.mark.defends("RP-06")
def test_sign_in_keeps_anonymous_session_data_only(client: Client, token_endpoint: ScriptedServer) -> None:
    session = client.session
    session["basket"] = "pears"
    session.save()
    sign_in(client, "alice")
    assert client.session["basket"] == "pears"
    sign_in(client, "bob")
    assert "basket" not in client.session


# Refresh


@pytest.mark.parametrize("ends_in", [MARGIN_SECONDS + 30, 3_600])
def test_tokens_before_the_margin_are_not_refreshed(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, ends_in: float
) -> None:
    login = create_login(client, ends_in=ends_in)
    assert ensure_fresh(login) is login
    assert token_endpoint.count == 0


@pytest.mark.parametrize("ends_in", [MARGIN_SECONDS - 1, 1, -1, -86_400])
def test_tokens_in_the_margin_or_expired_are_refreshed(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, ends_in: float
) -> None:
    login = create_login(client, ends_in=ends_in)
    before = store.decrypt_tokens(login)
    token_endpoint.script(token_response())
    refreshed_login = ensure_fresh(login)
    assert store.decrypt_tokens(refreshed_login).access_token != before.access_token
    assert refreshed_login.expires_at - timezone.now() > timedelta(minutes=59)
    assert (refreshed_login.version, refreshed_login.refreshing_until) == (1, None)
    assert read_form(token_endpoint.requests[0])["refresh_token"] == before.refresh_token


def test_refresh_margin_is_read_from_the_settings(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "REFRESH_MARGIN_SECONDS": 0}
    login = create_login(client, ends_in=50)
    assert refresh.ensure_fresh(login) is login
    assert token_endpoint.count == 0


def test_refresh_token_without_rotation_is_used_again(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    sign_in(client, refresh_token="the-first-one")
    token_endpoint.script(token_response(refresh_token=None))
    refreshed_login = ensure_fresh(change_login(reload_login(CognitoLogin.objects.get()), ends_in=-1))
    assert store.decrypt_tokens(refreshed_login).refresh_token == "the-first-one"


def test_rotated_refresh_token_is_stored_and_used_next(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(token_response(refresh_token="the-second-one"), token_response(refresh_token="the-third-one"))
    refreshed_login = ensure_fresh(change_login(ensure_fresh(login), ends_in=-1))
    assert store.decrypt_tokens(refreshed_login).refresh_token == "the-third-one"
    assert read_form(token_endpoint.requests[1])["refresh_token"] == "the-second-one"


def test_refresh_updates_the_groups(client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh) -> None:
    login = create_login(client, ends_in=-1)
    later = int(timezone.now().timestamp()) + 5
    tokens = {
        "access_token": make_token(groups=["editors"], iat=later),
        "id_token": make_token(token_use="id", groups=["editors"], iat=later),
    }
    token_endpoint.script(token_response(**tokens))
    assert ensure_fresh(login).cognito_user.groups == ["editors"]


def test_stale_session_saved_after_a_refresh_restores_no_old_tokens(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login = create_login(client, ends_in=-1)
    stale_session = client.session
    stale_session["page"] = 1
    token_endpoint.script(token_response(refresh_token="the-second-one"))
    assert username_at(client) == "alice"
    stale_session.save()
    assert username_at(client) == "alice"
    assert store.decrypt_tokens(reload_login(login)).refresh_token == "the-second-one"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_rollback_of_a_failing_view_leaves_the_new_tokens(
    token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch, client_class: Any
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    client = client_class(raise_request_exception=False)
    login = create_login(client, ends_in=-1)
    token_endpoint.script(token_response(refresh_token="the-second-one"))
    get = client.get if client_class is Client else async_to_sync(client.get)
    assert get("/broken/").status_code == 500
    assert store.decrypt_tokens(reload_login(login)).refresh_token == "the-second-one"


# Refusals


@pytest.mark.parametrize("ends_in", [30, -1])
def test_refused_refresh_ends_the_login(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, ends_in: float
) -> None:
    login = create_login(client, ends_in=ends_in)
    token_endpoint.script(refusal())
    with raises_sign_in_error("login_ended"):
        ensure_fresh(login)
    assert CognitoLogin.objects.count() == 0


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_refused_app_client_does_not_sign_out(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, error: str
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(refusal(error), token_response())
    with pytest.raises(CognitoUnavailableError) as caught:
        ensure_fresh(login)
    assert caught.value.code == "client_refused"
    assert ensure_fresh(change_login(reload_login(login), retry_in=-1)).version == 1


def test_session_of_a_refused_login_is_redirected_to_login_once(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client, ends_in=-1)
    token_endpoint.script(refusal())
    first = client.get("/mine/")
    assert (first.status_code, first["Location"]) == (302, "/auth/login/?next=/mine/")
    assert client.get(first["Location"])["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    assert token_endpoint.count == 1
    assert username_at(client) == "nobody"


def make_tokens(**changes: Any) -> dict[str, str]:
    """Return valid tokens with `changes` in their claims."""
    return {"access_token": make_token(**changes), "id_token": make_token(token_use="id", **changes)}


@pytest.mark.defends("RP-17")
@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param(lambda: make_tokens(username="mallory"), id="another user's"),
        pytest.param(lambda: {"id_token": make_token(token_use="id", username="mallory")}, id="another's ID token"),
        pytest.param(lambda: {"id_token": make_token(token_use="id", aud="another")}, id="another client's ID token"),
        pytest.param(lambda: make_tokens(client_id="another", aud="another"), id="another client's"),
        pytest.param(
            lambda: make_tokens(iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"), id="another pool's"
        ),
        pytest.param(lambda: {"access_token": make_token(token_use="id")}, id="an ID token as access token"),
        pytest.param(lambda: {"id_token": make_token()}, id="an access token as ID token"),
        pytest.param(
            lambda: {"access_token": make_token(username=None, sub="1testclient23456789")},
            id="a machine-to-machine client's",
        ),
        pytest.param(lambda: {"id_token": make_token(token_use="id", at_hash="another")}, id="a wrong at_hash"),
        pytest.param(lambda: make_tokens(exp=1_000_000_000), id="expired"),
        pytest.param(lambda: {"id_token": None}, id="no ID token"),
        pytest.param(lambda: {"token_type": "mac"}, id="an unknown type"),
    ],
)
def test_refresh_with_tokens_of_another_login_ends_the_login(
    client: Client, token_endpoint: ScriptedServer, tokens: Callable[[], dict[str, Any]]
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(token_response(**tokens()))
    with raises_sign_in_error("login_ended"):
        refresh.ensure_fresh(login)
    assert is_deleted(login)
    assert [user.get_username() for user in get_user_model().objects.all()] == ["alice"]


@pytest.mark.defends("RP-17")
def test_refresh_with_tokens_of_an_allowed_api_client_ends_the_login(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IDS": [settings.COGNITO["CLIENT_ID"], "another"]}
    login = create_login(client, ends_in=-1)
    token_endpoint.script(token_response(**make_tokens(client_id="another", aud="another")))
    with raises_sign_in_error("login_ended"):
        refresh.ensure_fresh(login)


@pytest.mark.defends("RP-15")
def test_login_of_an_inactive_user_is_not_refreshed(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    get_user_model().objects.update(is_active=False)
    token_endpoint.script(token_response())
    with raises_sign_in_error("login_ended"):
        ensure_fresh(login)


def test_login_without_a_refresh_token_ends_with_its_tokens(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    sign_in(client)
    login = change_login(reload_login(CognitoLogin.objects.get()), ends_in=30)
    assert ensure_fresh(login).pk == login.pk
    with raises_sign_in_error("login_ended"):
        ensure_fresh(change_login(reload_login(login), ends_in=-1))
    assert token_endpoint.count == 0


def test_account_unlinked_during_the_sign_in_changes_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    other_login = create_login(client, "alice")
    user = sign_in(Client(), "bob")
    CognitoUser.objects.filter(user=user).delete()
    request = HttpRequest()
    request.user, request.session = user, client.session
    raw, id_token = make_token(username="bob"), make_token(token_use="id", username="bob")
    token = verify(raw, token_use="access", id_token=id_token)[0]
    with raises_sign_in_error("link_interrupted"):
        sessions_sign_in.start_login(request, user, token, TokenSet(raw, id_token, None, 3_600))
    assert not is_deleted(other_login)


@pytest.mark.django_db(transaction=True)
def test_account_unlinked_while_its_login_is_stored_raises_no_error(
    token_endpoint: ScriptedServer, threads: Callable[..., "Future[Any]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, set_tokens, unlink_futures = sign_in(Client(), "bob"), stored_tokens.set_tokens, []
    raw, id_token = make_token(username="bob"), make_token(token_use="id", username="bob")
    token = verify(raw, token_use="access", id_token=id_token)[0]
    unlink_started = threading.Event()

    def unlink() -> None:
        unlink_started.set()
        CognitoUser.objects.filter(user=user).delete()

    def set_while_unlinking(*args: Any) -> None:
        unlink_futures.append(threads(unlink))
        unlink_started.wait(120)
        with suppress(TimeoutError):
            unlink_futures[0].result(0.2)  # unlink waits for the lock
        set_tokens(*args)

    monkeypatch.setattr(sessions_sign_in, "set_tokens", set_while_unlinking)
    request = HttpRequest()
    request.user, request.session = user, Client().session
    sessions_sign_in.start_login(request, user, token, TokenSet(raw, id_token, None, 3_600))
    unlink_futures[0].result(20)
    assert not CognitoLogin.objects.exists()


# Outages


def test_outage_in_the_margin_uses_the_old_tokens(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(Answer(500))
    assert store.get_access_token(ensure_fresh(login)).username == "alice"
    assert not is_deleted(login)


def test_outage_in_the_margin_is_one_refresh_request(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(Answer(500))
    for _ in range(3):
        ensure_fresh(reload_login(login))
    assert token_endpoint.count == 1


def test_refresh_is_retried_after_an_outage_in_the_margin(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(Answer(500), token_response())
    ensure_fresh(login)
    assert ensure_fresh(change_login(reload_login(login), retry_in=-1)).version == 1


@pytest.mark.defends("RP-24")
def test_outage_after_expiry_is_raised_and_ends_no_login(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(Answer(500), token_response())
    with pytest.raises(CognitoUnavailableError):
        ensure_fresh(reload_login(login))
    assert ensure_fresh(change_login(reload_login(login), retry_in=-1)).version == 1


def test_expired_session_in_an_outage_has_its_user_without_rights(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    create_login(client, ends_in=-1)
    token_endpoint.script(Answer(500))
    assert username_at(client) == "alice"
    assert client.get("/groups/").status_code == 403
    answer = client.get("/subject/")
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    change_login(CognitoLogin.objects.get(), retry_in=-1)
    token_endpoint.script(token_response())
    assert client.get("/subject/").content.decode() == get_subject()


def get_subject() -> str:
    return str(CognitoUser.objects.get().sub)


# Concurrent refreshes


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_in_the_margin_use_the_old_tokens(
    client: Client,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    threads: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drivers, "_POLL_SECONDS", 60)  # any wait is too long
    login, gate = create_login(client, ends_in=30), Gate()
    token_endpoint.script(replace(token_response(), before=gate))
    winner = threads(ensure_fresh, reload_login(login))
    others: list[CognitoLogin] = []

    def run_others() -> None:
        others.extend(future.result(20) for future in [threads(ensure_fresh, reload_login(login)) for _ in range(7)])

    gate.wait_for_request(run_others)
    assert [other.version for other in others] == [0] * 7
    assert winner.result(20).version == 1
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_eight_concurrent_processes_acquires_the_lease(
    client: Client, token_endpoint: ScriptedServer, threads: Callable[..., "Future[Any]"]
) -> None:
    # Without the limit of a process, which admits one refresh of a login.
    login = create_login(client, ends_in=-1)
    futures = [threads(refresh_lease.acquire_lease, login) for _ in range(8)]
    assert sum(future.result() is not None for future in futures) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends_in", [30, -1])
def test_eight_concurrent_refreshes_send_one_request(
    client: Client, token_endpoint: ScriptedServer, threads: Any, patient: None, ends_in: float
) -> None:
    login, start_line = create_login(client, ends_in=ends_in), threading.Barrier(8)
    token_endpoint.script(token_response())

    def run(stored_login: CognitoLogin) -> CognitoLogin:
        start_line.wait(120)
        return refresh.ensure_fresh(stored_login)

    runs = [threads(run, reload_login(login)) for _ in range(8)]
    assert {store.is_expired(run.result(20)) for run in runs} == {False}
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_after_expiry_wait_for_the_refresh(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, threads: Any, patient: None
) -> None:
    login, gate = create_login(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_response(), before=gate))
    runs = [threads(ensure_fresh, reload_login(login)) for _ in range(4)]
    gate.wait_for_request()
    assert [run.result(20).version for run in runs] == [1] * 4
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_waiting_requests_end_with_a_refused_refresh(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, threads: Any, patient: None
) -> None:
    login, gate = create_login(client, ends_in=-1), Gate()
    token_endpoint.script(replace(refusal(), before=gate))
    runs = [threads(ensure_fresh, reload_login(login)) for _ in range(3)]
    gate.wait_for_request()
    assert {run.exception(20).code for run in runs} == {"login_ended"}
    assert token_endpoint.count == 1


def test_async_refresh_does_not_block_the_database_thread(client: Client, token_endpoint: ScriptedServer) -> None:
    login, gate = create_login(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_response(), before=gate))

    async def both() -> tuple[int, CognitoLogin]:
        refresh_task = asyncio.create_task(refresh.aensure_fresh(login))
        try:
            await sync_to_async(gate.requested.wait, thread_sensitive=False)(20)
            logins = await asyncio.wait_for(sync_to_async(CognitoLogin.objects.count)(), 20)
        finally:
            gate.opened.set()
        return logins, await refresh_task

    logins, refreshed_login = async_to_sync(both)()
    assert (logins, refreshed_login.version) == (1, 1)


def test_wait_for_another_refresh_has_a_timeout(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_lease, "WAIT_SECONDS", 0.1)
    login = create_login(client, ends_in=-1, leased_for=60)
    with pytest.raises(CognitoUnavailableError) as caught:
        ensure_fresh(login)
    assert (caught.value.code, caught.value.retry_after > 0) == ("refresh_in_progress", True)
    assert token_endpoint.count == 0


@pytest.mark.parametrize("ends_in", [30, -1])
def test_refresh_of_a_killed_worker_is_repeated_after_its_lease(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, ends_in: float
) -> None:
    login = create_login(client, ends_in=ends_in, leased_for=-1)
    token_endpoint.script(token_response())
    assert ensure_fresh(login).version == 1


def as_another_worker(function: Callable[[], Any]) -> Callable[[], None]:
    """Wrap `function` for a server's thread, and close its database connection: `Answer(before=...)`."""

    def call() -> None:
        try:
            function()
        finally:
            connection.close()

    return call


@pytest.mark.django_db(transaction=True)
def test_lease_is_longer_than_the_timeouts_of_its_requests(client: Client, token_endpoint: ScriptedServer) -> None:
    login = create_login(client, ends_in=30)
    leases: list[Any] = []
    record_lease = as_another_worker(lambda: leases.append(reload_login(login).refreshing_until))
    token_endpoint.script(replace(token_response(), before=record_lease))
    refresh.ensure_fresh(login)
    assert leases[0] - timezone.now() > timedelta(seconds=6)  # two requests of HTTP_TIMEOUT_SECONDS: tokens, then JWKS


def refresh_in_another_worker(login: CognitoLogin) -> Callable[[], None]:
    """Return a function that stores a refresh by another worker, which started after this one's lease expired."""
    ends_at = timezone.now() + timedelta(hours=1)
    rows = CognitoLogin.objects.filter(pk=login.pk)
    return as_another_worker(lambda: rows.update(version=F("version") + 1, expires_at=ends_at))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [token_response, refusal, lambda: Answer(500)], ids=["tokens", "refusal", "outage"])
def test_late_worker_uses_the_tokens_of_the_other(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, answer: Callable[[], Answer]
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(replace(answer(), before=refresh_in_another_worker(login)))
    refreshed_login = ensure_fresh(login)
    assert (refreshed_login.version, store.is_expired(refreshed_login)) == (1, False)


@pytest.mark.django_db(transaction=True)
def test_sign_out_during_a_refresh_revokes_the_new_refresh_token(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    sign_out = as_another_worker(lambda: CognitoLogin.objects.filter(pk=login.pk).delete())
    token_endpoint.script(replace(token_response(refresh_token="the-second-one"), before=sign_out), Answer())
    with raises_sign_in_error("login_ended"):
        ensure_fresh(reload_login(login))
    assert CognitoLogin.objects.count() == 0
    # The sign-out could revoke the old refresh token only; this request alone has the new one.
    last = token_endpoint.requests[-1]
    assert (last.path, read_form(last)["token"]) == ("/oauth2/revoke", "the-second-one")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ending", ["one login", "everywhere"])
def test_new_refresh_token_of_a_revoked_login_is_revoked(
    client: Client, settings: Any, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, ending: str
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": token_endpoint.url}
    login = create_login(client, ends_in=30)
    user = login.cognito_user.user
    endings = {
        "one login": lambda: sign_out.revoke_login(login),
        "everywhere": lambda: sign_out.sign_out_everywhere(user),
    }
    answer = token_response(refresh_token="the-second-one", both={"origin_jti": login.origin_jti})
    token_endpoint.script(replace(answer, before=as_another_worker(endings[ending])), Answer(), Answer())
    # The new access token is rejected, before it is stored: its sign-in has been revoked in this process already.
    with raises_sign_in_error("login_ended"):
        ensure_fresh(reload_login(login))
    last = token_endpoint.requests[-1]
    assert (last.path, read_form(last)["token"]) == ("/oauth2/revoke", "the-second-one")
    assert CognitoLogin.objects.count() == 0


def test_refresh_stores_the_sign_in_of_a_former_releases_login(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    CognitoLogin.objects.update(origin_jti="")  # the column of migration 0007
    token_endpoint.script(token_response(both={"origin_jti": "a-sign-in"}))
    assert ensure_fresh(reload_login(login)).origin_jti == "a-sign-in"


def test_refresh_does_not_change_the_stored_sign_in(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(token_response(both={"origin_jti": "another-sign-in"}))
    assert ensure_fresh(reload_login(login)).origin_jti == login.origin_jti


# Sign-out


def test_ended_login_is_revoked_and_deleted(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, refresh_token="the-first-one")
    session = client.session
    sign_out.end_login(session)
    assert store.SESSION_KEY not in session
    assert CognitoLogin.objects.count() == 0
    (request,) = token_endpoint.requests
    assert (request.path, read_form(request)["token"]) == ("/oauth2/revoke", "the-first-one")


@pytest.mark.parametrize("answer", [Answer(500), refusal("invalid_client"), refusal("unauthorized_client")])
def test_login_that_cannot_be_revoked_stays_for_the_next_attempt(
    client: Client, token_endpoint: ScriptedServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client, refresh_token="the-first-one")
    token_endpoint.script(answer)
    with caplog.at_level(logging.DEBUG):
        sign_out.end_login(client.session)
    assert (CognitoLogin.objects.active().count(), CognitoLogin.objects.count()) == (0, 1)
    assert "was not revoked" in caplog.text
    assert "the-first-one" not in caplog.text


def test_end_login_without_a_refresh_token_sends_no_request(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_out.end_login(client.session)
    sign_in(client)
    sign_out.end_login(client.session)
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.count == 0


def test_end_login_of_a_deleted_login_does_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    session = client.session
    sign_out.end_login(client.session)
    sign_out.end_login(session)
    assert token_endpoint.count == 1


def test_login_with_undecryptable_tokens_ends(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = create_login(Client(), "alice"), create_login(client, "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    sign_out.end_login(client.session)
    assert reload_login(bob).ended_at is not None
    assert token_endpoint.count == 0


def test_sign_out_without_a_domain_deletes_the_login(client: Client, settings: Any, cognito_keys: None) -> None:
    sign_in(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    client.logout()
    assert CognitoLogin.objects.count() == 0
    assert username_at(client) == "nobody"


def test_django_logout_ends_the_login(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    client.logout()
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.requests[0].path == "/oauth2/revoke"


def test_admin_logout_ends_the_login(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    get_user_model().objects.update(is_staff=True)
    client.post("/admin/logout/")
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.requests[0].path == "/oauth2/revoke"
    assert username_at(client) == "nobody"


def test_logout_signal_without_a_session_ends_no_login(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    user_logged_out.send(sender=None, request=None, user=None)
    user_logged_out.send(sender=None, request=HttpRequest(), user=None)
    assert username_at(client) == "alice"


def test_logout_of_a_local_user_sends_no_request(client: Client, token_endpoint: ScriptedServer) -> None:
    client.force_login(get_user_model().objects.create(username="local"), "django.contrib.auth.backends.ModelBackend")
    assert username_at(client) == "local"
    client.logout()
    assert token_endpoint.count == 0
