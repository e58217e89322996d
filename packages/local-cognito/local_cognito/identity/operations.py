"""The AWS API of identity pools, unsigned: GetId and GetCredentialsForIdentity."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from moto.core.request import Request
from moto.core.utils import get_service_model

from ..aws_json import Answer, Parameters, json_response, read_parameters, read_target, run_operation
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .identities import Identities

SERVICE = "AWSCognitoIdentityService"


class IdentityOperations:
    """The identity pool operations of one local Cognito, one at a time."""

    def __init__(self, identities: Identities, service: UserPoolService) -> None:
        self._identities = identities
        self._service = service
        self._own_operations: dict[str, Callable[[Parameters], Answer]] = {
            "GetId": self.get_id,
            "GetCredentialsForIdentity": self.get_credentials_for_identity,
        }

    def answer(self, request: Request) -> Response:
        """Return the response to a request in the AWS JSON protocol, errors included."""
        _, operation = read_target(request)
        with self._service.lock:
            return run_operation(lambda: json_response(self._find_operation(operation)(read_parameters(request))))

    def _find_operation(self, name: str) -> Callable[[Parameters], Answer]:
        """Return the operation. Raises ServiceError: AWS has operations that are not implemented here."""
        if name in self._own_operations:
            return self._own_operations[name]
        if name in get_service_model("cognito-identity").operation_names:
            raise ServiceError("NotImplementedException", f"The local Cognito does not have the operation {name}")
        raise ServiceError("UnknownOperationException", f"There is no operation {name} of identity pools")

    def get_id(self, parameters: Parameters) -> Answer:
        """Run GetId."""
        return {"IdentityId": self._identities.identity(str(parameters.get("IdentityPoolId")), _logins(parameters))}

    def get_credentials_for_identity(self, parameters: Parameters) -> Answer:
        """Run GetCredentialsForIdentity."""
        custom_role_arn = parameters.get("CustomRoleArn")
        identity_id, key = self._identities.credentials(
            str(parameters.get("IdentityId")), _logins(parameters), custom_role_arn
        )
        credentials = {
            "AccessKeyId": key.id,
            "SecretKey": key.secret,
            "SessionToken": key.token,
            "Expiration": key.ends_at,
        }
        return {"IdentityId": identity_id, "Credentials": credentials}


def _logins(parameters: Parameters) -> Mapping[str, Any]:
    logins = parameters.get("Logins") or {}
    if not isinstance(logins, dict) or not all(isinstance(value, str) for value in logins.values()):
        raise ServiceError("InvalidParameterException", "Logins must be a map of provider names to tokens")
    return logins
