"""At which pool a request signs in: by host, by path or by session, as the site's own function says."""

from typing import Any

import pytest
from django.test import RequestFactory

from django_cognito.core.errors import SignInError
from django_cognito.login.tenant import settings_of_request

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
    return settings_of_request(request).alias


def test_without_a_resolver_it_is_the_first_pool(settings: Any) -> None:
    assert alias_at(settings, "") == "acme"


def test_a_site_with_one_pool_has_no_choice(settings: Any) -> None:
    assert settings_of_request(RequestFactory().get("/")).alias == "default"


@pytest.mark.parametrize(
    ("resolver", "where", "alias"),
    [
        (by_host, {"host": "testserver"}, "zen"),
        (by_host, {"host": "localhost"}, "acme"),
        (by_path, {"path": "/zen/auth/login/"}, "zen"),
        (by_session, {"tenant": "zen"}, "zen"),
        ("tests.login.test_tenant.by_host", {"host": "testserver"}, "zen"),
    ],
)
def test_the_sites_function_says_which(settings: Any, resolver: Any, where: dict[str, str], alias: str) -> None:
    assert alias_at(settings, resolver, **where) == alias


@pytest.mark.parametrize("tenant", ["umbrella", "", None, 5, ["acme"], {"acme": 1}, "acme\n"])
def test_what_is_no_alias_is_nobodys_address(settings: Any, tenant: Any) -> None:
    with pytest.raises(SignInError) as caught:
        alias_at(settings, by_session, tenant=tenant)
    assert caught.value.code == "tenant_unknown"


def test_an_alias_from_the_outside_forges_no_log_line(settings: Any) -> None:
    with pytest.raises(SignInError) as caught:
        alias_at(settings, by_session, tenant="a\nWARNING all is well" + "x" * 5_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
