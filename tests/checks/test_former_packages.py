"""Other packages that are still configured for Cognito."""

from dataclasses import fields
from typing import Any

import pytest
from django import conf

from django_cognito.checks.former_packages import FORMER_PACKAGES
from django_cognito.conf.schema import CognitoSettings
from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

MISTAKE = "another package is still configured for the pool"
COGNITO = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"
DOMAIN = "https://shop.auth.eu-west-1.amazoncognito.com"
JWT_KEYS = {"COGNITO_AWS_REGION": "eu-west-1", "COGNITO_USER_POOL": "eu-west-1_A", "COGNITO_AUDIENCE": "1web"}
PROVIDER = {"amazon_cognito": {"DOMAIN": DOMAIN, "APP": {"client_id": "1web", "secret": "s"}}}
MOZILLA = {"OIDC_RP_CLIENT_ID": "1web", "OIDC_OP_TOKEN_ENDPOINT": f"{DOMAIN}/oauth2/token"}
JWT_CLASS = "django_cognito_jwt.JSONWebTokenAuthentication"


def change(settings: Any, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize(
    ("package", "changes", "hint"),
    [
        ("mozilla-django-oidc", MOZILLA, "OIDC_RP_CLIENT_ID: COGNITO['CLIENT_ID']"),
        (
            "mozilla-django-oidc",
            {"OIDC_OP_JWKS_ENDPOINT": f"{COGNITO}/.well-known/jwks.json"},
            "COGNITO['USER_POOL_ID']",
        ),
        ("django-cognito-jwt", JWT_KEYS, "COGNITO_AUDIENCE: COGNITO['CLIENT_ID']"),
        ("django-cognito-jwt", {"REST_FRAMEWORK": {"DEFAULT_AUTHENTICATION_CLASSES": [JWT_CLASS]}}, ""),
        (
            "django-allauth",
            {"SOCIALACCOUNT_PROVIDERS": PROVIDER},
            "amazon_cognito.APP.secret: COGNITO['CLIENT_SECRET']",
        ),
        ("django-auth-adfs", {"AUTH_ADFS": {"CREATE_NEW_USERS": False}}, "CREATE_NEW_USERS: COGNITO['CREATE_USERS']"),
        ("djangorestframework-simplejwt", {"SIMPLE_JWT": {"ISSUER": COGNITO}}, "ISSUER: COGNITO['USER_POOL_ID']"),
    ],
)
def test_former_package_is_a_warning_that_names_our_settings(
    settings: Any, monkeypatch: pytest.MonkeyPatch, package: str, changes: dict[str, Any], hint: str
) -> None:
    # DRF's classes are imported by another check.
    monkeypatch.setattr("django_cognito.checks.site_parts.has_default_authentication", lambda: True)
    change(settings, changes)
    (message,) = find_messages("W150")
    assert message.msg.startswith(f"{package} is configured for Cognito too")
    assert hint in text_of(message)
    assert f"docs/migrating-{package}.md" in text_of(message)


def test_allauth_provider_without_settings_is_reported(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = "allauth.socialaccount.providers.amazon_cognito"
    # Not by the fixture `settings`, which would import the app.
    monkeypatch.setattr(conf.settings, "INSTALLED_APPS", [*settings.INSTALLED_APPS, provider])
    (message,) = find_messages("W150")
    assert message.msg.startswith("django-allauth")


@pytest.mark.parametrize(
    "changes",
    [
        {"SIMPLE_JWT": {"ALGORITHM": "HS256", "ISSUER": "https://www.example.com"}},
        {"OIDC_RP_CLIENT_ID": "wiki", "OIDC_OP_TOKEN_ENDPOINT": "https://keycloak.example.com/token"},
        {"COGNITO_USER_POOL": "eu-west-1_AbCdEfGhI", "COGNITO_AWS_REGION": "eu-west-1"},  # variables of the site
        {"SOCIALACCOUNT_PROVIDERS": {"github": {}}},
        {
            "AUTH_ADFS": {"CLIENT_ID": "1"},
            "AUTHENTICATION_BACKENDS": [
                *("django_cognito.backends.CognitoBackend", "django.contrib.auth.backends.ModelBackend"),
                "django_auth_adfs.backend.AdfsAuthCodeBackend",
            ],
        },
        {"OIDC_OP_TOKEN_ENDPOINT": None},
    ],
)
def test_package_that_is_used_for_something_else_is_silent(
    settings: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr("django_cognito.checks.site_parts.has_password_backend", lambda: True)
    monkeypatch.setattr("django_cognito.checks.site_parts.has_backend", lambda name: True)
    change(settings, changes)
    assert "W150" not in find_check_ids()


def test_custom_domain_of_the_pool_is_recognised(settings: Any) -> None:
    change_cognito(settings, DOMAIN="login.example.com")
    settings.OIDC_OP_AUTHORIZATION_ENDPOINT = "https://login.example.com/oauth2/authorize"
    assert "W150" in find_check_ids()


def test_settings_are_named_if_cognito_is_missing(settings: Any) -> None:
    del settings.COGNITO
    change(settings, JWT_KEYS)
    assert find_check_ids() == ["E001", "W150"]


def test_each_key_of_this_package_exists() -> None:
    names = {field.name.upper() for field in fields(CognitoSettings)}
    keys = {key for package in FORMER_PACKAGES for key in package.keys.values()}
    assert len(FORMER_PACKAGES) == 5
    assert keys <= names
