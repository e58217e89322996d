"""The client secret: read once, read again after a refusal, called once per cooldown, and never shown."""

import copy
import logging
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from operator import methodcaller
from typing import Any
from urllib.parse import parse_qs

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import UserPool, client_secret
from django_cognito.core.client_secret import COOLDOWN_SECONDS, ClientSecret
from django_cognito.core.errors import CognitoUnavailableError, SignInError
from django_cognito.core.hosted_ui import HostedUi
from tests.support.clock import Clock
from tests.support.forking import in_a_child
from tests.support.timeouts import patient_http

TOKENS = {"access_token": "a", "id_token": "i", "refresh_token": "r", "token_type": "Bearer", "expires_in": 3600}
REFUSED = json_answer({"error": "invalid_client"}, 400)
EXCHANGE = methodcaller("exchange_code", "the-code", redirect_uri="https://site.example/", code_verifier="v")
CALLS = [EXCHANGE, methodcaller("refresh", "the-refresh-token"), methodcaller("revoke", "the-refresh-token")]


class Source:
    """A function that returns `value`, or raises it, and counts its calls."""

    def __init__(self, value: Any = "first-secret") -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def secret(source: Source, clock: Clock) -> ClientSecret:
    return ClientSecret(source, now=clock)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(json_answer(TOKENS)) as started:
        yield started


def hosted_ui(server: ScriptedServer, secret: ClientSecret | str) -> HostedUi:
    return HostedUi(
        UserPool("eu-west-1_AbCdEfGhI", domain=server.url),
        "1web",
        secret,
        http=patient_http(),
    )


def authorization_headers(server: ScriptedServer) -> list[str | None]:
    """Return the Authorization header of each request."""
    return [request.headers.get("authorization") for request in server.requests]


def run_in_thread(call: Callable[[], Any]) -> Any:
    """Return the result of `call` in a daemon thread, which does not block the process if it hangs."""
    result: Future[Any] = Future()

    def run() -> None:
        try:
            result.set_result(call())
        except Exception as error:  # noqa: BLE001 raised again in the caller's thread
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result.result(10)


# One read


def test_function_is_called_on_first_use_and_once(source: Source, secret: ClientSecret) -> None:
    assert source.calls == 0
    assert [secret.read() for _ in range(3)] == ["first-secret"] * 3
    assert source.calls == 1


@pytest.mark.parametrize("text", ["", "a-text"])
def test_string_is_returned_and_never_read_again(text: str) -> None:
    assert (ClientSecret(text).read(), ClientSecret(text).read_again(text)) == (text, None)


def test_changed_secret_is_read_again_after_cooldown(source: Source, secret: ClientSecret, clock: Clock) -> None:
    secret.read()
    source.value = "second-secret"
    clock.now += COOLDOWN_SECONDS - 1
    assert secret.read_again("first-secret") is None
    clock.now += 1
    assert secret.read_again("first-secret") == "second-secret"
    assert (secret.read(), source.calls) == ("second-secret", 2)


def test_unchanged_secret_is_not_returned_again(source: Source, secret: ClientSecret, clock: Clock) -> None:
    secret.read()
    clock.now += COOLDOWN_SECONDS
    assert [secret.read_again("first-secret") for _ in range(5)] == [None] * 5
    assert source.calls == 2


def test_secret_that_another_thread_read_is_used_without_a_call(
    source: Source, secret: ClientSecret, clock: Clock
) -> None:
    secret.read()
    source.value = "second-secret"
    clock.now += COOLDOWN_SECONDS
    for _ in range(3):
        assert secret.read_again("first-secret") == "second-secret"
        clock.now += COOLDOWN_SECONDS
    assert source.calls == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_concurrent_threads_share_one_call(clock: Clock, is_first: bool) -> None:
    gate, source = threading.Event(), Source()

    def read_slowly() -> str:
        if is_first or source.calls:
            assert gate.wait(20)
        return str(source())

    secret = ClientSecret(read_slowly, now=clock)
    read: Callable[[], Any] = secret.read
    if not is_first:
        secret.read()
        source.value = "second-secret"
        clock.now += COOLDOWN_SECONDS
        read = lambda: secret.read_again("first-secret")  # noqa: E731
    with ThreadPoolExecutor(8) as threads:
        results = [threads.submit(read) for _ in range(8)]
        gate.set()
        assert {result.result(20) for result in results} == {source.value}
    assert source.calls == (1 if is_first else 2)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_forked_during_a_read_reads_for_itself() -> None:
    reading, gate, parent = threading.Event(), threading.Event(), threading.get_ident()

    def read() -> str:
        if threading.get_ident() != parent:
            reading.set()
            assert gate.wait(20)
        return "a-secret"

    secret = ClientSecret(read)
    reader = threading.Thread(target=secret.read, daemon=True)
    reader.start()
    try:
        assert reading.wait(20)
        assert in_a_child(secret.read) == "a-secret"
    finally:
        gate.set()
        reader.join(20)


def test_reset_after_fork_frees_the_lock_and_ends_the_cooldown(source: Source, secret: ClientSecret) -> None:
    secret.read()
    source.value = "second-secret"
    with secret._lock:
        client_secret._reset_after_fork()
        assert run_in_thread(lambda: secret.read_again("first-secret")) == "second-secret"


# Failures


@pytest.mark.parametrize("cooldown_seconds", [COOLDOWN_SECONDS, 0])
def test_function_that_needs_the_secret_itself_fails(cooldown_seconds: float) -> None:
    secret = ClientSecret(lambda: secret.read(), cooldown_seconds=cooldown_seconds)
    with pytest.raises(CognitoUnavailableError):
        run_in_thread(secret.read)


FAILURES = [ValueError("the-vault says first-secret"), None, "", b"bytes", {"clientSecretValue": "x"}]


