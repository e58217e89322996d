import itertools
import logging
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import sign_in, tokens
from tests.support.callers import end_tokens
from tests.support.two_pools import ACME_POOL, TwoPools

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]
TIMES = ("auth_time", "iat", "exp")


def test_sign_in_signs_in_the_client(client: Client) -> None:
    assert sign_in(client, "bob") == get_user_model().objects.get(username="bob")
    assert client.get("/who/").content == b"bob"


def test_sign_in_affects_no_other_client(client: Client) -> None:
    sign_in(client, "bob")
    assert Client().get("/who/").content == b"nobody"


def test_cognito_sign_in_fixture_signs_in_the_client_fixture(cognito_sign_in: Any, client: Client) -> None:
    cognito_sign_in("carol", groups=["admins"])
    assert client.get("/cognito/").json()["groups"] == ["admins"]


def test_sign_in_sets_groups_and_scopes(client: Client) -> None:
    sign_in(client, groups=["editors"], scope="openid orders/read")
    document = client.get("/cognito/").json()
    assert (document["groups"], document["scopes"]) == (["editors"], ["openid", "orders/read"])


def test_sign_in_claims_set_the_profile(client: Client) -> None:
    user = sign_in(client, given_name="Alice", email="alice@example.org")
    assert (user.first_name, user.email) == ("Alice", "alice@example.org")


def test_sign_in_claims_set_the_profile_with_source_userinfo(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo"}
    user = sign_in(client, given_name="Alice", email="alice@example.org")
    assert (user.first_name, user.email) == ("Alice", "alice@example.org")


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_sign_in_with_alias_uses_the_pool_of_the_alias(client: Client, two_pools: TwoPools, alias: str) -> None:
    user = sign_in(client, alias=alias, groups=["editors"])
    pool = two_pools.settings_of(alias)["USER_POOL_ID"]
    assert user.cognito_users.get().user_pool_id == pool
    document = client.get("/cognito/").json()
    assert (document["pool"], document["groups"], document["user"]) == (pool, ["editors"], "alice")
    assert two_pools.counts == (0, 0)


def test_sign_in_without_alias_uses_the_first_pool(client: Client, two_pools: TwoPools) -> None:
    assert sign_in(client).cognito_users.get().user_pool_id == ACME_POOL


def test_sign_in_with_one_username_at_two_pools_returns_two_users(client: Client, two_pools: TwoPools) -> None:
    users = [sign_in(client, alias=alias) for alias in ("acme", "zen", "acme")]
    assert users[0] == users[2] != users[1]
    assert len(set(CognitoUser.objects.values_list("sub"))) == 1


def test_sign_in_with_an_unknown_alias_raises_key_error(client: Client, two_pools: TwoPools) -> None:
    with pytest.raises(KeyError, match="umbrella"):
        sign_in(client, alias="umbrella")
    assert not CognitoUser.objects.exists()


def test_sign_in_sets_common_claims_in_both_tokens(client: Client) -> None:
    sign_in(client, sub="another-sub", auth_time=1_700_000_000, iat=1_700_000_000)
    cognito_user = CognitoUser.objects.get()
    assert (cognito_user.sub, cognito_user.as_of) == ("another-sub", datetime.fromtimestamp(1_700_000_000, UTC))
    assert client.get("/cognito/").json()["sub"] == "another-sub"


def test_tokens_of_a_sign_in_have_the_same_times(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of Cognito, also if the next second begins between both: the level of a sign-in has its time."""
    clock = itertools.count(int(time.time()) - 60)
    monkeypatch.setattr(tokens, "unix_time", lambda: next(clock))
    sign_in(client, acr="urn:cognito:loa:3")
    stored = store.decrypt_tokens(CognitoLogin.objects.get())
    access, identity = (read_unverified(raw) for raw in (stored.access_token, stored.id_token))
    assert {name: access[name] for name in TIMES} == {name: identity[name] for name in TIMES}


def test_second_sign_in_replaces_the_login(client: Client) -> None:
    for name in ("alice", "bob"):
        sign_in(client, name)
    assert client.get("/who/").content == b"bob"
    assert CognitoLogin.objects.count() == 1


def test_sign_out_sends_no_request_to_cognito(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    sign_in(client)
    client.logout()
    assert (client.get("/who/").content, CognitoLogin.objects.count()) == (b"nobody", 0)
    assert caplog.text == ""


def test_login_with_expired_tokens_ends(client: Client) -> None:
    sign_in(client)
    end_tokens()
    assert client.get("/who/").content == b"nobody"


@pytest.mark.usefixtures("cognito_down")
def test_sign_in_with_refresh_token_refreshes_at_cognito(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    sign_in(client, refresh_token="a refresh token")
    end_tokens()
    assert client.get("/cognito/").status_code == 503


@override_settings(SESSION_COOKIE_NAME="site")
def test_sign_in_uses_the_session_cookie_name_of_the_site(client: Client) -> None:
    sign_in(client)
    assert client.cookies["site"].value
    assert client.get("/who/").content == b"alice"
