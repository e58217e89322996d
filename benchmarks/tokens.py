"""The tokens that all contestants verify: a pool's key, and access tokens as Cognito writes them. Knows no verifier."""

import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

USER_POOL_ID = "eu-west-1_AbCdEfGhI"
CLIENT_ID = "1example23456789abcdefghij"
ISSUER = f"https://cognito-idp.eu-west-1.amazonaws.com/{USER_POOL_ID}"
KID = "aA1bB2cC3dD4eE5fF6gG7hH8iI9jJ0kK1lL2mM3nN4o="  # 44 characters, as Cognito's
GROUP = "editors"
PEOPLE = 50  # tokens take turns among so many
_LIFETIME_SECONDS = 86_400  # Cognito's longest; no run outlasts it


@dataclass(frozen=True)
class Scene:
    """What every contestant is given, written to a folder that processes of any language read."""

    folder: str
    issuer: str
    user_pool_id: str
    client_id: str
    jwks: dict[str, Any]
    pem: str
    refused: dict[str, str]  # what is wrong -> a token that is good otherwise

    @property
    def tokens(self) -> list[str]:
        """Good tokens, every one another."""
        return (Path(self.folder) / "tokens.txt").read_text().split()

    @property
    def first(self) -> str:
        """A good token."""
        return self.tokens[0]

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The scene that was laid in `folder`."""
        return cls(**json.loads((Path(folder) / "scene.json").read_text()))


class Signer:
    """A user pool's private key, and the tokens that it signs."""

    def __init__(self) -> None:
        self._key = generate_private_key(public_exponent=65_537, key_size=2_048)
        self._now = int(time.time()) - 60

    def token(self, person: int = 0, *, kid: str = KID, key: RSAPrivateKey | None = None, **claims: Any) -> str:
        """An access token of the `person`-th person; `claims` replace Cognito's."""
        said = {**self._claims(person), **claims}
        signed = f"{_segment({'kid': kid, 'alg': 'RS256'})}.{_segment(said)}"
        return f"{signed}.{_base64url((key or self._key).sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def tokens(self, count: int) -> Iterator[str]:
        """`count` tokens, every one another, of `PEOPLE` people in turn."""
        return (self.token(number % PEOPLE) for number in range(count))

    def jwk(self, kid: str = KID) -> dict[str, str]:
        """The public key as a pool publishes it."""
        numbers = self._key.public_key().public_numbers()
        modulus = _base64url(numbers.n.to_bytes(256, "big"))
        return {"alg": "RS256", "e": "AQAB", "kid": kid, "kty": "RSA", "n": modulus, "use": "sig"}

    def pem(self) -> str:
        """The public key, for those who read no JWK."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def refused(self) -> dict[str, str]:
        """Tokens that nobody may accept, by what is wrong with each."""
        head, _, signature = self.token().split(".")
        other = _segment({**self._claims(0), "username": "mallory"})
        return {
            "tampered": f"{head}.{other}.{signature}",
            "wrong signature": self.token(key=generate_private_key(public_exponent=65_537, key_size=2_048)),
            "expired": self.token(iat=self._now - 7_200, auth_time=self._now - 7_200, exp=self._now - 3_600),
            "unknown kid": self.token(kid="zZ9yY8xX7wW6vV5uU4tT3sS2rR1qQ0pP9oO8nN7mM6l="),
            "another client's": self.token(client_id="9another8765432abcdefghijk"),
            "an ID token": self.token(token_use="id", aud=CLIENT_ID),
        }

    def _claims(self, person: int) -> dict[str, Any]:
        sub = str(uuid.uuid5(uuid.NAMESPACE_URL, f"person-{person}"))
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


def lay(folder: Path, count: int) -> Scene:
    """A new pool with `count` signed tokens, written to `folder`."""
    signer = Signer()
    (folder / "tokens.txt").write_text("\n".join(signer.tokens(count)))
    jwks = {"keys": [signer.jwk("another"), signer.jwk()]}
    scene = Scene(str(folder), ISSUER, USER_POOL_ID, CLIENT_ID, jwks, signer.pem(), signer.refused())
    (folder / "scene.json").write_text(json.dumps(asdict(scene)))
    return scene


def _segment(value: dict[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
