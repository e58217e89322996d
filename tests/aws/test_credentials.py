"""Credentials of a user: fetched on first use, refreshed before expiry, used during outages, never shown."""

import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from local_cognito_support.scripted_server import Answer

from django_cognito.aws import credentials
from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from tests.support.clock import Clock
from tests.support.error_reports import report_of
from tests.support.frames import carried_values

from .identity_endpoint import IdentityEndpoint, error_response, identity_of

ID_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
GET_ID, GET_CREDENTIALS = "GetId", "GetCredentialsForIdentity"


@pytest.fixture
def alice(endpoint: IdentityEndpoint, clock: Clock) -> UserCredentials:
    return UserCredentials(endpoint.pool, "alice", now=clock)


def test_no_request_is_made_before_it_is_needed(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.cached_identity_id == ""
    assert endpoint.operations == []


def test_identity_is_fetched_once(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id == alice.identity_id == alice.cached_identity_id == identity_of("alice")
    assert endpoint.operations == [GET_ID]


def test_stored_identity_is_not_fetched(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id=identity_of("alice"), now=clock)
    assert alice.identity_id == identity_of("alice")
    alice.get_current()
    assert endpoint.operations == [GET_CREDENTIALS]


def test_first_credentials_take_two_requests_and_the_next_none(
    endpoint: IdentityEndpoint, alice: UserCredentials
) -> None:
    assert alice.get_current() is alice.get_current()
    assert alice.get_current().secret_access_key == "secret-alice-1"
    assert endpoint.operations == [GET_ID, GET_CREDENTIALS]


@pytest.mark.parametrize(("life_seconds", "margin"), [(3_600, 300), (1_200, 300), (900, 225), (8, 2)])
def test_credentials_are_refreshed_before_they_expire(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock, life_seconds: float, margin: float
) -> None:
    endpoint.life_seconds = life_seconds
    first = alice.get_current()
    clock.now += life_seconds - margin - 0.5
    assert alice.get_current() is first
    clock.now += 0.5
    assert alice.get_current() is not first
    assert endpoint.operations == [GET_ID, GET_CREDENTIALS, GET_CREDENTIALS]


def test_clock_far_ahead_causes_at_most_one_request_a_second(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    endpoint.life_seconds = -7_200
    first = alice.get_current()
    clock.now += 0.9
    assert alice.get_current() is first
    clock.now += 0.1
    assert alice.get_current() is not first


def test_merged_identity_replaces_the_former_one(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id == identity_of("alice")
    endpoint.merged_into = "eu-west-1:abcd"
    alice.get_current()
    assert alice.identity_id == "eu-west-1:abcd"


def test_rejected_stored_identity_is_fetched_again(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id="eu-west-1:dead", now=clock)
    assert alice.get_current().secret_access_key == "secret-alice-1"
    assert alice.identity_id == identity_of("alice")
    assert endpoint.operations == [GET_CREDENTIALS, GET_ID, GET_CREDENTIALS]


def test_error_for_the_right_identity_is_raised(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id=identity_of("alice"), now=clock)
    endpoint.responses = [error_response("InvalidIdentityPoolConfigurationException")]
    with pytest.raises(CredentialsError) as raised:
        alice.get_current()
    assert raised.value.aws_code == "InvalidIdentityPoolConfigurationException"
    assert endpoint.operations == [GET_CREDENTIALS, GET_ID]


def test_identity_is_cached_if_credentials_are_rejected(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id
    endpoint.responses = [error_response("NotAuthorizedException")]
    with pytest.raises(CredentialsError):
        alice.get_current()
    assert alice.identity_id == identity_of("alice")


@pytest.mark.parametrize("use", [UserCredentials.get_current, lambda user: user.identity_id])
@pytest.mark.parametrize(
    ("response", "error"),
    [(error_response("NotAuthorizedException"), CredentialsError), (Answer(503), CognitoUnavailableError)],
)
def test_failure_is_cached_for_seconds(
    endpoint: IdentityEndpoint,
    alice: UserCredentials,
    clock: Clock,
    use: Callable[[UserCredentials], object],
    response: Answer,
    error: type[CognitoError],
) -> None:
    endpoint.responses = [response]
    for _ in range(3):
        with pytest.raises(error):
            use(alice)
        clock.now += 2
    assert endpoint.operations == [GET_ID]
    assert use(alice)


def test_clock_set_back_does_not_prolong_a_failure(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    endpoint.responses = [Answer(503)]
    with pytest.raises(CognitoUnavailableError):
        alice.get_current()
    clock.now -= 3_600
    assert alice.get_current()


def test_success_clears_the_cached_failure(endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock) -> None:
    endpoint.responses = [Answer(503)]
    with pytest.raises(CognitoUnavailableError):
        alice.get_current()
    clock.now += 5
    alice.get_current()
    clock.now -= 4
    assert alice.get_current()


def test_each_caller_gets_its_own_error(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    endpoint.responses = [error_response("NotAuthorizedException")]
    with pytest.raises(CredentialsError) as first:
        alice.get_current()
    with pytest.raises(CredentialsError) as second:
        alice.get_current()
    assert first.value is not second.value
    assert (str(first.value), first.value.aws_code) == (str(second.value), second.value.aws_code)


@pytest.mark.parametrize("response", [Answer(503), error_response("NotAuthorizedException")])
def test_credentials_that_fail_to_refresh_are_used_until_expiry(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock, response: Answer
) -> None:
    first = alice.get_current()
    clock.now += 3_599
    endpoint.responses = [response] * 4
    assert alice.get_current() is first
    clock.now += 1
    with pytest.raises(CognitoError):
        alice.get_current()


def test_failed_refresh_is_retried_after_a_pause(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    first = alice.get_current()
    clock.now += 3_400
    endpoint.responses = [Answer(503)]
    assert alice.get_current() is alice.get_current() is first
    assert endpoint.count == 3
    clock.now += 5
    assert alice.get_current() is not first


def test_expiring_credentials_are_returned_during_a_refresh(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    first = alice.get_current()
    clock.now += 3_400
    is_fetching, may_continue = threading.Event(), threading.Event()

    def wait_for_the_other_thread() -> None:
        is_fetching.set()
        assert may_continue.wait(120)

    endpoint.before = wait_for_the_other_thread
    with ThreadPoolExecutor() as threads:
        fetch = threads.submit(alice.get_current)
        try:
            assert is_fetching.wait(120)
            # A thread that waits for the fetch has no result before `may_continue` is set.
            assert threads.submit(alice.get_current).result(60) is first
        finally:
            may_continue.set()
        assert fetch.result(120).secret_access_key == "secret-alice-2"
    assert endpoint.count == 3


def test_many_threads_fetch_credentials_once(endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock) -> None:
    for requests in (2, 3):
        barrier = threading.Barrier(20)

        def get_current(barrier: threading.Barrier = barrier) -> object:
            barrier.wait(120)
            return alice.get_current()

        with ThreadPoolExecutor(20) as threads:
            results = {id(future.result(120)) for future in [threads.submit(get_current) for _ in range(20)]}
        assert len(results) == 1
        assert endpoint.count == requests
        clock.now += 3_600


def test_many_threads_fetch_the_identity_once(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    barrier = threading.Barrier(20)

    def get_identity() -> str:
        barrier.wait(120)
        return alice.identity_id

    with ThreadPoolExecutor(20) as threads:
        assert {future.result(120) for future in [threads.submit(get_identity) for _ in range(20)]} == {
            identity_of("alice")
        }
    assert endpoint.operations == [GET_ID]


def test_many_threads_in_an_outage_make_one_request(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    barrier = threading.Barrier(20)
    endpoint.responses = [Answer(503)]

    def get_current() -> object:
        barrier.wait(120)
        return alice.get_current()

    with ThreadPoolExecutor(20) as threads:
        failures = [future.exception(120) for future in [threads.submit(get_current) for _ in range(20)]]
    assert {type(failure) for failure in failures} == {CognitoUnavailableError}
    assert endpoint.count == 1


def test_repr_contains_the_identity_and_no_secret(alice: UserCredentials) -> None:
    assert repr(alice) == "<UserCredentials of an identity not asked for yet>"
    alice.get_current()
    assert repr(alice) == f"<UserCredentials {identity_of('alice')}>"


def test_credentials_are_not_pickled(alice: UserCredentials) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(alice)


@pytest.mark.parametrize("response", [error_response("NotAuthorizedException"), Answer(503), Answer(200, b"{}")])
def test_error_contains_no_id_token(endpoint: IdentityEndpoint, clock: Clock, response: Answer) -> None:
    user = UserCredentials(endpoint.pool, ID_TOKEN, now=clock)
    endpoint.responses = [response]
    with pytest.raises(CognitoError) as raised:
        user.get_current()
    assert ID_TOKEN not in report_of(raised.value)
    assert ID_TOKEN not in carried_values(raised.value)


def test_connection_error_contains_no_id_token(clock: Clock) -> None:
    with IdentityEndpoint(clock) as stopped:
        user = UserCredentials(stopped.pool, ID_TOKEN, now=clock)
    with pytest.raises(CognitoUnavailableError) as raised:
        user.get_current()
    assert ID_TOKEN not in carried_values(raised.value)


@pytest.mark.parametrize("use", [UserCredentials.get_current, lambda user: user.identity_id])
@pytest.mark.parametrize("response", [error_response("NotAuthorizedException"), Answer(503), Answer(200, b"{}")])
def test_cached_failure_holds_no_frames(
    endpoint: IdentityEndpoint, clock: Clock, use: Callable[[UserCredentials], object], response: Answer
) -> None:
    user = UserCredentials(endpoint.pool, ID_TOKEN, now=clock)
    endpoint.responses = [response]
    for _ in range(2):
        with pytest.raises(CognitoError):
            use(user)
    # The cached error itself, not the copy that is raised: it stays in memory after the request.
    (cached,) = [value for value in vars(user).values() if isinstance(value, CognitoError)]
    assert cached.__traceback__ is cached.__context__ is cached.__cause__ is None
    assert endpoint.operations == [GET_ID]


def test_default_clock_is_unix_time(endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired credentials are replaced, which `time.monotonic` would delay for decades; others are cached."""
    monkeypatch.setattr(credentials, "_LEAST_SECONDS", 0.0)
    endpoint.now = time.time
    alice = UserCredentials(endpoint.pool, "alice")
    for life_seconds, requests in ((-60.0, 2), (3_600.0, 3), (3_600.0, 3)):
        endpoint.life_seconds = life_seconds
        alice.get_current()
        assert endpoint.count == requests
