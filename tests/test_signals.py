"""What a site is told: keys that came or did not, keys that are not used, tokens that were refused."""

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
from django_cognito.core.errors import CognitoUnavailableError, SignInError, TokenError
from django_cognito.sessions import refresh
from django_cognito.testing import make_token
from django_cognito.users.authentication import aauthenticate, authenticate
from tests.support.callers import bearer, with_id_token
from tests.support.scenarios.login import create_login, finish_sign_in, start_sign_in, token_response
from tests.support.signing import jwk
from tests.support.timeouts import pool_settings

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]

DOORS: dict[str, Callable[[str], object]] = {
    "the middleware": lambda raw: Client().get("/who/", headers=bearer(raw)),
    "the async middleware": lambda raw: async_to_sync(AsyncClient().get)("/who/async/", headers=bearer(raw)),
    "DRF": lambda raw: Client().get("/api/", headers=bearer(raw)),
    "the backend": lambda raw: auth.authenticate(None, cognito_token=raw),
    "the async backend": lambda raw: async_to_sync(auth.aauthenticate)(None, cognito_token=raw),
    "as an ID token": lambda raw: Client().get("/who/", headers=with_id_token(make_token(), raw)),
}


@pytest.fixture
def heard() -> Iterator[list[dict[str, Any]]]:
    """What every signal told, in its order."""
    user_from_token: list[dict[str, Any]] = []

    def listen(sender: type, signal: Signal, **values: Any) -> None:
        user_from_token.append({"sender": sender.__name__, **values})

    every = (signals.keys_refreshed, signals.keys_unavailable, signals.key_skipped, signals.token_rejected)
    for signal in every:
        signal.connect(listen)
    yield user_from_token
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
            factories.discard_instances()
            factories.get_verifier().hydrate()
            server.script(Answer(503))
            factories.discard_instances()
            with pytest.raises(CognitoUnavailableError):
                factories.get_verifier().hydrate()
    factories.discard_instances()
    assert heard == [
        {"sender": "KeySkipped", "url": address, "kid": "two", "reason": "not for signatures"},
        {"sender": "KeysRefreshed", "url": address, "kids": ("one",)},
        {"sender": "KeysUnavailable", "url": address, "reason": "responded with status 503", "retry_after": 1},
    ]


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_refused_token_is_told_of_once_and_named_by_pool_and_client(
    heard: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, settings: Any, is_async: bool
) -> None:
    raw = make_token(exp=1)
    with caplog.at_level(logging.INFO, "django_cognito.signals"):
        refused((lambda: asyncio.run(aauthenticate(raw))) if is_async else lambda: authenticate(raw))
    user_from_token = {
        "code": "token_expired",
        "user_pool_id": settings.COGNITO["USER_POOL_ID"],
        "client_id": settings.COGNITO["CLIENT_ID"],
    }
    assert heard == [{"sender": "ExpiredTokenError", **user_from_token}]
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert {name: getattr(record, name) for name in user_from_token} == user_from_token
    assert raw not in json.dumps([record.getMessage(), str(record.__dict__)])


@pytest.mark.usefixtures("cognito_keys")
def test_somebody_elses_client_is_not_named(heard: list[dict[str, Any]]) -> None:
    refused(lambda: authenticate(make_token(client_id="9stranger")))
    refused(lambda: authenticate("no token"))
    assert [(user_from_token["code"], user_from_token["client_id"]) for user_from_token in heard] == [
        ("wrong_client", ""),
        ("malformed_token", ""),
    ]
    assert heard[1]["user_pool_id"] == ""


@pytest.mark.usefixtures("cognito_keys")
def test_who_is_not_let_in_is_told_of_too(heard: list[dict[str, Any]], settings: Any) -> None:
    with override_settings(COGNITO={**settings.COGNITO, "CREATE_USERS": False}):
        refused(lambda: authenticate(make_token()))
    ((code, client_id),) = [(user_from_token["code"], user_from_token["client_id"]) for user_from_token in heard]
    assert (code, client_id) == ("user_unknown", settings.COGNITO["CLIENT_ID"])


@pytest.mark.usefixtures("cognito_keys")
def test_a_receiver_that_fails_changes_no_verdict() -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.token_rejected.connect(fail)
    try:
        assert refused(lambda: authenticate(make_token(exp=1))).code == "token_expired"
    finally:
        signals.token_rejected.disconnect(fail)


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize("come", DOORS.values(), ids=DOORS)
def test_at_every_door_a_refusal_is_told_of_once(
    heard: list[dict[str, Any]], settings: Any, come: Callable[[str], object]
) -> None:
    come(make_token(key=rsa.generate_private_key(65_537, 2_048)))
    pool_id, client_id = settings.COGNITO["USER_POOL_ID"], settings.COGNITO["CLIENT_ID"]
    user_from_token = {"code": "invalid_signature", "user_pool_id": pool_id, "client_id": client_id}
    assert heard == [{"sender": "SignatureError", **user_from_token}]


