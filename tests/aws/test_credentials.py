"""One person's credentials: asked for late, renewed early, through outages, and never shown."""

import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from django_cognito.aws import credentials
from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from tests.support.clock import Clock
from tests.support.error_reports import report_of
from tests.support.frames import carried_values
from tests.support.scripted_server import Answer

from .identity_endpoint import IdentityEndpoint, identity_of, refused

ID_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
GET_ID, GET_CREDENTIALS = "GetId", "GetCredentialsForIdentity"


@pytest.fixture
def alice(endpoint: IdentityEndpoint, clock: Clock) -> UserCredentials:
    return UserCredentials(endpoint.pool, "alice", now=clock)


def test_nothing_is_asked_before_it_is_needed(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.cached_identity_id == ""
    assert endpoint.asked == []


def test_the_identity_is_asked_for_once(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id == alice.identity_id == alice.cached_identity_id == identity_of("alice")
    assert endpoint.asked == [GET_ID]


def test_an_identity_known_from_before_is_not_asked_for(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id=identity_of("alice"), now=clock)
    assert alice.identity_id == identity_of("alice")
    alice.get_current()
    assert endpoint.asked == [GET_CREDENTIALS]


def test_the_first_credentials_take_two_requests_and_the_next_none(
    endpoint: IdentityEndpoint, alice: UserCredentials
) -> None:
    assert alice.get_current() is alice.get_current()
    assert alice.get_current().secret_access_key == "secret-alice-1"
    assert endpoint.asked == [GET_ID, GET_CREDENTIALS]


@pytest.mark.parametrize(("life_seconds", "margin"), [(3_600, 300), (1_200, 300), (900, 225), (8, 2)])
def test_credentials_are_renewed_before_they_end(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock, life_seconds: float, margin: float
) -> None:
    endpoint.life_seconds = life_seconds
    first = alice.get_current()
    clock.now += life_seconds - margin - 0.5
    assert alice.get_current() is first
    clock.now += 0.5
    assert alice.get_current() is not first
    assert endpoint.asked == [GET_ID, GET_CREDENTIALS, GET_CREDENTIALS]


def test_a_clock_far_ahead_asks_once_a_second_at_most(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    endpoint.life_seconds = -7_200
    first = alice.get_current()
    clock.now += 0.9
    assert alice.get_current() is first
    clock.now += 0.1
    assert alice.get_current() is not first


def test_the_identity_that_aws_merged_into_counts(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id == identity_of("alice")
    endpoint.merged_into = "eu-west-1:abcd"
    alice.get_current()
    assert alice.identity_id == "eu-west-1:abcd"


def test_an_identity_of_another_pool_is_asked_for_afresh(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id="eu-west-1:dead", now=clock)
    assert alice.get_current().secret_access_key == "secret-alice-1"
    assert alice.identity_id == identity_of("alice")
    assert endpoint.asked == [GET_CREDENTIALS, GET_ID, GET_CREDENTIALS]


def test_a_refusal_of_the_right_identity_is_a_refusal(endpoint: IdentityEndpoint, clock: Clock) -> None:
    alice = UserCredentials(endpoint.pool, "alice", identity_id=identity_of("alice"), now=clock)
    endpoint.instead = [refused("InvalidIdentityPoolConfigurationException")]
    with pytest.raises(CredentialsError) as caught:
        alice.get_current()
    assert caught.value.aws_code == "InvalidIdentityPoolConfigurationException"
    assert endpoint.asked == [GET_CREDENTIALS, GET_ID]


def test_the_identity_is_kept_where_credentials_are_refused(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    assert alice.identity_id
    endpoint.instead = [refused("NotAuthorizedException")]
    with pytest.raises(CredentialsError):
        alice.get_current()
    assert alice.identity_id == identity_of("alice")


@pytest.mark.parametrize("ask", [UserCredentials.get_current, lambda person: person.identity_id])
@pytest.mark.parametrize(
    ("answer", "error"),
    [(refused("NotAuthorizedException"), CredentialsError), (Answer(503), CognitoUnavailableError)],
)
def test_a_failure_answers_for_the_next_seconds(
    endpoint: IdentityEndpoint,
    alice: UserCredentials,
    clock: Clock,
    ask: Callable[[UserCredentials], object],
    answer: Answer,
    error: type[CognitoError],
) -> None:
    endpoint.instead = [answer]
    for _ in range(3):
        with pytest.raises(error):
            ask(alice)
        clock.now += 2
    assert endpoint.asked == [GET_ID]
    assert ask(alice)


def test_a_clock_set_back_makes_no_failure_last(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    endpoint.instead = [Answer(503)]
    with pytest.raises(CognitoUnavailableError):
        alice.get_current()
    clock.now -= 3_600
    assert alice.get_current()


def test_a_success_forgets_the_failure_before_it(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    endpoint.instead = [Answer(503)]
    with pytest.raises(CognitoUnavailableError):
        alice.get_current()
    clock.now += 5
    alice.get_current()
    clock.now -= 4
    assert alice.get_current()


def test_each_caller_gets_an_error_of_its_own(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    endpoint.instead = [refused("NotAuthorizedException")]
    with pytest.raises(CredentialsError) as first:
        alice.get_current()
    with pytest.raises(CredentialsError) as second:
        alice.get_current()
    assert first.value is not second.value
    assert (str(first.value), first.value.aws_code) == (str(second.value), second.value.aws_code)


@pytest.mark.parametrize("answer", [Answer(503), refused("NotAuthorizedException")])
def test_old_credentials_serve_to_their_end_where_they_are_not_renewed(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock, answer: Answer
) -> None:
    first = alice.get_current()
    clock.now += 3_599
    endpoint.instead = [answer] * 4
    assert alice.get_current() is first
    clock.now += 1
    with pytest.raises(CognitoError):
        alice.get_current()


def test_a_failed_renewal_is_tried_again_after_a_pause(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    first = alice.get_current()
    clock.now += 3_400
    endpoint.instead = [Answer(503)]
    assert alice.get_current() is alice.get_current() is first
    assert endpoint.count == 3
    clock.now += 5
    assert alice.get_current() is not first


def test_expiring_credentials_are_returned_while_another_thread_fetches_new_ones(
    endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock
) -> None:
    first = alice.get_current()
    clock.now += 3_400
    is_fetching, go_on = threading.Event(), threading.Event()

    def wait_for_the_others() -> None:
        is_fetching.set()
        assert go_on.wait(30)

    endpoint.before = wait_for_the_others
    with ThreadPoolExecutor() as threads:
        fetch = threads.submit(alice.get_current)
        try:
            assert is_fetching.wait(30)
            # A thread that waits for the fetch has no result before `go_on` is set.
            assert threads.submit(alice.get_current).result(10) is first
        finally:
            go_on.set()
        assert fetch.result(30).secret_access_key == "secret-alice-2"
    assert endpoint.count == 3


def test_many_threads_ask_once(endpoint: IdentityEndpoint, alice: UserCredentials, clock: Clock) -> None:
    for requests in (2, 3):
        together = threading.Barrier(20)

        def ask(barrier: threading.Barrier = together) -> object:
            barrier.wait(10)
            return alice.get_current()

        with ThreadPoolExecutor(20) as threads:
            got = {id(asked.result(20)) for asked in [threads.submit(ask) for _ in range(20)]}
        assert len(got) == 1
        assert endpoint.count == requests
        clock.now += 3_600


def test_many_threads_have_one_identity_from_one_request(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    together = threading.Barrier(20)

    def ask() -> str:
        together.wait(10)
        return alice.identity_id

    with ThreadPoolExecutor(20) as threads:
        assert {asked.result(20) for asked in [threads.submit(ask) for _ in range(20)]} == {identity_of("alice")}
    assert endpoint.asked == [GET_ID]


def test_an_outage_slows_one_thread_and_answers_all(endpoint: IdentityEndpoint, alice: UserCredentials) -> None:
    together = threading.Barrier(20)
    endpoint.instead = [Answer(503)]

    def ask() -> object:
        together.wait(10)
        return alice.get_current()

    with ThreadPoolExecutor(20) as threads:
        failures = [asked.exception(20) for asked in [threads.submit(ask) for _ in range(20)]]
    assert {type(failure) for failure in failures} == {CognitoUnavailableError}
    assert endpoint.count == 1


def test_the_repr_shows_the_identity_and_nothing_secret(alice: UserCredentials) -> None:
    assert repr(alice) == "<UserCredentials of an identity not asked for yet>"
    alice.get_current()
    assert repr(alice) == f"<UserCredentials {identity_of('alice')}>"


def test_credentials_are_not_pickled(alice: UserCredentials) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(alice)


@pytest.mark.parametrize("answer", [refused("NotAuthorizedException"), Answer(503), Answer(200, b"{}")])
def test_an_error_carries_no_id_token(endpoint: IdentityEndpoint, clock: Clock, answer: Answer) -> None:
    person = UserCredentials(endpoint.pool, ID_TOKEN, now=clock)
    endpoint.instead = [answer]
    with pytest.raises(CognitoError) as caught:
        person.get_current()
    assert ID_TOKEN not in report_of(caught.value)
    assert ID_TOKEN not in carried_values(caught.value)


def test_an_error_carries_no_id_token_where_nobody_listens(clock: Clock) -> None:
    with IdentityEndpoint(clock) as gone:
        person = UserCredentials(gone.pool, ID_TOKEN, now=clock)
    with pytest.raises(CognitoUnavailableError) as caught:
        person.get_current()
    assert ID_TOKEN not in carried_values(caught.value)


@pytest.mark.parametrize("ask", [UserCredentials.get_current, lambda person: person.identity_id])
@pytest.mark.parametrize("answer", [refused("NotAuthorizedException"), Answer(503), Answer(200, b"{}")])
def test_cached_failure_holds_no_frames(
    endpoint: IdentityEndpoint, clock: Clock, ask: Callable[[UserCredentials], object], answer: Answer
) -> None:
    person = UserCredentials(endpoint.pool, ID_TOKEN, now=clock)
    endpoint.instead = [answer]
    for _ in range(2):
        with pytest.raises(CognitoError):
            ask(person)
    # The cached error itself, not the copy that is raised: it stays in memory after the request.
    (cached,) = [value for value in vars(person).values() if isinstance(value, CognitoError)]
    assert cached.__traceback__ is cached.__context__ is cached.__cause__ is None
    assert endpoint.asked == [GET_ID]


def test_default_clock_is_the_one_that_aws_states_the_expiry_in(
    endpoint: IdentityEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Expired credentials are replaced, which `time.monotonic` would put off for decades; others are cached."""
    monkeypatch.setattr(credentials, "_LEAST_SECONDS", 0.0)
    endpoint.now = time.time
    alice = UserCredentials(endpoint.pool, "alice")
    for life_seconds, requests in ((-60.0, 2), (3_600.0, 3), (3_600.0, 3)):
        endpoint.life_seconds = life_seconds
        alice.get_current()
        assert endpoint.count == requests
