"""A sign-out during a refresh of the same login: no refresh token stays valid at Cognito."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito import sessions
from django_cognito.core.errors import SignInError
from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh, store
from django_cognito.sessions.ending import sign_out
from django_cognito.sessions.ending.sign_out import retry_revocations
from django_cognito.sessions.refresh import response as refresh_response
from django_cognito.testing import sign_in
from tests.support.scenarios.login import Gate, create_login, read_form, token_response, username_at

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]

ADMIN_SCOPE = "openid aws.cognito.signin.user.admin"
GLOBAL_SIGN_OUT_REFUSED = json_answer({"__type": "NotAuthorizedException", "message": "no"}, 400)


@pytest.fixture(autouse=True)
def _no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no request retry a revocation: these tests call `retry_revocations`."""
    monkeypatch.setattr(sign_out, "_next_retry_at", float("inf"))


@pytest.fixture
def thread() -> Iterator[Callable[[Callable[[], Any]], "Future[Any]"]]:
    """Yield a function that calls another one in a thread with its own database connection."""

    def call(function: Callable[[], Any]) -> Any:
        try:
            return function()
        finally:
            connection.close()

    with ThreadPoolExecutor() as pool:
        yield lambda function: pool.submit(call, function)


class SignOut:
    """A sign-out in another thread that waits for Cognito's answer to its last request until `finish`.

    An instance is the `before` of the answer to the refresh; `gate` is that of the answer to the last request.
    """

    def __init__(self, thread: Any, function: Callable[[], Any]) -> None:
        self.gate = Gate()
        self._thread, self._function = thread, function
        self._future: Future[Any] | None = None

    def __call__(self) -> None:
        self._future = self._thread(self._function)
        assert self.gate.requested.wait(20)

    def finish(self) -> None:
        self.gate.opened.set()
        assert self._future is not None
        self._future.result(20)


def revoked_tokens(server: ScriptedServer) -> list[str]:
    """Return the refresh tokens of the requests to the revocation endpoint, in order."""
    return [read_form(request)["token"] for request in server.requests if request.path == "/oauth2/revoke"]


@pytest.mark.parametrize("is_same_sign_in", [True, False], ids=["tokens rejected", "tokens accepted"])
def test_confirmed_sign_out_keeps_the_new_refresh_token(
    client: Client, cognito_server: ScriptedServer, ensure_fresh: Any, thread: Any, is_same_sign_in: bool
) -> None:
    login = create_login(client, ends_in=30)
    ending = SignOut(thread, lambda: sessions.revoke_login(login))
    both = {"origin_jti": login.origin_jti} if is_same_sign_in else {}
    new_tokens = token_response(refresh_token="the-second", both=both)
    cognito_server.script(replace(new_tokens, before=ending), Answer(before=ending.gate), Answer(500), Answer())
    with pytest.raises(SignInError, match="ended"):
        ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get())
    ending.finish()
    assert revoked_tokens(cognito_server) == ["a-refresh-token", "the-second"]  # the second one was not revoked
    assert retry_revocations() == (1, 0, 0)
    assert revoked_tokens(cognito_server)[2:] == ["the-second"]
    assert not CognitoLogin.objects.exists()


def test_two_new_refresh_tokens_of_a_login_are_both_revoked(
    client: Client, cognito_server: ScriptedServer, ensure_fresh: Any, thread: Any
) -> None:
    sign_in(client, refresh_token="the-first", scope=ADMIN_SCOPE, exp=int(time.time()) + 1)
    login = store.load_login(client.session)
    time.sleep(1.1)  # GlobalSignOut needs a valid access token: it is refreshed
    ending = SignOut(thread, lambda: sessions.sign_out_everywhere(login.cognito_user.user))
    cognito_server.script(
        replace(token_response(refresh_token="the-second"), before=ending),
        token_response(refresh_token="the-third"),
        GLOBAL_SIGN_OUT_REFUSED,
        Answer(500, before=ending.gate),
        Answer(500),
        Answer(),
    )
    with pytest.raises(SignInError, match="ended"):
        ensure_fresh(login)
    ending.finish()
    assert revoked_tokens(cognito_server) == ["the-third", "the-second"]
    assert retry_revocations() == (2, 0, 0)
    assert sorted(revoked_tokens(cognito_server)[2:]) == ["the-second", "the-third"]


def test_sign_out_that_was_not_stored_revokes_refreshed_tokens(
    client: Client, cognito_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = create_login(client, ends_in=30)

    def fail(*_: Any) -> Any:
        cognito_server.script(token_response(refresh_token="the-second"), Answer())
        refresh.ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get(pk=login.pk))
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(sign_out, "end_rows", fail)
        client.post("/auth/logout/")
    assert username_at(client) == "nobody"
    assert not CognitoLogin.objects.active().exists()
    assert retry_revocations() == (1, 0, 0)
    assert revoked_tokens(cognito_server) == ["a-refresh-token", "the-second"]


def test_database_error_after_a_sign_out_revokes_the_new_token(
    client: Client, cognito_server: ScriptedServer, ensure_fresh: Any, thread: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise DatabaseError("the user could not be written")

    login = create_login(client, ends_in=30)
    monkeypatch.setattr(refresh_response, "get_or_create_user", fail)
    new_tokens = token_response(refresh_token="the-second")
    cognito_server.script(
        replace(new_tokens, before=lambda: thread(lambda: sessions.revoke_login(login)).result(20)), Answer()
    )
    with pytest.raises(DatabaseError, match="could not be written"):
        ensure_fresh(CognitoLogin.objects.select_related("cognito_user").get())
    assert revoked_tokens(cognito_server) == ["a-refresh-token", "the-second"]
    assert not CognitoLogin.objects.exists()
