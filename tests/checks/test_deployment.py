"""`check --deploy`: hosts for plain http, and the header of a proxy that terminates TLS."""

from typing import Any

import pytest

from tests.support.check_messages import change_cognito, find_messages, text_of

MISTAKE = "http callback URL behind TLS (no SECURE_PROXY_SSL_HEADER)"


@pytest.mark.mistake(MISTAKE, by="check")
def test_login_without_the_proxy_header_is_a_warning_on_deployment() -> None:
    assert find_messages("W128") == []
    (message,) = find_messages("W128", deploy=True)
    assert "the callback's URL is http://" in message.msg
    assert "Set SECURE_PROXY_SSL_HEADER = ('HTTP_X_FORWARDED_PROTO', 'https')" in text_of(message)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https")),
        ("SECURE_SSL_REDIRECT", True),
        ("ROOT_URLCONF", "tests.checks.urls"),
    ],
)
def test_proxy_header_is_not_needed_for_a_secure_callback(settings: Any, name: str, value: Any) -> None:
    setattr(settings, name, value)
    assert find_messages("W128", deploy=True) == []


def test_proxy_header_is_not_needed_with_a_redirect_uri(settings: Any) -> None:
    change_cognito(settings, REDIRECT_URI="https://testserver/auth/callback/")
    assert find_messages("W128", deploy=True) == []


@pytest.mark.parametrize("debug", [True, False])
def test_insecure_hosts_are_a_warning_on_deployment(settings: Any, debug: bool) -> None:
    settings.DEBUG = debug
    change_cognito(settings, INSECURE_HOSTS=["cognito"])
    assert find_messages("W126") == []
    (message,) = find_messages("W126", deploy=True)
    assert "['cognito']" in message.msg
    assert "Remove it" in text_of(message)


def test_empty_insecure_hosts_are_accepted(settings: Any) -> None:
    change_cognito(settings, INSECURE_HOSTS=[])
    assert find_messages("W126", deploy=True) == []


CACHES = "django.core.cache.backends"


@pytest.mark.mistake("CACHE of one process (LocMemCache) in a deployed site", by="check")
@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (f"{CACHES}.locmem.LocMemCache", "belongs to one process"),
        (f"{CACHES}.dummy.DummyCache", "stores nothing"),
        (f"{CACHES}.filebased.FileBasedCache", "belongs to one host"),
    ],
)
def test_cache_of_one_process_is_a_warning_on_deployment(settings: Any, backend: str, reason: str) -> None:
    settings.CACHES = {**settings.CACHES, "revocations": {"BACKEND": backend}}
    change_cognito(settings, CACHE="revocations")
    assert find_messages("W140") == []
    (message,) = find_messages("W140", deploy=True)
    assert reason in message.msg
    assert "'revocations'" in message.msg


@pytest.mark.parametrize("backend", [f"{CACHES}.redis.RedisCache", f"{CACHES}.db.DatabaseCache", "mysite.Cache"])
def test_shared_cache_is_accepted_on_deployment(settings: Any, backend: str) -> None:
    settings.CACHES = {**settings.CACHES, "revocations": {"BACKEND": backend, "LOCATION": "x"}}
    change_cognito(settings, CACHE="revocations")
    assert find_messages("W140", deploy=True) == []
