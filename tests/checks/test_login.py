"""What a login needs: a domain, sessions that end, and a REDIRECT_URI that comes back to the callback."""

from typing import Any

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore as SignedCookies
from django.urls import include, path

from django_cognito.login import views
from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("", views.callback, name="start"),
    path("back/", views.callback),
]
POOL = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
DOMAIN = {"DOMAIN": "login.example.com"}
URL = "https://testserver/auth/callback/"


class SessionStore(SignedCookies):
    """The sessions of a site's own engine: this module."""


@pytest.mark.mistake("DOMAIN missing while login URLs are installed", by="check")
def test_login_urls_without_a_domain_are_an_error(settings: Any) -> None:
    change_cognito(settings, DOMAIN="")
    (message,) = find_messages("E024")
    assert "COGNITO['DOMAIN'] is not set" in message.msg
    assert "The AWS console" in text_of(message).replace("the AWS", "The AWS")
    assert message.is_serious()


def test_api_without_login_urls_needs_no_domain(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.checks.urls"
    change_cognito(settings, DOMAIN="")
    assert find_check_ids() == []


@pytest.mark.parametrize(
    ("pools", "resolver", "expected"),
    [
        ({"a": POOL | DOMAIN, "b": POOL | {"CLIENT_ID": "2"}}, "", []),
        ({"a": POOL, "b": POOL | {"CLIENT_ID": "2"} | DOMAIN}, "", ["E024"]),
        ({"a": POOL, "b": POOL | {"CLIENT_ID": "2"} | DOMAIN}, lambda request: "b", []),
        ({"a": POOL, "b": POOL | {"CLIENT_ID": "2"}}, lambda request: "b", ["E024"]),
    ],
)
def test_domain_of_an_alias_that_logins_use_is_needed(
    settings: Any, pools: dict[str, Any], resolver: Any, expected: list[str]
) -> None:
    settings.COGNITO = {"POOLS": pools, "POOL_RESOLVER": resolver}
    assert find_check_ids() == expected


@pytest.mark.mistake("`signed_cookies` sessions", by="check")
@pytest.mark.parametrize("engine", ["django.contrib.sessions.backends.signed_cookies", "tests.checks.test_login"])
def test_login_with_signed_cookies_is_an_error_with_other_engines(settings: Any, engine: str) -> None:
    settings.SESSION_ENGINE = engine
    (message,) = find_messages("E025")
    assert repr(engine) in message.msg
    assert "django.contrib.sessions.backends.db" in text_of(message)
    assert message.is_serious()


@pytest.mark.parametrize(
    ("engine", "urls"),
    [
        ("django.contrib.sessions.backends.db", "tests.urls"),
        ("django.contrib.sessions.backends.cached_db", "tests.urls"),
        ("django.contrib.sessions.backends.signed_cookies", "tests.checks.urls"),
    ],
)
def test_sessions_on_the_server_or_without_a_login_are_accepted(settings: Any, engine: str, urls: str) -> None:
    settings.SESSION_ENGINE, settings.ROOT_URLCONF = engine, urls
    assert find_check_ids() == []


LOCAL_CACHE, NO_CACHE, REDIS = (
    f"django.core.cache.backends.{name}" for name in ("locmem.LocMemCache", "dummy.DummyCache", "redis.RedisCache")
)


@pytest.mark.parametrize(
    ("engine", "cache", "debug", "expected"),
    [
        ("cache", LOCAL_CACHE, False, ["W135"]),
        ("cache", LOCAL_CACHE, True, []),
        ("cache", NO_CACHE, True, ["W135"]),
        ("cache", REDIS, False, []),
        ("cached_db", LOCAL_CACHE, False, []),
        ("db", LOCAL_CACHE, False, []),
    ],
)
def test_sessions_in_a_cache_of_one_process_are_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch, engine: str, cache: str, debug: bool, expected: list[str]
) -> None:
    monkeypatch.setitem(settings.CACHES, "sessions", {"BACKEND": cache})
    settings.SESSION_CACHE_ALIAS, settings.DEBUG = "sessions", debug
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    assert find_check_ids() == expected


@pytest.mark.mistake("REDIRECT_URI not the callback's path; on another host than the visitor's", by="check")
def test_redirect_uri_of_another_path_is_a_warning_with_both(settings: Any) -> None:
    change_cognito(settings, REDIRECT_URI="https://testserver/")
    (message,) = find_messages("W129")
    assert "'https://testserver/'" in message.msg
    assert "'/auth/callback/'" in message.msg


@pytest.mark.parametrize(
    ("uri", "site", "expected"),
    [
        (URL, {}, []),
        ("https://testserver/below/a/prefix/auth/callback/", {}, []),
        ("https://testserver/back/", {"ROOT_URLCONF": "tests.checks.test_login"}, []),
        ("https://testserver/auth/callback", {}, ["W129"]),
        ("https://testserver/auth/login/", {}, ["W129"]),
        ("https://testserver/nowhere/", {"ROOT_URLCONF": "tests.checks.urls"}, []),
        ("https://other.example.com/auth/callback/", {}, ["W129"]),
        ("https://other.example.com/auth/callback/", {"ALLOWED_HOSTS": [".example.com"]}, []),
        ("https://other.example.com/auth/callback/", {"ALLOWED_HOSTS": ["*"]}, []),
        ("http://localhost:8000/auth/callback/", {"ALLOWED_HOSTS": [], "DEBUG": True}, []),
        (URL, {"SESSION_COOKIE_DOMAIN": "testserver"}, []),
        (URL, {"SESSION_COOKIE_DOMAIN": ".example.com"}, ["W129"]),
        (URL, {"SESSION_COOKIE_DOMAIN": "server"}, ["W129"]),
    ],
)
def test_redirect_uri_that_never_comes_back_is_a_warning(
    settings: Any, uri: str, site: dict[str, Any], expected: list[str]
) -> None:
    change_cognito(settings, REDIRECT_URI=uri)
    for name, value in site.items():
        setattr(settings, name, value)
    assert find_check_ids() == expected
