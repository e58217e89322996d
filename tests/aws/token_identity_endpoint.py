"""A loopback identity pool for real ID tokens: one identity per `sub`, new keys for each call."""

import itertools
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from local_cognito_support.scripted_server import Answer, Request, ScriptedServer, Step, json_answer

from django_cognito.core.tokens.jws import decode_jws

POOL_ID = "eu-west-1:6b0a1c52-7c3e-4b1f-8f5e-2d9a3e4c5b6a"
OTHER_POOL_ID = "eu-west-1:77777777-7c3e-4b1f-8f5e-2d9a3e4c5b6a"
GET_ID, GET_CREDENTIALS = "GetId", "GetCredentialsForIdentity"


class TokenIdentityEndpoint(ScriptedServer):
    """`merged` maps identities to the identities that replaced them; `response` replaces every response if it is set.

    `before` is called before each other response is sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self.merged: dict[str, str] = {}
        self.response: Answer | None = None
        self.before: Callable[[], object] | None = None
        self.tokens: list[str] = []
        self.keys: list[str] = []
        self._numbers = itertools.count(1)
        self._writing = threading.Lock()

    def take_operations(self) -> list[str]:
        """Return the operations of the requests since the last call, in their order."""
        with self._writing:
            operations = [request.headers["x-amz-target"].partition(".")[2] for request in self.requests]
            self.requests.clear()
        return operations

    def _next(self, request: Request) -> Step:
        super()._next(request)
        return self.response or replace(self._answer(json.loads(request.body)), before=self.before)

    def _answer(self, parameters: dict[str, Any]) -> Answer:
        (raw,) = parameters["Logins"].values()
        self.tokens.append(raw)
        own_id = identity_of(raw)
        identity_id = self.merged.get(own_id, own_id)
        if "IdentityPoolId" in parameters:
            return json_answer({"IdentityId": identity_id})
        if parameters["IdentityId"] not in (own_id, identity_id):
            return json_answer({"__type": "NotAuthorizedException"}, 400)
        return json_answer({"IdentityId": identity_id, "Credentials": self._new_keys(identity_id)})

    def _new_keys(self, identity_id: str) -> dict[str, Any]:
        with self._writing:
            number = next(self._numbers)
            secrets = f"secret-{number}-of-{identity_id}", f"session-{number}-of-{identity_id}"
            self.keys.extend(secrets)
        ends_at = time.time() + 3_600
        return {
            "AccessKeyId": access_key_of(identity_id),
            "SecretKey": secrets[0],
            "SessionToken": secrets[1],
            "Expiration": ends_at,
        }


def identity_of(raw: str) -> str:
    """Return the identity of the user of an ID token."""
    return f"eu-west-1:{decode_jws(raw, len(raw))[1]['sub']}"


def access_key_of(identity_id: str) -> str:
    """Return the access key id of an identity; it is not secret."""
    return f"ASIA-{identity_id}"
