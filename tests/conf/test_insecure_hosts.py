"""INSECURE_HOSTS: plain http to hosts of a network of containers, with DEBUG only."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cognito import factories
from django_cognito.conf.loading import get_settings
from django_cognito.conf.validation import find_problems

URL = "http://cognito:9229"
REQUIRED = {"USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CLIENT_ID": "1example23456789"}
LOCAL = {
    **REQUIRED,
    "DOMAIN": URL,
    "ISSUER": f"{URL}/eu-west-1_AbCdEfGhI",
    "JWKS_URI": f"{URL}/eu-west-1_AbCdEfGhI/.well-known/jwks.json",
    "ENDPOINT_URL": URL,
    "IDENTITY_POOL_ID": "eu-west-1:12345678-90ab-cdef-1234-567890abcdef",
    "INSECURE_HOSTS": ["Cognito"],
}
MISTAKE = "Docker host name in ISSUER or DOMAIN"


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize("key", ["DOMAIN", "ISSUER", "JWKS_URI", "ENDPOINT_URL"])
def test_url_of_another_host_is_a_problem_with_the_setting(key: str) -> None:
    (problem,) = find_problems({**REQUIRED, key: URL}, debug=True)
    assert problem.id == "django_cognito.E006"
    assert f"{URL!r} must be https" in problem.message
    assert "with DEBUG only, COGNITO['INSECURE_HOSTS']" in problem.hint


@pytest.mark.mistake(MISTAKE, by="check")
def test_url_of_an_insecure_host_is_accepted_with_debug() -> None:
    assert find_problems(LOCAL, debug=True) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://cognito.evil.example:9229",
        "http://evil.example/cognito",
        "http://cognito@evil.example",
        "http://evil-cognito:9229",
        "http://evil.example#cognito",
        "ftp://cognito:9229",
    ],
)
def test_url_of_a_similar_host_is_refused_with_debug(url: str) -> None:
    (problem,) = find_problems({**REQUIRED, "ENDPOINT_URL": url, "INSECURE_HOSTS": ["cognito"]}, debug=True)
    assert problem.id == "django_cognito.E006"


def test_insecure_host_without_debug_is_refused(settings: Any) -> None:
    settings.DEBUG, settings.COGNITO = False, LOCAL
    with pytest.raises(ImproperlyConfigured, match="must be https"):
        get_settings()


def test_insecure_host_is_refused_after_debug_was_turned_off(settings: Any) -> None:
    settings.DEBUG, settings.COGNITO = True, LOCAL
    assert get_settings().insecure_hosts == ("cognito",)
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="must be https"):
        get_settings()


def test_insecure_hosts_without_debug_are_empty(settings: Any) -> None:
    settings.DEBUG, settings.COGNITO = False, {**REQUIRED, "INSECURE_HOSTS": ["cognito"]}
    assert (get_settings().insecure_hosts, get_settings().user_pool.insecure_hosts) == ((), ())


def test_every_client_of_the_site_accepts_the_insecure_host(settings: Any) -> None:
    settings.DEBUG, settings.COGNITO = True, LOCAL
    identity_pool, hosted_ui = factories.get_identity_pool(), factories.get_hosted_ui()
    assert identity_pool.endpoint_url == hosted_ui.pool.domain == URL
    clients = (identity_pool._http, hosted_ui._http, hosted_ui._token_http, hosted_ui.until(0)._http)
    assert [client.insecure_hosts for client in clients] == [("cognito",)] * 4
    assert factories.get_verifier().pools[0].jwks_uri.startswith(URL)


@pytest.mark.parametrize("value", [["http://cognito"], ["cognito:9229"], ["*"], ["a/b"], [""], "cognito", [5], None])
def test_insecure_host_with_more_than_its_name_is_a_problem(value: Any) -> None:
    (problem,) = find_problems({**REQUIRED, "INSECURE_HOSTS": value})
    assert problem.id == "django_cognito.E004"
