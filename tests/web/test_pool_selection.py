"""Selection of the user pool of a request by POOL_RESOLVER: by host, by path or by session."""

from typing import Any

import pytest
from django.test import Client, RequestFactory

from django_cognito.core.errors import SignInError
from django_cognito.web.pool_selection import find_settings_for_request, get_settings_for_request
from tests.support.scenarios.login import read_query, token_response, username_at
from tests.support.two_pools import TwoPools

ACME = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
ZEN = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}


def by_host(request: Any) -> Any:
    return {"testserver": "zen", "localhost": "acme"}.get(request.get_host())


def by_path(request: Any) -> Any:
    return request.path.split("/")[1]


def by_session(request: Any) -> Any:
    return request.session["tenant"]


def get_alias(settings: Any, resolver: Any, path: str = "/", host: str = "testserver", tenant: Any = "") -> str:
    settings.COGNITO = {"POOLS": {"acme": ACME, "zen": ZEN}, "POOL_RESOLVER": resolver}
    request: Any = RequestFactory().get(path, headers={"host": host})
    request.session = {"tenant": tenant}
    return get_settings_for_request(request).alias


def test_first_pool_is_selected_without_a_resolver(settings: Any) -> None:
    assert get_alias(settings, "") == "acme"


def test_only_pool_of_a_site_is_selected(settings: Any) -> None:
    assert get_settings_for_request(RequestFactory().get("/")).alias == "default"


@pytest.mark.parametrize(
    ("resolver", "request_options", "alias"),
    [
        (by_host, {"host": "testserver"}, "zen"),
        (by_host, {"host": "localhost"}, "acme"),
        (by_path, {"path": "/zen/auth/login/"}, "zen"),
        (by_session, {"tenant": "zen"}, "zen"),
        ("tests.web.test_pool_selection.by_host", {"host": "testserver"}, "zen"),
    ],
)
def test_pool_resolver_selects_the_pool(
    settings: Any, resolver: Any, request_options: dict[str, str], alias: str
) -> None:
    assert get_alias(settings, resolver, **request_options) == alias


@pytest.mark.parametrize("tenant", ["umbrella", "", None, 5, ["acme"], {"acme": 1}, "acme\n"])
def test_unknown_alias_is_tenant_unknown(settings: Any, tenant: Any) -> None:
    with pytest.raises(SignInError) as caught:
        get_alias(settings, by_session, tenant=tenant)
    assert caught.value.code == "tenant_unknown"
    request: Any = RequestFactory().get("/")
    request.session = {"tenant": tenant}
    assert find_settings_for_request(request) is None


def test_unknown_alias_in_the_message_is_escaped_and_truncated(settings: Any) -> None:
    with pytest.raises(SignInError) as caught:
        get_alias(settings, by_session, tenant="a\nWARNING all is well" + "x" * 5_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


# In a whole sign-in


def by_next_or_path(request: Any) -> str:
    """Return the alias as in the guide: the login URLs are the same for all tenants, so `next` selects the pool."""
    return str(request.GET.get("next") or request.path).split("/")[1]


CALLBACK = "https://testserver/auth/callback/"
RESOLVERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "host": (lambda request: {"localhost": "zen"}.get(request.get_host()), {"headers": {"host": "localhost"}}),
    "path": (by_next_or_path, {"data": {"next": "/zen/notes/"}, "secure": True}),
    "session": (lambda request: request.session.get("tenant", "acme"), {}),
}


@pytest.mark.django_db
@pytest.mark.urls("tests.support.login_site")
@pytest.mark.parametrize(("resolver", "request_options"), RESOLVERS.values(), ids=RESOLVERS)
def test_sign_in_uses_the_pool_of_host_path_or_session(
    client: Client, two_pools: TwoPools, settings: Any, resolver: Any, request_options: dict[str, Any]
) -> None:
    # By path the callback URL is the same for all tenants, so each pool has its own REDIRECT_URI.
    zen = {**two_pools.settings_of("zen"), **({"REDIRECT_URI": CALLBACK} if "secure" in request_options else {})}
    pools = {**two_pools.settings["POOLS"], "zen": zen}
    # The last page of this test is not of the tenant.
    settings.COGNITO = {"POOLS": pools, "POOL_RESOLVER": resolver, "TOKENS_OF_OTHER_POOLS": "allow"}
    session = client.session
    session["tenant"] = "zen"
    session.save()
    client.cookies["sessionid"] = session.session_key
    params = read_query(client.get("/auth/login/", **request_options)["Location"])
    assert params["client_id"] == "1zen"
    two_pools.zen.script(token_response(nonce=params["nonce"], alias="zen"))
    query = {"code": "a-code", "state": params["state"]}
    answer = client.get(
        "/auth/callback/", query, headers=request_options.get("headers"), secure=request_options.get("secure", False)
    )
    assert (answer.status_code, username_at(client), two_pools.counts) == (302, "alice", (0, 1))
