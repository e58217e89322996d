"""Valid claims, and usual and unusual encodings of JSON and tokens. Must not depend on expected verdicts."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.support.signing import b64, jwk, number, private_key

from .pyjwt_comparison import ISSUERS, NOW

Members = list[tuple[str, Any]]  # of a JSON object, in order; a name may occur twice
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
CLIENT_TOKEN: Mapping[str, Any] = {
    **_COMMON,
    "token_use": "access",
    "client_id": "1webclient",
    "sub": "1webclient",
    "scope": "api/read",
}


class JsonLiteral(str):
    """A text that is written into JSON unchanged, whether it is valid JSON or not."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"JsonLiteral({str(self)!r})"


@cache
def odd_key(bits: int, exponent: int) -> RSAPrivateKey:
    """Return a key that is in no pool's JWKS."""
    return generate_private_key(exponent, bits)


def odd_jwk(key: RSAPrivateKey, **members: Any) -> dict[str, Any]:
    """Return the JWK of `key`."""
    numbers = key.public_key().public_numbers()
    return jwk("one", n=number(numbers.n), e=number(numbers.e), **members)


def encode_json(members: Members | Mapping[str, Any], style: str = "compact") -> bytes:
    """Return the members as JSON, or nearly JSON, in one of STYLES or "compact"."""
    pairs = list(members.items()) if isinstance(members, Mapping) else members
    spaced = style in ("spaced", "utf-16", "bom")
    colon, comma = (": ", ", ") if spaced else (":", ",")
    is_ascii = style not in ("compact", "raw surrogates")

    def text(value: Any) -> str:
        if isinstance(value, JsonLiteral):
            return str(value)
        return json.dumps(value, ensure_ascii=is_ascii, separators=(comma, colon))

    body = "{" + comma.join(f"{_encode_name(name, style, text)}{colon}{text(value)}" for name, value in pairs) + "}"
    if style == "whitespace":
        body = f"\n\t {body}\r\n"
    if style in ("utf-16", "utf-32-be"):
        return body.encode(style)
    return (b"\xef\xbb\xbf" if style == "bom" else b"") + body.encode(errors="surrogatepass")


def _encode_name(name: str, style: str, text: Callable[[Any], str]) -> str:
    return f'"\\u{ord(name[0]):04x}{text(name[1:])[1:]}' if style == "escaped names" and name else text(name)


@lru_cache(1_000)
def sign_parts(header: str, claims: str, key: RSAPrivateKey | None = None) -> str:
    """Return a signed token of two parts that are already base64url, or nearly."""
    message = f"{header}.{claims}"
    return f"{message}.{b64((key or private_key('one')).sign(message.encode(errors='replace'), PKCS1v15(), SHA256()))}"


def token(
    claims: Members | Mapping[str, Any] = ACCESS,
    header: Members | Mapping[str, Any] = HEADER,
    style: str = "compact",
    key: RSAPrivateKey | None = None,
) -> str:
    """Return a token with a valid signature."""
    return sign_parts(b64(encode_json(header)), b64(encode_json(claims, style)), key)
