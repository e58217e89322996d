"""Good claims, and JSON and tokens spelled in every way: as a writer would, and as none would. Knows no verdict."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.signing import b64, jwk, number, private_key

from .two_judges import ISSUERS, NOW

Members = list[tuple[str, Any]]  # of a JSON object: in their order, and a name may stand twice
STYLES = ("spaced", "escaped", "escaped names", "whitespace", "bom", "utf-16", "utf-32-be", "raw surrogates")
RESOURCE = "https://api.example.com"
HEADER: Mapping[str, Any] = {"kid": "one", "alg": "RS256"}
_COMMON = {
    "sub": "a1b2c3d4",
    "iss": ISSUERS[0],
    "auth_time": NOW - 100,
    "iat": NOW - 50,
    "exp": NOW + 3_550,
    "jti": "9b1",
}
ACCESS: Mapping[str, Any] = {
    **_COMMON,
    "token_use": "access",
    "client_id": "1webclient",
    "username": "someb\u00f6dy",
    "scope": "openid",
    "cognito:groups": ["editors", "\u4f5c\u8005"],
}
ID: Mapping[str, Any] = {
    **_COMMON,
    "token_use": "id",
    "aud": "1webclient",
    "cognito:username": "somebody",
    "nonce": "sent",
    "at_hash": b64(hashlib.sha256(b"beside").digest()[:16]),
}
MACHINE: Mapping[str, Any] = {
    **_COMMON,
    "token_use": "access",
    "client_id": "1webclient",
    "sub": "1webclient",
    "scope": "api/read",
}


class Literally(str):
    """A value's own spelling in JSON, or what only looks like JSON."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Literally({str(self)!r})"


@cache
def odd_key(bits: int, exponent: int) -> RSAPrivateKey:
    """A key that no pool has."""
    return generate_private_key(exponent, bits)


def odd_jwk(key: RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """Its JWK."""
    numbers = key.public_key().public_numbers()
    return jwk("one", n=number(numbers.n), e=number(numbers.e), **members)


def written(members: Members | Mapping[str, Any], style: str = "compact") -> bytes:
    """The members as JSON, or nearly, in the style of one writer or another."""
    pairs = list(members.items()) if isinstance(members, Mapping) else members
    spaced = style in ("spaced", "utf-16", "bom")
    colon, comma = (": ", ", ") if spaced else (":", ",")
    is_ascii = style not in ("compact", "raw surrogates")

    def text(value: Any) -> str:
        if isinstance(value, Literally):
            return str(value)
        return json.dumps(value, ensure_ascii=is_ascii, separators=(comma, colon))

    body = "{" + comma.join(f"{_name(name, style, text)}{colon}{text(value)}" for name, value in pairs) + "}"
    if style == "whitespace":
        body = f"\n\t {body}\r\n"
    if style in ("utf-16", "utf-32-be"):
        return body.encode(style)
    return (b"\xef\xbb\xbf" if style == "bom" else b"") + body.encode(errors="surrogatepass")


def _name(name: str, style: str, text: Callable[[Any], str]) -> str:
    return f'"\\u{ord(name[0]):04x}{text(name[1:])[1:]}' if style == "escaped names" and name else text(name)


@lru_cache(1_000)
def signed(header: str, claims: str, key: RSAPrivateKey | None = None) -> str:
    """A token of two parts that are base64url already, or nearly."""
    message = f"{header}.{claims}"
    return f"{message}.{b64((key or private_key('one')).sign(message.encode(errors='replace'), PKCS1v15(), SHA256()))}"


def token(
    claims: Members | Mapping[str, Any] = ACCESS,
    header: Members | Mapping[str, Any] = HEADER,
    style: str = "compact",
    key: RSAPrivateKey | None = None,
) -> str:
    """A token whose signature holds."""
    return signed(b64(written(header)), b64(written(claims, style)), key)