@pytest.mark.parametrize("value", FAILURES, ids=repr)
def test_function_without_result_is_unavailable(source: Source, secret: ClientSecret, value: Any) -> None:
    source.value = value
    with pytest.raises(CognitoUnavailableError) as caught:
        secret.read()
    assert (caught.value.code, caught.value.retry_after) == ("client_secret_unavailable", 60)


@pytest.mark.parametrize("value", FAILURES, ids=repr)
def test_secret_in_use_stays_if_the_function_fails(
    source: Source, secret: ClientSecret, clock: Clock, value: Any
) -> None:
    secret.read()
    clock.now += COOLDOWN_SECONDS
    source.value = value
    with pytest.raises(CognitoUnavailableError) as caught:
        secret.read_again("first-secret")
    assert caught.value.code == "client_secret_unavailable"
    assert (secret.read(), secret.read_again("first-secret"), source.calls) == ("first-secret", None, 2)


def test_failed_first_read_is_repeated_after_cooldown(source: Source, secret: ClientSecret, clock: Clock) -> None:
    source.value = ValueError()
    for seconds, expected in ((0, 60), (20.5, 40)):
        clock.now += seconds
        with pytest.raises(CognitoUnavailableError) as caught:
            secret.read()
        assert caught.value.retry_after == expected
    assert source.calls == 1
    source.value = "first-secret"
    clock.now += 40
    assert secret.read() == "first-secret"


def test_keyboard_interrupt_is_passed_on(source: Source, secret: ClientSecret) -> None:
    source.value = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        secret.read()


def test_failure_shows_nothing_of_the_secret(
    source: Source, secret: ClientSecret, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source.value = ValueError("the vault holds hidden-value")
    with caplog.at_level(logging.DEBUG), pytest.raises(CognitoUnavailableError) as caught:
        secret.read()
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    shown = f"{error!r} {caplog.text} {''.join(traceback.format_exception(error))}"
    assert "hidden-value" not in shown
    assert "ValueError" in shown
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    variables = [frame.f_locals for frame in frames if frame.f_code.co_filename.endswith("core/client_secret.py")]
    assert variables
    assert "hidden-value" not in repr(variables)


@pytest.mark.defends("RP-20")
def test_secret_is_in_no_repr_and_no_pickle(server: ScriptedServer) -> None:
    for value in (Source("hidden-value"), "hidden-value", ""):
        secret = ClientSecret(value)
        secret.read()
        assert "hidden-value" not in f"{secret!r} {hosted_ui(server, secret)!r}"
        for make in (pickle.dumps, copy.deepcopy):
            with pytest.raises(TypeError):
                make(secret)
            with pytest.raises(TypeError):
                make(hosted_ui(server, secret))


# At the endpoints


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [400, 401])
def test_refused_secret_is_read_again_and_the_request_repeated(
    server: ScriptedServer, source: Source, secret: ClientSecret, clock: Clock, call: Any, status: int
) -> None:
    ui = hosted_ui(server, secret)
    secret.read()
    source.value = "second-secret"
    clock.now += COOLDOWN_SECONDS
    server.script(json_answer({"error": "invalid_client"}, status), json_answer(TOKENS))
    call(ui)
    first, second = server.requests
    assert first.headers["authorization"] != second.headers["authorization"]
    assert (first.path, parse_qs(first.body)) == (second.path, parse_qs(second.body))


@pytest.mark.parametrize("call", CALLS)
def test_request_is_repeated_only_once(
    server: ScriptedServer, source: Source, secret: ClientSecret, clock: Clock, call: Any
) -> None:
    secret.read()
    source.value = "second-secret"
    clock.now += COOLDOWN_SECONDS
    server.script(REFUSED)
    with pytest.raises(SignInError) as caught:
        call(hosted_ui(server, secret))
    assert (caught.value.code, server.count, source.calls) == ("invalid_client", 2, 2)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("seconds", [0, COOLDOWN_SECONDS], ids=["during the cooldown", "after the cooldown"])
def test_unchanged_secret_is_sent_once(
    server: ScriptedServer, secret: ClientSecret, clock: Clock, call: Any, seconds: float
) -> None:
    secret.read()
    clock.now += seconds
    server.script(REFUSED)
    with pytest.raises(SignInError):
        call(hosted_ui(server, secret))
    assert server.count == 1


@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": "invalid_grant"}, 400),
        json_answer({"error": "access_denied"}, 400),
        json_answer({"error": "invalid_client"}, 500),
        json_answer(["invalid_client"], 401),
        Answer(400, b"invalid_client"),
    ],
)
@pytest.mark.parametrize("call", CALLS)
def test_other_responses_read_no_secret(
    server: ScriptedServer, source: Source, secret: ClientSecret, clock: Clock, call: Any, answer: Answer
) -> None:
    secret.read()
    clock.now += COOLDOWN_SECONDS
    source.value = "second-secret"
    server.script(answer)
    with pytest.raises((SignInError, CognitoUnavailableError)):
        call(hosted_ui(server, secret))
    assert (server.count, source.calls) == (1, 1)


@pytest.mark.parametrize("call", CALLS)
def test_refused_public_client_sends_one_request(server: ScriptedServer, call: Any) -> None:
    server.script(REFUSED)
    with pytest.raises(SignInError):
        call(hosted_ui(server, ""))
    assert authorization_headers(server) == [None]


@pytest.mark.parametrize("call", CALLS)
def test_function_that_fails_sends_nothing(
    server: ScriptedServer, source: Source, secret: ClientSecret, call: Any
) -> None:
    source.value = ValueError()
    with pytest.raises(CognitoUnavailableError) as caught:
        call(hosted_ui(server, secret))
    assert (caught.value.code, server.count) == ("client_secret_unavailable", 0)
