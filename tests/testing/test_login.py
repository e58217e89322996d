import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import sign_in

from ..callers import end_tokens

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.door_views"), pytest.mark.usefixtures("cognito_keys")]


def test_the_client_is_signed_in(client: Client) -> None:
    assert sign_in(client, "bob") == get_user_model().objects.get(username="bob")
    assert client.get("/who/").content == b"bob"


def test_nobody_else_is(client: Client) -> None:
    sign_in(client, "bob")
    assert Client().get("/who/").content == b"nobody"


def test_the_fixture_signs_the_fixture_client_in(cognito_sign_in: Any, client: Client) -> None:
    cognito_sign_in("carol", groups=["admins"])
    assert client.get("/cognito/").json()["groups"] == ["admins"]


def test_groups_and_scopes_are_the_persons(client: Client) -> None:
    sign_in(client, groups=["editors"], scope="openid orders/read")
    said = client.get("/cognito/").json()
    assert (said["groups"], said["scopes"]) == (["editors"], ["openid", "orders/read"])


def test_claims_are_the_profile(client: Client) -> None:
    user = sign_in(client, given_name="Alice", email="alice@example.org")
    assert (user.first_name, user.email) == ("Alice", "alice@example.org")


def test_what_both_tokens_say_goes_into_both(client: Client) -> None:
    sign_in(client, sub="another-sub", auth_time=1_700_000_000, iat=1_700_000_000)
    known = CognitoUser.objects.get()
    assert (known.sub, known.as_of) == ("another-sub", datetime.fromtimestamp(1_700_000_000, UTC))
    assert client.get("/cognito/").json()["sub"] == "another-sub"


def test_signing_in_again_replaces_the_login(client: Client) -> None:
    for name in ("alice", "bob"):
        sign_in(client, name)
    assert client.get("/who/").content == b"bob"
    assert CognitoLogin.objects.count() == 1


def test_signing_out_asks_no_cognito(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    sign_in(client)
    client.logout()
    assert (client.get("/who/").content, CognitoLogin.objects.count()) == (b"nobody", 0)
    assert caplog.text == ""


def test_tokens_that_end_end_the_login(client: Client) -> None:
    sign_in(client)
    end_tokens()
    assert client.get("/who/").content == b"nobody"


@pytest.mark.usefixtures("cognito_down")
def test_with_a_refresh_token_cognito_is_asked_for_the_next(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    sign_in(client, refresh_token="a refresh token")
    end_tokens()
    assert client.get("/cognito/").status_code == 503


@override_settings(SESSION_COOKIE_NAME="site")
def test_the_sites_cookie_name_counts(client: Client) -> None:
    sign_in(client)
    assert client.cookies["site"].value
    assert client.get("/who/").content == b"alice"
