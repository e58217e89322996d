"""The services of one AWS account. Each request is authorized before moto handles it. Does not depend on Cognito."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from xml.sax.saxutils import escape

from flask import Response
from moto.core.request import Request
from moto.core.responses import BaseResponse
from moto.dynamodb.responses import DynamoHandler
from moto.iam.responses import IamResponse
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sts.responses import TokenResponse

from . import dynamodb
from .account import Account
from .authorizer import AccessDeniedError, Authorizer, DenyReason, Permission
from .s3 import Answer, AuthorizedS3
from .signatures import read_signature

_INVALID_TOKEN = "The security token included in the request is invalid."
_BAD_SIGNATURE = "The request signature we calculated does not match the signature you provided."
_EXPIRED = "The security token included in the request is expired"


class Services:
    """S3, DynamoDB, Secrets Manager, STS and IAM of one account, one request at a time.

    `host` is the Host header of its own URL.
    """

    def __init__(self, account: Account, lock: threading.RLock, now: Callable[[], float], host: str) -> None:
        self._account = account
        self._services = {**_SERVICES, "s3": partial(AuthorizedS3, own_host=host)}
        self._lock = lock
        self._now = now

    def answer(self, request: Request) -> Response | None:
        """Return the response to a request that is signed for one of the services; None for any other request.

        The signature selects the service, not the path: a bucket may be called `login`.
        """
        request.get_data()  # the whole body, before the lock is acquired: the signature covers it
        signature = read_signature(request)
        service = self._services.get(signature.service) if signature else None
        if signature is None or service is None:
            return None
        authorizer = Authorizer(self._account, request, signature, self._now)
        with self._lock:
            status, headers, body = service(self._account, authorizer).respond(request)
        forwarded = {name: value for name, value in headers.items() if name.lower() not in ("status", "server")}
        response = Response(body, status, forwarded)
        if request.method == "HEAD" and "content-length" in headers:
            response.headers["Content-Length"] = headers["content-length"]  # of the object, not of this empty body
        return response


class _AuthorizedService(BaseResponse):
    """One request to a service with named operations. It comes before moto's class of the service in the MRO."""

    errors: dict[DenyReason, tuple[str, str]]

    def __init__(self, account: Account, authorizer: Authorizer) -> None:
        super().__init__()
        self._account = account
        self._authorizer = authorizer

    def respond(self, request: Request) -> Answer:
        """Return moto's response, or an error of the service if the request is denied."""
        self.setup_class(request, request.raw_url)
        try:
            self._authorizer.authorize(self._required_permissions())
        except AccessDeniedError as error:
            code, sentence = self.errors[error.reason]
            message = sentence.format(principal=error.principal_arn, action=f"{self.service_name}:{self._get_action()}")
            return self.refusal(code, message)
        status, headers, body = self.call_action()
        return status, headers, body

    def refusal(self, code: str, message: str) -> Answer:
        """Return an error in the service's protocol. moto would warn about codes that are not in its service models."""
        raise NotImplementedError

    def get_current_account(self) -> str:
        """Return the number of this account, for any request."""
        return self._account.number

    def _required_permissions(self) -> Iterator[Permission]:
        # moto determines the resource of some services.
        determine_resource: Callable[[], str] = getattr(self, "_determine_resource", lambda: "*")
        yield f"{self.service_name}:{self._get_action()}", determine_resource()


class _AuthorizedJsonService(_AuthorizedService):
    # DynamoDB developer guide, "Error handling"; Secrets Manager API reference, "Common errors".
    errors = {
        DenyReason.UNKNOWN_KEY: ("UnrecognizedClientException", _INVALID_TOKEN),
        DenyReason.BAD_TOKEN: ("UnrecognizedClientException", _INVALID_TOKEN),
        DenyReason.BAD_SIGNATURE: ("InvalidSignatureException", _BAD_SIGNATURE),
        DenyReason.EXPIRED: ("ExpiredTokenException", _EXPIRED),
        DenyReason.DENIED: ("AccessDeniedException", "User: {principal} is not authorized to perform: {action}"),
    }

    content_type = "application/x-amz-json-1.1"

    def refusal(self, code: str, message: str) -> Answer:
        body = json.dumps({"__type": f"com.amazon.coral.service#{code}", "message": message})
        return 400, {"Content-Type": self.content_type}, body


class _AuthorizedDynamoDb(_AuthorizedJsonService, DynamoHandler):
    content_type = "application/x-amz-json-1.0"

    def _required_permissions(self) -> Iterator[Permission]:
        account = self._account.number
        yield from dynamodb.required_permissions(self._get_action(), self.params, region=self.region, account=account)


class _AuthorizedSecretsManager(_AuthorizedJsonService, SecretsManagerResponse):
    def _required_permissions(self) -> Iterator[Permission]:
        # A request may name a secret by its name; policies name its ARN.
        secret = self.backend.secrets.get(str(self._get_param("SecretId") or ""))
        yield f"secretsmanager:{self._get_action()}", secret.arn if secret else "*"


class _AuthorizedQueryService(_AuthorizedService):
    # IAM and STS API references, "Common errors".
    errors = {
        DenyReason.UNKNOWN_KEY: ("InvalidClientTokenId", _INVALID_TOKEN),
        DenyReason.BAD_TOKEN: ("InvalidClientTokenId", _INVALID_TOKEN),
        DenyReason.BAD_SIGNATURE: ("SignatureDoesNotMatch", _BAD_SIGNATURE),
        DenyReason.EXPIRED: ("ExpiredToken", _EXPIRED),
        DenyReason.DENIED: ("AccessDenied", "User: {principal} is not authorized to perform: {action}"),
    }

    def refusal(self, code: str, message: str) -> Answer:
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{error}</Error><RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
        return 403, {"Content-Type": "text/xml"}, body


class _AuthorizedIam(_AuthorizedQueryService, IamResponse):
    pass


class _AuthorizedSts(_AuthorizedQueryService, TokenResponse):
    def _required_permissions(self) -> Iterator[Permission]:
        # STS API reference, "GetCallerIdentity": no permission is required, and no policy can deny it.
        if self._get_action() != "GetCallerIdentity":
            yield from super()._required_permissions()


_SERVICES: dict[str, Any] = {
    "dynamodb": _AuthorizedDynamoDb,
    "secretsmanager": _AuthorizedSecretsManager,
    "sts": _AuthorizedSts,
    "iam": _AuthorizedIam,
}
