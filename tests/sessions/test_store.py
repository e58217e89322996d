"""A login's tokens: kept encrypted, renewed by one worker at a time, and gone when Cognito or the person says so.

`renew` is `current` or `acurrent`: every test of it holds for both.
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

from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.core.hosted_ui import TokenSet
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import refresh, store
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate, verify
from tests.support.login_scenario import Gate, change, form_of, login_of, refusal, token_answer, who
from tests.support.scripted_server import Answer, ScriptedServer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

Renew = Callable[[CognitoLogin], CognitoLogin]
MARGIN_SECONDS = 60  # REFRESH_MARGIN_SECONDS, as it is when nobody sets it


@pytest.fixture(params=["sync", "async"])
def renew(request: pytest.FixtureRequest) -> Renew:
    return refresh.ensure_fresh if request.param == "sync" else async_to_sync(refresh.aensure_fresh)


@pytest.fixture
def threads() -> Iterator[Callable[..., "Future[Any]"]]:
    """Calls functions at the same time, each in a thread with a database connection of its own."""

    def call(function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        yield lambda function, *args: pool.submit(call, function, *args)


@contextmanager
def ends_as(code: str) -> Iterator[None]:
    with pytest.raises(SignInError) as caught:
        yield
    assert caught.value.code == code


def again(login: CognitoLogin) -> CognitoLogin:
    """The login as another worker reads it now."""
    return CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk)


def is_gone(login: CognitoLogin) -> bool:
    return not CognitoLogin.objects.filter(id=login.id).exists()


# Kept


def test_tokens_are_kept_and_come_back(client: Client, token_endpoint: ScriptedServer) -> None:
    login = login_of(client)
    assert store.get_access_token(login).username == "alice"
    assert store.decrypt_tokens(login).access_token.count(".") == 2
    assert token_endpoint.count == 0


def test_neither_the_row_nor_the_session_shows_a_token(client: Client, token_endpoint: ScriptedServer) -> None:
    login = login_of(client)
    change(login, ends_in=10)
    token_endpoint.script(token_answer(refresh_token="the-refresh-token"))
    login = refresh.ensure_fresh(login)
    tokens = store.decrypt_tokens(login)
    for raw in (tokens.access_token, tokens.id_token, "the-refresh-token"):
        assert raw.encode() not in bytes(login.tokens)
        assert raw not in json.dumps(dict(client.session.items()))
    assert client.session[store.SESSION_KEY] == str(login.id)


def test_a_token_as_long_as_the_settings_allow_is_read_back(client: Client, settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_MAX_BYTES": 65_536}
    user = start(client, make_token(**{"custom:long": "x" * 20_000}), make_token(token_use="id"))
    login = CognitoLogin.objects.get(cognito_user__user=user)
    assert store.get_access_token(login).username == "alice"


def test_one_rows_tokens_do_not_open_in_another(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = login_of(client, "alice"), login_of(Client(), "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    with ends_as("login_unreadable"):
        store.decrypt_tokens(again(bob))


def test_changed_bytes_do_not_open(client: Client, token_endpoint: ScriptedServer) -> None:
    login = login_of(client)
    login.tokens = bytes(login.tokens)[:-1] + b"\0\0"
    with ends_as("login_unreadable"):
        store.get_access_token(login)


def test_a_new_secret_key_opens_what_the_old_one_sealed_while_it_is_a_fallback(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = login_of(client)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    assert store.get_access_token(login).username == "alice"


def test_a_new_secret_key_without_the_old_one_ends_the_login(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = login_of(client)
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    with ends_as("login_unreadable"):
        store.decrypt_tokens(login)


def test_a_refresh_seals_under_the_new_secret_key(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login = login_of(client, ends_in=10)
    old = settings.SECRET_KEY
    settings.SECRET_KEY = "another key for tests alone, as long as the one before it was"
    settings.SECRET_KEY_FALLBACKS = [old]
    token_endpoint.script(token_answer())
    renewed = refresh.ensure_fresh(login)
    settings.SECRET_KEY_FALLBACKS = []
    assert store.get_access_token(renewed).username == "alice"


def test_a_session_whose_tokens_do_not_open_is_signed_out(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = login_of(Client(), "alice"), login_of(client, "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    assert who(client) == "nobody"
    assert not client.session.items()


# Found


def test_a_login_is_found_with_its_person_in_one_query(
    client: Client, token_endpoint: ScriptedServer, django_assert_num_queries: Any
) -> None:
    sign_in(client, "alice")
    kept = client.session
    assert kept.get(store.SESSION_KEY)
    with django_assert_num_queries(1):
        assert store.load_login(kept).cognito_user.username == "alice"


def test_another_users_login_is_not_found(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client, "alice")
    bob = sign_in(Client(), "bob")
    kept = client.session
    kept[auth.SESSION_KEY] = str(bob.pk)
    with ends_as("login_ended"):
        store.load_login(kept)


@pytest.mark.parametrize("login_id", [None, "not a uuid", "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"])
def test_a_session_that_names_no_login_finds_none(
    client: Client, token_endpoint: ScriptedServer, login_id: Any
) -> None:
    sign_in(client, "alice")
    kept = client.session
    kept[store.SESSION_KEY] = login_id
    with ends_as("login_ended"):
        store.load_login(kept)


# Begun


def start(client: Client, access_token: str, id_token: str) -> Any:
    """Sign in at `client` with tokens of one's own, as the callback does."""
    user, token = authenticate(access_token, token_use="access", id_token=id_token)
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    store.start_login(request, user, token, TokenSet(access_token, id_token, None, 3_600))  # type: ignore[arg-type]
    return user


