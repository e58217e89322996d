"""A loopback identity pool: each ID token has its own identity and keys; errors are sent on request."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local_cognito_support.scripted_server import Answer, Request, ScriptedServer, Step, json_answer

from django_cognito.core.identity_pool import IdentityPool
from tests.support.timeouts import patient_http

POOL_ID = "eu-west-1:6b0a1c52-7c3e-4b1f-8f5e-2d9a3e4c5b6a"
LOGINS_KEY = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"


class IdentityEndpoint(ScriptedServer):
    """Respond to GetId and GetCredentialsForIdentity.

    `responses` are sent first. `before` is called before each other response is sent."""

    def __init__(self, now: Any, *, life_seconds: float = 3_600) -> None:
        super().__init__()
        self.now = now
        self.life_seconds = life_seconds
        self.responses: list[Step] = []
        self.before: Callable[[], object] | None = None
        self.merged_into = ""
        self._numbers = threading.Lock()
        self._issued = 0

    @property
    def pool(self) -> IdentityPool:
        """The identity pool of this server."""
        return IdentityPool(POOL_ID, logins_key=LOGINS_KEY, endpoint_url=self.url, http=patient_http())

    @property
    def operations(self) -> list[str]:
        """The operations of the requests, in their order."""
        return [request.headers["x-amz-target"].partition(".")[2] for request in self.requests]

    def _next(self, request: Request) -> Step:
        super()._next(request)
        if self.responses:
            return self.responses.pop(0)
        return replace(self._respond(request), before=self.before)

    def _respond(self, request: Request) -> Answer:
        parameters = json.loads(request.body)
        [token] = parameters["Logins"].values()
        identity_id = self.merged_into or identity_of(token)
        if parameters.get("IdentityId", identity_id) not in (identity_id, identity_of(token)):
            return error_response("NotAuthorizedException")
        if "IdentityId" not in parameters:
            return json_answer({"IdentityId": identity_id})
        return json_answer({"IdentityId": identity_id, "Credentials": self._keys_of(token)})

    def _keys_of(self, token: str) -> dict[str, Any]:
        with self._numbers:
            self._issued += 1
            number = self._issued
        return {
            "AccessKeyId": f"ASIA-{token}-{number}",
            "SecretKey": f"secret-{token}-{number}",
            "SessionToken": f"session-{token}-{number}",
            "Expiration": self.now() + self.life_seconds,
        }


def identity_of(token: str) -> str:
    """Return the identity of the user of `token`."""
    return f"eu-west-1:{token.encode().hex()}"


def error_response(aws_code: str, status: int = 400) -> Answer:
    """Return an error response of AWS."""
    return json_answer({"__type": aws_code}, status)
