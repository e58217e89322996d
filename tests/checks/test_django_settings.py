"""Middleware, backends and Django REST framework: what each kind of site needs, and what it may leave out."""

import sys
from typing import Any

import pytest
from django.test import override_settings

from django_cognito.backends import CognitoBackend
from django_cognito.drf import CognitoAuthentication
from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
COGNITO_BACKEND = "django_cognito.backends.CognitoBackend"
COGNITO_AUTHENTICATION = "django_cognito.drf.CognitoAuthentication"
DATASETS = "django_cognito.datasets"
GRANT = {"GROUPS": {"editors": {"permissions": ["auth.view_user"]}}}


class OwnBackend(CognitoBackend):
    """A site's own subclass."""


class OwnAuthentication(CognitoAuthentication):
    """A site's own subclass."""


@pytest.fixture
def api_site(settings: Any) -> None:
    """Remove the login: no URLs, no DOMAIN, no middleware. Remove datasets, whose views need the middleware."""
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != DATASETS]
    settings.ROOT_URLCONF = "tests.checks.urls"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "cognito" not in name]
    change_cognito(settings, DOMAIN="")


@pytest.mark.mistake("`CognitoBackend` not in AUTHENTICATION_BACKENDS", by="check")
def test_login_without_the_backend_is_an_error_with_the_line(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [MODEL_BACKEND]
    (message,) = find_messages("E020")
    assert f"Add {COGNITO_BACKEND!r} to AUTHENTICATION_BACKENDS" in text_of(message)
    assert message.is_serious()


@pytest.mark.parametrize(
    ("backends", "cognito", "expected"),
    [
        ([MODEL_BACKEND], {}, []),
        ([MODEL_BACKEND], GRANT, ["E020"]),
        ([COGNITO_BACKEND], GRANT, []),
        (["tests.checks.test_django_settings.OwnBackend"], GRANT, []),
        ([MODEL_BACKEND], {"GROUPS": {"editors": {"staff": True}}}, []),
    ],
)
def test_api_needs_the_backend_for_permissions_only(
    settings: Any, api_site: None, backends: list[str], cognito: dict[str, Any], expected: list[str]
) -> None:
    settings.AUTHENTICATION_BACKENDS = backends
    change_cognito(settings, **cognito)
    assert find_check_ids() == expected


def test_subclass_of_the_backend_does_not_replace_it_for_logins(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = ["tests.checks.test_django_settings.OwnBackend", MODEL_BACKEND]
    assert find_check_ids() == ["E020"]


@pytest.mark.mistake("CognitoMiddleware missing", by="check")
def test_login_without_the_middleware_is_an_error_with_the_line(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "cognito" not in name]
    (message,) = find_messages("E021")
    assert "Add 'django_cognito.middleware.CognitoMiddleware' to MIDDLEWARE after" in text_of(message)
    assert message.is_serious()


def test_api_of_rest_framework_needs_no_middleware(api_site: None) -> None:
    assert find_check_ids() == []


def test_datasets_without_the_middleware_are_a_warning(settings: Any, api_site: None) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, DATASETS]
    assert find_check_ids() == ["W102"]


def test_site_that_authenticates_no_token_is_a_warning(settings: Any, api_site: None) -> None:
    settings.REST_FRAMEWORK = {}
    assert find_check_ids() == ["W102", "W127"]
    with override_settings(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != "rest_framework"]):
        assert find_check_ids() == ["W102"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"DEFAULT_AUTHENTICATION_CLASSES": [COGNITO_AUTHENTICATION]}, []),
        (
            {
                "DEFAULT_AUTHENTICATION_CLASSES": (
                    "rest_framework.authentication.TokenAuthentication",
                    OwnAuthentication,
                )
            },
            [],
        ),
        ({"DEFAULT_AUTHENTICATION_CLASSES": ["tests.checks.test_django_settings.OwnAuthentication"]}, []),
        ({"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]}, ["W127"]),
        ({"DEFAULT_AUTHENTICATION_CLASSES": []}, ["W127"]),
        ({}, ["W127"]),
        (None, ["W127"]),
    ],
)
def test_rest_framework_without_the_class_is_a_warning(settings: Any, options: Any, expected: list[str]) -> None:
    settings.REST_FRAMEWORK = options
    assert find_check_ids() == expected


def test_settings_of_rest_framework_without_its_package_are_ignored(
    settings: Any, api_site: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != "rest_framework"]):
        monkeypatch.setitem(sys.modules, "rest_framework", None)
        assert find_check_ids() == ["W102"]


@pytest.mark.mistake("DRF installed, CognitoAuthentication used nowhere", by="check")
def test_rest_framework_warning_has_both_lines(settings: Any) -> None:
    settings.REST_FRAMEWORK = {}
    (message,) = find_messages("W127")
    assert f"[{COGNITO_AUTHENTICATION!r}, 'rest_framework.authentication.SessionAuthentication']" in text_of(message)
    assert "`authentication_classes` of their own" in message.msg
    assert not message.is_serious()


def test_missing_cache_alias_is_an_error_with_the_aliases(settings: Any) -> None:
    change_cognito(settings, CACHE="revocations")
    (message,) = find_messages("E030")
    assert "'revocations'" in message.msg
    assert "Use one of 'default'" in text_of(message)
    assert message.is_serious()
