"""AssociateSoftwareToken and VerifySoftwareToken: how a person gets an authenticator app enrolled."""

from collections.abc import Mapping
from typing import Any

from ..accounts.people import Person
from ..accounts.tokens import ADMIN_SCOPE
from ..refusals import Refused
from ..user_pool_service import Authority
from .challenges import Challenge, Challenges


class SoftwareTokens:
    """Enrolment, by an access token or by the session of an MFA_SETUP challenge. Every caller holds the lock."""

    def __init__(self, authority: Authority, challenges: Challenges) -> None:
        self._authority = authority
        self._challenges = challenges

    def associate(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """A new secret, and the session to go on with. Raises Refused."""
        person, challenge = self._enrolling(parameters)
        answer = {"SecretCode": self._authority.totp.enrol(person)}
        return {**answer, "Session": parameters["Session"]} if challenge else answer

    def verify(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """The secret counts from now on, if the code was made with it. Raises Refused."""
        person, challenge = self._enrolling(parameters)
        self._authority.totp.confirm(person, str(parameters.get("UserCode", "")))
        user = self._authority.pools.get_user(person)
        user.token_verified = True
        if challenge is None:
            return {"Status": "SUCCESS"}
        # Whoever must have a second factor has it on from here (AWS API reference, VerifySoftwareToken).
        user.software_token_mfa_enabled, user.preferred_mfa_setting = True, "SOFTWARE_TOKEN_MFA"
        return {"Status": "SUCCESS", "Session": self._next_session(challenge, parameters["Session"])}

    def _enrolling(self, parameters: Mapping[str, Any]) -> tuple[Person, Challenge | None]:
        if raw := parameters.get("AccessToken"):
            return self._authority.holder(raw, scope=ADMIN_SCOPE)[0], None
        challenge = self._challenges.get(parameters.get("Session") or "", "MFA_SETUP")
        if challenge.person is None:
            raise Refused("NotAuthorizedException", "Invalid session for the user.")
        return challenge.person, challenge

    def _next_session(self, challenge: Challenge, session: str) -> str:
        self._challenges.close(session)
        client = self._authority.client(challenge.client_id)
        if client is None:
            raise Refused("ResourceNotFoundException", f"User pool client {challenge.client_id} does not exist.")
        return self._challenges.put("MFA_SETUP", client, challenge.person, has_enrolled=True)
