"""Every entry point that takes a token, with its result in one word: accepted, refused or unavailable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.factories import get_verifier
from django_cognito.testing import make_token
from tests.support.callers import bearer
from tests.support.clock import Clock
from tests.support.scenarios.login import finish_sign_in, start_sign_in, token_response

ACCEPTED, REFUSED, UNAVAILABLE = "accepted", "refused", "unavailable"


@dataclass
class Site:
    """A site whose pool's keys `keys` publishes, with ages that go by `clock`, and the pool's token endpoint."""

    keys: ScriptedServer
    tokens: ScriptedServer
    clock: Clock
    retry_after: int = 0  # of the most recent outage

    def note_outage(self, retry_after: Any) -> str:
        """Store Retry-After, which must be at least one second; return UNAVAILABLE."""
        self.retry_after = int(retry_after)
        assert self.retry_after >= 1
        return UNAVAILABLE


TokenArguments = Mapping[str, Any]  # arguments of `make_token`: the signing key, the header, the claims
EntryPoint = Callable[[Site, TokenArguments], str]


def _core(site: Site, token_arguments: TokenArguments) -> str:
    try:
        get_verifier().verify(make_token(**token_arguments))
    except TokenError:
        return REFUSED
    except CognitoUnavailableError as error:
        return site.note_outage(error.retry_after)
    return ACCEPTED


def _backend(site: Site, token_arguments: TokenArguments) -> str:
    try:
        user = authenticate(None, cognito_token=make_token(**token_arguments))
    except CognitoUnavailableError as error:
        return site.note_outage(error.retry_after)
    return REFUSED if user is None else ACCEPTED


def _async_backend(site: Site, token_arguments: TokenArguments) -> str:
    try:
        user = async_to_sync(aauthenticate)(None, cognito_token=make_token(**token_arguments))
    except CognitoUnavailableError as error:
        return site.note_outage(error.retry_after)
    return REFUSED if user is None else ACCEPTED


def _by_client(url: str) -> EntryPoint:
    def call_entry_point(site: Site, token_arguments: TokenArguments) -> str:
        return _result_of(site, Client().get(url, headers=bearer(make_token(**token_arguments))))

    return call_entry_point


def _by_async_client(url: str) -> EntryPoint:
    def call_entry_point(site: Site, token_arguments: TokenArguments) -> str:
        return _result_of(site, async_to_sync(AsyncClient().get)(url, headers=bearer(make_token(**token_arguments))))

    return call_entry_point


def _result_of(site: Site, answer: Any) -> str:
    if answer.status_code == 503:
        assert answer.json()["code"] == "cognito_unavailable"
        assert "WWW-Authenticate" not in answer.headers
        return site.note_outage(answer["Retry-After"])
    assert "Retry-After" not in answer.headers
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        return REFUSED
    assert (answer.status_code, b"alice" in answer.content) == (200, True)
    return ACCEPTED


def _callback(site: Site, token_arguments: TokenArguments) -> str:
    client = Client()
    params = start_sign_in(client)
    tokens = {
        "access_token": make_token(**token_arguments),
        "id_token": make_token(token_use="id", nonce=params["nonce"], **token_arguments),
    }
    site.tokens.script(token_response(**tokens))
    session_before = dict(client.session.items())
    answer = finish_sign_in(client, params)
    if answer.status_code == 302:
        assert "_auth_user_id" in client.session
        return ACCEPTED
    assert client.session.keys() <= session_before.keys()  # no user is signed in
    assert "no-store" in answer["Cache-Control"]
    if answer.status_code == 503:
        return site.note_outage(answer["Retry-After"])
    assert ("Retry-After" in answer.headers, answer.status_code) == (False, 403)
    return REFUSED


ENTRY_POINTS: dict[str, EntryPoint] = {
    "core": _core,
    "backend": _backend,
    "async backend": _async_backend,
    "DRF": _by_client("/api/"),
    "plain view": _by_client("/who/"),
    "async view": _by_client("/who/async/"),
    "async view under ASGI": _by_async_client("/who/async/"),
    "plain view under ASGI": _by_async_client("/who/"),
    "login": _callback,
}
