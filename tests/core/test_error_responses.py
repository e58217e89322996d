"""The causes of Cognito's error responses, and their words in the log."""

import logging
import time
from collections.abc import Callable, Iterator
from operator import methodcaller
from typing import Any

import pytest
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.core import UserPool
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.error_responses import find_code, quote_text
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, SignInError
from django_cognito.core.hosted_ui import HostedUi
from tests.support.timeouts import patient_http

Call = Callable[[HostedUi], Any]
EXCHANGE: Call = methodcaller("exchange_code", "the-code", redirect_uri="https://site.example/", code_verifier="v")
REFRESH: Call = methodcaller("refresh", "the-refresh-token")
REVOKE: Call = methodcaller("revoke", "the-refresh-token")
USER_INFO: Call = methodcaller("user_info", "the-access-token")
EVERYWHERE: Call = methodcaller("sign_out_everywhere", "the-access-token")
SECRET = "1h57kf5cpq17m0eml12EXAMPLE9q8w7e6r5t4z3u2i1o"
JWT = "eyJraWQiOiJhIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as started:
        yield started


def hosted_ui(server: ScriptedServer, secret: str | ClientSecret = "") -> HostedUi:
    pool = UserPool("eu-west-1_AbCdEfGhI", domain=server.url, endpoint_url=server.url)
    return HostedUi(pool, "1webclient", secret, http=patient_http())


def error_of(call: Call, ui: HostedUi) -> CognitoError:
    with pytest.raises(CognitoError) as caught:
        call(ui)
    return caught.value


@pytest.mark.parametrize("error", ["invalid_request", "invalid_grant"])
@pytest.mark.parametrize(
    ("description", "code"),
    [
        ("PreSignUp failed with error only members may join.", "refused_by_provider"),
        ("PreAuthentication failed with error no.", "refused_by_provider"),
        ("PostConfirmation failed with error no.", "refused_by_provider"),
        ("PreTokenGeneration failed with error no.", "refused_by_provider"),
        ("PreSignUp invocation failed due to error TooManyRequestsException", "provider_trouble"),
        ("Already found an entry for username google_1", "provider_trouble"),
        ("The PreSignUp failed with error", None),
        ("Bystander failed with error", None),
        ("", None),
    ],
)
def test_description_of_an_error_selects_its_code(error: str, description: str, code: str | None) -> None:
    assert find_code(error, description) == code


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_transient_error_passes_whatever_its_description(error: str) -> None:
    assert find_code(error, "PreSignUp failed with error no") == "provider_trouble"


@pytest.mark.parametrize("error", ["invalid_client", "access_denied", "unauthorized_client"])
def test_other_error_has_no_code_by_its_description(error: str) -> None:
    assert find_code(error, "Already found an entry for username google_1") is None


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH])
def test_trigger_refusal_at_the_token_endpoint_is_final(server: ScriptedServer, call: Call) -> None:
    words = {"error": "invalid_request", "error_description": "PreTokenGeneration failed with error no."}
    server.script(json_answer(words, 400))
    error = error_of(call, hosted_ui(server))
    assert isinstance(error, SignInError)
    assert (error.code, error.oauth_error) == ("refused_by_provider", "invalid_request")


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE])
@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_transient_error_of_an_endpoint_is_unavailable(server: ScriptedServer, call: Call, error: str) -> None:
    server.script(json_answer({"error": error}, 400))
    raised = error_of(call, hosted_ui(server))
    assert isinstance(raised, CognitoUnavailableError)
    assert raised.code == "provider_trouble"


@pytest.mark.parametrize("call", [EXCHANGE, REFRESH, REVOKE, USER_INFO, EVERYWHERE])
@pytest.mark.parametrize(
    "answer",
    [
        json_answer({"error": "invalid_grant", "error_description": "the words\nof Cognito"}, 400),
        json_answer({"__type": "NotAuthorizedException", "message": "the words\nof Cognito"}, 400),
        Answer(401, headers={"WWW-Authenticate": 'Bearer error_description="the words of Cognito"'}),
    ],
    ids=["oauth", "aws", "challenge"],
)
def test_words_of_each_error_response_are_logged(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, call: Call, answer: Answer
) -> None:
    server.script(answer)
    error = error_of(call, hosted_ui(server))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().count("the words") == 1
    assert "\n" not in record.getMessage()
    assert "the words" not in str(error)


def test_words_are_logged_if_the_next_secret_cannot_be_read(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture
) -> None:
    values = iter(["first"])
    server.script(json_answer({"error": "invalid_client", "error_description": "the words"}, 400))
    error = error_of(REFRESH, hosted_ui(server, ClientSecret(lambda: next(values), cooldown_seconds=0)))
    assert error.code == "client_secret_unavailable"
    assert "the words" in caplog.text


def test_request_id_of_an_error_response_is_logged(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    server.script(Answer(500, headers={"x-amz-cognito-request-id": "the-request-id"}))
    error_of(REVOKE, hosted_ui(server))
    assert "status 500, request id 'the-request-id'" in caplog.text


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"error": 5, "error_description": null}'])
def test_error_response_without_words_is_logged_by_its_status(
    server: ScriptedServer, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    server.script(Answer(503, body))
    error_of(EXCHANGE, hosted_ui(server))
    assert "status 503" in caplog.text


@pytest.mark.parametrize("text", [SECRET, JWT, f"code={SECRET}", "1b5cf4a4-0001-4c5e-9b7e-1f6a3d1e2a01", "ab1" * 5_000])
def test_long_random_word_is_not_quoted(text: str) -> None:
    shown = quote_text(f"the words {text} end")
    assert "the words [...]" in shown
    assert text[-12:] not in shown


def test_quoted_text_is_escaped_and_at_most_200_characters() -> None:
    assert quote_text("a\nb\u202ec") == "'a\\nb\\u202ec'"
    assert quote_text("username google_104857600000000000001") == "'username google_104857600000000000001'"
    assert len(quote_text("x" * 10_000)) == 202


def test_quoting_a_long_text_takes_no_time() -> None:
    start = time.thread_time()  # not that of other processes
    quote_text("x" * 1_000_000)
    assert time.thread_time() - start < 0.5


@pytest.mark.mistake("client secret missing, wrong, or given for a public client", by="request")
@pytest.mark.parametrize(
    ("secret", "words"),
    [(SECRET, "a client secret was sent, which is not its own, or it is a public client"), ("", "no client secret")],
)
def test_refused_client_error_states_whether_a_secret_was_sent(server: ScriptedServer, secret: str, words: str) -> None:
    server.script(json_answer({"error": "invalid_client"}, 400))
    error = error_of(EXCHANGE, hosted_ui(server, secret))
    assert (error.code, words in str(error), "1webclient" in str(error)) == ("invalid_client", True, True)
    assert not secret or secret not in str(error)
