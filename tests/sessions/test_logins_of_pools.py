"""A login is bound to its pool and its client, also after a change of the settings.

It is refreshed, revoked and signed out at its own hosted UI only. `visit` requests a page, sync or async.
"""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as django_settings
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import Answer

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from tests.support.scenarios.login import change_login, read_form, read_query, token_response, username_at
from tests.support.two_pools import TwoPools, alias_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

Visit = Callable[[Client, str], str]


@pytest.fixture(params=["sync", "async"])
def visit(request: pytest.FixtureRequest) -> Visit:
    """Return a function that requests a page and returns its text."""

    def visit_async(client: Client, path: str) -> str:
        other = AsyncClient()
        other.cookies = client.cookies
        return str(async_to_sync(other.get)(path).content.decode())

    return visit_async if request.param == "async" else lambda client, path: client.get(path).content.decode()


@pytest.fixture
def login(client: Client, two_pools: TwoPools) -> CognitoLogin:
    """Return a login at `zen`; `acme` has one too. The servers have no recorded requests."""
    two_pools.sign_in(Client(), "acme", "bystander")
    two_pools.sign_in(client, "zen", refresh_token="of-zen")
    for server in (two_pools.acme, two_pools.zen):
        server.requests.clear()
        server.script(Answer(500))
    return CognitoLogin.objects.select_related("cognito_user").get(cognito_user__username="alice")


def set_pools(settings: Any, **pools: dict[str, Any]) -> None:
    """Set the pools of the site."""
    settings.COGNITO = {"POOLS": pools, "POOL_RESOLVER": alias_of, "TOKENS_OF_OTHER_POOLS": "allow"}


def has_ended(client: Client) -> bool:
    """Return whether the login has ended in session and database, and the bystander's has not."""
    usernames = list(CognitoLogin.objects.active().values_list("cognito_user__username", flat=True))
    return usernames == ["bystander"] and store.SESSION_KEY not in client.session


def test_login_is_refreshed_at_its_own_hosted_ui_and_client(
    client: Client, two_pools: TwoPools, login: CognitoLogin, visit: Visit
) -> None:
    change_login(login, ends_in=-1)
    two_pools.zen.script(token_response(alias="zen"))
    assert visit(client, "/who/") == "alice"
    (request,) = two_pools.zen.requests
    assert read_form(request) == {"grant_type": "refresh_token", "refresh_token": "of-zen"}
    assert request.headers["authorization"].startswith("Basic ")
    assert two_pools.acme.count == 0


@pytest.mark.defends("RP-17")
def test_refresh_with_tokens_of_another_pool_ends_the_login(
    client: Client, two_pools: TwoPools, login: CognitoLogin, visit: Visit
) -> None:
    change_login(login, ends_in=-1)
    two_pools.zen.script(token_response(alias="acme"))
    assert visit(client, "/who/") == "nobody"
    assert has_ended(client)
    assert not CognitoUser.objects.filter(user_pool_id="eu-west-1_AcmePool1", username="alice").exists()


def test_login_survives_a_renamed_alias(
    client: Client, two_pools: TwoPools, login: CognitoLogin, settings: Any, visit: Visit
) -> None:
    set_pools(settings, acme=two_pools.settings_of("acme"), garden=two_pools.settings_of("zen"))
    assert visit(client, "/who/") == "alice"


REMOVALS = {
    "the pool": lambda pools: {"acme": pools.settings_of("acme")},
    "the client": lambda pools: {
        "acme": pools.settings_of("acme"),
        "zen": {**pools.settings_of("zen"), "CLIENT_ID": "1another"},
    },
    "the alias, and another has the pool": lambda pools: {
        "acme": pools.settings_of("acme"),
        "beta": {**pools.settings_of("zen"), "CLIENT_ID": "1beta", "DOMAIN": pools.acme.url},
    },
}
each_removal = pytest.mark.parametrize("remaining_pools", REMOVALS.values(), ids=REMOVALS)


