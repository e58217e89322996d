"""At which pool a request signs in: by host, by path or by session, as the site's own function says."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from django_cognito.core.errors import SignInError
from django_cognito.web.pool_selection import find_settings_for_request, get_settings_for_request
from tests.support.login_scenario import query_of, token_answer, who
from tests.support.two_pools import TwoPools

ACME = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
ZEN = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}


def by_host(request: Any) -> Any:
    return {"testserver": "zen", "localhost": "acme"}.get(request.get_host())


def by_path(request: Any) -> Any:
    return request.path.split("/")[1]


def by_session(request: Any) -> Any:
    return request.session["tenant"]


def alias_at(settings: Any, resolver: Any, path: str = "/", host: str = "testserver", tenant: Any = "") -> str:
    settings.COGNITO = {"POOLS": {"acme": ACME, "zen": ZEN}, "POOL_RESOLVER": resolver}
    request: Any = RequestFactory().get(path, headers={"host": host})
    request.session = {"tenant": tenant}
    return get_settings_for_request(request).alias


def test_without_a_resolver_it_is_the_first_pool(settings: Any) -> None:
    assert alias_at(settings, "") == "acme"


def test_a_site_with_one_pool_has_no_choice(settings: Any) -> None:
    assert get_settings_for_request(RequestFactory().get("/")).alias == "default"


@pytest.mark.parametrize(
    ("resolver", "where", "alias"),
    [
        (by_host, {"host": "testserver"}, "zen"),
        (by_host, {"host": "localhost"}, "acme"),
        (by_path, {"path": "/zen/auth/login/"}, "zen"),
        (by_session, {"tenant": "zen"}, "zen"),
        ("tests.web.test_pool_selection.by_host", {"host": "testserver"}, "zen"),
    ],
)
def test_the_sites_function_says_which(settings: Any, resolver: Any, where: dict[str, str], alias: str) -> None:
    assert alias_at(settings, resolver, **where) == alias


@pytest.mark.parametrize("tenant", ["umbrella", "", None, 5, ["acme"], {"acme": 1}, "acme\n"])
def test_what_is_no_alias_is_nobodys_address(settings: Any, tenant: Any) -> None:
    with pytest.raises(SignInError) as caught:
        alias_at(settings, by_session, tenant=tenant)
    assert caught.value.code == "tenant_unknown"
    request: Any = RequestFactory().get("/")
    request.session = {"tenant": tenant}
    assert find_settings_for_request(request) is None


def test_an_alias_from_the_outside_forges_no_log_line(settings: Any) -> None:
    with pytest.raises(SignInError) as caught:
        alias_at(settings, by_session, tenant="a\nWARNING all is well" + "x" * 5_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


# Through the whole login


def by_next_or_path(request: Any) -> str:
    """As the guide shows it: the login's own addresses are the same for all, so what they lead to counts."""
    return str(request.GET.get("next") or request.path).split("/")[1]


CALLBACK = "https://testserver/auth/callback/"
WAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "host": (lambda request: {"localhost": "zen"}.get(request.get_host()), {"headers": {"host": "localhost"}}),
    "path": (by_next_or_path, {"data": {"next": "/zen/notes/"}, "secure": True}),
    "session": (lambda request: request.session.get("tenant", "acme"), {}),
}


@pytest.mark.django_db
@pytest.mark.urls("tests.support.login_site")
@pytest.mark.parametrize(("resolver", "where"), WAYS.values(), ids=WAYS)
def test_a_whole_sign_in_is_at_the_pool_of_host_path_or_session(
    client: Client, two_pools: TwoPools, settings: Any, resolver: Any, where: dict[str, Any]
) -> None:
    # By path the callback's URL is the same for all tenants: each has a REDIRECT_URI of its own.
    zen = {**two_pools.settings_of("zen"), **({"REDIRECT_URI": CALLBACK} if "secure" in where else {})}
    pools = {**two_pools.settings["POOLS"], "zen": zen}
    # The last page of this test is not the tenant's.
    settings.COGNITO = {"POOLS": pools, "POOL_RESOLVER": resolver, "TOKENS_OF_OTHER_POOLS": "allow"}
    visitor = client.session
    visitor["tenant"] = "zen"
    visitor.save()
    client.cookies["sessionid"] = visitor.session_key
    asked = query_of(client.get("/auth/login/", **where)["Location"])
    assert asked["client_id"] == "1zen"
    two_pools.zen.script(token_answer(nonce=asked["nonce"], alias="zen"))
    back = {"code": "a-code", "state": asked["state"]}
    answer = client.get("/auth/callback/", back, headers=where.get("headers"), secure=where.get("secure", False))
    assert (answer.status_code, who(client), two_pools.counts) == (302, "alice", (0, 1))
