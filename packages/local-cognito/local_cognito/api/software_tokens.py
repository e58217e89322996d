"""AssociateSoftwareToken and VerifySoftwareToken: enrolment of an authenticator app."""

from collections.abc import Mapping
from typing import Any

from ..accounts.tokens import ADMIN_SCOPE
from ..accounts.users import User
from ..errors import ServiceError
from ..user_pool_service import UserPoolService
from .challenges import Challenge, Challenges


class SoftwareTokens:
    """Enrolment with an access token or with the session of an MFA_SETUP challenge. The caller holds the lock."""

    def __init__(self, service: UserPoolService, challenges: Challenges) -> None:
        self._service = service
        self._challenges = challenges

    def associate(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Return a new secret, with the session for the next step. Raises ServiceError."""
        user, challenge = self._enrolling(parameters)
        answer = {"SecretCode": self._service.totp.enrol(user)}
        return {**answer, "Session": parameters["Session"]} if challenge else answer

    def verify(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Activate the secret if the code is valid for it. Raises ServiceError."""
        user, challenge = self._enrolling(parameters)
        self._service.totp.confirm(user, str(parameters.get("UserCode", "")))
        moto_user = self._service.pools.get_moto_user(user)
        moto_user.token_verified = True
        if challenge is None:
            return {"Status": "SUCCESS"}
        # If a second factor is required, it is enabled from here on (AWS API reference, VerifySoftwareToken).
        moto_user.software_token_mfa_enabled, moto_user.preferred_mfa_setting = True, "SOFTWARE_TOKEN_MFA"
        self._challenges.close(parameters["Session"])
        client = self._service.client(challenge.client_id)
        if client is None:
            raise ServiceError("ResourceNotFoundException", f"User pool client {challenge.client_id} does not exist.")
        next_session = self._challenges.put("MFA_SETUP", client, challenge.user, has_enrolled=True)
        return {"Status": "SUCCESS", "Session": next_session}

    def _enrolling(self, parameters: Mapping[str, Any]) -> tuple[User, Challenge | None]:
        if raw := parameters.get("AccessToken"):
            return self._service.resolve_access_token(raw, scope=ADMIN_SCOPE)[0], None
        challenge = self._challenges.get(parameters.get("Session") or "", "MFA_SETUP")
        if challenge.user is None:
            raise ServiceError("NotAuthorizedException", "Invalid session for the user.")
        return challenge.user, challenge
