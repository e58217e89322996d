"""InitiateAuth and RespondToAuthChallenge: which step follows which. Knows no HTTP; every caller holds the lock.

Source: AWS API reference, "InitiateAuth", "RespondToAuthChallenge".
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..accounts.tokens import required_attributes
from ..refusals import Refused, bad_credentials, required
from ..user_pool_service import Authority
from .challenges import Challenge, Challenges
from .srp_sign_in import SrpSignIns, session_of

Parameters = Mapping[str, str]
Answer = dict[str, Any]

_FLOW_ALIASES = {"REFRESH_TOKEN": "REFRESH_TOKEN_AUTH", "ADMIN_NO_SRP_AUTH": "ADMIN_USER_PASSWORD_AUTH"}


class SignIns:
    """All sign-ins through the AWS API of one local Cognito."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.challenges = Challenges(authority.now)
        self._srp = SrpSignIns(authority, self.challenges)
        self._flows: dict[str, Callable[[AppClient, Parameters], Answer]] = {
            "USER_SRP_AUTH": self._srp.begin,
            "USER_PASSWORD_AUTH": self._check_password,
            "ADMIN_USER_PASSWORD_AUTH": self._check_password,
            "REFRESH_TOKEN_AUTH": self._refresh,
        }
        self._answers: dict[str, Callable[[AppClient, Challenge, Parameters], Answer]] = {
            "PASSWORD_VERIFIER": self._check_proof,
            "NEW_PASSWORD_REQUIRED": self._set_password,
            "SOFTWARE_TOKEN_MFA": self._check_totp,
            "MFA_SETUP": self._finish_setup,
        }

    def initiate(self, client: AppClient, flow: str, parameters: Parameters, *, as_admin: bool) -> Answer:
        """The answer to InitiateAuth, or to AdminInitiateAuth. Raises Refused."""
        flow = _FLOW_ALIASES.get(flow, flow)
        other_side = "USER_PASSWORD_AUTH" if as_admin else "ADMIN_USER_PASSWORD_AUTH"
        if flow not in self._flows or flow == other_side:
            raise Refused("InvalidParameterException", "Initiate Auth method not supported.")
        client.require_auth_flow(flow)
        return self._flows[flow](client, parameters)

    def respond(self, client: AppClient, name: str, session: str | None, responses: Parameters) -> Answer:
        """The answer to RespondToAuthChallenge. The session is spent once the answer was right. Raises Refused.

        The person is the one whom the session was put to; the name sent is not looked at, but for SECRET_HASH:
        clients send the alias, the username or USER_ID_FOR_SRP, as they please.
        """
        if name not in self._answers:
            raise Refused("InvalidParameterException", f"The challenge {name} is not supported here")
        client.require_secret_hash(required(responses, "USERNAME"), responses.get("SECRET_HASH"))
        if name == "PASSWORD_VERIFIER":  # its session rides in SECRET_BLOCK: clients need not send one
            session = session_of(responses)
        challenge = self.challenges.get(session or "", name, client.id)
        answer = self._answers[name](client, challenge, responses)
        self.challenges.close(session or "")
        return answer

    def _check_password(self, client: AppClient, parameters: Parameters) -> Answer:
        username = required(parameters, "USERNAME")
        client.require_secret_hash(username, parameters.get("SECRET_HASH"))
        person = self._authority.check_password(client, username, required(parameters, "PASSWORD"))
        return self._after_password(client, person)

    def _refresh(self, client: AppClient, parameters: Parameters) -> Answer:
        if client.rotates:
            raise Refused("InvalidParameterException", "REFRESH_TOKEN_AUTH flow not enabled for this client")
        refresh_token = required(parameters, "REFRESH_TOKEN")
        grant = self._authority.grants.grant_of(refresh_token)
        person = self._authority.person(grant.pool_id, grant.sub) if grant else None
        if person is not None:
            _require_secret_hash_of(client, person, parameters.get("SECRET_HASH"))
        return {"AuthenticationResult": self._authority.refresh_at_api(client, refresh_token)}

    def _check_proof(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        return self._after_password(client, self._again(self._srp.check(challenge, responses)))

    def _set_password(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        person = _somebody(challenge)
        self._authority.set_password(person, required(responses, "NEW_PASSWORD"))
        return self._after_new_password(client, self._again(person))

    def _check_totp(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        person = self._again(_somebody(challenge))
        self._authority.check_totp(person, required(responses, "SOFTWARE_TOKEN_MFA_CODE"))
        return self._done(client, person)

    def _finish_setup(self, client: AppClient, challenge: Challenge, responses: Parameters) -> Answer:
        if not challenge.has_enrolled:
            raise Refused("NotAuthorizedException", "Invalid session for the user.")
        return self._done(client, self._again(_somebody(challenge)))

    def _again(self, person: Person) -> Person:
        """The person as they are now; the account may have been closed between two steps. Raises Refused."""
        now = self._authority.person(person.pool_id, person.sub)
        if now is None:
            raise bad_credentials()
        self._authority.require_able_to_sign_in(now)
        return now

    def _after_password(self, client: AppClient, person: Person) -> Answer:
        if not person.must_change_password:
            return self._after_new_password(client, person)
        return self._ask("NEW_PASSWORD_REQUIRED", client, person, required_attributes(person))

    def _after_new_password(self, client: AppClient, person: Person) -> Answer:
        if person.has_totp:
            return self._ask("SOFTWARE_TOKEN_MFA", client, person, {"FRIENDLY_DEVICE_NAME": ""})
        if self._authority.pools.get(person.pool_id).mfa_config == "ON":
            return self._ask("MFA_SETUP", client, person, {"MFAS_CAN_SETUP": json.dumps(["SOFTWARE_TOKEN_MFA"])})
        return self._done(client, person)

    def _ask(self, name: str, client: AppClient, person: Person, parameters: Parameters) -> Answer:
        session = self.challenges.put(name, client, person)
        told = {"USER_ID_FOR_SRP": person.username, **parameters}
        return {"ChallengeName": name, "Session": session, "ChallengeParameters": told}

    def _done(self, client: AppClient, person: Person) -> Answer:
        result = self._authority.issue_to_api(client, person)
        return {"ChallengeParameters": {}, "AuthenticationResult": result}


def _somebody(challenge: Challenge) -> Person:
    if challenge.person is None:
        raise bad_credentials()
    return challenge.person


def _require_secret_hash_of(client: AppClient, person: Person, secret_hash: str | None) -> None:
    """As `require_secret_hash`; a refresh names nobody, so clients hash the username or the sub. Raises Refused."""
    try:
        client.require_secret_hash(person.sub, secret_hash)
    except Refused:
        client.require_secret_hash(person.username, secret_hash)
