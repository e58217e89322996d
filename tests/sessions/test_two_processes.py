"""A site as it is deployed: two gunicorn processes, PostgreSQL, and the sessions in Redis."""

import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.db import connection
from django.utils import timezone
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser, read_query

from django_cognito.models import CognitoLogin
from tests.support.gunicorn_server import listening_socket, serve
from tests.support.local_cognito import seed_for, settings_for
from tests.support.real_parts import REDIS_URL

pytestmark = [pytest.mark.needs("postgresql", "redis"), pytest.mark.django_db(transaction=True)]

PARALLEL_REQUESTS = 16
TIMEOUT_SECONDS = 300  # enough for the start of the processes on a busy computer


class Site(NamedTuple):
    """The site's origin and the Cognito behind it."""

    url: str
    emulator: Emulator

    def sign_in(self, username: str) -> requests.Session:
        """Sign in through the hosted UI; return the browser's connection with its cookies."""
        browser = requests.Session()
        login = browser.get(f"{self.url}/auth/login/?next=/who/", allow_redirects=False, timeout=TIMEOUT_SECONDS)
        with Browser(self.emulator) as hosted_ui:  # type: ignore[arg-type]
            authorize = login.headers["Location"]
            hosted_ui.open(urlsplit(authorize).path, **read_query(authorize))
            callback = hosted_ui.sign_in(username).headers["Location"]
        assert browser.get(callback, timeout=TIMEOUT_SECONDS).json()["user"] == username
        return browser

    def request_at_once(self, browser: requests.Session, path: str = "/who/") -> list[requests.Response]:
        """Send `PARALLEL_REQUESTS` requests with the browser's cookies, each on a connection of its own."""

        def request(_: int) -> requests.Response:
            cookies = browser.cookies.get_dict()
            return requests.get(self.url + path, cookies=cookies, allow_redirects=False, timeout=TIMEOUT_SECONDS)

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(request, range(PARALLEL_REQUESTS)))

    def request_of_both_processes(self, browser: requests.Session) -> list[dict[str, Any]]:
        """Send rounds of requests until both processes have answered; return all answers."""
        answers: list[dict[str, Any]] = []
        deadline = time.monotonic() + TIMEOUT_SECONDS  # one process may start much later
        while time.monotonic() < deadline:
            answers += [response.json() for response in self.request_at_once(browser)]
            if len({answer["process"] for answer in answers}) == 2:
                return answers
        raise AssertionError("one process answered every request")


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[Site]:
    with listening_socket() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with Emulator(seed=seed_for(url)) as emulator:
            variables = {
                "PROCESS_SITE_DATABASE": connection.settings_dict["NAME"],
                "PROCESS_SITE_COGNITO": json.dumps(settings_for(emulator, "3rotating")),
            }
            with serve("tests.sessions.process_site", listening, variables):
                yield Site(url, emulator)


@pytest.fixture
def redis(settings: Any) -> Any:
    """Return the cache of the site's processes."""
    settings.CACHES = {
        "default": settings.CACHES["default"],
        "site": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": connection.settings_dict["NAME"],
        },
    }
    return caches["site"]


def session_key(browser: requests.Session) -> str:
    return "django.contrib.sessions.cache" + browser.cookies["sessionid"]


def test_two_processes_share_logins_and_refresh_once(site: Site, caplog: pytest.LogCaptureFixture, redis: Any) -> None:
    alice, bob = site.sign_in("alice"), site.sign_in("bob")
    for browser, name in ((alice, "alice"), (bob, "bob")):
        assert {answer["user"] for answer in site.request_of_both_processes(browser)} == {name}
        assert redis.has_key(session_key(browser))
    assert (Session.objects.count(), CognitoLogin.objects.count(), get_user_model().objects.count()) == (0, 2, 2)

    with caplog.at_level(logging.INFO, "local_cognito"):
        CognitoLogin.objects.filter(cognito_user__user__username="alice").update(expires_at=timezone.now())
        answers = [*site.request_at_once(alice), *site.request_at_once(alice, "/mine/")]
    assert [answer.json()["user"] for answer in answers] == ["alice"] * 2 * PARALLEL_REQUESTS
    assert [line for line in caplog.messages if line.startswith("POST /oauth2/token")] == ["POST /oauth2/token 200"]


def test_sign_out_at_one_process_ends_the_session_at_both(site: Site, redis: Any) -> None:
    alice, bob = site.sign_in("alice"), site.sign_in("bob")
    old_browser = requests.Session()
    old_browser.cookies.update(alice.cookies)
    page = alice.get(f"{site.url}/auth/logout/", timeout=TIMEOUT_SECONDS)
    assert page.status_code == 200
    answer = alice.post(
        f"{site.url}/auth/logout/",
        headers={"X-CSRFToken": alice.cookies["csrftoken"]},
        allow_redirects=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (302, "/logout")
    assert not redis.has_key(session_key(old_browser))
    assert {answer["user"] for answer in site.request_of_both_processes(old_browser)} == {""}
    assert {answer["user"] for answer in site.request_of_both_processes(bob)} == {"bob"}
    assert list(CognitoLogin.objects.values_list("cognito_user__user__username", flat=True)) == ["bob"]
