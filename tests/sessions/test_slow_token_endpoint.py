"""A token endpoint that is slow, or whose response to a refresh is lost: users stay signed in as long as possible.

`ensure_fresh` is `refresh.ensure_fresh` or `refresh.aensure_fresh`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth import get_user_model
from django.core.asgi import get_asgi_application
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser
from local_cognito_support.scripted_server import Answer, ScriptedServer, Silence

from django_cognito import factories
from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.core.http import client as http_client
from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh, store
from django_cognito.sessions.refresh import drivers
from django_cognito.sessions.refresh import lease as refresh_lease
from django_cognito.sessions.refresh import response as refresh_response
from django_cognito.users.revocation_list import Subject, get_revocation_list, to_milliseconds
from tests.support.clock import Clock
from tests.support.local_cognito import seed_for, settings_for, sign_in_by_hand
from tests.support.scenarios.login import (
    Gate,
    change_login,
    create_login,
    finish_sign_in,
    read_form,
    refusal,
    start_sign_in,
    token_response,
    username_at,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

EnsureFresh = Callable[[CognitoLogin], CognitoLogin]
SHORT_SECONDS = 0.3
LEASE_SECONDS = 20  # the default of TOKEN_TIMEOUT_SECONDS, and 5


def reload_login(login: CognitoLogin) -> CognitoLogin:
    """Return the login as stored in the database."""
    return CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk)


def from_another_thread(function: Callable[[], Any]) -> Callable[[], None]:
    """Wrap `function` for a server's thread, and close its database connection: `Answer(before=...)`."""

    def call() -> None:
        try:
            function()
        finally:
            connection.close()

    return call


def assert_unavailable(function: Callable[[], Any], code: str = "cognito_unavailable") -> int:
    """Check that `function` raises CognitoUnavailableError; return its `retry_after`."""
    with pytest.raises(CognitoUnavailableError) as caught:
        function()
    assert caught.value.code == code
    return caught.value.retry_after


def assert_ended(function: Callable[[], Any]) -> None:
    with pytest.raises(SignInError) as caught:
        function()
    assert (caught.value.code, CognitoLogin.objects.count()) == ("login_ended", 0)


# Timeouts


def outlast_http_timeout(settings: Any, token_endpoint: ScriptedServer) -> Callable[[], None]:
    """Return a function that ends when two requests with HTTP_TIMEOUT_SECONDS have timed out: `Answer(before=...)`.

    On a busy computer the timeout may pass before a request is sent.
    """
    settings.COGNITO = {**settings.COGNITO, "HTTP_TIMEOUT_SECONDS": SHORT_SECONDS}

    def wait() -> None:
        while len(token_endpoint.requests) < 3:
            assert_unavailable(lambda: factories.get_hosted_ui().revoke("r"))

    return wait


def test_code_exchange_outlasts_the_timeout_of_other_requests(
    client: Client, settings: Any, token_endpoint: ScriptedServer
) -> None:
    wait_for_http_timeout = outlast_http_timeout(settings, token_endpoint)
    params = start_sign_in(client)
    token_endpoint.script(replace(token_response(nonce=params["nonce"]), before=wait_for_http_timeout), Silence())
    assert finish_sign_in(client, params).status_code == 302
    exchange, *others = [request.path for request in token_endpoint.requests]
    assert (exchange, set(others)) == ("/oauth2/token", {"/oauth2/revoke"})


