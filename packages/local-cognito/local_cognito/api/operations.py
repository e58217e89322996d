"""The AWS API of user pools. Each operation is implemented here, or by moto, or raises an error with its name."""

from collections.abc import Callable

from flask import Response
from moto.core.request import Request

from ..accounts.clients import AppClient
from ..accounts.tokens import ADMIN_SCOPE
from ..aws_json import Answer, Parameters, json_response, read_parameters, read_target, run_operation
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from . import moto_operations
from .code_operations import CodeOperations
from .identity_provider_operations import IdentityProviderOperations
from .sign_in import SignIns
from .software_tokens import SoftwareTokens
from .user_administration import UserAdministration
from .user_listing import UserListing

_TARGET = "AWSCognitoIdentityProviderService"
_NO_OPERATION = "X-Amz-Target names no operation"
_PUBLISH = "PublishSecretsInAWSSecretsManager"
_RETURNING_CLIENTS = frozenset({"CreateUserPoolClient", "DescribeUserPoolClient", "UpdateUserPoolClient"})


class Operations:
    """All user pool operations of one local Cognito, one at a time."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self._sign_ins = SignIns(service)
        self._administration = UserAdministration(service)
        providers = IdentityProviderOperations(service)
        software_tokens = SoftwareTokens(service, self._sign_ins.challenges)
        self._own_operations: dict[str, Callable[[Parameters], Answer]] = {
            "InitiateAuth": self.initiate_auth,
            "AdminInitiateAuth": self.admin_initiate_auth,
            "RespondToAuthChallenge": self.respond_to_auth_challenge,
            "AdminRespondToAuthChallenge": self.admin_respond_to_auth_challenge,
            "GetTokensFromRefreshToken": self.get_tokens_from_refresh_token,
            "RevokeToken": self.revoke_token,
            "GlobalSignOut": self.global_sign_out,
            "AdminUserGlobalSignOut": self.admin_user_global_sign_out,
            "ChangePassword": self.change_password,
            "AssociateSoftwareToken": software_tokens.associate,
            "VerifySoftwareToken": software_tokens.verify,
            **CodeOperations(service, self._client, self._administration.find).by_name,
            **self._administration.by_name,
            **UserListing(service).by_name,
            **providers.by_name,
        }
        self._checks = providers.checks

    def answer(self, request: Request) -> Response:
        """Return the response to a request in the AWS JSON protocol, errors included."""
        service, name = read_target(request)
        operation = name if service == _TARGET else ""

        def run() -> Response:
            self._service.faults.begin_request(operation)  # before the lock: it may wait
            with self._service.lock:
                return self._run(operation, request)

        return run_operation(run)

    def _run(self, operation: str, request: Request) -> Response:
        """Run the operation here or, after its checks, in moto."""
        parameters = read_parameters(request)
        if operation in self._own_operations:
            return json_response(self._own_operations[operation](parameters))
        if not moto_operations.is_implemented(operation):
            if operation in moto_operations.OPERATION_NAMES:
                raise ServiceError(
                    "NotImplementedException", f"The local Cognito does not have the operation {operation}"
                )
            problem = f"There is no operation {operation} of user pools" if operation else _NO_OPERATION
            raise ServiceError("UnknownOperationException", f"{problem}; the local Cognito answers user pools only")
        if operation in self._checks:
            self._checks[operation](parameters)
        response = self._run_moto(parameters, request)
        if operation in _RETURNING_CLIENTS and response.status_code == 200:
            return self._publish_secret(parameters, response)
        return response

    def _publish_secret(self, parameters: Parameters, response: Response) -> Response:
        """Return the response with `ClientSecretArn` instead of `ClientSecret` if the client's secret is published.

        CreateUserPoolClient publishes it if the request says so.
        """
        answer = response.get_json(force=True)
        description = answer["UserPoolClient"]
        published, client = self._service.published_secrets, self._service.client(description["ClientId"])
        is_new = published.find_arn(description["ClientId"]) is None
        if client is not None and client.secret is not None and is_new and parameters.get(_PUBLISH):
            published.publish(client)
        arn = published.find_arn(description["ClientId"])
        if arn is None:
            return response
        description.pop("ClientSecret", None)
        return json_response({"UserPoolClient": {**description, "ClientSecretArn": arn}})

    def _run_moto(self, parameters: Parameters, request: Request) -> Response:
        """Return moto's response, from the pool of the access token, or the one that the request names."""
        pools = self._service.pools
        raw = parameters.get("AccessToken")
        if raw is None:
            client = pools.client(str(parameters.get("ClientId", "")))
            named_pool = pools.find(str(parameters.get("UserPoolId") or (client.pool_id if client else "")))
            return moto_operations.MotoOperations(pools, named_pool.region if named_pool else None).answer(request)
        user, _ = self._service.resolve_access_token(raw, scope=ADMIN_SCOPE)
        pool = pools.get(user.pool_id)
        # During this operation, moto finds the user of the access token in its own table.
        pool.access_tokens[raw] = ("", user.username)
        try:
            return moto_operations.MotoOperations(pools, pool.region).answer(request)
        finally:
            del pool.access_tokens[raw]

    def _client(self, parameters: Parameters) -> AppClient:
        client = self._service.client(str(parameters.get("ClientId")))
        if client is None:
            raise _unknown_client(parameters)
        return client

    def _client_of_pool(self, parameters: Parameters) -> AppClient:
        """Return the client for an operation that also names its pool. Raises ServiceError."""
        pool = self._service.pools.get(str(parameters.get("UserPoolId")))
        client = self._client(parameters)
        if client.pool_id != pool.id:
            raise _unknown_client(parameters)
        return client

    def initiate_auth(self, parameters: Parameters) -> Answer:
        """Run InitiateAuth."""
        return self._initiate(self._client(parameters), parameters, as_admin=False)

    def admin_initiate_auth(self, parameters: Parameters) -> Answer:
        """Run AdminInitiateAuth."""
        return self._initiate(self._client_of_pool(parameters), parameters, as_admin=True)

    def _initiate(self, client: AppClient, parameters: Parameters, *, as_admin: bool) -> Answer:
        flow, auth_parameters = str(parameters.get("AuthFlow")), parameters.get("AuthParameters") or {}
        return self._sign_ins.initiate(client, flow, auth_parameters, as_admin=as_admin)

    def respond_to_auth_challenge(self, parameters: Parameters) -> Answer:
        """Run RespondToAuthChallenge."""
        return self._respond(self._client(parameters), parameters)

    def admin_respond_to_auth_challenge(self, parameters: Parameters) -> Answer:
        """Run AdminRespondToAuthChallenge."""
        return self._respond(self._client_of_pool(parameters), parameters)

    def _respond(self, client: AppClient, parameters: Parameters) -> Answer:
        name, responses = str(parameters.get("ChallengeName")), parameters.get("ChallengeResponses") or {}
        return self._sign_ins.respond(client, name, parameters.get("Session"), responses)

    def get_tokens_from_refresh_token(self, parameters: Parameters) -> Answer:
        """Run GetTokensFromRefreshToken."""
        client = self._client(parameters)
        client.require_secret(parameters.get("ClientSecret"))
        result = self._service.refresh_at_api(client, str(parameters.get("RefreshToken", "")))
        return {"AuthenticationResult": result}

    def revoke_token(self, parameters: Parameters) -> Answer:
        """Run RevokeToken."""
        client = self._client(parameters)
        if client.secret is not None and not client.has_secret(parameters.get("ClientSecret") or ""):
            # The service model of RevokeToken has no NotAuthorizedException.
            raise ServiceError("UnauthorizedException", f"Unable to verify secret for client {client.id}")
        try:
            self._service.revoke(client, str(parameters.get("Token", "")))
        except ServiceError as error:
            raise ServiceError(_REVOCATION_ERRORS[error.code], error.message) from error
        return {}

    def global_sign_out(self, parameters: Parameters) -> Answer:
        """Run GlobalSignOut."""
        user, _ = self._service.resolve_access_token(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)
        self._service.sign_out_everywhere(user)
        return {}

    def admin_user_global_sign_out(self, parameters: Parameters) -> Answer:
        """Run AdminUserGlobalSignOut."""
        self._service.sign_out_everywhere(self._administration.find(parameters))
        return {}

    def change_password(self, parameters: Parameters) -> Answer:
        """Run ChangePassword."""
        user, _ = self._service.resolve_access_token(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)
        if self._service.password_of(user) != parameters.get("PreviousPassword"):
            raise ServiceError("NotAuthorizedException", "Incorrect username or password.")
        self._service.set_password(user, str(parameters.get("ProposedPassword", "")))
        return {}


_REVOCATION_ERRORS = {
    "invalid_request": "UnsupportedOperationException",
    "unsupported_token_type": "UnsupportedTokenTypeException",
    "invalid_client": "UnauthorizedException",
}


def _unknown_client(parameters: Parameters) -> ServiceError:
    return ServiceError("ResourceNotFoundException", f"User pool client {parameters.get('ClientId')} does not exist.")
