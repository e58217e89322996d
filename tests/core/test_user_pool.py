"""A user pool: values derived from its id, and explicit values."""

from typing import Any

import pytest

from django_cognito.core import UserPool
from django_cognito.core.user_pool import (
    InsecureUrlError,
    bypasses_proxies,
    is_loopback,
    is_secure_url,
    pools_by_issuer,
)

ID = "eu-west-1_AbCdEfGhI"


def test_defaults_are_derived_from_the_id() -> None:
    pool = UserPool(ID)
    assert pool.region == "eu-west-1"
    assert pool.issuers == ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",)
    assert pool.jwks_uri == f"{pool.issuers[0]}/.well-known/jwks.json"
    assert pool.endpoint_url == "https://cognito-idp.eu-west-1.amazonaws.com"
    assert (pool.client_ids, pool.domain) == ((), "")


@pytest.mark.parametrize(
    ("user_pool_id", "host"),
    [
        ("us-gov-west-1_a", "cognito-idp.us-gov-west-1.amazonaws.com"),
        ("cn-north-1_a", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1_a", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_hosts_of_each_aws_partition(user_pool_id: str, host: str) -> None:
    pool = UserPool(user_pool_id)
    assert pool.endpoint_url == f"https://{host}"
    assert pool.issuer_forms == (f"https://{host}/{user_pool_id}", f"https://issuer-{host}/{user_pool_id}")


def test_explicit_values_replace_the_defaults() -> None:
    issuer = f"http://localhost:9229/{ID}"
    pool = UserPool(ID, client_ids=["a", "b"], issuer=issuer, domain="http://localhost:9229/", endpoint_url="https://x")
    assert pool.issuers == pool.issuer == (issuer,)
    assert pool.jwks_uri == f"{issuer}/.well-known/jwks.json"
    assert (pool.domain, pool.endpoint_url, pool.client_ids) == ("http://localhost:9229", "https://x", ("a", "b"))
    assert UserPool(ID, jwks_uri="https://keys.example/").jwks_uri == "https://keys.example/"


def test_domain_is_a_host_or_an_origin() -> None:
    assert UserPool(ID, domain="login.example.com").domain == "https://login.example.com"
    assert UserPool(ID, domain="https://login.example.com/").domain == "https://login.example.com"


@pytest.mark.parametrize("domain", ["login.example.com/login", "https://login.example.com/oauth2/authorize"])
def test_domain_with_a_path_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="without a path"):
        UserPool(ID, domain=domain)


def test_jwks_uri_uses_the_first_issuer() -> None:
    forms = UserPool(ID).issuer_forms
    assert UserPool(ID, issuer=forms[::-1]).jwks_uri.startswith("https://issuer-cognito-idp.")


def test_pools_with_the_same_values_are_equal() -> None:
    assert len({UserPool(ID, client_ids=["a"]), UserPool(ID, client_ids=("a",)), UserPool(ID, client_ids="a")}) == 1


@pytest.mark.parametrize(
    "user_pool_id",
    ["", "eu-west-1", "eu-west-1_", "_AbC", "EU-west-1_a", "eu-west-1_a/b", "eu-west-1_a\n", "x", None, 5],
)
def test_malformed_user_pool_id_is_refused(user_pool_id: Any) -> None:
    with pytest.raises(ValueError, match="not a user pool id"):
        UserPool(user_pool_id)


@pytest.mark.parametrize("name", ["issuer", "jwks_uri", "domain", "endpoint_url"])
@pytest.mark.parametrize("url", ["http://example.com", "ftp://localhost", "https://", "https://a@b/", "https://[/"])
def test_insecure_url_is_refused(name: str, url: str) -> None:
    with pytest.raises(ValueError, match="must be https"):
        UserPool(ID, **{name: url})


@pytest.mark.parametrize("name", ["issuer", "jwks_uri", "domain", "endpoint_url"])
def test_insecure_host_of_the_pool_may_be_plain_http(name: str) -> None:
    pool = UserPool(ID, insecure_hosts=["Cognito"], **{name: "http://cognito:9229"})
    assert pool.insecure_hosts == ("cognito",)
    with pytest.raises(InsecureUrlError, match="'http://other:9229' must be https"):
        UserPool(ID, insecure_hosts=["cognito"], **{name: "http://other:9229"})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://cognito:9229", True),
        ("http://COGNITO", True),
        ("https://cognito", True),
        ("http://127.8.8.8", True),
        ("http://cognito.example", False),
        ("http://cognito@example.com", False),
        ("https://example.com/cognito", False),
        ("http://[", False),
    ],
)
def test_proxy_is_bypassed_for_this_machine_and_insecure_hosts(url: str, expected: bool) -> None:
    assert bypasses_proxies(url, ("cognito",)) is expected


