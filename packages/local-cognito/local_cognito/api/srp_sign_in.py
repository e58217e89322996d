"""USER_SRP_AUTH of the AWS API: start the exchange and check the proof. The caller holds the lock."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.users import User
from ..errors import ServiceError, bad_credentials, require_parameter
from ..user_pool_service import UserPoolService
from . import srp
from .challenges import Challenge, Challenges

# AWS API reference: PASSWORD_VERIFIER must be answered "within seconds"; clocks may differ a little.
_PROOF_MAX_AGE_SECONDS = 60
_B_BITS = 1024


class SrpSignIns:
    """Both steps of USER_SRP_AUTH. Raises ServiceError."""

    def __init__(self, service: UserPoolService, challenges: Challenges) -> None:
        self._service = service
        self._challenges = challenges
        self._salt_key = secrets.token_bytes(32)

    def begin(self, client: AppClient, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the PASSWORD_VERIFIER challenge for the username, even if no such user exists."""
        username = require_parameter(parameters, "USERNAME")
        client.require_secret_hash(username, parameters.get("SECRET_HASH"))
        raw_a_public = require_parameter(parameters, "SRP_A")
        try:
            a_public = srp.public_number(raw_a_public)
        except ValueError as error:
            raise ServiceError("InvalidParameterException", "SRP_A is not valid") from error
        user: User | None = None
        try:
            user = self._service.get_user(client, username)
        except ServiceError as error:
            # The client prevents user existence errors: the exchange continues without a user.
            if error.code != "NotAuthorizedException":
                raise
        exchange = self._create_exchange(client, user, username, a_public)
        session = self._challenges.put("PASSWORD_VERIFIER", client, user, exchange=exchange)
        challenge_parameters = {
            "SALT": f"{exchange.salt:x}",
            "SECRET_BLOCK": base64.b64encode(session.encode()).decode(),
            "SRP_B": f"{exchange.b_public:x}",
            "USERNAME": exchange.user_id,
            "USER_ID_FOR_SRP": exchange.user_id,
        }
        return {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": challenge_parameters}

    def check(self, challenge: Challenge, responses: Mapping[str, str]) -> User:
        """Return the user of the challenge if the proof is correct. An exchange allows one attempt."""
        self._challenges.close(session_of(responses))
        if challenge.exchange is None or challenge.user is None:
            raise bad_credentials()
        timestamp = require_parameter(responses, "TIMESTAMP")
        try:
            moment = srp.parse_timestamp(timestamp)
        except ValueError as error:
            raise ServiceError(
                "InvalidParameterException", "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy"
            ) from error
        if abs(self._service.now() - moment.timestamp()) > _PROOF_MAX_AGE_SECONDS:
            raise bad_credentials()
        expected = challenge.exchange.proof(responses["PASSWORD_CLAIM_SECRET_BLOCK"], timestamp)
        signature = require_parameter(responses, "PASSWORD_CLAIM_SIGNATURE")
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise bad_credentials()
        return challenge.user

    def _create_exchange(self, client: AppClient, user: User | None, username: str, a_public: int) -> srp.Exchange:
        """Return an exchange that the password completes. Without a user or a password, it cannot be completed.

        The salt of a username is constant, so that it does not reveal which users exist.
        """
        pool_name = client.pool_id.partition("_")[2]
        user_id = user.username if user else username
        digest = hmac.digest(self._salt_key, f"{client.pool_id} {user_id}".encode(), hashlib.sha256)
        salt = int.from_bytes(digest[:16], "big") | 1 << 124  # without leading zeros: some clients remove them
        password = self._service.password_of(user) if user else ""
        verifier = srp.compute_verifier(pool_name, user_id, password or secrets.token_hex(), salt)
        return srp.Exchange(pool_name, user_id, salt, verifier, secrets.randbits(_B_BITS), a_public)


def session_of(responses: Mapping[str, str]) -> str:
    """Return the session string in SECRET_BLOCK; empty if it is malformed. Raises ServiceError if it is missing."""
    try:
        return base64.b64decode(require_parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK"), validate=True).decode(
            "ascii"
        )
    except ValueError:
        return ""
