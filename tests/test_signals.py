"""The signals: keys fetched, not fetched or skipped, tokens refused, sign-ins failed."""

import asyncio
import contextlib
import gc
import json
import logging
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib import auth
from django.dispatch import Signal
from django.test import AsyncClient, Client, override_settings
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito import factories, signals
from django_cognito.core.base64url import encode_base64url
from django_cognito.core.errors import CognitoUnavailableError, SignInError, TokenError
from django_cognito.sessions import refresh
from django_cognito.testing import make_token
from django_cognito.users.authentication import aauthenticate, authenticate
from tests.support.callers import bearer, with_id_token
from tests.support.scenarios.login import create_login, finish_sign_in, start_sign_in, token_response
from tests.support.signing import jwk
from tests.support.timeouts import pool_settings

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]

ENTRY_POINTS: dict[str, Callable[[str], object]] = {
    "the middleware": lambda raw: Client().get("/who/", headers=bearer(raw)),
    "the async middleware": lambda raw: async_to_sync(AsyncClient().get)("/who/async/", headers=bearer(raw)),
    "DRF": lambda raw: Client().get("/api/", headers=bearer(raw)),
    "the backend": lambda raw: auth.authenticate(None, cognito_token=raw),
    "the async backend": lambda raw: async_to_sync(auth.aauthenticate)(None, cognito_token=raw),
    "as an ID token": lambda raw: Client().get("/who/", headers=with_id_token(make_token(), raw)),
}


@pytest.fixture
def events() -> Iterator[list[dict[str, Any]]]:
    """Yield the events of all signals, in their order."""
    received: list[dict[str, Any]] = []

    def receive(sender: type, signal: Signal, **values: Any) -> None:
        received.append({"sender": sender.__name__, **values})

    all_signals = (signals.keys_refreshed, signals.keys_unavailable, signals.key_skipped, signals.token_rejected)
    for signal in all_signals:
        signal.connect(receive)
    yield received
    for signal in all_signals:
        signal.disconnect(receive)


def get_error(call: Callable[[], object]) -> TokenError:
    with pytest.raises(TokenError) as caught:
        call()
    return caught.value


def test_key_signals_are_sent_on_fetch_skip_and_failure(settings: Any, events: list[dict[str, Any]]) -> None:
    with ScriptedServer(json_answer({"keys": [jwk("one"), jwk("two", use="enc")]})) as server:
        url = f"{server.url}/jwks.json"
        with override_settings(COGNITO={**settings.COGNITO, "JWKS_URI": url}):
            factories.discard_instances()
            factories.get_verifier().hydrate()
            server.script(Answer(503))
            factories.discard_instances()
            with pytest.raises(CognitoUnavailableError):
                factories.get_verifier().hydrate()
    factories.discard_instances()
    assert events == [
        {"sender": "KeySkipped", "url": url, "kid": "two", "reason": "not for signatures"},
        {"sender": "KeysRefreshed", "url": url, "kids": ("one",)},
        {"sender": "KeysUnavailable", "url": url, "reason": "responded with status 503", "retry_after": 1},
    ]


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("is_async", [False, True])
def test_token_rejected_is_sent_once_with_pool_and_client(
    events: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, settings: Any, is_async: bool
) -> None:
    raw = make_token(exp=1)
    with caplog.at_level(logging.INFO, "django_cognito.signals"):
        get_error((lambda: asyncio.run(aauthenticate(raw))) if is_async else lambda: authenticate(raw))
    fields = {
        "code": "token_expired",
        "user_pool_id": settings.COGNITO["USER_POOL_ID"],
        "client_id": settings.COGNITO["CLIENT_ID"],
    }
    assert events == [{"sender": "ExpiredTokenError", **fields}]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert {name: getattr(record, name) for name in fields} == fields
    assert raw not in json.dumps([record.getMessage(), str(record.__dict__)])


@pytest.mark.usefixtures("cognito_keys")
def test_token_rejected_omits_an_unverified_client_id(events: list[dict[str, Any]]) -> None:
    get_error(lambda: authenticate(make_token(client_id="9stranger")))
    get_error(lambda: authenticate("no token"))
    assert [(event["code"], event["client_id"]) for event in events] == [
        ("wrong_client", ""),
        ("malformed_token", ""),
    ]
    assert events[1]["user_pool_id"] == ""


@pytest.mark.usefixtures("cognito_keys")
def test_token_rejected_is_sent_for_an_unknown_user(events: list[dict[str, Any]], settings: Any) -> None:
    with override_settings(COGNITO={**settings.COGNITO, "CREATE_USERS": False}):
        get_error(lambda: authenticate(make_token()))
    ((code, client_id),) = [(event["code"], event["client_id"]) for event in events]
    assert (code, client_id) == ("user_unknown", settings.COGNITO["CLIENT_ID"])