@pytest.mark.parametrize("client_ids", [[""], [5], ["a", None]])
def test_client_ids_are_non_empty_strings(client_ids: Any) -> None:
    with pytest.raises(ValueError, match="client_ids takes non-empty strings"):
        UserPool(ID, client_ids=client_ids)


@pytest.mark.defends("RP-25")
@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/path?query", True),
        ("http://localhost:8000/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:8000/", True),
        ("http://127.0.0.2/", False),
        ("http://localhost.example.com/", False),
        ("https://user@example.com/", False),
        ("https://:secret@example.com/", False),
        ("https://example.com/#part", False),
        ("https://example.com:port/", False),
        ("https://example.com:0/", False),
        ("http://localhost\\@example.com/", False),
        ("http://localhost\\.example.com/", False),
        ("//example.com/", False),
        ("javascript:alert(1)", False),
        ("wss://example.com/", False),
        ("ws://localhost/", False),
    ],
)
def test_secure_url_is_https_or_localhost(url: str, expected: bool) -> None:
    assert is_secure_url(url) is expected


def test_pools_by_issuer_maps_each_issuer_to_its_pool() -> None:
    first, second = UserPool(ID), UserPool("us-east-1_b", issuer=UserPool("us-east-1_b").issuer_forms)
    pools = pools_by_issuer([first, second, first])
    assert pools == {first.issuers[0]: first, second.issuers[0]: second, second.issuers[1]: second}


def test_issuer_of_two_equal_pools_is_accepted() -> None:
    assert pools_by_issuer([UserPool(ID), UserPool(ID)]) == {UserPool(ID).issuers[0]: UserPool(ID)}


def test_issuers_are_derived_and_no_argument() -> None:
    with pytest.raises(TypeError, match="issuers"):
        UserPool(ID, issuers=("https://issuer.example.com",))  # type: ignore[call-arg]


def test_issuer_of_two_different_pools_is_refused() -> None:
    with pytest.raises(ValueError, match="two pools"):
        pools_by_issuer([UserPool(ID, client_ids="a"), UserPool(ID, client_ids="b")])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://localhost:9229", True),
        ("https://LocalHost./x", True),
        ("https://a.b.localhost", True),
        ("http://127.0.0.1", True),
        ("https://127.255.0.3", True),
        ("http://[::1]:80", True),
        ("https://[::ffff:127.0.0.1]", True),
        ("https://127.1", True),
        ("https://0x7f000001", True),
        ("https://2130706433", True),
        ("http://0.0.0.0:9000", True),
        ("http://[::]:9000", True),
        ("https://10.1", False),
        ("https://127", False),
        ("https://m\u00fcller.example", False),
        ("https://127.1 .example", False),
        ("https://127.0.0.1.2", False),
        ("https://example", False),
        ("https://[::ffff:10.0.0.1]", False),
        ("https://localhost.example.com", False),
        ("https://notlocalhost", False),
        ("https://10.0.0.1", False),
        ("https://[::2]", False),
        ("https://[::1", False),
        ("https://", False),
        ("", False),
    ],
)
def test_loopback_depends_on_the_host(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
