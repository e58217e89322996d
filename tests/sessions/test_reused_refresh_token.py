"""Cognito reports that a refresh token was used before: by this site, whose response was lost, or by another party.

The hosted UI's token endpoint does not report it; the error is that of the user-pool API (RefreshTokenReuseException).
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.core.errors import SignInError
from django_cognito.core.hosted_ui import HostedUi, TokenSet
from django_cognito.models import CognitoLogin
from django_cognito.sessions import refresh
from django_cognito.signals import refresh_token_reused, signed_out
from tests.support.scenarios.login import create_login, username_at

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site"), pytest.mark.usefixtures("reuse")]

EnsureFresh = Callable[[CognitoLogin], CognitoLogin]


@pytest.fixture
def reuse(monkeypatch: pytest.MonkeyPatch, token_endpoint: ScriptedServer) -> None:
    """Let each refresh fail as a reused refresh token does."""

    def refuse(*_: Any, **__: Any) -> TokenSet:
        raise SignInError("RefreshTokenReuseException", oauth_error="invalid_grant", code="refresh_token_reused")

    monkeypatch.setattr(HostedUi, "refresh", refuse)
    token_endpoint.script(Answer(), Answer(), Answer())


@pytest.fixture
def sent_signals() -> Iterator[list[dict[str, Any]]]:
    """Yield the arguments of each `refresh_token_reused`."""
    calls: list[dict[str, Any]] = []
    receiver = lambda **arguments: calls.append(arguments)  # noqa: E731
    refresh_token_reused.connect(receiver)
    yield calls
    refresh_token_reused.disconnect(receiver)


def create_logins(*origin_jtis: str, **state: Any) -> list[CognitoLogin]:
    """Sign alice in once for each item, and let the logins have these `origin_jti`."""
    logins = [create_login(Client(), ends_in=30, **state) for _ in origin_jtis]
    for login, origin_jti in zip(logins, origin_jtis, strict=True):
        login.origin_jti = origin_jti
        login.save()
    return logins


def code_of(function: Callable[[], Any]) -> str:
    with pytest.raises(SignInError) as caught:
        function()
    return caught.value.code


def test_reuse_by_another_party_ends_all_logins_of_the_sign_in(
    ensure_fresh: EnsureFresh, token_endpoint: ScriptedServer
) -> None:
    login, _, other_login = create_logins("a", "a", "b")
    assert code_of(lambda: ensure_fresh(login)) == "refresh_token_reused"
    assert list(CognitoLogin.objects.active()) == [other_login]
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/revoke"] * 2


def test_reuse_without_an_origin_jti_ends_this_login_alone(ensure_fresh: EnsureFresh) -> None:
    login, other_login = create_logins("", "")
    assert code_of(lambda: ensure_fresh(login)) == "refresh_token_reused"
    assert list(CognitoLogin.objects.active()) == [other_login]


def test_reuse_does_not_end_logins_of_another_user(ensure_fresh: EnsureFresh) -> None:
    (login,) = create_logins("a")
    other_login = create_login(Client(), "bob")
    CognitoLogin.objects.update(origin_jti="a")
    assert code_of(lambda: ensure_fresh(login)) == "refresh_token_reused"
    assert list(CognitoLogin.objects.active()) == [other_login]


def test_reuse_by_another_party_is_a_warning_and_a_signal(
    sent_signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    logins = create_logins("a", "a")
    with caplog.at_level(logging.INFO, "django_cognito.sessions"):
        code_of(lambda: refresh.ensure_fresh(logins[0]))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    (arguments,) = sent_signals
    assert arguments["cognito_user"] == logins[0].cognito_user
    assert arguments["user"] == logins[0].cognito_user.user
    assert {login.pk for login in arguments["logins"]} == {login.pk for login in logins}


def test_reuse_sends_signed_out_with_its_reason() -> None:
    reasons: list[str] = []
    receiver = lambda reason, **_: reasons.append(reason)  # noqa: E731
    signed_out.connect(receiver)
    (login,) = create_logins("a")
    code_of(lambda: refresh.ensure_fresh(login))
    signed_out.disconnect(receiver)
    assert reasons == ["refresh_token_reused"]


def test_reuse_after_a_lost_response_ends_this_login_alone(
    ensure_fresh: EnsureFresh, token_endpoint: ScriptedServer
) -> None:
    login, other_login = create_logins("a", "a", sent_ago=25)
    assert code_of(lambda: ensure_fresh(login)) == "login_ended"
    assert list(CognitoLogin.objects.active()) == [other_login]
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/revoke"]


def test_reuse_after_a_lost_response_is_logged_without_a_signal(
    sent_signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    (login,) = create_logins("a", sent_ago=25)
    with caplog.at_level(logging.INFO, "django_cognito.sessions"):
        code_of(lambda: refresh.ensure_fresh(login))
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert sent_signals == []


def test_reused_token_makes_the_request_anonymous(client: Client) -> None:
    create_login(client, ends_in=-1)
    assert username_at(client) == "nobody"
    assert not CognitoLogin.objects.active().exists()
