"""The tokens that all contestants verify, in the form of Cognito's access tokens. Must not depend on a verifier."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

USER_POOL_ID = "eu-west-1_AbCdEfGhI"
CLIENT_ID = "1example23456789abcdefghij"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{USER_POOL_ID}"
KID = "aA1bB2cC3dD4eE5fF6gG7hH8iI9jJ0kK1lL2mM3nN4o="  # 44 characters, as Cognito's
GROUP = "editors"
USERS = 50  # the tokens are those of so many users in turn
_LIFETIME_SECONDS = 86_400  # the maximum of Cognito, longer than any run


@dataclass(frozen=True)
class Scenario:
    """The input of all contestants, stored in a folder that Python and Node.js processes read."""

    folder: str
    issuer: str
    user_pool_id: str
    client_id: str
    jwks: dict[str, Any]
    pem: str
    rejected_tokens: dict[str, str]  # fault: a token with only this fault

    @property
    def tokens(self) -> list[str]:
        """The valid tokens, all different."""
        return (Path(self.folder) / "tokens.txt").read_text().split()

    @property
    def sign_ins(self) -> list[tuple[str, str]]:
        """The access token and the ID token of each sign-in or refresh, each more recent than the one before."""
        lines = (Path(self.folder) / "sign_ins.txt").read_text().splitlines()
        return [(access, identity) for access, identity in (line.split() for line in lines)]

    @property
    def first(self) -> str:
        """The first valid token."""
        return self.tokens[0]

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read the scenario in `folder`."""
        return cls(**json.loads((Path(folder) / "scenario.json").read_text()))


class Signer:
    """The private key of a user pool, which signs tokens."""

    def __init__(self) -> None:
        self._key = _create_key()
        self._now = int(time.time()) - 60

    def create_token(
        self, user_number: int = 0, *, kid: str = KID, key: "RSAPrivateKey | None" = None, **claims: Any
    ) -> str:
        """Return an access token of a user; `claims` replace the default ones."""
        payload = {**self._create_claims(user_number), **claims}
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        signed = f"{_encode_segment({'kid': kid, 'alg': 'RS256'})}.{_encode_segment(payload)}"
        return f"{signed}.{_encode_base64url((key or self._key).sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def create_tokens(self, count: int) -> Iterator[str]:
        """Return `count` different tokens, of `USERS` users in turn."""
        return (self.create_token(number % USERS) for number in range(count))

    def create_sign_ins(self, count: int) -> Iterator[tuple[str, str]]:
        """Return the two tokens of `count` sign-ins: one of each user, then all of the first, one second apart."""
        for number in range(count):
            user_number = number if number < USERS else 0
            moment = self._now - 7_200 + max(number - USERS, 0)
            common = {"origin_jti": str(uuid.uuid4()), "iat": moment, "auth_time": moment}
            identity = {"token_use": "id", "aud": CLIENT_ID, "email": f"user-{user_number}@example.com"}
            yield (
                self.create_token(user_number, **common),
                self.create_token(user_number, **common, **identity, **{"cognito:username": f"user-{user_number}"}),
            )

    def get_jwk(self, kid: str = KID) -> dict[str, str]:
        """Return the public key as a JWK of a pool."""
        numbers = self._key.public_key().public_numbers()
        modulus = _encode_base64url(numbers.n.to_bytes(256, "big"))
        return {"alg": "RS256", "e": "AQAB", "kid": kid, "kty": "RSA", "n": modulus, "use": "sig"}

    def get_pem(self) -> str:
        """Return the public key as PEM, for libraries without JWK."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def create_rejected_tokens(self) -> dict[str, str]:
        """Return tokens that must be rejected, by their fault."""
        head, _, signature = self.create_token().split(".")
        other = _encode_segment({**self._create_claims(0), "username": "mallory"})
        return {
            "tampered": f"{head}.{other}.{signature}",
            "wrong signature": self.create_token(key=_create_key()),
            "expired": self.create_token(iat=self._now - 7_200, auth_time=self._now - 7_200, exp=self._now - 3_600),
            "unknown kid": self.create_token(kid="zZ9yY8xX7wW6vV5uU4tT3sS2rR1qQ0pP9oO8nN7mM6l="),
            "another client": self.create_token(client_id="9another8765432abcdefghijk"),
            "ID token": self.create_token(token_use="id", aud=CLIENT_ID),
        }

    def _create_claims(self, user_number: int) -> dict[str, Any]:
        sub = str(uuid.uuid5(uuid.NAMESPACE_URL, f"user-{user_number}"))
        return {
            "sub": sub,
            "cognito:groups": [GROUP, "viewers"],
            "iss": ISSUER,
            "version": 2,
            "client_id": CLIENT_ID,
            "origin_jti": str(uuid.uuid4()),
            "event_id": str(uuid.uuid4()),
            "token_use": "access",
            "scope": "openid profile email",
            "auth_time": self._now,
            "exp": self._now + _LIFETIME_SECONDS,
            "iat": self._now,
            "jti": str(uuid.uuid4()),
            "username": sub,
        }


def _create_key() -> "RSAPrivateKey":
    """Return a new private key. The sites, which only read tokens, do not import cryptography here."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    return generate_private_key(public_exponent=65_537, key_size=2_048)


def write_scenario(folder: Path, count: int, sign_ins: int = 0) -> Scenario:
    """Create a pool with `count` signed tokens, and the tokens of `sign_ins`, and write it to `folder`."""
    signer = Signer()
    pairs = [f"{access} {identity}" for access, identity in signer.create_sign_ins(sign_ins)]
    (folder / "sign_ins.txt").write_text("\n".join(pairs))
    (folder / "tokens.txt").write_text("\n".join(signer.create_tokens(count)))
    jwks = {"keys": [signer.get_jwk("another"), signer.get_jwk()]}
    scenario = Scenario(
        str(folder), ISSUER, USER_POOL_ID, CLIENT_ID, jwks, signer.get_pem(), signer.create_rejected_tokens()
    )
    (folder / "scenario.json").write_text(json.dumps(asdict(scenario)))
    return scenario


def _encode_segment(value: dict[str, Any]) -> str:
    return _encode_base64url(json.dumps(value, separators=(",", ":")).encode())


def _encode_base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
