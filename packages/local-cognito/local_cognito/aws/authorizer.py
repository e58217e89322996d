"""Authentication and authorization of requests to S3, DynamoDB, STS and IAM. Does not depend on a service."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from types import MappingProxyType

from moto.core.request import Request

from .account import Account, UnknownCredentialsError
from .patterns import Values
from .policies import is_allowed
from .signatures import Signature

Permission = tuple[str, str]


class DenyReason(StrEnum):
    """Why a request is denied. Each service has its own error for it."""

    UNKNOWN_KEY = "the access key id does not exist"
    BAD_TOKEN = "the session token does not belong to the access key"
    BAD_SIGNATURE = "the signature does not match the request and the secret access key"
    EXPIRED = "the credentials or the presigned URL have expired"
    DENIED = "the policies of the principal do not allow the request"


class AccessDeniedError(Exception):
    """The request is denied. `principal_arn` is empty if the principal was not authenticated."""

    def __init__(self, reason: DenyReason, principal_arn: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.principal_arn = principal_arn


class Authorizer:
    """The authorization of one request."""

    def __init__(self, account: Account, request: Request, signature: Signature, now: Callable[[], float]) -> None:
        self._account = account
        self._request = request
        self._signature = signature
        self._now = now

    def authorize(self, permissions: Iterable[Permission], condition_values: Values = MappingProxyType({})) -> None:
        """Raise AccessDeniedError unless the principal is authenticated and has all permissions.

        A permission is an action such as `s3:GetObject` and a resource ARN. `condition_values` are the service's
        condition keys.
        """
        signature = self._signature
        try:
            principal = self._account.principal(signature.access_key_id, signature.token)
        except UnknownCredentialsError as error:
            is_token = error.reason == "InvalidToken"
            raise AccessDeniedError(DenyReason.BAD_TOKEN if is_token else DenyReason.UNKNOWN_KEY) from error
        if not signature.is_by(principal.key.secret, self._request):
            raise AccessDeniedError(DenyReason.BAD_SIGNATURE)
        if any(end is not None and self._now() >= end for end in (principal.key.ends_at, signature.ends_at)):
            raise AccessDeniedError(DenyReason.EXPIRED)
        values = {**principal.values, **condition_values}
        policy_sets = [principal.policies]
        if principal.session_policy is not None:
            policy_sets.append((principal.session_policy,))
        for action, resource in permissions:
            if not all(is_allowed(policies, action, resource, values) for policies in policy_sets):
                raise AccessDeniedError(DenyReason.DENIED, principal.arn)
