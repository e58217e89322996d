"""Scenarios of key fetches: a pool with a scripted JWKS endpoint, stopped clocks, and verdicts in one word."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from local_cognito_support.scripted_server import ScriptedServer, Step, json_answer

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.core.http.client import Http
from django_cognito.core.tokens.key_store import KeyStores
from tests.support.clock import Clock
from tests.support.signing import jwks, segment, sign
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

MINUTE, HOUR, DAY = 60, 3_600, 86_400
COOLDOWN, SOFT, HARD = 30, HOUR, DAY  # the defaults
REFRESH_AHEAD = int(0.8 * SOFT)
POOL_ID, CLIENT_ID = "eu-west-1_AbCdEfGhI", "1example23456789"
WALL = 1_900_000_000.0
ACCEPTED, UNKNOWN, UNAVAILABLE = "accepted", "unknown_key", "cognito_unavailable"
HANG_SECONDS = 120  # longer than any test needs, also on a busy machine with tracing

_T = TypeVar("_T")


class UserPoolScenario:
    """A verifier of one pool, its JWKS URL, and two clocks: `clock` for ages, `wall` for the times of tokens."""

    def __init__(
        self,
        origin: str,
        *,
        timeout_seconds: float = HTTP_TIMEOUT_SECONDS,
        http: Any = None,
        user_pool_id: str = POOL_ID,
        **ages: Any,
    ) -> None:
        self.clock, self.wall = Clock(), Clock(WALL)
        self.http = http or Http(timeout_seconds=timeout_seconds)
        self.stores = KeyStores(http=self.http, now=self.clock, **ages)
        self.pool = UserPool(user_pool_id, client_ids=(CLIENT_ID,), jwks_uri=f"{origin}/jwks.json")
        self.verifier = TokenVerifier(self.pool, key_stores=self.stores, now=self.wall)

    def token(self, key: str = "one", *, kid: str | None = None, **claims: Any) -> str:
        """Return a token signed with `key`; with another `kid` it is forged."""
        token_claims = {
            "iss": self.pool.issuers[0],
            "sub": "1b5cf4a4-0001-4c5e-9b7e-1f6a3d1e2a01",
            "token_use": "access",
            "client_id": CLIENT_ID,
            "username": "alice",
            "iat": int(WALL) - 60,
            "exp": int(WALL) + 10 * DAY,
            **claims,
        }
        return sign(token_claims, header={"kid": kid or key, "alg": "RS256"}, key=key)

    def forged(self, count: int) -> Iterable[str]:
        """Yield tokens with this many different unknown key ids."""
        _, claims, signature = self.token().split(".")
        for number in range(count):
            yield f"{segment({'kid': f'forged {number}', 'alg': 'RS256'})}.{claims}.{signature}"

    def error(self, raw: str) -> TokenError | CognitoUnavailableError | None:
        """Return the error of `raw`, or None. Any other exception fails the test."""
        try:
            self.verifier.verify(raw)
        except (TokenError, CognitoUnavailableError) as error:
            return error
        return None

    def verdict(self, raw: str) -> str:
        """Return `accepted` or the code of the error."""
        error = self.error(raw)
        return ACCEPTED if error is None else error.code

    def verdicts(self, raws: Iterable[str]) -> set[str]:
        """Return the set of verdicts on `raws`."""
        return {self.verdict(raw) for raw in raws}

    def pause(self, raw: str) -> int:
        """Return `retry_after` of the error in an outage."""
        error = self.error(raw)
        assert isinstance(error, CognitoUnavailableError)
        assert isinstance(error.retry_after, int)
        return error.retry_after


def keys(*names: str) -> Step:
    """Return a response with the JWKS of these keys."""
    return json_answer(jwks(*names))


def settle(server: ScriptedServer | None = None, *, count: int | None = None) -> None:
    """Wait until `server` has received `count` requests and no fetch runs in the background."""
    if server is not None and count is not None:
        eventually(lambda: server.count >= count)
    for thread in background():
        thread.join(HANG_SECONDS)
        assert not thread.is_alive()


def background() -> list[threading.Thread]:
    """Return the threads of background fetches."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("cognito-keys")]


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until `holds()` is true."""
    end = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.002)


def bounded(call: Callable[[], _T]) -> _T:
    """Return the result of `call`; fail if it hangs."""
    results: list[_T] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(HANG_SECONDS)
    assert results, "it hangs, or it raised"
    return results[0]