@pytest.mark.defends("RP-06")
@pytest.mark.parametrize("who_comes", ["alice", "bob"])
def test_every_sign_in_changes_the_sessions_key(client: Client, token_endpoint: ScriptedServer, who_comes: str) -> None:
    keys = [client.session.session_key]
    for username in ("alice", who_comes):
        sign_in(client, username)
        keys.append(client.session.session_key)
    assert len(set(keys)) == 3
    assert not any(client.session.exists(key) for key in keys[:2] if key)


@pytest.mark.parametrize("who_comes", ["alice", "bob"])
def test_a_sign_in_ends_the_browsers_earlier_login(
    client: Client, token_endpoint: ScriptedServer, who_comes: str
) -> None:
    sign_in(client, refresh_token="the-first-one")
    sign_in(client, who_comes)
    assert [login.cognito_user.username for login in CognitoLogin.objects.all()] == [who_comes]
    assert [(request.path, form_of(request)["token"]) for request in token_endpoint.requests] == [
        ("/oauth2/revoke", "the-first-one")
    ]


@pytest.mark.defends("RP-06")
def test_what_a_visitor_did_before_is_kept_and_what_somebody_else_did_is_not(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    kept = client.session
    kept["basket"] = "pears"
    kept.save()
    sign_in(client, "alice")
    assert client.session["basket"] == "pears"
    sign_in(client, "bob")
    assert "basket" not in client.session


# Renewed


@pytest.mark.parametrize("ends_in", [MARGIN_SECONDS + 30, 3_600])
def test_tokens_before_their_margin_are_left_alone(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, ends_in: float
) -> None:
    login = login_of(client, ends_in=ends_in)
    assert renew(login) is login
    assert token_endpoint.count == 0


@pytest.mark.parametrize("ends_in", [MARGIN_SECONDS - 1, 1, -1, -86_400])
def test_tokens_inside_the_margin_or_past_their_end_are_renewed(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, ends_in: float
) -> None:
    login = login_of(client, ends_in=ends_in)
    before = store.decrypt_tokens(login)
    token_endpoint.script(token_answer())
    renewed = renew(login)
    assert store.decrypt_tokens(renewed).access_token != before.access_token
    assert renewed.expires_at - timezone.now() > timedelta(minutes=59)
    assert (renewed.version, renewed.refreshing_until) == (1, None)
    assert form_of(token_endpoint.requests[0])["refresh_token"] == before.refresh_token


def test_the_margin_is_a_setting(client: Client, settings: Any, token_endpoint: ScriptedServer) -> None:
    settings.COGNITO = {**settings.COGNITO, "REFRESH_MARGIN_SECONDS": 0}
    login = login_of(client, ends_in=5)
    assert refresh.ensure_fresh(login) is login
    assert token_endpoint.count == 0


def test_a_refresh_token_that_is_not_rotated_stays(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    sign_in(client, refresh_token="the-first-one")
    token_endpoint.script(token_answer(refresh_token=None))
    renewed = renew(change(again(CognitoLogin.objects.get()), ends_in=-1))
    assert store.decrypt_tokens(renewed).refresh_token == "the-first-one"


def test_a_rotated_refresh_token_is_kept_and_used_next(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    login = login_of(client, ends_in=-1)
    token_endpoint.script(token_answer(refresh_token="the-second-one"), token_answer(refresh_token="the-third-one"))
    renewed = renew(change(renew(login), ends_in=-1))
    assert store.decrypt_tokens(renewed).refresh_token == "the-third-one"
    assert form_of(token_endpoint.requests[1])["refresh_token"] == "the-second-one"


def test_new_groups_come_with_the_new_tokens(client: Client, token_endpoint: ScriptedServer, renew: Renew) -> None:
    login = login_of(client, ends_in=-1)
    later = int(timezone.now().timestamp()) + 5
    tokens = {
        "access_token": make_token(groups=["editors"], iat=later),
        "id_token": make_token(token_use="id", groups=["editors"], iat=later),
    }
    token_endpoint.script(token_answer(**tokens))
    assert renew(login).cognito_user.groups == ["editors"]


def test_a_session_saved_after_a_refresh_that_it_did_not_see_brings_nothing_back(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login = login_of(client, ends_in=-1)
    early = client.session
    early["page"] = 1
    token_endpoint.script(token_answer(refresh_token="the-second-one"))
    assert who(client) == "alice"
    early.save()
    assert who(client) == "alice"
    assert store.decrypt_tokens(again(login)).refresh_token == "the-second-one"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("browser", [Client, AsyncClient])
def test_a_view_that_fails_in_its_transaction_takes_no_tokens_with_it(
    token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch, browser: Any
) -> None:
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    client = browser(raise_request_exception=False)
    login = login_of(client, ends_in=-1)
    token_endpoint.script(token_answer(refresh_token="the-second-one"))
    get = client.get if browser is Client else async_to_sync(client.get)
    assert get("/broken/").status_code == 500
    assert store.decrypt_tokens(again(login)).refresh_token == "the-second-one"


# Refused


@pytest.mark.parametrize("ends_in", [30, -1])
def test_a_refusal_ends_the_login(client: Client, token_endpoint: ScriptedServer, renew: Renew, ends_in: float) -> None:
    login = login_of(client, ends_in=ends_in)
    token_endpoint.script(refusal())
    with ends_as("login_ended"):
        renew(login)
    assert CognitoLogin.objects.count() == 0


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_a_refusal_of_the_app_client_signs_nobody_out(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, error: str
) -> None:
    login = login_of(client, ends_in=-1)
    token_endpoint.script(refusal(error), token_answer())
    with pytest.raises(CognitoUnavailableError) as caught:
        renew(login)
    assert caught.value.code == "client_refused"
    assert renew(change(again(login), retry_in=-1)).version == 1


def test_a_session_whose_login_was_refused_is_sent_to_the_login_once(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login_of(client, ends_in=-1)
    token_endpoint.script(refusal())
    first = client.get("/mine/")
    assert (first.status_code, first["Location"]) == (302, "/auth/login/?next=/mine/")
    assert client.get(first["Location"])["Location"].startswith(f"{token_endpoint.url}/oauth2/authorize?")
    assert token_endpoint.count == 1
    assert who(client) == "nobody"


def foreign(**changes: Any) -> dict[str, str]:
    """Tokens that are right but for `changes`."""
    return {"access_token": make_token(**changes), "id_token": make_token(token_use="id", **changes)}


@pytest.mark.defends("RP-17")
@pytest.mark.parametrize(
    "tokens",
    [
        pytest.param(lambda: foreign(username="mallory"), id="another person's"),
        pytest.param(lambda: {"id_token": make_token(token_use="id", username="mallory")}, id="another's ID token"),
        pytest.param(lambda: {"id_token": make_token(token_use="id", aud="another")}, id="another client's ID token"),
        pytest.param(lambda: foreign(client_id="another", aud="another"), id="another client's"),
        pytest.param(lambda: foreign(iss="https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"), id="a pool's"),
        pytest.param(lambda: {"access_token": make_token(token_use="id")}, id="an ID token as access token"),
        pytest.param(lambda: {"id_token": make_token()}, id="an access token as ID token"),
        pytest.param(lambda: {"access_token": make_token(username=None, sub="1testclient23456789")}, id="a machine's"),
        pytest.param(lambda: {"id_token": make_token(token_use="id", at_hash="another")}, id="a wrong at_hash"),
        pytest.param(lambda: foreign(exp=1_000_000_000), id="over"),
        pytest.param(lambda: {"id_token": None}, id="no ID token"),
        pytest.param(lambda: {"token_type": "mac"}, id="an unknown type"),
    ],
)
def test_tokens_that_are_not_this_logins_end_it(
    client: Client, token_endpoint: ScriptedServer, tokens: Callable[[], dict[str, Any]]
) -> None:
    login = login_of(client, ends_in=-1)
    token_endpoint.script(token_answer(**tokens()))
    with ends_as("login_ended"):
        refresh.ensure_fresh(login)
    assert is_gone(login)
    assert [user.get_username() for user in get_user_model().objects.all()] == ["alice"]


@pytest.mark.defends("RP-17")
def test_another_clients_tokens_end_it_even_where_the_api_takes_them(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IDS": [settings.COGNITO["CLIENT_ID"], "another"]}
    login = login_of(client, ends_in=-1)
    token_endpoint.script(token_answer(**foreign(client_id="another", aud="another")))
    with ends_as("login_ended"):
        refresh.ensure_fresh(login)


@pytest.mark.defends("RP-15")
def test_somebody_disabled_here_is_not_renewed(client: Client, token_endpoint: ScriptedServer, renew: Renew) -> None:
    login = login_of(client, ends_in=-1)
    get_user_model().objects.update(is_active=False)
    token_endpoint.script(token_answer())
    with ends_as("login_ended"):
        renew(login)


def test_a_login_without_a_refresh_token_lasts_as_long_as_its_tokens(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    sign_in(client)
    login = change(again(CognitoLogin.objects.get()), ends_in=30)
    assert renew(login).pk == login.pk
    with ends_as("login_ended"):
        renew(change(again(login), ends_in=-1))
    assert token_endpoint.count == 0


def test_account_unlinked_during_the_sign_in_changes_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    kept = login_of(client, "alice")
    user = sign_in(Client(), "bob")
    CognitoUser.objects.filter(user=user).delete()
    request = HttpRequest()
    request.user, request.session = user, client.session
    raw, id_token = make_token(username="bob"), make_token(token_use="id", username="bob")
    token = verify(raw, token_use="access", id_token=id_token)[0]
    with ends_as("link_interrupted"):
        store.start_login(request, user, token, TokenSet(raw, id_token, None, 3_600))
    assert not is_gone(kept)


@pytest.mark.django_db(transaction=True)
def test_account_unlinked_while_its_login_is_stored_ends_no_sign_in_with_an_error(
    token_endpoint: ScriptedServer, threads: Callable[..., "Future[Any]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, sealed, unlinked = sign_in(Client(), "bob"), store.encrypt_tokens, []
    raw, id_token = make_token(username="bob"), make_token(token_use="id", username="bob")
    token = verify(raw, token_use="access", id_token=id_token)[0]
    began = threading.Event()

    def unlink() -> None:
        began.set()
        CognitoUser.objects.filter(user=user).delete()

    def sealed_while_unlinked(*given: Any) -> bytes:
        unlinked.append(threads(unlink))
        began.wait(20)
        with suppress(TimeoutError):
            unlinked[0].result(0.2)  # it waits for the lock
        return sealed(*given)

    monkeypatch.setattr(store, "encrypt_tokens", sealed_while_unlinked)
    request = HttpRequest()
    request.user, request.session = user, Client().session
    store.start_login(request, user, token, TokenSet(raw, id_token, None, 3_600))
    unlinked[0].result(20)
    assert not CognitoLogin.objects.exists()


# Unavailable


def test_an_outage_inside_the_margin_is_not_noticed(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    login = login_of(client, ends_in=30)
    token_endpoint.script(Answer(500))
    assert store.get_access_token(renew(login)).username == "alice"
    assert not is_gone(login)


def test_an_outage_inside_the_margin_slows_down_one_request_and_not_every_one(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    login = login_of(client, ends_in=30)
    token_endpoint.script(Answer(500))
    for _ in range(3):
        renew(again(login))
    assert token_endpoint.count == 1


def test_after_an_outage_inside_the_margin_somebody_tries_again(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    login = login_of(client, ends_in=30)
    token_endpoint.script(Answer(500), token_answer())
    renew(login)
    assert renew(change(again(login), retry_in=-1)).version == 1


@pytest.mark.defends("RP-24")
def test_an_outage_past_the_end_is_said_and_ends_nothing(
    client: Client, token_endpoint: ScriptedServer, renew: Renew
) -> None:
    login = login_of(client, ends_in=-1)
    token_endpoint.script(Answer(500), token_answer())
    with pytest.raises(CognitoUnavailableError):
        renew(again(login))
    assert renew(change(again(login), retry_in=-1)).version == 1


def test_past_the_end_in_an_outage_the_person_is_known_but_their_rights_are_not(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login_of(client, ends_in=-1)
    token_endpoint.script(Answer(500))
    assert who(client) == "alice"
    assert client.get("/groups/").status_code == 403
    answer = client.get("/subject/")
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0
    change(CognitoLogin.objects.get(), retry_in=-1)
    token_endpoint.script(token_answer())
    assert client.get("/subject/").content.decode() == make_subject()


def make_subject() -> str:
    return str(CognitoUser.objects.get().sub)


# One at a time


@pytest.mark.django_db(transaction=True)
def test_inside_the_margin_one_refreshes_and_the_others_go_on_with_what_they_have(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "_POLL_SECONDS", 60)  # who waits at all, waits too long
    login, gate = login_of(client, ends_in=30), Gate()
    token_endpoint.script(replace(token_answer(), before=gate))
    winner = threads(renew, again(login))
    others: list[CognitoLogin] = []

    def the_others_come() -> None:
        others.extend(future.result(20) for future in [threads(renew, again(login)) for _ in range(7)])

    gate.wait_until_asked(the_others_come)
    assert [other.version for other in others] == [0] * 7
    assert winner.result(20).version == 1
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ends_in", [30, -1])
def test_eight_at_the_same_moment_make_one_request(
    client: Client, token_endpoint: ScriptedServer, threads: Any, ends_in: float
) -> None:
    login, start_line = login_of(client, ends_in=ends_in), threading.Barrier(8)
    token_endpoint.script(token_answer())

    def run(mine: CognitoLogin) -> CognitoLogin:
        start_line.wait(20)
        return refresh.ensure_fresh(mine)

    runs = [threads(run, again(login)) for _ in range(8)]
    assert {store.is_expired(run.result(20)) for run in runs} == {False}
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_past_the_end_the_others_wait_for_the_winner(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, threads: Any
) -> None:
    login, gate = login_of(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_answer(), before=gate))
    runs = [threads(renew, again(login)) for _ in range(4)]
    gate.wait_until_asked()
    assert [run.result(20).version for run in runs] == [1] * 4
    assert token_endpoint.count == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_winner_that_is_refused_is_signed_out_too(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, threads: Any
) -> None:
    login, gate = login_of(client, ends_in=-1), Gate()
    token_endpoint.script(replace(refusal(), before=gate))
    runs = [threads(renew, again(login)) for _ in range(3)]
    gate.wait_until_asked()
    assert {run.exception(20).code for run in runs} == {"login_ended"}
    assert token_endpoint.count == 1


def test_while_cognito_is_asked_the_databases_thread_is_free(client: Client, token_endpoint: ScriptedServer) -> None:
    login, gate = login_of(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_answer(), before=gate))

    async def both() -> tuple[int, CognitoLogin]:
        renewing = asyncio.create_task(refresh.aensure_fresh(login))
        try:
            await sync_to_async(gate.asked.wait, thread_sensitive=False)(20)
            logins = await asyncio.wait_for(sync_to_async(CognitoLogin.objects.count)(), 5)
        finally:
            gate.opened.set()
        return logins, await renewing

    logins, renewed = async_to_sync(both)()
    assert (logins, renewed.version) == (1, 1)


def test_nobody_waits_for_ever(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh, "_WAIT_SECONDS", 0.1)
    login = login_of(client, ends_in=-1, leased_for=60)
    with pytest.raises(CognitoUnavailableError) as caught:
        renew(login)
    assert (caught.value.code, caught.value.retry_after > 0) == ("refresh_in_progress", True)
    assert token_endpoint.count == 0


@pytest.mark.parametrize("ends_in", [30, -1])
def test_a_worker_that_died_at_it_is_replaced_after_its_lease(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, ends_in: float
) -> None:
    login = login_of(client, ends_in=ends_in, leased_for=-1)
    token_endpoint.script(token_answer())
    assert renew(login).version == 1


def as_another_worker(function: Callable[[], Any]) -> Callable[[], None]:
    """`function` for a server's thread, whose database connection ends with it: `Answer(before=...)`."""

    def call() -> None:
        try:
            function()
        finally:
            connection.close()

    return call


@pytest.mark.django_db(transaction=True)
def test_a_worker_holds_its_lease_longer_than_its_calls_may_take(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login = login_of(client, ends_in=30)
    leases: list[Any] = []
    look = as_another_worker(lambda: leases.append(again(login).refreshing_until))
    token_endpoint.script(replace(token_answer(), before=look))
    refresh.ensure_fresh(login)
    assert leases[0] - timezone.now() > timedelta(seconds=6)  # two calls of HTTP_TIMEOUT_SECONDS: tokens, then keys


def renewed_elsewhere(login: CognitoLogin) -> Callable[[], None]:
    """Another worker, once this one's lease was over, was faster."""
    ends_at = timezone.now() + timedelta(hours=1)
    rows = CognitoLogin.objects.filter(pk=login.pk)
    return as_another_worker(lambda: rows.update(version=F("version") + 1, expires_at=ends_at))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [token_answer, refusal, lambda: Answer(500)], ids=["tokens", "refusal", "outage"])
def test_a_worker_that_comes_too_late_takes_what_the_other_got(
    client: Client, token_endpoint: ScriptedServer, renew: Renew, answer: Callable[[], Answer]
) -> None:
    login = login_of(client, ends_in=-1)
    token_endpoint.script(replace(answer(), before=renewed_elsewhere(login)))
    renewed = renew(login)
    assert (renewed.version, store.is_expired(renewed)) == (1, False)


@pytest.mark.django_db(transaction=True)
def test_a_sign_out_during_a_refresh_is_final(client: Client, token_endpoint: ScriptedServer, renew: Renew) -> None:
    login = login_of(client, ends_in=30)
    sign_out = as_another_worker(lambda: CognitoLogin.objects.filter(pk=login.pk).delete())
    token_endpoint.script(replace(token_answer(refresh_token="the-second-one"), before=sign_out), Answer())
    with ends_as("login_ended"):
        renew(again(login))
    assert CognitoLogin.objects.count() == 0
    # The sign-out could revoke the old refresh token only; nobody else knows of the new one.
    last = token_endpoint.requests[-1]
    assert (last.path, form_of(last)["token"]) == ("/oauth2/revoke", "the-second-one")


# Ended


def test_a_login_that_is_dropped_is_revoked_and_gone(client: Client, token_endpoint: ScriptedServer) -> None:
    sign_in(client, refresh_token="the-first-one")
    kept = client.session
    store.end_login(kept)
    assert store.SESSION_KEY not in kept
    assert CognitoLogin.objects.count() == 0
    (request,) = token_endpoint.requests
    assert (request.path, form_of(request)["token"]) == ("/oauth2/revoke", "the-first-one")


@pytest.mark.parametrize("answer", [Answer(500), refusal("invalid_client"), refusal("unsupported_token_type")])
def test_a_login_ends_here_even_where_it_cannot_be_revoked(
    client: Client, token_endpoint: ScriptedServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client, refresh_token="the-first-one")
    token_endpoint.script(answer)
    with caplog.at_level(logging.DEBUG):
        store.end_login(client.session)
    assert CognitoLogin.objects.count() == 0
    assert "was not revoked" in caplog.text
    assert "the-first-one" not in caplog.text


def test_nothing_is_asked_where_there_is_nothing_to_end(client: Client, token_endpoint: ScriptedServer) -> None:
    store.end_login(client.session)
    sign_in(client)
    store.end_login(client.session)
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.count == 0


def test_a_login_that_is_gone_already_is_nothing_to_end(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client)
    kept = client.session
    store.end_login(client.session)
    store.end_login(kept)
    assert token_endpoint.count == 1


def test_tokens_that_do_not_open_are_dropped_all_the_same(client: Client, token_endpoint: ScriptedServer) -> None:
    alice, bob = login_of(Client(), "alice"), login_of(client, "bob")
    CognitoLogin.objects.filter(pk=bob.pk).update(tokens=alice.tokens)
    store.end_login(client.session)
    assert is_gone(bob)
    assert token_endpoint.count == 0


def test_a_site_without_a_domain_signs_out_all_the_same(client: Client, settings: Any, cognito_keys: None) -> None:
    sign_in(client)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    client.logout()
    assert CognitoLogin.objects.count() == 0
    assert who(client) == "nobody"


def test_a_login_whose_site_lost_its_domain_ends_with_its_tokens(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    login_of(client, ends_in=-1)
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert who(client) == "nobody"


def test_djangos_own_logout_ends_the_login(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client)
    client.logout()
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.requests[0].path == "/oauth2/revoke"


def test_the_admins_logout_ends_the_login(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client)
    get_user_model().objects.update(is_staff=True)
    client.post("/admin/logout/")
    assert CognitoLogin.objects.count() == 0
    assert token_endpoint.requests[0].path == "/oauth2/revoke"
    assert who(client) == "nobody"


def test_a_logout_without_a_browser_ends_nobodys_login(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client)
    user_logged_out.send(sender=None, request=None, user=None)
    user_logged_out.send(sender=None, request=HttpRequest(), user=None)
    assert who(client) == "alice"


def test_a_local_logins_logout_asks_nothing(client: Client, token_endpoint: ScriptedServer) -> None:
    client.force_login(get_user_model().objects.create(username="local"), "django.contrib.auth.backends.ModelBackend")
    assert who(client) == "local"
    client.logout()
    assert token_endpoint.count == 0
