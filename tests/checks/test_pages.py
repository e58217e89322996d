"""LOGIN_URL and the pages to which a login and a sign-out redirect."""

import sys
import types
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, reverse_lazy

from tests.support.check_messages import find_check_ids, find_messages, text_of


def show(request: HttpRequest) -> HttpResponse:
    return HttpResponse("page")


urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("", show, name="home"),
    path("notes/", show, name="notes"),
    *i18n_patterns(path("profile/", show, name="profile")),
]
pytestmark = pytest.mark.urls("tests.checks.test_pages")
MISTAKE = "LOGIN_URL left at Django's default; LOGIN_REDIRECT_URL without a page"


@pytest.mark.mistake(MISTAKE, by="check")
def test_default_login_url_without_a_page_is_a_warning(settings: Any) -> None:
    settings.LOGIN_URL = "/accounts/login/"
    (message,) = find_messages("W120")
    assert message.msg == "LOGIN_URL is '/accounts/login/', the default of Django, and no page has this URL."
    assert "Set LOGIN_URL = 'cognito:login'." in text_of(message)


@pytest.mark.mistake(MISTAKE, by="check")
def test_default_login_redirect_url_without_a_page_is_a_warning(settings: Any) -> None:
    settings.LOGIN_REDIRECT_URL = "/accounts/profile/"
    (message,) = find_messages("W121")
    assert message.msg == "LOGIN_REDIRECT_URL is '/accounts/profile/', the default of Django, and no page has this URL."
    assert "Set LOGIN_REDIRECT_URL to a page" in text_of(message)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOGIN_URL", "cognito:login", []),
        ("LOGIN_URL", "cognito:log-in", ["W120"]),
        ("LOGIN_URL", "/auth/login/", []),
        ("LOGIN_URL", "/auth/login", []),
        ("LOGIN_URL", "/auth/login/?provider=Google", []),
        ("LOGIN_URL", reverse_lazy("cognito:login"), []),
        ("LOGIN_URL", reverse_lazy("no-such-url"), ["W120"]),
        ("LOGIN_URL", "https://accounts.example.com/login/", []),
        ("LOGIN_REDIRECT_URL", "/", []),
        ("LOGIN_REDIRECT_URL", "notes", []),
        ("LOGIN_REDIRECT_URL", "/notse/", ["W121"]),
        ("LOGIN_REDIRECT_URL", "/profile/", []),
        ("LOGIN_REDIRECT_URL", "profile", []),
        ("LOGOUT_REDIRECT_URL", None, []),
        ("LOGOUT_REDIRECT_URL", "/notes/", []),
        ("LOGOUT_REDIRECT_URL", "/goodbye/", ["W121"]),
    ],
)
def test_setting_that_names_no_page_is_a_warning(settings: Any, name: str, value: Any, expected: list[str]) -> None:
    settings.LANGUAGE_CODE = "en"
    setattr(settings, name, value)
    assert find_check_ids() == expected


@pytest.mark.parametrize(("path", "expected"), [("/notes/", []), ("/notse/", ["W121"])])
def test_page_below_the_script_prefix_is_found(settings: Any, prefix: str, path: str, expected: list[str]) -> None:
    settings.LOGIN_REDIRECT_URL = prefix + path
    assert find_check_ids() == expected


@pytest.mark.urls("tests.checks.admin_urls")
def test_cognito_admin_without_the_login_urls_is_an_error(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    (message,) = find_messages("E026")
    assert "its login is an error 500" in message.msg
    assert "include('django_cognito.urls')" in text_of(message)
    settings.ROOT_URLCONF = "tests.urls"
    assert find_messages("E026") == []


def test_own_admin_without_the_login_urls_is_accepted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = types.SimpleNamespace(urlpatterns=[path("admin/", admin.AdminSite().urls)])
    monkeypatch.setitem(sys.modules, "tests.checks.own_admin", urls)
    settings.ROOT_URLCONF = "tests.checks.own_admin"
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert find_check_ids() == []


def test_site_without_urls_has_no_messages(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    settings.ROOT_URLCONF = ""
    assert find_check_ids() == []


@pytest.mark.urls("tests.checks.urls")
def test_site_without_a_login_may_have_no_pages(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    settings.LOGIN_URL = "/accounts/login/"
    assert find_check_ids() == []