def test_refresh_outlasts_the_timeout_of_other_requests(
    client: Client, settings: Any, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    wait_for_http_timeout = outlast_http_timeout(settings, token_endpoint)
    login = create_login(client, ends_in=-1)
    token_endpoint.script(replace(token_response(), before=wait_for_http_timeout), Silence())
    assert ensure_fresh(login).version == 1


@pytest.mark.parametrize("call", ["exchange_code", "refresh"])
def test_token_timeout_is_read_from_the_settings(settings: Any, token_endpoint: ScriptedServer, call: str) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_TIMEOUT_SECONDS": SHORT_SECONDS, "HTTP_TIMEOUT_SECONDS": 60}
    token_endpoint.script(Silence())
    hosted_ui = factories.get_hosted_ui()
    if call == "refresh":
        assert_unavailable(lambda: hosted_ui.refresh("r"))
    else:
        assert_unavailable(lambda: hosted_ui.exchange_code("c", redirect_uri="https://a.example/", code_verifier="v"))


def test_deadline_of_a_sign_out_holds_for_the_token_endpoint_too(token_endpoint: ScriptedServer) -> None:
    assert_unavailable(lambda: factories.get_hosted_ui().until(time.monotonic() - 1).refresh("r"))
    assert token_endpoint.count == 0


def test_repetition_with_another_secret_shares_the_deadline(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets, clock = iter(["first-secret", "second-secret"]), Clock()
    for module in (refresh_response, http_client):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))

    def read_slowly() -> str:
        secret = next(secrets)
        if secret == "second-secret":
            clock.forward(15)  # as long as an attempt may take
        return secret

    login = create_login(client, ends_in=-1)
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": read_slowly}
    hosted_ui = factories.get_hosted_ui()
    hosted_ui._secret.read()
    hosted_ui._secret.reset_after_fork()  # the cooldown has passed
    token_endpoint.script(refusal("invalid_client"), token_response())
    assert_unavailable(lambda: ensure_fresh(login))
    assert token_endpoint.count == 1


# The lease and refresh_sent_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("changes", "lease_seconds"), [({}, LEASE_SECONDS), ({"TOKEN_TIMEOUT_SECONDS": 7.5}, 12.5)])
def test_lease_and_sent_time_are_stored_before_the_refresh_request(
    client: Client,
    settings: Any,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    changes: dict[str, float],
    lease_seconds: float,
) -> None:
    settings.COGNITO = {**settings.COGNITO, **changes}
    login, stored_logins = create_login(client, ends_in=-1), []
    record_login = from_another_thread(lambda: stored_logins.append(reload_login(login)))
    started_at = timezone.now()
    token_endpoint.script(replace(token_response(), before=record_login))
    assert ensure_fresh(login).refresh_sent_at is None
    (stored_login,) = stored_logins
    assert started_at <= stored_login.refresh_sent_at <= timezone.now()
    assert stored_login.refreshing_until - stored_login.refresh_sent_at == timedelta(seconds=lease_seconds)


