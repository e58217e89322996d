"""A password proven by SRP at the AWS API: the exchange begun, and the proof checked. Every caller holds the lock."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..refusals import Refused, bad_credentials, required
from ..user_pool_service import Authority
from . import srp
from .challenges import Challenge, Challenges

# "Within seconds", says the API reference of the answer to PASSWORD_VERIFIER; clocks may differ a little.
_PROOF_MAX_AGE_SECONDS = 60
_B_BITS = 1024


class SrpSignIns:
    """Both steps of USER_SRP_AUTH. Raises Refused."""

    def __init__(self, authority: Authority, challenges: Challenges) -> None:
        self._authority = authority
        self._challenges = challenges
        self._salt_key = secrets.token_bytes(32)

    def begin(self, client: AppClient, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The PASSWORD_VERIFIER challenge for the person who is named, or who is not there."""
        username = required(parameters, "USERNAME")
        client.require_secret_hash(username, parameters.get("SECRET_HASH"))
        a_public = _public_number(required(parameters, "SRP_A"))
        person = self._person_or_nobody(client, username)
        exchange = self._exchange(client, person, username, a_public)
        session = self._challenges.put("PASSWORD_VERIFIER", client, person, exchange=exchange)
        told = {
            "SALT": f"{exchange.salt:x}",
            "SECRET_BLOCK": base64.b64encode(session.encode()).decode(),
            "SRP_B": f"{exchange.b_public:x}",
            "USERNAME": exchange.user_id,
            "USER_ID_FOR_SRP": exchange.user_id,
        }
        return {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": told}

    def check(self, challenge: Challenge, responses: Mapping[str, str]) -> Person:
        """The person of the challenge, if the answer proves their password; an exchange allows one guess."""
        self._challenges.close(session_of(responses))
        if challenge.exchange is None or challenge.person is None:
            raise bad_credentials()
        if not self._is_timely(responses) or not _is_proven(challenge.exchange, responses):
            raise bad_credentials()
        return challenge.person

    def _person_or_nobody(self, client: AppClient, username: str) -> Person | None:
        """The person to prove a password; None for an unknown one, whom the client's setting keeps unknown."""
        try:
            return self._authority.find_person(client, username)
        except Refused as error:
            if error.code == "NotAuthorizedException":
                return None
            raise

    def _exchange(self, client: AppClient, person: Person | None, username: str, a_public: int) -> srp.Exchange:
        """An exchange that a holder of the password can finish; for nobody, and without a password, that none can."""
        pool_name = client.pool_id.partition("_")[2]
        user_id = person.username if person else username
        salt = self._salt(client.pool_id, user_id)
        password = self._authority.password_of(person) if person else ""
        verifier = srp.verifier(pool_name, user_id, password or secrets.token_hex(), salt)
        return srp.Exchange(pool_name, user_id, salt, verifier, secrets.randbits(_B_BITS), a_public)

    def _salt(self, pool_id: str, user_id: str) -> int:
        """Always the same salt for a name, known or not, so that it does not tell which people exist."""
        digest = hmac.digest(self._salt_key, f"{pool_id} {user_id}".encode(), hashlib.sha256)
        return int.from_bytes(digest[:16], "big") | 1 << 124  # no leading zero, which clients drop or keep

    def _is_timely(self, responses: Mapping[str, str]) -> bool:
        try:
            moment = srp.moment(required(responses, "TIMESTAMP"))
        except ValueError as error:
            raise Refused(
                "InvalidParameterException", "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy"
            ) from error
        return abs(self._authority.now() - moment.timestamp()) <= _PROOF_MAX_AGE_SECONDS


def session_of(responses: Mapping[str, str]) -> str:
    """The session string that the answer's SECRET_BLOCK carries; an empty one for garbage. Raises Refused."""
    try:
        return base64.b64decode(required(responses, "PASSWORD_CLAIM_SECRET_BLOCK"), validate=True).decode("ascii")
    except ValueError:
        return ""


def _is_proven(exchange: srp.Exchange, responses: Mapping[str, str]) -> bool:
    expected = exchange.proof(responses["PASSWORD_CLAIM_SECRET_BLOCK"], responses["TIMESTAMP"])
    return hmac.compare_digest(expected.encode(), required(responses, "PASSWORD_CLAIM_SIGNATURE").encode())


def _public_number(text: str) -> int:
    try:
        return srp.public_number(text)
    except ValueError as error:
        raise Refused("InvalidParameterException", "SRP_A is not valid") from error
