"""While Cognito is slow, a process waits for a few refreshes only, and its other requests are answered at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.conf.loading import get_settings
from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.models import CognitoLogin
from django_cognito.sessions.refresh import lease as refresh_lease
from django_cognito.sessions.refresh import limit as refresh_limit
from django_cognito.sessions.refresh.limit import WAIT_SECONDS, RefreshLimit, get_refresh_limit
from tests.support.clock import Clock
from tests.support.scenarios.login import Gate, change_login, create_login, token_response

UNAVAILABLE = CognitoUnavailableError("no response")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _no_slow_requests() -> None:
    """Leave the limit as it is: the tests of pauses have a clock of their own."""


@pytest.fixture
def limit(clock: Clock) -> RefreshLimit:
    return RefreshLimit(get_settings(), now=clock)


def test_two_refreshes_at_a_time(limit: RefreshLimit) -> None:
    assert [limit.enter(login_id, login_id) for login_id in "abc"] == [True, True, False]
    limit.end("a", None)
    assert limit.enter("c", "c")


def test_logins_of_one_user_get_half_of_the_places(clock: Clock, cognito: Any) -> None:
    """A user can have many logins, and a Lambda trigger that is slow for this user alone."""
    cognito(MAX_REFRESHES=5)
    limit = RefreshLimit(get_settings(), now=clock)
    assert [limit.enter(login_id, "alice") for login_id in "abc"] == [True, True, False]
    assert [limit.enter(login_id, "bob") for login_id in "def"] == [True, True, False]
    limit.end("a", None)
    assert limit.enter("c", "alice")


def test_one_request_refreshes_a_login(limit: RefreshLimit) -> None:
    assert [limit.enter("a", "a"), limit.enter("a", "a")] == [True, False]
    assert limit.enter("b", "b")


def test_refresh_that_was_not_sent_does_not_count(limit: RefreshLimit) -> None:
    limit.enter("a", "a")
    limit.withdraw("a")
    assert [limit.enter("b", "b"), limit.enter("c", "c")] == [True, True]


def test_one_request_waits_if_a_refresh_takes_longer_than_a_second(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a")
    clock.forward(0.9)
    assert all(limit.begin_wait(attempt) for attempt in "abcdefgh")
    for attempt in "abcdefgh":
        limit.end_wait(attempt)
    clock.forward(0.1)
    assert [limit.begin_wait(attempt) for attempt in "ab"] == [True, False]
    limit.end_wait("a")
    assert [limit.begin_wait(attempt) for attempt in "bc"] == [True, False]
    clock.forward(WAIT_SECONDS)  # a request that was cancelled does not count for longer
    assert limit.begin_wait("c")


def test_more_requests_wait_for_more_refreshes(clock: Clock, cognito: Any) -> None:
    cognito(MAX_REFRESHES=10)
    limit = RefreshLimit(get_settings(), now=clock)
    limit.enter("a", "a")
    clock.forward(1)
    assert [limit.begin_wait(attempt) for attempt in "abcdef"] == [True] * 5 + [False]


def test_pause_after_an_attempt_is_as_long_as_the_attempt(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a")
    clock.forward(15)
    limit.end("a", UNAVAILABLE)
    assert limit.pause_seconds == 15
    assert [limit.enter("b", "b"), limit.begin_wait("b")] == [False, False]
    clock.forward(15)
    assert [limit.enter("b", "b"), limit.enter("c", "c")] == [True, False]  # until Cognito responds, one at a time
    assert not limit.begin_wait("c")


def test_failure_of_a_minute_ago_does_not_count(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a")
    clock.forward(15)
    limit.end("a", UNAVAILABLE)
    clock.forward(15 + 59)
    assert not limit.begin_wait("c")
    clock.forward(1)  # in a quiet night, no request has found that Cognito responds again
    assert [limit.enter("b", "b"), limit.enter("c", "c"), limit.begin_wait("d")] == [True] * 3


REFUSED = CognitoUnavailableError("a Lambda trigger refused the refresh", code="provider_trouble")
RESPONSES = [None, SignInError("rejected"), REFUSED]


@pytest.mark.parametrize("error", RESPONSES)
def test_slow_trigger_of_one_user_does_not_stop_others(limit: RefreshLimit, clock: Clock, error: Any) -> None:
    """A user may be able to make a trigger slow and to let it fail, by an attribute for example."""
    limit.enter("a", "a")
    clock.forward(15)
    limit.end("a", error)
    assert [limit.enter("b", "b"), limit.enter("c", "c"), limit.begin_wait("d")] == [True] * 3


@pytest.mark.parametrize("error", RESPONSES)
def test_any_response_ends_the_pause(limit: RefreshLimit, clock: Clock, error: SignInError | None) -> None:
    limit.enter("a", "a"), limit.enter("b", "b")
    clock.forward(15)
    limit.end("a", UNAVAILABLE)
    limit.end("b", error)
    clock.forward(15)
    assert [limit.enter(login_id, login_id) for login_id in "cde"] == [True, True, False]
    assert limit.begin_wait("e")


def test_error_without_a_delay_causes_no_pause(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a")
    clock.forward(0.5)
    limit.end("a", UNAVAILABLE)
    assert [limit.enter("b", "b"), limit.begin_wait("c")] == [True, True]


def test_refresh_that_never_ends_counts_until_its_lease_expires(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a"), limit.enter("b", "b")
    clock.forward(get_settings().refresh_lease_seconds)
    assert [limit.enter("a", "a"), limit.enter("b", "b")] == [True, True]


def test_withdrawn_refresh_does_not_end_the_pause(limit: RefreshLimit, clock: Clock) -> None:
    limit.enter("a", "a")
    clock.forward(15)
    limit.end("a", UNAVAILABLE)
    clock.forward(15)
    limit.enter("b", "b")
    limit.withdraw("b")
    assert not limit.begin_wait("c")


# Requests


@pytest.fixture
def clocked_limit(token_endpoint: ScriptedServer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> RefreshLimit:
    """Return the limit of the site with the test's clock."""
    monkeypatch.setattr(refresh_limit, "RefreshLimit", lambda settings: RefreshLimit(settings, now=clock))
    return get_refresh_limit(get_settings())


