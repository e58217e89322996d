import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client, override_settings

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import sign_in
from tests.support.callers import end_tokens
from tests.support.two_pools import ACME_POOL, TwoPools

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]


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


def test_claims_are_the_profile_where_it_is_user_infos_too(client: Client, settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "PROFILE_SOURCE": "userinfo"}
    user = sign_in(client, given_name="Alice", email="alice@example.org")
    assert (user.first_name, user.email) == ("Alice", "alice@example.org")


@pytest.mark.parametrize("alias", ["acme", "zen"])
def test_an_alias_says_at_which_pool(client: Client, two_pools: TwoPools, alias: str) -> None:
    user = sign_in(client, alias=alias, groups=["editors"])
    pool = two_pools.settings_of(alias)["USER_POOL_ID"]
    assert user.cognito_users.get().user_pool_id == pool
    said = client.get("/cognito/").json()
    assert (said["pool"], said["groups"], said["user"]) == (pool, ["editors"], "alice")
    assert two_pools.counts == (0, 0)


def test_without_one_it_is_the_first(client: Client, two_pools: TwoPools) -> None:
    assert sign_in(client).cognito_users.get().user_pool_id == ACME_POOL


def test_the_same_name_at_two_pools_is_two_people(client: Client, two_pools: TwoPools) -> None:
    users = [sign_in(client, alias=alias) for alias in ("acme", "zen", "acme")]
    assert users[0] == users[2] != users[1]
    assert len(set(CognitoUser.objects.values_list("sub"))) == 1


def test_an_alias_that_does_not_exist_is_told(client: Client, two_pools: TwoPools) -> None:
    with pytest.raises(KeyError, match="umbrella"):
        sign_in(client, alias="umbrella")
    assert not CognitoUser.objects.exists()


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
