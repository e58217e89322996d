"""A link that is deleted or given to another user: its logins end as at a sign-out, on this site and at Cognito."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import transaction
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito import sessions
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.sessions.ending import sign_out
from django_cognito.sessions.ending.sign_out import retry_revocations
from django_cognito.users import linking, revocation
from django_cognito.users.account_status import record_disabled
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.login import create_login, read_form, username_at
from tests.support.scenarios.users import token

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.login_site")]


@pytest.fixture(autouse=True)
def _no_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no request retry a revocation: these tests call `retry_revocations`."""
    monkeypatch.setattr(sign_out, "_next_retry_at", float("inf"))


def unlink(link: CognitoUser) -> None:
    link.user.set_password("a local password")
    link.user.save()
    linking.unlink(link.user, link.pk)


def move(link: CognitoUser) -> None:
    link.user = User.objects.create(username="other")
    link.save()


REMOVALS: dict[str, Callable[[CognitoUser], object]] = {
    "unlink": unlink,
    "delete": lambda link: link.delete(),
    "queryset": lambda link: CognitoUser.objects.filter(pk=link.pk).delete(),
    "another user": move,
}
each_removal = pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)


def revoked_tokens(server: ScriptedServer) -> list[str]:
    """Return the refresh tokens of the requests to the revocation endpoint, in order."""
    return [read_form(request)["token"] for request in server.requests]


def code_in_another_process(raw: str) -> str:
    """Return the error code of a bearer token in a process that reads the cache; empty if it is accepted."""
    revocation.get_revocation_list().clear_entries()
    try:
        authenticate(raw)
    except TokenError as error:
        return error.code
    return ""


@each_removal
def test_removed_link_revokes_its_logins(client: Client, token_endpoint: ScriptedServer, remove: Any) -> None:
    login, other = create_login(client), create_login(Client(), "bob")
    raw, raw_of_other = (store.decrypt_tokens(item).access_token for item in (login, other))
    token_endpoint.script(Answer())
    remove(CognitoUser.objects.select_related("user").get(username="alice"))
    assert revoked_tokens(token_endpoint) == ["a-refresh-token"]
    assert (code_in_another_process(raw), code_in_another_process(raw_of_other)) == ("token_revoked", "")
    assert (username_at(client), list(CognitoLogin.objects.all())) == ("nobody", [other])


def test_link_removed_in_a_transaction_that_fails_revokes_nothing(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    create_login(client)
    with transaction.atomic():
        CognitoUser.objects.get().delete()
        transaction.set_rollback(True)
    assert (username_at(client), token_endpoint.count) == ("alice", 0)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda link: sessions.sign_out_everywhere(link.user), "token_revoked"),
        (record_disabled, "user_disabled_in_cognito"),
    ],
    ids=["signed out everywhere", "disabled"],
)
def test_sign_out_before_the_removal_still_holds(token_endpoint: ScriptedServer, end: Any, code: str) -> None:
    raw = token(at=-60, auth_time=int(time.time()) - 60)
    user, _ = authenticate(raw)
    end(CognitoUser.objects.get(user=user))
    caches["default"].clear()  # as a day later: the entry has expired, and the row alone rejects
    assert code_in_another_process(raw) == code
    unlink(CognitoUser.objects.get(user=user))
    assert code_in_another_process(raw) == code
    assert not CognitoUser.objects.exists()


def test_moved_link_keeps_what_cognito_has_not_revoked(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client)
    token_endpoint.script(Answer(500))
    move(CognitoUser.objects.get())
    assert not CognitoLogin.objects.active().exists()
    token_endpoint.script(Answer())
    assert retry_revocations() == (1, 0, 0)
    assert revoked_tokens(token_endpoint) == ["a-refresh-token"] * 2


def test_deleted_link_is_deleted_though_cognito_does_not_respond(
    client: Client, token_endpoint: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    create_login(client)
    token_endpoint.script(Answer(500))
    CognitoUser.objects.get().delete()
    assert (CognitoUser.objects.count(), CognitoLogin.objects.count()) == (0, 0)
    assert "was not revoked" in caplog.text
