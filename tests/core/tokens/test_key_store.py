"""The key store: when keys are fetched, and which keys stay after a failed fetch."""

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import UserPool
from django_cognito.core.errors import CognitoUnavailableError, KeyFetchRequiredError, SignatureError
from django_cognito.core.tokens import key_store
from django_cognito.core.tokens.key_events import KeyEvent, KeySkipped, KeysRefreshed, KeysUnavailable
from django_cognito.core.tokens.key_store import KeyStore, KeyStores
from tests.support.clock import Clock
from tests.support.signing import jwk, jwks, private_key
from tests.support.timeouts import patient_http

HOUR, DAY = 3_600, 86_400


class Endpoint:
    """A JWKS endpoint that returns `answer` and counts its requests."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.count = 0

    def __call__(self, url: str) -> bytes:
        self.count += 1
        answer = self.answer() if callable(self.answer) else self.answer
        if answer is None:
            raise CognitoUnavailableError("down")
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(jwks("one"))


@pytest.fixture
def background() -> list[Callable[[], None]]:
    """Return the list of background tasks, which the test runs itself."""
    return []


@pytest.fixture
def store(endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]) -> KeyStore:
    return KeyStore("https://keys.example/jwks.json", endpoint, now=clock, chance=lambda: 1, start=background.append)


def refusal(store: KeyStore, kid: str) -> SignatureError | CognitoUnavailableError:
    with pytest.raises((SignatureError, CognitoUnavailableError)) as caught:
        store.get_key(kid)
    return caught.value


# Fetching


def test_keys_are_fetched_once_and_then_cached(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    first = store.get_key("one")
    clock.forward(HOUR - 1)
    assert store.get_key("one") is first
    assert endpoint.count == 1


def test_hydrate_fetches_once(store: KeyStore, endpoint: Endpoint) -> None:
    store.hydrate()
    store.hydrate()
    store.get_key("one")
    assert endpoint.count == 1


def test_hydrate_refreshes_after_four_fifths_of_max_age(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.hydrate()
    clock.forward(0.8 * HOUR - 1)
    store.hydrate()
    assert endpoint.count == 1
    clock.forward(1)
    store.hydrate()
    assert endpoint.count == 2


def test_hydrate_raises_unavailable_at_hard_max_age(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.hydrate()
    endpoint.answer = None
    clock.forward(DAY - 1)
    store.hydrate()
    for seconds in (1, 60):
        clock.forward(seconds)
        with pytest.raises(CognitoUnavailableError):
            store.hydrate()


def test_first_use_fetches_at_any_clock_value(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    clock.now = -1_000_000  # time.monotonic has no defined start
    store.hydrate()
    another = KeyStore(store.url, endpoint, now=clock)
    assert another.get_key("one")
    assert endpoint.count == 2


def test_fresh_key_is_read_without_the_lock(store: KeyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.hydrate()
    monkeypatch.setattr(store, "_lock", None)
    assert store.get_cached_key("one")


def test_state_of_a_store_is_immutable(store: KeyStore) -> None:
    with pytest.raises(FrozenInstanceError):
        store._state.failures = 1  # type: ignore[misc]


def test_options_are_keyword_only(store: KeyStore, endpoint: Endpoint) -> None:
    with pytest.raises(TypeError, match="positional"):
        store.get_key("one", False)  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        KeyStore(store.url, endpoint, "eu-west-1_AbCdEfGhI")  # type: ignore[misc]
    with pytest.raises(TypeError, match="positional"):
        KeyStores(patient_http())  # type: ignore[misc]
    assert endpoint.count == 0


def test_hydrate_without_keys_raises_unavailable(store: KeyStore, endpoint: Endpoint) -> None:
    endpoint.answer = None
    with pytest.raises(CognitoUnavailableError, match=r"keys\.example"):
        store.hydrate()


def test_hydrate_with_usable_keys_ignores_a_failed_fetch(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.hydrate()
    endpoint.answer = None
    clock.forward(HOUR)
    store.hydrate()
    assert endpoint.count == 2


def test_old_keys_are_used_during_one_background_fetch(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    old = store.get_key("one")
    endpoint.answer = {"keys": [jwk("two", kid="one")]}  # another key with the same `kid`
    clock.forward(HOUR)
    assert [store.get_key("one"), store.get_key("one")] == [old, old]
    assert (len(background), endpoint.count) == (1, 1)
    background.pop()()
    new = store.get_key("one")
    assert new.public_numbers() == private_key("two").public_key().public_numbers()
    assert (background, endpoint.count) == ([], 2)


def test_key_no_longer_in_the_jwks_is_refused_after_a_refresh(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    store.get_key("one")
    endpoint.answer = jwks("two")
    clock.forward(HOUR)
    store.get_key("one")
    background.pop()()
    assert refusal(store, "one").code == "unknown_key"


def test_refresh_without_a_free_thread_runs_in_the_caller(
    endpoint: Endpoint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    store = KeyStore("https://keys.example/", endpoint, now=clock)
    store.get_key("one")
    clock.forward(HOUR)
    monkeypatch.setattr(threading.Thread, "start", fail)
    store.get_key("one")
    assert endpoint.count == 2


def test_refresh_runs_in_its_own_thread_by_default(endpoint: Endpoint, clock: Clock) -> None:
    threads: list[threading.Thread] = []
    done = threading.Event()

    def answer() -> dict[str, Any]:
        threads.append(threading.current_thread())
        if len(threads) == 2:
            done.set()
        return jwks("one")

    endpoint.answer = answer
    store = KeyStore("https://keys.example/", endpoint, now=clock)
    store.get_key("one")
    clock.forward(HOUR)
    store.get_key("one")
    assert done.wait(60)
    assert threads[0] is threading.current_thread()
    assert (threads[1].name, threads[1].daemon) == ("cognito-keys", True)
    threads[1].join(60)


# Unknown keys


def test_unknown_kid_within_the_cooldown_is_refused_without_fetch(
    store: KeyStore, endpoint: Endpoint, clock: Clock
) -> None:
    store.get_key("one")
    clock.forward(29)
    assert [refusal(store, f"forged {number}").code for number in range(1_000)] == ["unknown_key"] * 1_000
    assert endpoint.count == 1


def test_unknown_kids_cause_one_fetch_per_cooldown(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.get_key("one")
    for _ in range(3):
        clock.forward(30)
        for number in range(100):
            assert refusal(store, f"forged {number}").code == "unknown_key"
    assert endpoint.count == 4


def test_new_key_takes_one_fetch_and_the_old_key_stays(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.get_key("one")
    endpoint.answer = jwks("one", "two")
    clock.forward(30)
    assert store.get_key("two")
    assert store.get_key("one")
    assert endpoint.count == 2


def test_new_key_is_refused_until_the_cooldown_ends(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.get_key("one")
    endpoint.answer = jwks("one", "two")
    assert refusal(store, "two").code == "unknown_key"
    clock.forward(30)
    assert store.get_key("two")


# Outages


def test_unknown_kid_in_an_outage_is_unavailable_and_drops_no_key(
    store: KeyStore, endpoint: Endpoint, clock: Clock
) -> None:
    store.get_key("one")
    endpoint.answer = None
    clock.forward(30)
    errors = [refusal(store, f"forged {position}") for position in range(100)]
    assert {type(error) for error in errors} == {CognitoUnavailableError}
    assert store.get_key("one")
    assert endpoint.count == 2


def test_unknown_kid_after_an_outage_waits_for_the_cooldown(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.get_key("one")
    endpoint.answer = None
    clock.forward(30)
    assert refusal(store, "two").retry_after == 30
    endpoint.answer = jwks("one", "two")
    clock.forward(29)
    assert refusal(store, "two").retry_after == 1
    clock.forward(1)
    assert store.get_key("two")
    assert refusal(store, "three").code == "unknown_key"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"keys": []}, id="empty"),
        pytest.param({}, id="keyless"),
        pytest.param([], id="list"),
        pytest.param(b"null", id="null"),
        pytest.param("x", id="string"),
        pytest.param(b"<html>log in</html>", id="captive portal"),
        pytest.param(b'{"keys": [', id="truncated"),
        pytest.param(b"\xff\xfe{}", id="another charset"),
        pytest.param(b"[" * 60_000, id="nested"),
        pytest.param(None, id="down"),
    ],
)
def test_response_without_keys_fails_and_cached_keys_stay(
    store: KeyStore, endpoint: Endpoint, clock: Clock, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    good = store.get_key("one")
    endpoint.answer = answer
    clock.forward(30)
    assert isinstance(refusal(store, "forged"), CognitoUnavailableError)
    assert store.get_key("one") is good
    assert "the keys at https://keys.example/jwks.json are unavailable, next attempt in 30 s" in caplog.text


def test_pauses_without_cached_keys_grow_to_a_minute(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = None
    pauses = []
    for _ in range(9):
        pauses.append(refusal(store, "one").retry_after)
        for _ in range(100):
            assert isinstance(refusal(store, "one"), CognitoUnavailableError)
        clock.forward(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert endpoint.count == 9


def test_success_resets_the_pauses(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = None
    for pause in (1, 2, 4):
        assert refusal(store, "one").retry_after == pause
        clock.forward(pause)
    endpoint.answer = jwks("one")
    assert store.get_key("one")
    endpoint.answer = None
    clock.forward(DAY)
    assert refusal(store, "one").retry_after == 1


def test_cached_keys_are_used_in_an_outage_up_to_hard_max_age(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    store.get_key("one")
    endpoint.answer = None
    for _ in range(23):
        clock.forward(HOUR)
        assert store.get_key("one")
        background.pop()()
    clock.forward(HOUR - 1)
    assert store.get_key("one")
    background.pop()()
    clock.forward(60)
    assert isinstance(refusal(store, "one"), CognitoUnavailableError)
    endpoint.answer = jwks("one")
    clock.forward(60)
    assert store.get_key("one")


def test_hard_max_age_below_max_age_uses_no_old_keys(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, hard_max_age_seconds=0, now=clock)
    store.get_key("one")
    clock.forward(0.8 * HOUR - 1)
    store.get_key("one")
    assert endpoint.count == 1
    endpoint.answer = None
    clock.forward(HOUR)
    assert isinstance(refusal(store, "one"), CognitoUnavailableError)


def test_outage_is_logged_once_per_attempt(
    store: KeyStore, endpoint: Endpoint, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.answer = None
    for _ in range(50):
        refusal(store, "one")
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


def test_programming_error_in_a_fetch_is_raised_and_leaves_no_lock(
    store: KeyStore, endpoint: Endpoint, clock: Clock
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    endpoint.answer = fail
    with pytest.raises(ZeroDivisionError):
        store.get_key("one")
    error = refusal(store, "one")
    assert (str(error), error.retry_after) == (f"the keys at {store.url} are unavailable: the fetch did not finish", 1)
    endpoint.answer = jwks("one")
    clock.forward(1)
    assert store.get_key("one")


def test_error_has_the_reason_of_the_last_attempt(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = None
    assert str(refusal(store, "one")) == f"the keys at {store.url} are unavailable: down"
    endpoint.answer = {"keys": []}
    clock.forward(1)
    assert str(refusal(store, "one")) == f"the keys at {store.url} are unavailable: the key set has no usable key"
    endpoint.answer = jwks("one")
    clock.forward(2)
    assert str(refusal(store, "two")) == "the token names a key that its pool does not publish"


def test_old_keys_are_fetched_again_after_each_pause(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    store.get_key("one")
    endpoint.answer = None
    clock.forward(HOUR)
    for pause in (1, 2, 4, 8):
        assert store.get_key("one")
        background.pop()()
        clock.forward(pause - 0.5)
        assert store.get_key("one")
        assert background == []
        clock.forward(0.5)
    assert endpoint.count == 5


def test_failed_fetch_with_fresh_keys_starts_no_early_refresh(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    store.get_key("one")
    endpoint.answer = None
    clock.forward(30)
    refusal(store, "forged")
    clock.forward(0.8 * HOUR - 31)
    store.get_key("one")
    assert background == []
    clock.forward(1)
    store.get_key("one")
    assert len(background) == 1


def test_unknown_kid_with_old_keys_waits_for_the_same_pause(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.get_key("one")
    endpoint.answer = None
    clock.forward(HOUR)
    assert refusal(store, "two").retry_after == 1
    clock.forward(1)
    assert refusal(store, "two").retry_after == 2
    assert endpoint.count == 3


def test_retry_after_is_a_second_if_the_next_attempt_is_overdue(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock, on_event=lambda event: clock.forward(60))
    endpoint.answer = None
    assert refusal(store, "one").retry_after == 1


def test_pause_of_a_long_outage_stays_at_a_minute(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = None
    for _ in range(100):
        error = refusal(store, "one")
        clock.forward(60)
    assert (error.retry_after, endpoint.count) == (60, 100)
    assert store._state.failures == 60


# Without waiting


def needs_fetch(store: KeyStore, kid: str) -> bool:
    """Return whether `get_key` has to wait for a fetch. Fetches nothing."""
    try:
        store.get_key(kid, wait=False)
    except KeyFetchRequiredError as error:
        return error.keys is store
    except (SignatureError, CognitoUnavailableError):
        return False
    return False


def test_get_key_without_waiting_fetches_nothing(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    assert needs_fetch(store, "one")
    assert endpoint.count == 0
    store.hydrate()
    assert not needs_fetch(store, "one")
    assert not needs_fetch(store, "two")  # refused at once
    clock.forward(30)
    assert (needs_fetch(store, "one"), needs_fetch(store, "two")) == (False, True)
    clock.forward(DAY - 31)
    assert not needs_fetch(store, "one")
    clock.forward(1)
    assert needs_fetch(store, "one")


def test_get_key_without_waiting_fails_at_once_during_a_pause(store: KeyStore, endpoint: Endpoint) -> None:
    endpoint.answer = None
    refusal(store, "one")
    assert not needs_fetch(store, "one")


def test_get_key_without_waiting_during_a_fetch_requires_a_fetch(store: KeyStore, endpoint: Endpoint) -> None:
    results = []

    def answer() -> dict[str, Any]:
        results.append(needs_fetch(store, "one"))
        return jwks("one")

    endpoint.answer = answer
    store.hydrate()
    assert results == [True]


# Pinned keys


def test_pinned_keys_are_never_fetched_and_never_expire(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    store.pin(jwks("two"))
    clock.forward(10 * DAY)
    store.hydrate()
    assert store.get_key("two")
    assert refusal(store, "one").code == "unknown_key"
    assert not needs_fetch(store, "one")
    assert endpoint.count == 0


def test_running_fetch_does_not_replace_pinned_keys(store: KeyStore, endpoint: Endpoint) -> None:
    def answer() -> dict[str, Any]:
        store.pin(jwks("two"))
        return jwks("one")

    endpoint.answer = answer
    assert refusal(store, "one").code == "unknown_key"
    assert store.get_key("two")


def test_unusable_keys_cannot_be_pinned(store: KeyStore) -> None:
    with pytest.raises(ValueError, match="key set"):
        store.pin({"keys": []})


# Threads and processes


@pytest.mark.parametrize("answer", [jwks("one"), None], ids=["up", "down"])
def test_threads_without_cached_keys_share_one_fetch(endpoint: Endpoint, clock: Clock, answer: Any) -> None:
    waiting = threading.Semaphore(0)
    outcomes: list[str] = []
    store = KeyStore("https://keys.example/", endpoint, now=clock)

    def respond_slowly() -> Any:
        for _ in range(31):
            assert waiting.acquire(timeout=10)
        return answer

    def get_key() -> None:
        waiting.release()
        try:
            store.get_key("one")
            outcomes.append("key")
        except CognitoUnavailableError:
            outcomes.append("unavailable")

    endpoint.answer = respond_slowly
    threads = [threading.Thread(target=get_key) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert outcomes == ["key" if answer else "unavailable"] * 32
    assert endpoint.count == 1


def test_thread_waits_for_the_fetch_of_another_thread(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock)
    results: list[object] = []
    second = threading.Thread(target=lambda: results.append(store.get_key("one")))
    waits = []

    def answer() -> dict[str, Any]:
        inflight = store._inflight
        inflight.wait, original = lambda: (waits.append("waits"), is_waiting.set(), original()), inflight.wait
        second.start()
        assert is_waiting.wait(60)
        return jwks("one")

    is_waiting = threading.Event()
    endpoint.answer = answer
    first = store.get_key("one")
    second.join(60)
    assert (results, waits, endpoint.count) == ([first], ["waits"], 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_forked_during_a_fetch_fetches_for_itself(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock)
    statuses = []

    def fork() -> dict[str, Any]:
        endpoint.answer = jwks("one")
        with store._lock:
            if (child := os.fork()) == 0:
                os._exit(0 if _returns_key_in_time(store) else 1)
        statuses.append(os.waitpid(child, 0)[1])
        return jwks("one")

    endpoint.answer = fork
    store.get_key("one")
    assert statuses == [0]


def test_reset_after_fork_frees_every_store(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock)
    store._lock.acquire()
    store._inflight = threading.Event()
    key_store._reset_after_fork()
    assert _returns_key_in_time(store)


def _returns_key_in_time(store: KeyStore) -> bool:
    results = []
    thread = threading.Thread(target=lambda: results.append(store.get_key("one")), daemon=True)
    thread.start()
    thread.join(60)
    return len(results) == 1


# Stores


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(json_answer(jwks("one"))) as started:
        yield started


def pool_at(server: ScriptedServer, **settings: Any) -> UserPool:
    return UserPool("eu-west-1_AbCdEfGhI", issuer=f"{server.url}/eu-west-1_AbCdEfGhI", **settings)


def test_pools_with_the_same_jwks_uri_share_a_store(server: ScriptedServer) -> None:
    stores = KeyStores()
    first = stores.for_pool(pool_at(server))
    assert stores.for_pool(pool_at(server, client_ids=("other",))) is first
    assert stores.for_pool(pool_at(server, jwks_uri=f"{server.url}/elsewhere")) is not first


def test_store_fetches_from_the_jwks_uri_of_the_pool(server: ScriptedServer) -> None:
    KeyStores().for_pool(pool_at(server)).hydrate()
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", "/eu-west-1_AbCdEfGhI/.well-known/jwks.json")


def test_stores_have_the_documented_default_ages(server: ScriptedServer, clock: Clock) -> None:
    store = KeyStores(http=patient_http(), now=clock).for_pool(pool_at(server))
    store.hydrate()
    for seconds, kid, count in ((29.5, "two", 1), (30, "two", 2), (30 + 2_879.5, "one", 2), (30 + 2_880, "one", 3)):
        clock.now = 1_000 + seconds
        assert kid == "one" or refusal(store, kid).code == "unknown_key"
        store.hydrate()
        assert server.count == count
    server.script(Answer(404))
    clock.forward(DAY - 0.5)
    store.hydrate()
    clock.forward(0.5)
    with pytest.raises(CognitoUnavailableError):
        store.hydrate()


@pytest.mark.parametrize("status", [103, 204, 301, 404, 500])
def test_status_other_than_200_is_unavailable(server: ScriptedServer, status: int) -> None:
    server.script(Answer(status, b"{}", {"location": "http://169.254.169.254/"}))
    with pytest.raises(CognitoUnavailableError, match=f"are unavailable: responded with status {status}$"):
        KeyStores(http=patient_http()).for_pool(pool_at(server)).hydrate()
    assert server.count == (2 if status >= 500 else 1)


def test_stores_pass_on_their_options(server: ScriptedServer, clock: Clock) -> None:
    stores = KeyStores(max_age_seconds=5, hard_max_age_seconds=5, cooldown_seconds=2, now=clock)
    store = stores.for_pool(pool_at(server))
    store.get_key("one")
    clock.forward(2)
    assert refusal(store, "two").code == "unknown_key"
    clock.forward(5)
    store.get_key("one")
    assert server.count == 3


# Background refresh and random pauses


def test_keys_are_fetched_in_the_background_before_they_are_old(
    store: KeyStore, endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    good = store.get_key("one")
    clock.forward(0.8 * HOUR - 1)
    store.get_key("one")
    assert background == []
    clock.forward(1)
    assert store.get_key("one") is good
    (fetch,) = background
    fetch()
    assert endpoint.count == 2
    assert store.get_key("one") is good, "an unchanged key stays the same object"


@pytest.mark.parametrize(
    ("chance", "pauses"), [(0.0, [1, 1, 2, 4, 8]), (0.5, [1, 2, 3, 6, 12]), (1.0, [1, 2, 4, 8, 16])]
)
def test_pauses_are_reduced_at_random_by_up_to_half(
    endpoint: Endpoint, clock: Clock, chance: float, pauses: list[int]
) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock, chance=lambda: chance)
    endpoint.answer = None
    retries = []
    for _ in pauses:
        retries.append(refusal(store, "one").retry_after)
        clock.forward(retries[-1])
    assert retries == pauses


def test_pause_of_less_than_a_second_is_a_second(endpoint: Endpoint, clock: Clock) -> None:
    store = KeyStore("https://keys.example/", endpoint, now=clock, chance=lambda: 0)
    endpoint.answer = None
    for seconds, count in ((0, 1), (0.75, 1), (0.25, 2)):
        clock.forward(seconds)
        refusal(store, "one")
        assert endpoint.count == count


@pytest.mark.parametrize("seconds", [0, 1])
def test_expired_key_is_removed_from_the_store(
    store: KeyStore, endpoint: Endpoint, clock: Clock, seconds: float
) -> None:
    endpoint.answer = jwks("one", "two")
    store.hydrate()
    endpoint.answer = jwks("two")
    clock.forward(30)
    refusal(store, "forged")
    clock.forward(HOUR - 30 + seconds)
    assert store._state.keys.keys() == {"one", "two"}
    store.hydrate()
    assert store._state.keys.keys() == {"two"}


def test_key_no_longer_in_the_jwks_is_used_until_max_age(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = jwks("one", "two")
    store.hydrate()
    endpoint.answer = jwks("two")
    clock.forward(HOUR / 2)
    assert refusal(store, "forged").code == "unknown_key"
    assert store.get_cached_key("one")
    clock.forward(HOUR / 2)
    assert refusal(store, "one").code == "unknown_key"
    assert store.get_cached_key("two")


def test_key_that_becomes_invalid_is_dropped_at_once(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = jwks("one", "two")
    store.hydrate()
    endpoint.answer = {"keys": [jwk("one", use="enc"), jwk("two")]}
    clock.forward(30)
    assert refusal(store, "forged").code == "unknown_key"
    assert refusal(store, "one").code == "unknown_key"


def test_events_are_reported_and_logged(endpoint: Endpoint, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    events: list[KeyEvent] = []
    url = "https://keys.example/"
    store = KeyStore(url, endpoint, owner="eu-west-1_AbCdEfGhI", now=clock, on_event=events.append)
    endpoint.answer = {"keys": [jwk("one"), jwk("two", use="enc"), "?"]}
    with caplog.at_level(logging.INFO):
        store.hydrate()
        endpoint.answer = None
        clock.forward(DAY)
        assert "eu-west-1_AbCdEfGhI" in str(refusal(store, "one"))
    assert events == [
        KeySkipped(url, "two", "not for signatures"),
        KeySkipped(url, "", "no object with a kid of reasonable length"),
        KeysRefreshed(url, ("one",)),
        KeysUnavailable(url, "down", 1),
    ]
    keys = f"the keys of eu-west-1_AbCdEfGhI at {url}"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", f"a key of {keys} is skipped: 'two': not for signatures"),
        ("WARNING", f"a key of {keys} is skipped: '': no object with a kid of reasonable length"),
        ("INFO", f"{keys} have been fetched: 'one'"),
        ("WARNING", f"{keys} are unavailable, next attempt in 1 s: down"),
    ]


def test_kid_cannot_inject_a_log_line(store: KeyStore, endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    endpoint.answer = {"keys": [jwk("one", kid="a\nWARNING b"), jwk("two", kid="c\nERROR d", use="enc")]}
    with caplog.at_level(logging.INFO):
        store.hydrate()
    assert len(caplog.messages) == 2
    assert not any("\n" in message for message in caplog.messages)


def test_pinning_reports_no_event(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    events: list[KeyEvent] = []
    store = KeyStore("https://keys.example/", endpoint, on_event=events.append)
    with caplog.at_level(logging.INFO):
        store.pin(jwks("one"))
    assert (events, caplog.messages) == ([], [])


def test_key_that_returns_to_the_jwks_is_the_same_object(store: KeyStore, endpoint: Endpoint, clock: Clock) -> None:
    endpoint.answer = jwks("one", "two")
    store.hydrate()
    original = store.get_cached_key("one")
    for answer in (jwks("two"), jwks("one", "two")):
        endpoint.answer = answer
        clock.forward(30)
        refusal(store, "forged")
    assert store.get_cached_key("one") is original
    clock.forward(DAY - 1)
    assert store.get_cached_key("one") is original, "its age starts again"


def test_removed_key_is_not_used_past_its_hard_max_age(
    endpoint: Endpoint, clock: Clock, background: list[Callable[[], None]]
) -> None:
    store = KeyStore("https://keys.example/", endpoint, hard_max_age_seconds=HOUR, now=clock, start=background.append)
    endpoint.answer = jwks("one", "two")
    store.hydrate()
    endpoint.answer = jwks("two")
    clock.forward(30)
    refusal(store, "forged")
    clock.forward(HOUR - 31)
    assert store.get_cached_key("one")
    clock.forward(1)
    assert store.get_cached_key("one") is None
