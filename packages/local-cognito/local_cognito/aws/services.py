"""The services of one AWS account, each request judged before moto answers it. Knows no Cognito."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from flask import Response
from moto.core.request import Request
from moto.core.responses import BaseResponse
from moto.dynamodb.responses import DynamoHandler
from moto.iam.responses import IamResponse
from moto.sts.responses import TokenResponse

from . import dynamodb
from .account import Account
from .guard import Fault, Guard, Need, TurnedAwayError
from .s3 import Answer, GuardedS3
from .signatures import read_signature

_INVALID_TOKEN = "The security token included in the request is invalid."
_BAD_SIGNATURE = "The request signature we calculated does not match the signature you provided."
_EXPIRED = "The security token included in the request is expired"


class Services:
    """S3, DynamoDB, STS and IAM of one account, one request at a time."""

    def __init__(self, account: Account, lock: threading.RLock, now: Callable[[], float]) -> None:
        self._account = account
        self._lock = lock
        self._now = now

    def answer(self, request: Request) -> Response | None:
        """The answer to a request that is signed for one of the services; None for any other.

        The signature decides, not the path: a bucket may be called `login`.
        """
        request.get_data()  # read before the lock is taken, and whole: the signature is over what was sent
        signature = read_signature(request)
        service = _SERVICES.get(signature.service) if signature else None
        if signature is None or service is None:
            return None
        guard = Guard(self._account, request, signature, self._now)
        with self._lock:
            status, headers, body = service(self._account, guard).respond(request)
        return _response(request, status, headers, body)


class _Guarded(BaseResponse):
    """One request to a service whose operations have names. It stands before moto's class of the service."""

    errors: dict[Fault, tuple[str, str]]

    def __init__(self, account: Account, guard: Guard) -> None:
        super().__init__()
        self._account = account
        self._guard = guard

    def respond(self, request: Request) -> Answer:
        """moto's answer, or the refusal in the service's words."""
        self.setup_class(request, request.raw_url)
        try:
            self._guard.admit(self._needs())
        except TurnedAwayError as error:
            code, sentence = self.errors[error.fault]
            message = sentence.format(who=error.who, action=f"{self.service_name}:{self._get_action()}")
            return self.refusal(code, message)
        status, headers, body = self.call_action()
        return status, headers, body

    def refusal(self, code: str, message: str) -> Answer:
        """An error in the service's protocol; moto would warn of codes that are in no service's model."""
        raise NotImplementedError

    def get_current_account(self) -> str:
        """The account that all this is about, whatever the request says."""
        return self._account.number

    def _needs(self) -> Iterator[Need]:
        yield f"{self.service_name}:{self._get_action()}", self._resource()

    def _resource(self) -> str:
        """moto's guess, where it has one."""
        determine: Callable[[], str] = getattr(self, "_determine_resource", lambda: "*")
        return determine()


class _GuardedDynamoDb(_Guarded, DynamoHandler):
    # DynamoDB developer guide, "Error handling".
    errors = {
        Fault.UNKNOWN_KEY: ("UnrecognizedClientException", _INVALID_TOKEN),
        Fault.BAD_TOKEN: ("UnrecognizedClientException", _INVALID_TOKEN),
        Fault.BAD_SIGNATURE: ("InvalidSignatureException", _BAD_SIGNATURE),
        Fault.EXPIRED: ("ExpiredTokenException", _EXPIRED),
        Fault.DENIED: ("AccessDeniedException", "User: {who} is not authorized to perform: {action}"),
    }

    def refusal(self, code: str, message: str) -> Answer:
        body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message})
        return 400, {"Content-Type": "application/x-amz-json-1.0"}, body

    def _needs(self) -> Iterator[Need]:
        account = self._account.number
        yield from dynamodb.needs(self._get_action(), self.params, region=self.region, account=account)


class _GuardedByName(_Guarded):
    # IAM and STS API references, "Common errors".
    errors = {
        Fault.UNKNOWN_KEY: ("InvalidClientTokenId", _INVALID_TOKEN),
        Fault.BAD_TOKEN: ("InvalidClientTokenId", _INVALID_TOKEN),
        Fault.BAD_SIGNATURE: ("SignatureDoesNotMatch", _BAD_SIGNATURE),
        Fault.EXPIRED: ("ExpiredToken", _EXPIRED),
        Fault.DENIED: ("AccessDenied", "User: {who} is not authorized to perform: {action}"),
    }

    def refusal(self, code: str, message: str) -> Answer:
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{error}</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        return 403, {"Content-Type": "text/xml"}, body


class _GuardedIam(_GuardedByName, IamResponse):
    pass


class _GuardedSts(_GuardedByName, TokenResponse):
    def _needs(self) -> Iterator[Need]:
        # STS API reference, "GetCallerIdentity": no policy can take it away.
        if self._get_action() != "GetCallerIdentity":
            yield from super()._needs()


def _response(request: Request, status: int, headers: Mapping[str, str], body: Any) -> Response:
    kept = {name: value for name, value in headers.items() if name.lower() not in ("status", "server")}
    response = Response(body, status, kept)
    if request.method == "HEAD" and "content-length" in headers:
        response.headers["Content-Length"] = headers["content-length"]  # the object's, not this empty body's
    return response


_SERVICES: dict[str, Any] = {
    "s3": GuardedS3,
    "dynamodb": _GuardedDynamoDb,
    "sts": _GuardedSts,
    "iam": _GuardedIam,
}
