"""InitiateAuth and RespondToAuthChallenge: the order of the steps. Does not depend on HTTP. The caller holds the lock.

Source: AWS API reference, "InitiateAuth", "RespondToAuthChallenge".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.tokens import required_attributes
from ..accounts.users import User
from ..errors import ServiceError, bad_credentials, require_parameter
from ..user_pool_service import UserPoolService
from .challenges import Challenge, Challenges
from .srp_sign_in import SrpSignIns, session_of

Parameters = Mapping[str, str]
Answer = dict[str, Any]

_FLOW_ALIASES = {"REFRESH_TOKEN": "REFRESH_TOKEN_AUTH", "ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH"}


class SignIns:
    """The sign-ins through the AWS API of one local Cognito."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self.challenges = Challenges(service.now)
        self._srp = SrpSignIns(service, self.challenges)
        self._flows: dict[str, Callable[[AppClient, Parameters], Answer]] = {
            "USER_SRP_AUTH": self._srp.begin,
            "USER_PASSWORD_AUTH": self.user_password_auth,
            "ADMIN_USER_PASSWORD_AUTH": self.user_password_auth,
            "REFRESH_TOKEN_AUTH": self.refresh_token_auth,
        }
        self._answers: dict[str, Callable[[AppClient, Challenge, Parameters], Answer]] = {
            "PASSWORD_VERIFIER": self.answer_password_verifier,
            "NEW_PASSWORD_REQUIRED": self.answer_new_password_required,
            "SOFTWARE_TOKEN_MFA": self.answer_software_token_mfa,
            "MFA_SETUP": self.answer_mfa_setup,
        }

    def initiate(self, client: AppClient, flow: str, parameters: Parameters, *, as_admin: bool) -> Answer:
        """Return the response of InitiateAuth or AdminInitiateAuth. Raises ServiceError."""
        flow = _FLOW_ALIASES.get(flow, flow)
        other_side = "USER_PASSWORD_AUTH" if as_admin else "ADMIN_USER_PASSWORD_AUTH"
        if flow not in self._flows or flow == other_side:
            raise ServiceError("InvalidParameterException", "Initiate Auth method not supported.")
        client.require_auth_flow(flow)
        return self._flows[flow](client, parameters)

    def respond(self, client: AppClient, name: str, session: str | None, responses: Parameters) -> Answer:
        """Return the response of RespondToAuthChallenge; a correct answer removes the challenge. Raises ServiceError.

        The user is the one of the session. USERNAME is only used for SECRET_HASH: clients may send the alias, the
        username or USER_ID_FOR_SRP.
        """
        if name not in self._answers:
            raise ServiceError("InvalidParameterException", f"The challenge {name} is not supported here")
        client.require_secret_hash(require_parameter(responses, "USERNAME"), responses.get("SECRET_HASH"))
        if name == "PASSWORD_VERIFIER":  # SECRET_BLOCK contains its session: clients need not send `Session`
            session = session_of(responses)
        challenge = self.challenges.get(session or "", name, client.id)
        answer = self._answers[name](client, challenge, responses)
        self.challenges.close(session or "")
        return answer

    def user_password_auth(self, client: AppClient, parameters: Parameters) -> Answer:
        """Run the flow USER_PASSWORD_AUTH."""
        username = require_parameter(parameters, "USERNAME")
        client.require_secret_hash(username, parameters.get("SECRET_HASH"))
        user = self._service.check_password(client, username, require_parameter(parameters, "PASSWORD"))
        return self._after_password(client, user)

    def refresh_token_auth(self, client: AppClient, parameters: Parameters) -> Answer:
        """Run the flow REFRESH_TOKEN_AUTH."""
        if client.rotates:
            raise ServiceError("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")
        refresh_token = require_parameter(parameters, "REFRESH_TOKEN")
        grant = self._service.grants.grant_of(refresh_token)
        user = self._service.find_user_by_sub(grant.pool_id, grant.sub) if grant else None
        if user is not None:
            # Clients compute the secret hash of a refresh from the username or from the sub.
            try:
                client.require_secret_hash(user.sub, parameters.get("SECRET_HASH"))
            except ServiceError:
                client.require_secret_hash(user.username, parameters.get("SECRET_HASH"))
        return {"AuthenticationResult": self._service.refresh_at_api(client, refresh_token)}

    def answer_password_verifier(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        """Return the next step after PASSWORD_VERIFIER."""
        return self._after_password(client, self._again(self._srp.check(challenge, responses)))

    def answer_new_password_required(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        """Return the next step after NEW_PASSWORD_REQUIRED."""
        user = _require_user(challenge)
        self._service.set_password(user, require_parameter(responses, "NEW_PASSWORD"))
        return self._after_new_password(client, self._again(user))

    def answer_software_token_mfa(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        """Return the tokens after SOFTWARE_TOKEN_MFA."""
        user = self._again(_require_user(challenge))
        self._service.check_totp(user, require_parameter(responses, "SOFTWARE_TOKEN_MFA_CODE"))
        return self._done(client, user)

    def answer_mfa_setup(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        """Return the tokens after MFA_SETUP."""
        if not challenge.has_enrolled:
            raise ServiceError("NotAuthorizedException", "Invalid session for the user.")
        return self._done(client, self._again(_require_user(challenge)))

    def _again(self, user: User) -> User:
        """Return the user's current data: the account may have been disabled between two steps. Raises ServiceError."""
        now = self._service.find_user_by_sub(user.pool_id, user.sub)
        if now is None:
            raise bad_credentials()
        self._service.require_able_to_sign_in(now)
        return now

    def _after_password(self, client: AppClient, user: User) -> Answer:
        if not user.must_change_password:
            return self._after_new_password(client, user)
        return self._ask("NEW_PASSWORD_REQUIRED", client, user, required_attributes(user))

    def _after_new_password(self, client: AppClient, user: User) -> Answer:
        if user.has_totp:
            return self._ask("SOFTWARE_TOKEN_MFA", client, user, {"FRIENDLY_DEVICE_NAME": ""})
        if self._service.pools.get(user.pool_id).mfa_config == "ON":
            return self._ask("MFA_SETUP", client, user, {"MFAS_CAN_SETUP": json.dumps(["SOFTWARE_TOKEN_MFA"])})
        return self._done(client, user)

    def _ask(self, name: str, client: AppClient, user: User, parameters: Parameters) -> Answer:
        session = self.challenges.put(name, client, user)
        challenge_parameters = {"USER_ID_FOR_SRP": user.username, **parameters}
        return {"ChallengeName": name, "Session": session, "ChallengeParameters": challenge_parameters}

    def _done(self, client: AppClient, user: User) -> Answer:
        result = self._service.issue_api_tokens(client, user)
        return {"ChallengeParameters": {}, "AuthenticationResult": result}


def _require_user(challenge: Challenge) -> User:
    if challenge.user is None:
        raise bad_credentials()
    return challenge.user
