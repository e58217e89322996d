"""Keys and signatures for tests of core: also of tokens that no library would make."""

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """A number as a JWK holds it."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


@cache
def private_key(name: str) -> RSAPrivateKey:
    """The private key of that name: the same one throughout the run. A default would be a key of its own."""
    return generate_private_key(public_exponent=65_537, key_size=2_048)


def jwk(name: str = "one", **members: Any) -> dict[str, Any]:
    """The JWK of a key as Cognito writes it; a member given as None is left out."""
    numbers = private_key(name).public_key().public_numbers()
    made = {"kid": name, "kty": "RSA", "alg": "RS256", "use": "sig", "n": number(numbers.n), "e": number(numbers.e)}
    return {member: value for member, value in {**made, **members}.items() if value is not None}


def jwks(*names: str) -> dict[str, Any]:
    """The key set of these keys."""
    return {"keys": [jwk(name) for name in names]}


def segment(value: Any) -> str:
    """A token's part: of JSON, or of the very bytes."""
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def sign(claims: Any, *, header: Any = None, key: str = "one") -> str:
    """A token over `claims`, signed with the key of that name, whatever the header says."""
    signed = f"{segment(header or {'kid': key, 'alg': 'RS256'})}.{segment(claims)}"
    return f"{signed}.{b64(private_key(key).sign(signed.encode(), PKCS1v15(), SHA256()))}"
