"""The door before S3, DynamoDB, STS and IAM: who signs a request, and may they do what it asks? Knows no service."""

from collections.abc import Callable, Iterable
from enum import StrEnum
from types import MappingProxyType

from moto.core.request import Request

from .account import Account, Principal, UnknownCredentialsError
from .patterns import Values
from .policies import allows
from .signatures import Signature

Need = tuple[str, str]


class Fault(StrEnum):
    """Why a request is turned away. Each service has words of its own for it."""

    UNKNOWN_KEY = "the access key id is nobody's"
    BAD_TOKEN = "the session token does not belong to the access key"
    BAD_SIGNATURE = "the signature was not made with the access key's secret, or not for this request"
    EXPIRED = "the credentials, or the presigned address, have ended"
    DENIED = "the policies of the one who signs do not allow it"


class TurnedAwayError(Exception):
    """A request is not let through."""

    def __init__(self, fault: Fault, who: str = "") -> None:
        super().__init__(fault)
        self.fault = fault
        self.who = who


class Guard:
    """Judges one request."""

    def __init__(self, account: Account, request: Request, signature: Signature, now: Callable[[], float]) -> None:
        self._account = account
        self._request = request
        self._signature = signature
        self._now = now

    def admit(self, needs: Iterable[Need], asked: Values = MappingProxyType({})) -> None:
        """Nothing, if the one who signs is known, and may do all of it. Raises TurnedAwayError.

        A need is an action, as in `s3:GetObject`, and a resource's ARN. `asked` are the service's condition keys.
        """
        who = self._authenticated()
        values = {**who.values, **asked}
        limits = [who.policies] if who.session_policy is None else [who.policies, (who.session_policy,)]
        for action, resource in needs:
            if not all(allows(policies, action, resource, values) for policies in limits):
                raise TurnedAwayError(Fault.DENIED, who.arn)

    def _authenticated(self) -> Principal:
        signature = self._signature
        try:
            who = self._account.principal(signature.access_key_id, signature.token)
        except UnknownCredentialsError as error:
            is_token = error.reason == "InvalidToken"
            raise TurnedAwayError(Fault.BAD_TOKEN if is_token else Fault.UNKNOWN_KEY) from error
        if not signature.is_by(who.key.secret, self._request):
            raise TurnedAwayError(Fault.BAD_SIGNATURE)
        if any(end is not None and self._now() >= end for end in (who.key.ends_at, signature.ends_at)):
            raise TurnedAwayError(Fault.EXPIRED)
        return who
