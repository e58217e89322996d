"""What a login's address may ask of Cognito: each parameter with values that pass, and values that do not."""

from typing import Any

import pytest
from django.http import QueryDict

from django_cognito.conf.loading import get_settings
from django_cognito.conf.schema import CognitoSettings
from django_cognito.core.errors import SignInError
from django_cognito.login.authorize_params import find_provider_params, read_authorize_params

PROVIDERS = [
    "COGNITO",
    "Google",
    {"name": "AcmeSAML", "label": "Acme", "domains": ["acme.com", "ACME.co.uk"]},
    {"idp_identifier": "umbrella.example", "domains": ["umbrella.example"]},
]


@pytest.fixture
def named(settings: Any) -> CognitoSettings:
    """A site that names its identity providers."""
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": PROVIDERS}
    return get_settings()


def asked(query: str, settings: CognitoSettings | None = None) -> dict[str, str]:
    return read_authorize_params(QueryDict(query), settings or get_settings())


def refused(query: str, settings: CognitoSettings | None = None) -> str:
    with pytest.raises(SignInError) as caught:
        asked(query, settings)
    assert caught.value.code == "invalid_parameter"
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("identity_provider", "COGNITO"),
        ("identity_provider", "SignInWithApple"),
        ("identity_provider", "Ünïted_SAML+1"),
        ("identity_provider", "a" * 32),
        ("idp_identifier", "acme.com"),
        ("idp_identifier", "Acme Ltd +1_a=b@c-d"),
        ("login_hint", "alice@example.com"),
        ("login_hint", "alice & bob"),
        ("lang", "de"),
        ("lang", "pt-BR"),
        ("prompt", "login"),
        ("prompt", "select_account"),
        ("prompt", "login consent"),
        ("acr_values", "urn:mace:incommon:iap:silver 2"),
        ("max_age", "0"),
        ("max_age", "999999999"),
    ],
)
def test_a_parameter_is_passed_on_as_it_is(name: str, value: str) -> None:
    query = QueryDict(mutable=True)
    query[name] = value
    assert asked(query.urlencode()) == {name: value}


@pytest.mark.parametrize(
    "query",
    [
        "identity_provider=",
        "identity_provider=Google Apps",
        "identity_provider=Google%0d%0aSet-Cookie:a=b",
        f"identity_provider={'a' * 33}",
        "identity_provider=Google&identity_provider=Google",
        "idp_identifier=",
        "idp_identifier=acme/com",
        f"idp_identifier={'a' * 41}",
        "login_hint=",
        "login_hint=alice%00",
        f"login_hint={'a' * 257}",
        "lang=",
        "lang=DE",
        "lang=deu",
        "lang=de_DE",
        "lang=de%0a",
        "prompt=",
        "prompt=LOGIN",
        "prompt=create",
        "prompt=login none",
        "prompt=none login",
        "prompt=login  consent",
        "acr_values=",
        "acr_values=a%0ab",
        "acr_values= a",
        f"acr_values={'a' * 1_025}",
        "max_age=",
        "max_age=-1",
        "max_age=1.5",
        "max_age=soon",
        "max_age=%D9%A3",  # a digit, but none that Cognito reads
        "max_age=1234567890",
        "max_age=60&max_age=60",
    ],
)
def test_what_cognito_would_not_take_is_refused_and_the_parameter_named(query: str) -> None:
    assert f"parameter {query.partition('=')[0]}," in refused(query)


@pytest.mark.parametrize(
    "query",
    ["", "next=/notes/", "scope=a", "redirect_uri=https://evil.example/", "state=a", "resource=a", "Lang=de"],
)
def test_whatever_else_an_address_holds_is_left_out(query: str) -> None:
    assert asked(query) == {}


def test_an_unseen_sign_in_is_asked_for_where_the_site_allows_it(settings: Any) -> None:
    refused("prompt=none")
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    assert asked("prompt=none") == {"prompt": "none"}


# Providers


@pytest.mark.parametrize(
    "query", ["identity_provider=COGNITO", "identity_provider=AcmeSAML", "idp_identifier=umbrella.example"]
)
def test_a_provider_that_the_site_names_may_be_asked_for(named: CognitoSettings, query: str) -> None:
    assert asked(query, named) == dict([query.split("=")])


@pytest.mark.parametrize(
    "query",
    [
        "identity_provider=Facebook",
        "identity_provider=google",
        "identity_provider=umbrella.example",
        "idp_identifier=AcmeSAML",
        "idp_identifier=acme.com",
    ],
)
def test_a_provider_that_the_site_does_not_name_is_refused(named: CognitoSettings, query: str) -> None:
    refused(query, named)


@pytest.mark.parametrize(
    "query",
    [
        "identity_provider=Google&idp_identifier=elsewhere.example",
        "identity_provider=Facebook&idp_identifier=umbrella.example",
        "identity_provider=Google&idp_identifier=umbrella.example",
    ],
)
def test_two_providers_at_once_are_refused_for_one_could_hide_behind_the_other(
    named: CognitoSettings, settings: Any, query: str
) -> None:
    refused(query, named)
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": []}
    refused(query)


@pytest.mark.parametrize(
    ("address", "leads_to"),
    [
        ("alice@acme.com", {"identity_provider": "AcmeSAML"}),
        ("alice@Acme.Co.Uk ", {"identity_provider": "AcmeSAML"}),
        ('"a@b"@umbrella.example', {"idp_identifier": "umbrella.example"}),
        ("alice@mail.acme.com", {}),
        ("alice@evil-acme.com", {}),
        ("alice@acme.com@example.com", {}),
        ("alice@", {}),
        ("acme.com", {}),
        ("", {}),
    ],
)
def test_an_addresss_domain_leads_to_its_provider(
    named: CognitoSettings, address: str, leads_to: dict[str, str]
) -> None:
    assert find_provider_params(address, named) == leads_to


def test_a_login_hint_leads_there_too_and_is_passed_on(named: CognitoSettings) -> None:
    assert asked("login_hint=alice@acme.com&lang=de", named) == {
        "login_hint": "alice@acme.com",
        "lang": "de",
        "identity_provider": "AcmeSAML",
    }
    assert asked("login_hint=alice@example.com", named) == {"login_hint": "alice@example.com"}


def test_a_provider_that_is_asked_for_goes_before_the_addresss(named: CognitoSettings) -> None:
    query = "login_hint=alice@acme.com&identity_provider=Google"
    assert asked(query, named) == {"login_hint": "alice@acme.com", "identity_provider": "Google"}