@pytest.mark.parametrize(
    ("answer", "is_definite"),
    [(refusal("invalid_client"), True), (Answer(500), False), (Answer(429), False), (Answer(200, b"cut"), False)],
    ids=["client refused", "500", "429", "no JSON"],
)
def test_sent_time_is_cleared_by_a_definite_response_only(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, answer: Answer, is_definite: bool
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(answer)
    with pytest.raises(CognitoUnavailableError):
        ensure_fresh(login)
    assert (reload_login(login).refresh_sent_at is None) == is_definite


def test_sent_time_is_cleared_if_the_secret_cannot_be_read(
    client: Client, settings: Any, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": lambda: 1 / 0}
    assert_unavailable(lambda: ensure_fresh(login), "client_secret_unavailable")
    assert (reload_login(login).refresh_sent_at, token_endpoint.count) == (None, 0)


def test_sent_time_is_cleared_if_nothing_was_sent(
    client: Client, token_endpoint: ScriptedServer, cognito_down: None, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    assert_unavailable(lambda: ensure_fresh(login))
    assert reload_login(login).refresh_sent_at is None
    lost = change_login(reload_login(login), sent_ago=25, retry_in=-1)  # the response before was lost
    assert_unavailable(lambda: ensure_fresh(lost))
    assert reload_login(login).refresh_sent_at == lost.refresh_sent_at


@pytest.mark.parametrize("answer", [Answer(500), refusal("invalid_client")], ids=["500", "client refused"])
def test_sent_time_of_the_first_lost_response_is_not_changed(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, answer: Answer
) -> None:
    sent_at = create_login(client, ends_in=-1, sent_ago=25).refresh_sent_at
    token_endpoint.script(answer, token_response())
    with pytest.raises(CognitoUnavailableError):
        ensure_fresh(reload_login(CognitoLogin.objects.get()))
    assert CognitoLogin.objects.get().refresh_sent_at == sent_at
    assert ensure_fresh(change_login(reload_login(CognitoLogin.objects.get()), retry_in=-1)).refresh_sent_at is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [Answer(500), refusal()], ids=["500", "refusal"])
def test_attempt_without_its_lease_does_not_change_the_new_lease(
    client: Client, token_endpoint: ScriptedServer, answer: Answer
) -> None:
    login = create_login(client, ends_in=30, sent_ago=25)
    lease = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    rows = CognitoLogin.objects.filter(pk=login.pk)
    take_over = from_another_thread(lambda: rows.update(refreshing_until=lease))
    token_endpoint.script(replace(answer, before=take_over))
    assert refresh.ensure_fresh(login).refreshing_until == lease
    assert rows.get().retry_at is None


def test_refresh_that_starts_after_its_lease_is_not_sent(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    login, request_tokens, now = create_login(client, ends_in=-1), drivers.request_tokens, time.time

    def request_tokens_late(login: CognitoLogin) -> Any:
        """Start after the lease has expired: requests of other logins used all threads of the event loop."""
        monkeypatch.setattr(time, "time", lambda: now() + LEASE_SECONDS)
        return request_tokens(login)

    monkeypatch.setattr(drivers, "request_tokens", request_tokens_late)
    token_endpoint.script(token_response())
    assert_unavailable(lambda: ensure_fresh(login))
    assert token_endpoint.count == 0


# Requests during a refresh


@pytest.mark.parametrize("lease_left", [LEASE_SECONDS - 3, 1])
def test_expired_login_during_a_slow_refresh_does_not_wait(
    client: Client,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    monkeypatch: pytest.MonkeyPatch,
    lease_left: float,
) -> None:
    monkeypatch.setattr(drivers, "_POLL_SECONDS", 60)  # any wait is too long
    login = create_login(client, ends_in=-1, leased_for=lease_left, sent_ago=LEASE_SECONDS - lease_left)
    assert assert_unavailable(lambda: ensure_fresh(login), "refresh_in_progress") > 0
    assert token_endpoint.count == 0


@pytest.mark.django_db(transaction=True)
def test_request_with_a_stale_login_waits_for_the_next_attempt(
    client: Client, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_lease, "WAIT_SECONDS", 60)
    login, gate = create_login(client, ends_in=-1, leased_for=-1, sent_ago=21), Gate()
    stale_login = reload_login(login)
    token_endpoint.script(replace(token_response(), before=gate))
    versions: list[int] = []

    async def both() -> None:
        first = asyncio.create_task(refresh.aensure_fresh(reloaded_login))
        await sync_to_async(gate.requested.wait, thread_sensitive=False)(20)
        second = asyncio.create_task(refresh.aensure_fresh(stale_login))
        await asyncio.sleep(0)  # let the task start
        gate.opened.set()
        versions.extend([login.version for login in await asyncio.gather(first, second)])

    reloaded_login = reload_login(login)
    async_to_sync(both)()
    assert (versions, token_endpoint.count) == ([1, 1], 1)


# Lost responses


def test_refusal_after_a_lost_response_ends_the_login_at_expiry(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30, sent_ago=LEASE_SECONDS + 1)
    token_endpoint.script(refusal())
    for _ in range(3):
        assert store.get_access_token(ensure_fresh(reload_login(login))).username == "alice"
    assert username_at(client) == "alice"
    assert token_endpoint.count == 1
    CognitoLogin.objects.update(expires_at=timezone.now(), retry_at=timezone.now())
    assert_ended(lambda: ensure_fresh(reload_login(login)))
    assert token_endpoint.count == 2


def test_refusal_after_a_lost_response_ends_an_expired_login(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, caplog: pytest.LogCaptureFixture
) -> None:
    login = create_login(client, ends_in=-1, sent_ago=90)
    token_endpoint.script(refusal())
    with caplog.at_level(logging.WARNING, "django_cognito.sessions.refresh.response"):
        assert_ended(lambda: ensure_fresh(login))
    assert "RetryGracePeriodSeconds" in caplog.text
    assert "a-refresh-token" not in caplog.text


def test_refusal_without_a_lost_response_ends_the_login_at_once(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh, caplog: pytest.LogCaptureFixture
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(refusal())
    assert_ended(lambda: ensure_fresh(login))
    assert "RetryGracePeriodSeconds" not in caplog.text


def test_wrong_tokens_after_a_lost_response_end_the_login_at_once(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30, sent_ago=25)
    token_endpoint.script(token_response("mallory"), Answer())
    assert_ended(lambda: ensure_fresh(login))


# New refresh tokens that are only in one response


@pytest.mark.parametrize(
    ("rotated_token", "revoked_token"),
    [("the-second-one", "the-second-one"), (None, "a-refresh-token")],
    ids=["rotated", "same"],
)
def test_refresh_with_rejected_tokens_revokes_the_refresh_token(
    client: Client,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    rotated_token: str | None,
    revoked_token: str,
) -> None:
    login = create_login(client, ends_in=30)
    token_endpoint.script(token_response("mallory", refresh_token=rotated_token), Answer())
    assert_ended(lambda: ensure_fresh(login))
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/token", "/oauth2/revoke"]
    assert read_form(token_endpoint.requests[1])["token"] == revoked_token


def test_refresh_of_a_disabled_user_revokes_the_new_refresh_token(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    get_user_model().objects.update(is_active=False)
    token_endpoint.script(token_response(refresh_token="the-second-one"), Answer())
    assert_ended(lambda: ensure_fresh(login))
    assert read_form(token_endpoint.requests[1])["token"] == "the-second-one"


def test_own_rejection_of_new_tokens_is_no_report_of_cognito(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=30)
    link = login.cognito_user
    # Of another process: it has not yet read that the user signed in again.
    now = timezone.now() + timedelta(minutes=1)
    disabled = Subject("disabled", link.user_pool_id, link.sub)
    get_revocation_list().add({disabled: to_milliseconds(now)})
    token_endpoint.script(token_response(), Answer())
    assert_ended(lambda: ensure_fresh(login))
    link.refresh_from_db()
    assert (link.enabled, link.not_before) == (True, None)


def test_refused_refresh_token_is_not_revoked(
    client: Client, token_endpoint: ScriptedServer, ensure_fresh: EnsureFresh
) -> None:
    login = create_login(client, ends_in=-1)
    token_endpoint.script(refusal())
    assert_ended(lambda: ensure_fresh(login))
    assert token_endpoint.count == 1


@pytest.fixture
def emulator(settings: Any) -> Iterator[Emulator]:
    """Yield a local Cognito with an app client that rotates refresh tokens without a grace period."""
    with Emulator(seed=seed_for("http://testserver")) as running_emulator:
        settings.COGNITO = settings_for(running_emulator, "3rotating")
        yield running_emulator
    factories.discard_instances()


@pytest.mark.parametrize("ends_in", [30, -1])
def test_rotated_refresh_token_is_stored_if_the_jwks_is_unreachable(
    client: Client, settings: Any, emulator: Emulator, ensure_fresh: EnsureFresh, unreachable: str, ends_in: float
) -> None:
    with Browser(emulator) as browser:  # type: ignore[arg-type]
        sign_in_by_hand(browser, client)
    before = change_login(reload_login(CognitoLogin.objects.get()), ends_in=ends_in)
    factories.discard_instances()  # a worker that has just started
    working_settings = settings.COGNITO
    settings.COGNITO = {**working_settings, "JWKS_URI": f"{unreachable}/jwks.json"}
    if ends_in < 0:
        assert_unavailable(lambda: ensure_fresh(reload_login(before)))
    else:
        assert (
            store.decrypt_tokens(ensure_fresh(reload_login(before))).access_token
            == store.decrypt_tokens(before).access_token
        )
    stored_login = reload_login(before)
    assert stored_login.refresh_sent_at is None
    assert store.decrypt_tokens(stored_login).refresh_token != store.decrypt_tokens(before).refresh_token
    settings.COGNITO = working_settings
    factories.discard_instances()
    refreshed_login = ensure_fresh(change_login(stored_login, retry_in=-1))
    assert refreshed_login.expires_at - timezone.now() > timedelta(minutes=30)


@pytest.mark.parametrize("error", [OperationalError("deadlock"), ValueError("of a receiver of the site")])
def test_rotated_refresh_token_is_stored_if_the_user_is_not_saved(
    client: Client,
    token_endpoint: ScriptedServer,
    ensure_fresh: EnsureFresh,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    def fail(*_: Any) -> None:
        raise error

    login = create_login(client, ends_in=30, sent_ago=25)
    monkeypatch.setattr(refresh_response, "get_or_create_user", fail)
    token_endpoint.script(token_response(refresh_token="the-second-one"))
    with pytest.raises(type(error)):
        ensure_fresh(login)
    stored_login = ensure_fresh(reload_login(login))
    assert store.decrypt_tokens(stored_login) == replace(store.decrypt_tokens(login), refresh_token="the-second-one")
    assert (stored_login.refresh_sent_at, token_endpoint.count) == (None, 1)


@pytest.mark.django_db(transaction=True)
def test_sign_out_with_unreachable_jwks_revokes_the_new_refresh_token(
    client: Client, settings: Any, token_endpoint: ScriptedServer, unreachable: str
) -> None:
    login = create_login(client, ends_in=30)
    settings.COGNITO = {**settings.COGNITO, "JWKS_URI": f"{unreachable}/jwks.json"}
    factories.discard_instances()
    sign_out = from_another_thread(lambda: CognitoLogin.objects.filter(pk=login.pk).delete())
    token_endpoint.script(replace(token_response(refresh_token="the-second-one"), before=sign_out), Answer())
    assert_ended(lambda: refresh.ensure_fresh(login))
    assert read_form(token_endpoint.requests[-1])["token"] == "the-second-one"


# Cancellation


def test_cancelled_request_stores_the_new_refresh_token(client: Client, token_endpoint: ScriptedServer) -> None:
    login, gate = create_login(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_response(refresh_token="the-second-one"), before=gate))

    async def cancel_during_the_refresh() -> None:
        request = asyncio.create_task(refresh.aensure_fresh(login))
        await sync_to_async(gate.requested.wait, thread_sensitive=False)(20)
        request.cancel()
        await asyncio.sleep(0)  # let the task handle the cancellation
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await request

    async_to_sync(cancel_during_the_refresh)()
    assert reload_login(login).version == 1
    assert store.decrypt_tokens(reload_login(login)).refresh_token == "the-second-one"


def test_refused_refresh_of_a_cancelled_request_logs_no_error(client: Client, token_endpoint: ScriptedServer) -> None:
    login, gate, unhandled_errors = create_login(client, ends_in=-1), Gate(), []
    token_endpoint.script(replace(refusal(), before=gate))

    async def cancel_during_the_refresh() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled_errors.append(context["message"]))
        request = asyncio.create_task(refresh.aensure_fresh(login))
        await sync_to_async(gate.requested.wait, thread_sensitive=False)(20)
        request.cancel()
        gate.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await request

    async_to_sync(cancel_during_the_refresh)()
    assert (CognitoLogin.objects.count(), unhandled_errors) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_browser_that_disconnects_during_a_refresh_stays_signed_in(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    login, gate = create_login(client, ends_in=-1), Gate()
    token_endpoint.script(replace(token_response(refresh_token="the-second-one"), before=gate))
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/open/async/",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"cookie", cookie)],
    }

    async def disconnect_during_the_refresh() -> None:
        browser = ApplicationCommunicator(get_asgi_application(), scope)
        await browser.send_input({"type": "http.request", "body": b""})
        await sync_to_async(gate.requested.wait, thread_sensitive=False)(20)
        await browser.send_input({"type": "http.disconnect"})
        gate.opened.set()
        await browser.wait(20)

    async_to_sync(disconnect_during_the_refresh)()
    connections.close_all()
    assert reload_login(login).version == 1
    assert store.decrypt_tokens(reload_login(login)).refresh_token == "the-second-one"
    assert username_at(client) == "alice"