@pytest.mark.usefixtures("cognito_keys")
def test_failing_signal_receiver_changes_no_result() -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.token_rejected.connect(fail)
    try:
        assert get_error(lambda: authenticate(make_token(exp=1))).code == "token_expired"
    finally:
        signals.token_rejected.disconnect(fail)


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("send", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_token_rejected_is_sent_once_at_every_entry_point(
    events: list[dict[str, Any]], settings: Any, send: Callable[[str], object]
) -> None:
    send(make_token(key=rsa.generate_private_key(65_537, 2_048)))
    pool_id, client_id = settings.COGNITO["USER_POOL_ID"], settings.COGNITO["CLIENT_ID"]
    fields = {"code": "invalid_signature", "user_pool_id": pool_id, "client_id": client_id}
    assert events == [{"sender": "SignatureError", **fields}]


@pytest.mark.usefixtures("cognito_keys")
def test_token_rejected_is_not_sent_for_an_accepted_token(events: list[dict[str, Any]]) -> None:
    authenticate(make_token())
    assert events == []


@pytest.mark.usefixtures("cognito_keys")
def test_token_rejected_is_sent_once_for_mismatched_tokens(events: list[dict[str, Any]], settings: Any) -> None:
    get_error(lambda: authenticate(make_token(), id_token=make_token(token_use="id", username="bob")))
    ((code, client_id),) = [(event["code"], event["client_id"]) for event in events]
    assert (code, client_id) == ("token_mismatch", settings.COGNITO["CLIENT_ID"])


def test_token_rejected_is_sent_once_for_a_refused_sign_in(
    client: Client, token_endpoint: ScriptedServer, events: list[dict[str, Any]]
) -> None:
    token_endpoint.script(token_response(nonce="another sign-in's"))
    finish_sign_in(client, start_sign_in(client))
    assert [event["code"] for event in events] == ["nonce_mismatch"]


def test_sign_in_failed_is_sent_with_code_and_alias(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    failures: list[tuple[Any, str, str]] = []

    def receive(sender: Any, code: str, alias: str, signal: Signal) -> None:
        failures.append((sender, code, alias))

    settings.COGNITO = {"POOLS": {"acme": pool_settings(settings.COGNITO)}}
    signals.sign_in_failed.connect(receive)
    try:
        finish_sign_in(client, start_sign_in(client), code=None, error="access_denied")
        finish_sign_in(client, {"state": "forged"})
        token_endpoint.script(token_response(nonce=(params := start_sign_in(client))["nonce"]))
        assert finish_sign_in(client, params).status_code == 302
    finally:
        signals.sign_in_failed.disconnect(receive)
    assert failures == [(None, "refused_by_provider", "acme"), (None, "state_unknown", "")]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("code", ["token_expired", "user_inactive"])
def test_token_rejected_is_sent_once_for_a_refused_refresh(
    client: Client,
    token_endpoint: ScriptedServer,
    events: list[dict[str, Any]],
    settings: Any,
    code: str,
    is_async: bool,
) -> None:
    login = create_login(client, ends_in=-1)
    user = login.cognito_user.user
    user.is_active = code != "user_inactive"
    user.save()
    expired = {"access_token": make_token(exp=int(time.time()) - 60)}
    token_endpoint.script(token_response(**(expired if code == "token_expired" else {})))
    with pytest.raises(SignInError):
        (async_to_sync(refresh.aensure_fresh) if is_async else refresh.ensure_fresh)(login)
    assert [(event["code"], event["client_id"]) for event in events] == [(code, settings.COGNITO["CLIENT_ID"])]


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Theirs"}, "wrong_issuer"),
        ({"client_id": "9theirs", "aud": "9theirs"}, "invalid_signature"),
        ({"client_id": ["9theirs"], "aud": {"1testclient23456789": 1}}, "invalid_signature"),
    ],
)
def test_claims_of_a_forged_token_are_not_in_signals_or_log(
    events: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, claims: dict[str, Any], code: str
) -> None:
    key = rsa.generate_private_key(65_537, 2_048)
    raw = make_token(key=key, username="mallory", sub="9theirs", **claims)
    with caplog.at_level(logging.DEBUG):
        get_error(lambda: authenticate(raw))
    assert [(event["code"], event["client_id"]) for event in events] == [(code, "")]
    logged = " ".join(str(record.__dict__) for record in caplog.records)
    assert [text for text in ("9theirs", "mallory", raw) if text in logged] == []
    assert "heirs" not in str(events)


@pytest.mark.usefixtures("cognito_keys")
def test_many_refused_tokens_use_no_memory() -> None:
    payload_and_signature = make_token(exp=1).partition(".")[2]  # an unknown key is rejected before the signature

    def flood(times: int) -> int:
        for number in range(times):
            header = encode_base64url(json.dumps({"alg": "RS256", "kid": f"{number}"}).encode())
            for raw in (f"{header}.{payload_and_signature}", f"{number}.{number}.{number}"):
                with contextlib.suppress(TokenError):
                    authenticate(raw)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = flood(100)  # the bounded caches are full
        assert flood(500) - before < 50_000  # bytes; 1,000 stored refusals would take more
    finally:
        tracemalloc.stop()
