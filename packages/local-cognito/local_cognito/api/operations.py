"""The AWS API of the user pools: each operation finds ours, else moto's, else an error that names it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Response
from moto.core.request import Request

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..accounts.tokens import ADMIN_SCOPE
from ..aws_json import Answer, Parameters, answered, parameters, response, target
from ..refusals import Refused
from ..user_pool_service import Authority
from . import moto_operations
from .code_operations import CodeOperations
from .identity_provider_operations import IdentityProviderOperations
from .sign_in import SignIns
from .software_tokens import SoftwareTokens

_TARGET = "AWSCognitoIdentityProviderService"
_ENDING_SIGN_INS = frozenset({"AdminDisableUser", "AdminDeleteUser"})


class Operations:
    """All operations of one local Cognito, one at a time."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._sign_ins = SignIns(authority)
        providers = IdentityProviderOperations(authority)
        software_tokens = SoftwareTokens(authority, self._sign_ins.challenges)
        self._ours: dict[str, Callable[[Parameters], Answer]] = {
            "InitiateAuth": self._initiate_auth,
            "AdminInitiateAuth": self._admin_initiate_auth,
            "RespondToAuthChallenge": self._respond_to_auth_challenge,
            "AdminRespondToAuthChallenge": self._admin_respond_to_auth_challenge,
            "GetTokensFromRefreshToken": self._get_tokens_from_refresh_token,
            "RevokeToken": self._revoke_token,
            "GlobalSignOut": self._global_sign_out,
            "AdminUserGlobalSignOut": self._admin_user_global_sign_out,
            "ChangePassword": self._change_password,
            "AssociateSoftwareToken": software_tokens.associate,
            "VerifySoftwareToken": software_tokens.verify,
            **CodeOperations(authority, self._client).by_name,
            **providers.by_name,
        }
        self._checks = providers.checks

    def answer(self, request: Request) -> Response:
        """AWS's answer to a request in its JSON protocol, errors included."""
        service, operation = target(request)
        with self._authority.lock:
            return answered(lambda: self._run(operation if service == _TARGET else "", request))

    def _run(self, operation: str, request: Request) -> Response:
        given = parameters(request)
        if operation in self._ours:
            return response(self._ours[operation](given))
        if not moto_operations.has(operation):
            raise _unknown(operation)
        if operation in self._checks:
            self._checks[operation](given)
        return self._ending_sign_ins(operation, given, request)

    def _ending_sign_ins(self, operation: str, parameters: Parameters, request: Request) -> Response:
        person = self._named(parameters) if operation in _ENDING_SIGN_INS else None
        answer = self._by_moto(parameters, request)
        if person is not None and answer.status_code == 200:
            self._authority.sign_out_everywhere(person)
        return answer

    def _by_moto(self, parameters: Parameters, request: Request) -> Response:
        pools = self._authority.pools
        raw = parameters.get("AccessToken")
        if raw is None:
            return moto_operations.MotoOperations(pools, self._region(parameters)).answer(request)
        person, _ = self._authority.holder(raw, scope=ADMIN_SCOPE)
        with self._known_to_moto(raw, person):
            return moto_operations.MotoOperations(pools, pools.get(person.pool_id).region).answer(request)

    @contextmanager
    def _known_to_moto(self, raw: str, person: Person) -> Iterator[None]:
        """While it lasts, moto finds the person by our access token."""
        known = self._authority.pools.get(person.pool_id).access_tokens
        known[raw] = ("", person.username)
        try:
            yield
        finally:
            del known[raw]

    def _region(self, parameters: Parameters) -> str | None:
        """The region of the pool that the request names, by itself or by a client; None where it names none."""
        pools = self._authority.pools
        client = pools.client(str(parameters.get("ClientId", "")))
        pool = pools.find(str(parameters.get("UserPoolId") or (client.pool_id if client else "")))
        return pool.region if pool else None

    def _client(self, parameters: Parameters) -> AppClient:
        client = self._authority.client(str(parameters.get("ClientId")))
        if client is None:
            raise _unknown_client(parameters)
        return client

    def _client_of_pool(self, parameters: Parameters) -> AppClient:
        """The client, where the operation names its pool as well."""
        pool = self._authority.pools.get(str(parameters.get("UserPoolId")))
        client = self._client(parameters)
        if client.pool_id != pool.id:
            raise _unknown_client(parameters)
        return client

    def _named(self, parameters: Parameters) -> Person:
        user = self._authority.pools.user(str(parameters.get("UserPoolId")), str(parameters.get("Username")))
        if user is None:
            raise Refused("UserNotFoundException", "User does not exist.")
        return self._authority.pools.person(user)

    def _initiate_auth(self, parameters: Parameters) -> Answer:
        return self._initiate(self._client(parameters), parameters, as_admin=False)

    def _admin_initiate_auth(self, parameters: Parameters) -> Answer:
        return self._initiate(self._client_of_pool(parameters), parameters, as_admin=True)

    def _initiate(self, client: AppClient, parameters: Parameters, *, as_admin: bool) -> Answer:
        flow, auth_parameters = str(parameters.get("AuthFlow")), parameters.get("AuthParameters") or {}
        return self._sign_ins.initiate(client, flow, auth_parameters, as_admin=as_admin)

    def _respond_to_auth_challenge(self, parameters: Parameters) -> Answer:
        return self._respond(self._client(parameters), parameters)

    def _admin_respond_to_auth_challenge(self, parameters: Parameters) -> Answer:
        return self._respond(self._client_of_pool(parameters), parameters)

    def _respond(self, client: AppClient, parameters: Parameters) -> Answer:
        name, responses = str(parameters.get("ChallengeName")), parameters.get("ChallengeResponses") or {}
        return self._sign_ins.respond(client, name, parameters.get("Session"), responses)

    def _get_tokens_from_refresh_token(self, parameters: Parameters) -> Answer:
        client = self._client(parameters)
        client.require_secret(parameters.get("ClientSecret"))
        result = self._authority.refresh_at_api(client, str(parameters.get("RefreshToken", "")))
        return {"AuthenticationResult": result}

    def _revoke_token(self, parameters: Parameters) -> Answer:
        client = self._client(parameters)
        client.require_secret(parameters.get("ClientSecret"))
        try:
            self._authority.revoke(client, str(parameters.get("Token", "")))
        except Refused as error:
            raise Refused(_REVOCATION_ERRORS[error.code], error.message) from error
        return {}

    def _global_sign_out(self, parameters: Parameters) -> Answer:
        person, _ = self._authority.holder(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)
        self._authority.sign_out_everywhere(person)
        return {}

    def _admin_user_global_sign_out(self, parameters: Parameters) -> Answer:
        self._authority.sign_out_everywhere(self._named(parameters))
        return {}

    def _change_password(self, parameters: Parameters) -> Answer:
        person, _ = self._authority.holder(str(parameters.get("AccessToken", "")), scope=ADMIN_SCOPE)
        if self._authority.password_of(person) != parameters.get("PreviousPassword"):
            raise Refused("NotAuthorizedException", "Incorrect username or password.")
        self._authority.set_password(person, str(parameters.get("ProposedPassword", "")))
        return {}


_REVOCATION_ERRORS = {
    "invalid_request": "UnsupportedOperationException",
    "unsupported_token_type": "UnsupportedTokenTypeException",
    "invalid_client": "UnauthorizedException",
}


def _unknown_client(parameters: Parameters) -> Refused:
    return Refused("ResourceNotFoundException", f"User pool client {parameters.get('ClientId')} does not exist.")


def _unknown(operation: str) -> Refused:
    if operation in moto_operations.OPERATION_NAMES:
        return Refused("NotImplementedException", f"The local Cognito does not have the operation {operation}")
    named = f"There is no operation {operation} of user pools" if operation else "X-Amz-Target names no operation"
    return Refused("UnknownOperationException", f"{named}; the local Cognito answers user pools only")