@pytest.mark.parametrize(
    ("visit", "remaining_pools", "ends_in"),
    [
        *(("sync", pools, ends_in) for pools in REMOVALS.values() for ends_in in (3_600, 30, -1)),
        *(("async", pools, -1) for pools in REMOVALS.values()),
    ],
    indirect=["visit"],
)
def test_login_of_a_removed_pool_or_client_ends_without_a_request(
    client: Client,
    two_pools: TwoPools,
    login: CognitoLogin,
    settings: Any,
    visit: Visit,
    remaining_pools: Any,
    ends_in: float,
) -> None:
    change_login(login, ends_in=ends_in)
    set_pools(settings, **remaining_pools(two_pools))
    assert visit(client, "/subject/") == "no token"
    assert has_ended(client)
    assert visit(client, "/who/") == "nobody"
    assert two_pools.counts == (0, 0)


@each_removal
def test_sign_out_after_pool_removal_uses_the_pool_of_the_host(
    client: Client,
    two_pools: TwoPools,
    login: CognitoLogin,
    settings: Any,
    remaining_pools: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_pools(settings, **remaining_pools(two_pools))
    with caplog.at_level(logging.WARNING, "django_cognito.sessions.ending.sign_out"):
        answer = client.post("/auth/logout/")
    assert answer["Location"].startswith(f"{two_pools.acme.url}/logout?")  # from POOL_RESOLVER: its own pool is unknown
    assert [
        record.getMessage() for record in caplog.records if record.name == "django_cognito.sessions.ending.sign_out"
    ] == ["Signed out of this site, but the refresh token was not revoked: login_ended"]
    assert has_ended(client)
    assert two_pools.counts == (0, 0)


def test_user_of_a_removed_pool_can_sign_in_again(
    client: Client, two_pools: TwoPools, login: CognitoLogin, settings: Any
) -> None:
    set_pools(settings, acme=two_pools.settings_of("acme"))
    two_pools.sign_in(client, "acme", "bob")
    assert username_at(client) == "bob"
    assert sorted(CognitoLogin.objects.active().values_list("cognito_user__username", flat=True)) == [
        "bob",
        "bystander",
    ]
    assert [request.path for request in two_pools.acme.requests] == ["/oauth2/token"]
    assert two_pools.zen.count == 0


def test_login_of_another_allowed_client_is_not_refreshed(
    client: Client, two_pools: TwoPools, login: CognitoLogin, settings: Any, visit: Visit
) -> None:
    zen = {**two_pools.settings_of("zen"), "CLIENT_ID": "1newer", "CLIENT_IDS": ["1newer", "1zen"]}
    set_pools(settings, acme=two_pools.settings_of("acme"), zen=zen)
    change_login(login, ends_in=30)
    assert visit(client, "/who/") == "alice"
    change_login(login, ends_in=-1)
    assert visit(client, "/who/") == "nobody"
    assert has_ended(client)
    assert two_pools.counts == (0, 0)


def test_logout_uses_the_logout_uri_of_its_own_pool(
    client: Client, two_pools: TwoPools, login: CognitoLogin, settings: Any
) -> None:
    acme, zen = (
        {**two_pools.settings_of(alias), "LOGOUT_URI": f"https://{alias}.example.com/bye/"} for alias in ("acme", "zen")
    )
    set_pools(settings, acme=acme, zen=zen)
    answer = client.post("/auth/logout/")
    assert answer["Location"].startswith(f"{two_pools.zen.url}/logout?")
    assert read_query(answer["Location"])["logout_uri"] == "https://zen.example.com/bye/"


def test_sign_out_without_a_login_uses_the_pool_of_the_host(client: Client, two_pools: TwoPools, settings: Any) -> None:
    acme, zen = (
        {**two_pools.settings_of(alias), "LOGOUT_URI": f"https://{alias}.example.com/bye/"} for alias in ("acme", "zen")
    )
    set_pools(settings, acme=acme, zen=zen)
    location = client.post("/auth/logout/?at=zen")["Location"]
    assert location.startswith(f"{two_pools.zen.url}/logout?")
    assert read_query(location)["logout_uri"] == "https://zen.example.com/bye/"
    assert client.post("/auth/logout/?at=umbrella")["Location"] == "http://testserver/"
    assert two_pools.counts == (0, 0)
    assert django_settings.SESSION_COOKIE_NAME not in client.cookies
