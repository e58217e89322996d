"""The two signing keys of each pool, in memory or in files with mode 600, and the signature.

Does not depend on claims.
"""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ..private_files import read_or_create_json

TokenUse = Literal["access", "id"]

_TOKEN_USES: tuple[TokenUse, ...] = ("id", "access")
_KEY_BITS = 2048
_PEM_FORMAT = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@dataclass(frozen=True)
class SigningKey:
    """An RSA key and its `kid`; `private` is not in the repr."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return `claims` as a JWS. The header has only kid and alg, as Cognito's has; PyJWT would add `typ`."""
        header = _base64url(_json({"kid": self.kid, "alg": "RS256"}))
        signed = f"{header}.{_base64url(_json(claims))}"
        signature = self.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def jwk(self) -> dict[str, str]:
        """Return the public key, with the members and order of Cognito's JWKS."""
        numbers = self.private.public_key().public_numbers()
        modulus = _base64url(numbers.n.to_bytes(_KEY_BITS // 8, "big"))
        return {"alg": "RS256", "e": "AQAB", "kid": self.kid, "kty": "RSA", "n": modulus, "use": "sig"}


class KeyRing:
    """The keys of all pools, generated on first use. Without `state_dir` they are lost when the process ends."""

    def __init__(self, state_dir: Path | None = None) -> None:
        self._state_dir = state_dir
        self._pools: dict[str, dict[TokenUse, SigningKey]] = {}

    def of(self, pool_id: str) -> dict[TokenUse, SigningKey]:
        """Return the pool's two keys by the use of the tokens that they sign."""
        if pool_id not in self._pools:
            self._pools[pool_id] = _load_keys(self._state_dir / f"{pool_id}.json") if self._state_dir else _new_keys()
        return self._pools[pool_id]

    def jwks(self, pool_id: str) -> dict[str, list[dict[str, str]]]:
        """Return the pool's JWKS."""
        return {"keys": [key.jwk() for key in self.of(pool_id).values()]}


def default_state_dir() -> Path:
    """Return the default state folder (XDG Base Directory Specification), outside any repository."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "local-cognito"


def sign(pool_id: str, claims: Mapping[str, Any], use: TokenUse = "access", *, state_dir: Path | None = None) -> str:
    """Return a token with exactly these claims, signed with the pool's key in `state_dir`. For tests."""
    return KeyRing(state_dir or default_state_dir()).of(pool_id)[use].sign(claims)


def _new_keys() -> dict[TokenUse, SigningKey]:
    # A real kid is padded base64 with + and /.
    kids = {use: base64.b64encode(secrets.token_bytes(32)).decode() for use in _TOKEN_USES}
    return {use: SigningKey(kids[use], rsa.generate_private_key(65_537, _KEY_BITS)) for use in _TOKEN_USES}


def _load_keys(path: Path) -> dict[TokenUse, SigningKey]:
    """Return the keys in the file, which is created with new keys if it does not exist."""
    stored = read_or_create_json(
        path,
        lambda: {
            use: {"kid": key.kid, "pem": key.private.private_bytes(*_PEM_FORMAT).decode()}
            for use, key in _new_keys().items()
        },
    )
    return {use: SigningKey(stored[use]["kid"], _read_key(stored[use]["pem"])) for use in _TOKEN_USES}


def _read_key(pem: str) -> rsa.RSAPrivateKey:
    """Return the private key without the check of its numbers, which takes 55 ms: this module has generated it."""
    key = serialization.load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    return cast("rsa.RSAPrivateKey", key)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
