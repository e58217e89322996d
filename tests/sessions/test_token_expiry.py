"""A login has two tokens, and ends with the first of them: AWS wants the ID token, the site the access token."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client

from django_cognito.core import AccessToken
from django_cognito.core.hosted_ui import TokenSet
from django_cognito.models import CognitoLogin
from django_cognito.sessions import store
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.login_scenario import login_of, token_answer, who
from tests.support.scripted_server import ScriptedServer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("cognito_keys"),
]

SOON, LATER = 400, 4_000  # seconds from now
BOTH_WAYS = pytest.mark.parametrize(
    ("access_ends", "id_ends"),
    [(SOON, LATER), (LATER, SOON), (SOON, SOON)],
    ids=["the access token first", "the ID token first", "both at once"],
)


def end_of(login: CognitoLogin) -> datetime:
    return CognitoLogin.objects.get(pk=login.pk).expires_at


@BOTH_WAYS
def test_a_new_login_ends_with_the_first_of_its_tokens(client: Client, access_ends: int, id_ends: int) -> None:
    now = int(time.time())
    access_token, id_token = make_token(exp=now + access_ends), make_token(token_use="id", exp=now + id_ends)
    user, token = authenticate(access_token, id_token=id_token)
    assert isinstance(token, AccessToken)
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    login = store.start_login(request, user, token, TokenSet(access_token, id_token, None, 3_600))
    assert end_of(login) == datetime.fromtimestamp(now + SOON, UTC)


@BOTH_WAYS
def test_a_renewed_login_does_too(
    client: Client, token_endpoint: ScriptedServer, access_ends: int, id_ends: int
) -> None:
    login, now = login_of(client, ends_in=-1), int(time.time())
    new = {"access_token": make_token(exp=now + access_ends), "id_token": make_token(token_use="id", exp=now + id_ends)}
    token_endpoint.script(token_answer(**new))
    assert who(client) == "alice"
    assert end_of(login) == datetime.fromtimestamp(now + SOON, UTC)


def test_a_login_is_renewed_when_its_id_token_is_about_to_end(client: Client, token_endpoint: ScriptedServer) -> None:
    login_of(client, ends_in=-1)
    token_endpoint.script(token_answer(id_token=make_token(token_use="id", exp=int(time.time()) + 30)), token_answer())
    who(client)  # gets the ID token of a short life
    assert token_endpoint.count == 1
    assert who(client) == "alice"
    assert token_endpoint.count == 2
