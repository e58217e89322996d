"""What a site is told: keys that came or did not, keys that are not used, tokens that were refused."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import override_settings

from django_cognito import runtime, signals
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.people.authenticate import aauthenticate, authenticate
from django_cognito.testing import make_token
from tests.core.signing import jwk
from tests.scripted_server import Answer, ScriptedServer, json_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What every signal told, in its order."""
    told: list[dict[str, Any]] = []

    def listen(sender: type, signal: Signal, **values: Any) -> None:
        told.append({"sender": sender.__name__, **values})

    every = (signals.keys_refreshed, signals.keys_unavailable, signals.key_skipped, signals.token_refused)
    for signal in every:
        signal.connect(listen)
    yield told
    for signal in every:
        signal.disconnect(listen)


def refused(call: Callable[[], object]) -> TokenError:
    with pytest.raises(TokenError) as caught:
        call()
    return caught.value


def test_keys_are_told_of_as_they_come_and_do_not(settings: Any, heard: list[dict[str, Any]]) -> None:
    with ScriptedServer(json_answer({"keys": [jwk("one"), jwk("two", use="enc")]})) as server:
        address = f"{server.url}/jwks.json"
        with override_settings(COGNITO={**settings.COGNITO, "JWKS_URI": address}):
            runtime.reset()
            runtime.get_verifier().hydrate()
            server.script(Answer(503))
            runtime.reset()
            with pytest.raises(CognitoUnavailableError):
                runtime.get_verifier().hydrate()
    runtime.reset()
    assert heard == [
        {"sender": "KeySkipped", "url": address, "kid": "two", "reason": "not for signatures"},
        {"sender": "KeysRefreshed", "url": address, "kids": ("one",)},
        {"sender": "KeysUnavailable", "url": address, "reason": "answered with status 503", "retry_after": 1},
    ]


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_refused_token_is_told_of_once_and_named_by_pool_and_client(
    heard: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, settings: Any, is_async: bool
) -> None:
    raw = make_token(exp=1)
    with caplog.at_level(logging.INFO, "django_cognito.signals"):
        refused((lambda: asyncio.run(aauthenticate(raw))) if is_async else lambda: authenticate(raw))
    told = {
        "code": "token_expired",
        "user_pool_id": settings.COGNITO["USER_POOL_ID"],
        "client_id": settings.COGNITO["CLIENT_ID"],
    }
    assert heard == [{"sender": "ExpiredTokenError", **told}]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert {name: getattr(record, name) for name in told} == told
    assert raw not in json.dumps([record.getMessage(), str(record.__dict__)])


@pytest.mark.usefixtures("cognito_keys")
def test_somebody_elses_client_is_not_named(heard: list[dict[str, Any]]) -> None:
    refused(lambda: authenticate(make_token(client_id="9stranger")))
    refused(lambda: authenticate("no token"))
    assert [(told["code"], told["client_id"]) for told in heard] == [("wrong_client", ""), ("malformed_token", "")]
    assert heard[1]["user_pool_id"] == ""


@pytest.mark.usefixtures("cognito_keys")
def test_who_is_not_let_in_is_told_of_too(heard: list[dict[str, Any]], settings: Any) -> None:
    with override_settings(COGNITO={**settings.COGNITO, "CREATE_USERS": False}):
        refused(lambda: authenticate(make_token()))
    ((code, client_id),) = [(told["code"], told["client_id"]) for told in heard]
    assert (code, client_id) == ("user_unknown", settings.COGNITO["CLIENT_ID"])


@pytest.mark.usefixtures("cognito_keys")
def test_a_receiver_that_fails_changes_no_verdict() -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.token_refused.connect(fail)
    try:
        assert refused(lambda: authenticate(make_token(exp=1))).code == "token_expired"
    finally:
        signals.token_refused.disconnect(fail)
