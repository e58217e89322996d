"""A loopback identity pool: each ID token has an identity and keys of its own, and refusals come when told."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django_cognito.core.identity_pool import IdentityPool
from tests.support.scripted_server import Answer, Request, ScriptedServer, Step, json_answer
from tests.support.timeouts import patient_http

POOL_ID = "eu-west-1:6b0a1c52-7c3e-4b1f-8f5e-2d9a3e4c5b6a"
LOGINS_KEY = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"


class IdentityEndpoint(ScriptedServer):
    """Answers GetId and GetCredentialsForIdentity.

    `instead` holds responses that are sent first. `before` is called before each other response is sent.
    """

    def __init__(self, now: Any, *, life_seconds: float = 3_600) -> None:
        super().__init__()
        self.now = now
        self.life_seconds = life_seconds
        self.instead: list[Step] = []
        self.before: Callable[[], object] | None = None
        self.merged_into = ""
        self._numbers = threading.Lock()
        self._given = 0

    @property
    def pool(self) -> IdentityPool:
        """The identity pool that is served here."""
        return IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url=self.url, http=patient_http())

    @property
    def asked(self) -> list[str]:
        """The operations that were asked for, in their order."""
        return [request.headers["x-amz-target"].partition(".")[2] for request in self.requests]

    def _next(self, request: Request) -> Step:
        super()._next(request)
        if self.instead:
            return self.instead.pop(0)
        return replace(self._usual(request), before=self.before)

    def _usual(self, request: Request) -> Answer:
        parameters = json.loads(request.body)
        [token] = parameters["Logins"].values()
        identity_id = self.merged_into or identity_of(token)
        if parameters.get("IdentityId", identity_id) not in (identity_id, identity_of(token)):
            return refused("NotAuthorizedException")
        if "IdentityId" not in parameters:
            return json_answer({"IdentityId": identity_id})
        return json_answer({"IdentityId": identity_id, "Credentials": self._keys_of(token)})

    def _keys_of(self, token: str) -> dict[str, Any]:
        with self._numbers:
            self._given += 1
            number = self._given
        return {
            "AccessKeyId": f"ASIA-{token}-{number}",
            "SecretKey": f"secret-{token}-{number}",
            "SessionToken": f"session-{token}-{number}",
            "Expiration": self.now() + self.life_seconds,
        }


def identity_of(token: str) -> str:
    """The identity of whoever brings `token`."""
    return f"eu-west-1:{token.encode().hex()}"


def refused(aws_code: str, status: int = 400) -> Answer:
    """A refusal in AWS's words."""
    return json_answer({"__type": aws_code}, status)
