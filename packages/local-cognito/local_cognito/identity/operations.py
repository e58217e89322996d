"""The AWS API of the identity pools, unsigned: GetId and GetCredentialsForIdentity."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from moto.core.request import Request
from moto.core.utils import get_service_model

from ..aws_json import Answer, Parameters, answered, parameters, response, target
from ..refusals import Refused
from ..user_pool_service import Authority
from .identities import Identities

SERVICE = "AWSCognitoIdentityService"


class IdentityOperations:
    """The operations of all identity pools of one local Cognito, one at a time."""

    def __init__(self, identities: Identities, authority: Authority) -> None:
        self._identities = identities
        self._authority = authority
        self._ours: dict[str, Callable[[Parameters], Answer]] = {
            "GetId": self._get_id,
            "GetCredentialsForIdentity": self._get_credentials,
        }

    def answer(self, request: Request) -> Response:
        """AWS's answer to a request in its JSON protocol, errors included."""
        _, operation = target(request)
        with self._authority.lock:
            return answered(lambda: response(self._operation(operation)(parameters(request))))

    def _operation(self, name: str) -> Callable[[Parameters], Answer]:
        if name in self._ours:
            return self._ours[name]
        if name in get_service_model("cognito-identity").operation_names:
            raise Refused("NotImplementedException", f"The local Cognito does not have the operation {name}")
        raise Refused("UnknownOperationException", f"There is no operation {name} of identity pools")

    def _get_id(self, given: Parameters) -> Answer:
        return {"IdentityId": self._identities.identity(str(given.get("IdentityPoolId")), _logins(given))}

    def _get_credentials(self, given: Parameters) -> Answer:
        asked = given.get("CustomRoleArn")
        identity_id, key = self._identities.credentials(str(given.get("IdentityId")), _logins(given), asked)
        credentials = {
            "AccessKeyId": key.id,
            "SecretKey": key.secret,
            "SessionToken": key.token,
            "Expiration": key.ends_at,
        }
        return {"IdentityId": identity_id, "Credentials": credentials}


def _logins(given: Parameters) -> Mapping[str, Any]:
    logins = given.get("Logins") or {}
    if not isinstance(logins, dict) or not all(isinstance(value, str) for value in logins.values()):
        raise Refused("InvalidParameterException", "Logins must be a map of provider names to tokens")
    return logins
