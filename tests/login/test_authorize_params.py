"""Authorization request parameters in a login URL: the accepted and the rejected values of each."""

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
def provider_settings(settings: Any) -> CognitoSettings:
    """Return the settings of a site with IDENTITY_PROVIDERS."""
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": PROVIDERS}
    return get_settings()


def read_params(query: str, settings: CognitoSettings | None = None) -> dict[str, str]:
    return read_authorize_params(QueryDict(query), settings or get_settings())


def read_rejection(query: str, settings: CognitoSettings | None = None) -> str:
    with pytest.raises(SignInError) as caught:
        read_params(query, settings)
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
def test_valid_parameter_is_passed_on_unchanged(name: str, value: str) -> None:
    query = QueryDict(mutable=True)
    query[name] = value
    assert read_params(query.urlencode()) == {name: value}


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
        "max_age=%D9%A3",  # a digit, but not an ASCII digit
        "max_age=1234567890",
        "max_age=60&max_age=60",
    ],
)
def test_invalid_parameter_is_rejected_with_its_name(query: str) -> None:
    assert f"parameter {query.partition('=')[0]}," in read_rejection(query)


@pytest.mark.parametrize(
    "query",
    ["", "next=/notes/", "scope=a", "redirect_uri=https://evil.example/", "state=a", "resource=a", "Lang=de"],
)
def test_other_query_parameters_are_ignored(query: str) -> None:
    assert read_params(query) == {}


def test_prompt_none_needs_silent_sign_in(settings: Any) -> None:
    read_rejection("prompt=none")
    settings.COGNITO = {**settings.COGNITO, "SILENT_SIGN_IN": True}
    assert read_params("prompt=none") == {"prompt": "none"}


# Providers


@pytest.mark.parametrize(
    "query", ["identity_provider=COGNITO", "identity_provider=AcmeSAML", "idp_identifier=umbrella.example"]
)
def test_configured_provider_is_accepted(provider_settings: CognitoSettings, query: str) -> None:
    assert read_params(query, provider_settings) == dict([query.split("=")])


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
def test_provider_that_is_not_configured_is_rejected(provider_settings: CognitoSettings, query: str) -> None:
    read_rejection(query, provider_settings)


@pytest.mark.parametrize(
    "query",
    [
        "identity_provider=Google&idp_identifier=elsewhere.example",
        "identity_provider=Facebook&idp_identifier=umbrella.example",
        "identity_provider=Google&idp_identifier=umbrella.example",
    ],
)
def test_both_provider_parameters_at_once_are_rejected(
    provider_settings: CognitoSettings, settings: Any, query: str
) -> None:
    read_rejection(query, provider_settings)
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_PROVIDERS": []}
    read_rejection(query)


@pytest.mark.parametrize(
    ("email_address", "expected"),
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
def test_email_domain_selects_its_provider(
    provider_settings: CognitoSettings, email_address: str, expected: dict[str, str]
) -> None:
    assert find_provider_params(email_address, provider_settings) == expected


def test_domain_of_login_hint_selects_its_provider(provider_settings: CognitoSettings) -> None:
    assert read_params("login_hint=alice@acme.com&lang=de", provider_settings) == {
        "login_hint": "alice@acme.com",
        "lang": "de",
        "identity_provider": "AcmeSAML",
    }
    assert read_params("login_hint=alice@example.com", provider_settings) == {"login_hint": "alice@example.com"}


def test_identity_provider_overrides_domain_of_login_hint(provider_settings: CognitoSettings) -> None:
    query = "login_hint=alice@acme.com&identity_provider=Google"
    assert read_params(query, provider_settings) == {"login_hint": "alice@acme.com", "identity_provider": "Google"}
