"""Every way by which a token comes in, and what each makes of it, in one word: accepted, refused or unavailable."""

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
    retry_after: int = 0  # what the last outage said

    def unavailable(self, retry_after: Any) -> str:
        """Note when to come again: in whole seconds, and not at once."""
        self.retry_after = int(retry_after)
        assert self.retry_after >= 1
        return UNAVAILABLE


Signed = Mapping[str, Any]  # how a token is made: of which key, and which one it names
Door = Callable[[Site, Signed], str]


def _core(site: Site, signed: Signed) -> str:
    try:
        get_verifier().verify(make_token(**signed))
    except TokenError:
        return REFUSED
    except CognitoUnavailableError as error:
        return site.unavailable(error.retry_after)
    return ACCEPTED


def _backend(site: Site, signed: Signed) -> str:
    try:
        user = authenticate(None, cognito_token=make_token(**signed))
    except CognitoUnavailableError as error:
        return site.unavailable(error.retry_after)
    return REFUSED if user is None else ACCEPTED


def _async_backend(site: Site, signed: Signed) -> str:
    try:
        user = async_to_sync(aauthenticate)(None, cognito_token=make_token(**signed))
    except CognitoUnavailableError as error:
        return site.unavailable(error.retry_after)
    return REFUSED if user is None else ACCEPTED


def _by_client(url: str) -> Door:
    def door(site: Site, signed: Signed) -> str:
        return _answered(site, Client().get(url, headers=bearer(make_token(**signed))))

    return door


def _by_async_client(url: str) -> Door:
    def door(site: Site, signed: Signed) -> str:
        return _answered(site, async_to_sync(AsyncClient().get)(url, headers=bearer(make_token(**signed))))

    return door


def _answered(site: Site, answer: Any) -> str:
    if answer.status_code == 503:
        assert answer.json()["code"] == "cognito_unavailable"
        assert "WWW-Authenticate" not in answer.headers
        return site.unavailable(answer["Retry-After"])
    assert "Retry-After" not in answer.headers
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
        return REFUSED
    assert (answer.status_code, b"alice" in answer.content) == (200, True)
    return ACCEPTED


def _callback(site: Site, signed: Signed) -> str:
    client = Client()
    asked = start_sign_in(client)
    tokens = {
        "access_token": make_token(**signed),
        "id_token": make_token(token_use="id", nonce=asked["nonce"], **signed),
    }
    site.tokens.script(token_response(**tokens))
    before = dict(client.session.items())
    answer = finish_sign_in(client, asked)
    if answer.status_code == 302:
        assert "_auth_user_id" in client.session
        return ACCEPTED
    assert client.session.keys() <= before.keys()  # nobody is signed in
    assert "no-store" in answer["Cache-Control"]
    if answer.status_code == 503:
        return site.unavailable(answer["Retry-After"])
    assert ("Retry-After" in answer.headers, answer.status_code) == (False, 403)
    return REFUSED


DOORS: dict[str, Door] = {
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