def create_logins(count: int, **state: Any) -> list[CognitoLogin]:
    """Sign alice in `count` times, each time with another browser."""
    return [create_login(Client(), **state) for _ in range(count)]


def describe_refresh(ensure_fresh: Callable[[CognitoLogin], CognitoLogin], login: CognitoLogin) -> Any:
    """Return the version of the refreshed login, or the error's code and `retry_after`."""
    try:
        return ensure_fresh(login).version
    except CognitoUnavailableError as error:
        return error.code, error.retry_after
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_more_expired_logins_than_threads_do_not_occupy_them(
    token_endpoint: ScriptedServer, ensure_fresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_lease, "WAIT_SECONDS", 20)
    logins = [*create_logins(11, ends_in=-10), create_login(Client(), "bob", ends_in=-10)]
    gates = [Gate(), Gate()]
    token_endpoint.script(*(replace(token_response(), before=gate) for gate in gates), Answer(500))
    with ThreadPoolExecutor(len(logins)) as threads:
        results = [threads.submit(describe_refresh, ensure_fresh, login) for login in logins]
        for gate in gates:
            assert gate.requested.wait(20)
        while sum(result.done() for result in results) < 9:  # each of them ends before Cognito responds
            assert not any(gate.timed_out for gate in gates)
            time.sleep(0.01)
        assert token_endpoint.count == 2
        codes = [result.result()[0] for result in results if result.done()]
        for gate in gates:
            gate.opened.set()
    assert codes == ["cognito_unavailable"] * 9  # one of alice's logins and bob's are refreshed, and one waits


@pytest.mark.django_db(transaction=True)
def test_during_the_pause_no_login_is_refreshed(
    token_endpoint: ScriptedServer, ensure_fresh: Any, clocked_limit: RefreshLimit, clock: Clock
) -> None:
    expired, soon = create_logins(2, ends_in=-10)
    change_login(soon, ends_in=30)
    clocked_limit.enter("other login", "other user")
    clock.forward(15)
    clocked_limit.end("other login", UNAVAILABLE)
    assert describe_refresh(ensure_fresh, expired) == ("cognito_unavailable", 15)
    assert describe_refresh(ensure_fresh, soon) == 0  # its present tokens are used
    assert token_endpoint.count == 0
    assert CognitoLogin.objects.filter(refresh_sent_at=None, refreshing_until=None).count() == 2
    clock.forward(15)
    token_endpoint.script(token_response())
    assert describe_refresh(ensure_fresh, expired) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["leased", "ended", "failed"])
def test_refresh_without_a_lease_does_not_count(
    token_endpoint: ScriptedServer, clocked_limit: RefreshLimit, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    (login,) = create_logins(1, ends_in=-10)
    if state == "ended":
        CognitoLogin.objects.filter(pk=login.pk).delete()
    elif state == "leased":
        CognitoLogin.objects.update(refreshing_until=timezone.now() + timedelta(seconds=19))
    else:
        monkeypatch.setattr(refresh_lease, "acquire_lease", lambda login: 1 / 0)
    with suppress(SignInError, CognitoUnavailableError, ZeroDivisionError):
        refresh_lease.join_refresh(refresh_lease.Attempt(login))
    assert [clocked_limit.enter("a", "a"), clocked_limit.enter("b", "b")] == [True, True]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answer", [token_response, lambda: Answer(500)], ids=["tokens", "error"])
def test_each_response_ends_its_refresh(
    token_endpoint: ScriptedServer, ensure_fresh: Any, clocked_limit: RefreshLimit, answer: Callable[[], Answer]
) -> None:
    (login,) = create_logins(1, ends_in=-10)
    token_endpoint.script(answer())
    describe_refresh(ensure_fresh, login)
    assert token_endpoint.count >= 1
    assert [clocked_limit.enter("a", "a"), clocked_limit.enter("b", "b")] == [True, True]
