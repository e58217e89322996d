"""A login has two tokens and expires with the first of them: AWS uses the ID token, the site the access token."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.core import AccessToken
from django_cognito.core.hosted_ui import TokenSet
from django_cognito.models import CognitoLogin
from django_cognito.sessions.sign_in import start_login
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.login import create_login, token_response, username_at

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.login_site"),
    pytest.mark.usefixtures("cognito_keys"),
]

SOON, LATER = 400, 4_000  # seconds from now
EACH_ORDER = pytest.mark.parametrize(
    ("access_expires_in", "id_expires_in"),
    [(SOON, LATER), (LATER, SOON), (SOON, SOON)],
    ids=["the access token first", "the ID token first", "both at once"],
)


def get_expires_at(login: CognitoLogin) -> datetime:
    return CognitoLogin.objects.get(pk=login.pk).expires_at


@EACH_ORDER
def test_new_login_expires_with_the_first_of_its_tokens(
    client: Client, access_expires_in: int, id_expires_in: int
) -> None:
    now = int(time.time())
    access_token, id_token = (
        make_token(exp=now + access_expires_in),
        make_token(token_use="id", exp=now + id_expires_in),
    )
    user, token = authenticate(access_token, id_token=id_token)
    assert isinstance(token, AccessToken)
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    login = start_login(request, user, token, TokenSet(access_token, id_token, None, 3_600))
    assert get_expires_at(login) == datetime.fromtimestamp(now + SOON, UTC)


@EACH_ORDER
def test_refreshed_login_expires_with_the_first_of_its_tokens(
    client: Client, token_endpoint: ScriptedServer, access_expires_in: int, id_expires_in: int
) -> None:
    login, now = create_login(client, ends_in=-1), int(time.time())
    tokens = {
        "access_token": make_token(exp=now + access_expires_in),
        "id_token": make_token(token_use="id", exp=now + id_expires_in),
    }
    token_endpoint.script(token_response(**tokens))
    assert username_at(client) == "alice"
    assert get_expires_at(login) == datetime.fromtimestamp(now + SOON, UTC)


def test_login_is_refreshed_before_its_id_token_expires(client: Client, token_endpoint: ScriptedServer) -> None:
    create_login(client, ends_in=-1)
    token_endpoint.script(
        token_response(id_token=make_token(token_use="id", exp=int(time.time()) + 30)), token_response()
    )
    username_at(client)  # gets an ID token that expires soon
    assert token_endpoint.count == 1
    assert username_at(client) == "alice"
    assert token_endpoint.count == 2