@pytest.mark.usefixtures("cognito_keys")
def test_a_token_that_is_accepted_is_not_told_of(heard: list[dict[str, Any]]) -> None:
    authenticate(make_token())
    assert heard == []


@pytest.mark.usefixtures("cognito_keys")
def test_two_tokens_that_do_not_belong_together_are_told_of_once(heard: list[dict[str, Any]], settings: Any) -> None:
    refused(lambda: authenticate(make_token(), id_token=make_token(token_use="id", username="bob")))
    ((code, client_id),) = [(user_from_token["code"], user_from_token["client_id"]) for user_from_token in heard]
    assert (code, client_id) == ("token_mismatch", settings.COGNITO["CLIENT_ID"])


def test_a_refused_sign_in_is_told_of_once(
    client: Client, token_endpoint: ScriptedServer, heard: list[dict[str, Any]]
) -> None:
    token_endpoint.script(token_response(nonce="another sign-in's"))
    finish_sign_in(client, start_sign_in(client))
    assert [user_from_token["code"] for user_from_token in heard] == ["nonce_mismatch"]


def test_a_failed_sign_in_is_told_of_with_its_code_and_alias(
    client: Client, token_endpoint: ScriptedServer, settings: Any
) -> None:
    user_from_token: list[tuple[Any, str, str]] = []

    def listen(sender: Any, code: str, alias: str, signal: Signal) -> None:
        user_from_token.append((sender, code, alias))

    settings.COGNITO = {"POOLS": {"acme": pool_settings(settings.COGNITO)}}
    signals.sign_in_failed.connect(listen)
    try:
        finish_sign_in(client, start_sign_in(client), code=None, error="access_denied")
        finish_sign_in(client, {"state": "forged"})
        token_endpoint.script(token_response(nonce=(asked := start_sign_in(client))["nonce"]))
        assert finish_sign_in(client, asked).status_code == 302
    finally:
        signals.sign_in_failed.disconnect(listen)
    assert user_from_token == [(None, "refused_by_provider", "acme"), (None, "state_unknown", "")]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("code", ["token_expired", "user_inactive"])
def test_a_refused_renewal_is_told_of_once(
    client: Client,
    token_endpoint: ScriptedServer,
    heard: list[dict[str, Any]],
    settings: Any,
    code: str,
    is_async: bool,
) -> None:
    login = create_login(client, ends_in=-1)
    user = login.cognito_user.user
    user.is_active = code != "user_inactive"
    user.save()
    over = {"access_token": make_token(exp=int(time.time()) - 60)}
    token_endpoint.script(token_response(**(over if code == "token_expired" else {})))
    with pytest.raises(SignInError):
        (async_to_sync(refresh.aensure_fresh) if is_async else refresh.ensure_fresh)(login)
    assert [(user_from_token["code"], user_from_token["client_id"]) for user_from_token in heard] == [
        (code, settings.COGNITO["CLIENT_ID"])
    ]


@pytest.mark.usefixtures("cognito_keys")
@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Theirs"}, "wrong_issuer"),
        ({"client_id": "9theirs", "aud": "9theirs"}, "invalid_signature"),
        ({"client_id": ["9theirs"], "aud": {"1testclient23456789": 1}}, "invalid_signature"),
    ],
)
def test_what_a_forged_token_says_goes_nowhere(
    heard: list[dict[str, Any]], caplog: pytest.LogCaptureFixture, claims: dict[str, Any], code: str
) -> None:
    key = rsa.generate_private_key(65_537, 2_048)
    raw = make_token(key=key, username="mallory", sub="9theirs", **claims)
    with caplog.at_level(logging.DEBUG):
        refused(lambda: authenticate(raw))
    assert [(user_from_token["code"], user_from_token["client_id"]) for user_from_token in heard] == [(code, "")]
    everything = " ".join(str(record.__dict__) for record in caplog.records) + str(heard)
    assert [said for said in ("heirs", "mallory", raw) if said in everything] == []


@pytest.mark.usefixtures("cognito_keys")
def test_a_flood_of_bad_tokens_takes_no_memory() -> None:
    def flood(times: int) -> int:
        for number in range(times):
            for raw in (make_token(exp=1, header={"kid": f"{number}"}), f"{number}.{number}.{number}"):
                with contextlib.suppress(TokenError):
                    authenticate(raw)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = flood(100)  # what is bounded is full
        assert flood(500) - before < 50_000  # bytes; if each were kept, 1,000 refusals would take more
    finally:
        tracemalloc.stop()
