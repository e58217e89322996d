"""Refresh tokens that Cognito cannot revoke: the app client's token revocation (`EnableTokenRevocation`) is off."""

import logging
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import ProtectedError
from django.db.models.signals import pre_delete
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito import sessions
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from django_cognito.sessions.ending import clean_up, revocation
from django_cognito.sessions.ending.sign_out import retry_revocations
from django_cognito.testing import sign_in
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.login import create_login, refusal, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

ANSWERS = {"revocation off": refusal("invalid_request"), "wrong type": refusal("unsupported_token_type")}
API_ANSWERS = {
    "revocation off": json_answer({"__type": "UnsupportedOperationException", "message": "no"}, 400),
    "wrong type": json_answer({"__type": "UnsupportedTokenTypeException", "message": "no"}, 400),
}


@pytest.fixture(autouse=True)
def _first_warning() -> None:
    """Let no other test have logged the warning."""
    revocation.warn_of_irrevocable_tokens.cache_clear()


def leave_ended(username: str, server: ScriptedServer) -> CognitoLogin:
    """Sign a user in and out while Cognito is down; return the login."""
    login = create_login(Client(), username)
    server.script(Answer(500))
    sessions.revoke_login(login)
    return login


def run() -> str:
    output = StringIO()
    call_command("cognito_clearsessions", stdout=output)
    return output.getvalue().strip()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_row_of_an_irrevocable_token_is_deleted(client: Client, token_endpoint: ScriptedServer, answer: Answer) -> None:
    login = create_login(client)
    token_endpoint.script(answer)
    sessions.revoke_login(login)
    assert (CognitoLogin.objects.count(), username_at(client)) == (0, "nobody")
    with pytest.raises(TokenError) as caught:
        authenticate(store.decrypt_tokens(login).access_token)
    assert caught.value.code == "token_revoked"


@pytest.mark.parametrize("answer", API_ANSWERS.values(), ids=API_ANSWERS)
def test_row_of_a_token_that_the_api_cannot_revoke_is_deleted(
    client: Client, token_endpoint: ScriptedServer, settings: Any, answer: Answer
) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": "", "ENDPOINT_URL": token_endpoint.url}
    sign_in(client, refresh_token="a-refresh-token")
    token_endpoint.script(answer)
    sessions.revoke_login(store.load_login(client.session))
    assert (CognitoLogin.objects.count(), token_endpoint.count) == (0, 1)


def test_irrevocable_tokens_are_logged_once_with_the_remedy(
    token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    token_endpoint.script(refusal("invalid_request"))
    with caplog.at_level(logging.INFO, "django_cognito.sessions"):
        for username in ("alice", "bob"):
            sessions.revoke_login(create_login(Client(), username))
    (record,) = [record for record in caplog.records if record.name == "django_cognito.sessions.ending.revocation"]
    assert (record.levelno, "EnableTokenRevocation" in record.getMessage()) == (logging.WARNING, True)


def test_clearsessions_counts_irrevocable_tokens_and_succeeds(
    token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clean_up, "_REVOCATIONS_PER_CALL", 1)
    for username in ("alice", "bob", "carol"):
        leave_ended(username, token_endpoint)
    token_endpoint.script(refusal("invalid_request"), refusal("invalid_request"), Answer())
    first, second = run().splitlines()
    assert "revoked 1 refresh token," in first
    assert second == "2 refresh tokens cannot be revoked: switch on token revocation of the app client."
    assert not CognitoLogin.objects.exists()
    assert len(run().splitlines()) == 1


def test_clearsessions_fails_for_tokens_that_are_left(token_endpoint: ScriptedServer) -> None:
    for username in ("alice", "bob"):
        leave_ended(username, token_endpoint)
    token_endpoint.script(refusal("invalid_request"), Answer(503))
    with pytest.raises(CommandError, match="1 refresh token could not be revoked"):
        run()


def test_clearsessions_ends_while_the_cache_is_down(token_endpoint: ScriptedServer, settings: Any) -> None:
    leave_ended("alice", token_endpoint)
    token_endpoint.requests.clear()
    token_endpoint.script(Answer(), Answer(500))
    settings.CACHES = {"default": {"BACKEND": "tests.faults.bad_caches.Down"}}
    with pytest.raises(CommandError, match="1 refresh token could not be revoked"):
        run()
    assert token_endpoint.count == 1


def test_clearsessions_ends_if_a_row_cannot_be_deleted(token_endpoint: ScriptedServer) -> None:
    """A model of the site may refer to the login with `on_delete=PROTECT`."""

    def protect(instance: CognitoLogin, **_: Any) -> None:
        if token_endpoint.count > 9:
            raise SystemExit("without end")
        raise ProtectedError("a row of the site refers to the login", {instance})

    leave_ended("alice", token_endpoint)
    token_endpoint.requests.clear()
    token_endpoint.script(*[Answer()] * 20)
    pre_delete.connect(protect, sender=CognitoLogin)
    try:
        with pytest.raises(CommandError, match="1 refresh token could not be revoked"):
            run()
    finally:
        pre_delete.disconnect(protect, sender=CognitoLogin)
    assert token_endpoint.count == 1


def test_retry_counts_irrevocable_tokens(token_endpoint: ScriptedServer) -> None:
    leave_ended("alice", token_endpoint)
    token_endpoint.script(refusal("invalid_request"))
    assert retry_revocations() == (0, 0, 1)
