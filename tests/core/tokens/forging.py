"""Build valid and forged tokens of any bytes, algorithm and key. Must not depend on expected verdicts."""

import hashlib
import hmac
import json
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from django_cognito.core import TokenVerifier, UserPool
from django_cognito.core.errors import KeyFetchRequiredError, TokenError
from tests.support.signing import b64, jwk, jwks, private_key, segment

NOW = 1_800_000_000
POOL = UserPool("eu-west-1_AbCdEfGhI", client_ids=("1webclient", "2appclient"))
OTHER_POOL = UserPool("us-east-1_ZyXwVuTsR", client_ids=("9otherclient",))
HEADER = {"kid": "one", "alg": "RS256"}
_HASHES: dict[str, Any] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
# RFC 8017 9.2, note 1: the bytes before a SHA-256 digest in an RSASSA-PKCS1-v1_5 signature.
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def make_verifier(*pools: UserPool, key: str = "one", **settings: Any) -> TokenVerifier:
    """Return a verifier of these pools at NOW, with one pinned key each."""
    verifier = TokenVerifier(pools or POOL, now=settings.pop("now", lambda: NOW), **settings)
    for pool in verifier.pools:
        verifier.load_jwks(pool, jwks(key))
    return verifier


def refusal(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> TokenError:
    """Return the error that refuses `raw`."""
    with pytest.raises(TokenError) as caught:
        (verifier or make_verifier()).verify(raw, **expected)
    return caught.value


def error_code(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> str:
    """Return the code of that error."""
    return refusal(raw, verifier, **expected).code


def verdict(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> str:
    """Return the code of the error that refuses `raw`; "accepted" if it is accepted."""
    try:
        (verifier or make_verifier()).verify(raw, **expected)
    except TokenError as error:
        return error.code
    return "accepted"


def needs_fetch(verifier: TokenVerifier, raw: Any) -> bool:
    """Return whether verifying `raw` has to wait for keys."""
    try:
        verifier.verify(raw, wait=False)
    except KeyFetchRequiredError:
        return True
    except TokenError:
        return False
    return False


def access_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid access token. A claim changed to `...` is omitted."""
    times = {"auth_time": NOW - 100, "iat": NOW - 50, "exp": NOW + 3_550}
    user = {"sub": "a1b2c3d4-5678-90ab-cdef-1234567890ab", "username": "my-test-user", "client_id": "1webclient"}
    claims = {**user, "iss": POOL.issuers[0], "token_use": "access", "scope": "openid", **times, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def id_claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid ID token."""
    id_only = {"aud": "1webclient", "cognito:username": "my-test-user", "token_use": "id", "nonce": "sent"}
    return access_claims(**{"client_id": ..., "username": ..., "scope": ..., **id_only, **changes})


def join_parts(header: Any, claims: Any, signature: bytes) -> str:
    """Return a token of three parts, each JSON or raw bytes."""
    return f"{segment(header)}.{segment(claims)}.{b64(signature)}"


def sign_with(algorithm: str, *, header_alg: str | None = None, secret: bytes = b"", key: str = "one") -> str:
    """Return a valid access token signed by `algorithm`. `header_alg` replaces the `alg` of its header."""
    header = {"kid": key, "alg": header_alg or algorithm}
    message = f"{segment(header)}.{segment(access_claims())}".encode()
    return f"{message.decode()}.{b64(_signature(algorithm, message, secret, key))}"


def forged_padding(before: bytes, after: bytes = b"") -> str:
    """Return an access token. Its signature decrypts to `before`, the right digest and `after`, padded with 0xff."""
    message = f"{segment(HEADER)}.{segment(access_claims())}"
    digest = hashlib.sha256(message.encode()).digest()
    filling = b"\xff" * (256 - len(before) - len(digest) - len(after) - 3)
    encoded = int.from_bytes(b"\x00\x01" + filling + b"\x00" + before + digest + after)
    numbers = private_key("one").private_numbers()
    signature = pow(encoded, numbers.d, numbers.public_numbers.n)
    return f"{message}.{b64(signature.to_bytes(256))}"


def valid_padding() -> str:
    """Return the token of `forged_padding` with valid padding: a valid token."""
    return forged_padding(DIGEST_INFO)


def public_key_as_secret() -> dict[str, bytes]:
    """Return the pool's public key in every form that an attacker may use as an HMAC secret."""
    public = private_key("one").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return {
        "PEM": pem,
        "PEM without its last newline": pem.strip(),
        "PEM of PKCS 1": public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "DER of PKCS 1": public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "OpenSSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(jwk()).encode(),
        "JWK without spaces": json.dumps(jwk(), separators=(",", ":"), sort_keys=True).encode(),
        "JWKS": json.dumps(jwks("one")).encode(),
        "modulus in base64url": str(jwk()["n"]).encode(),
        "modulus": public.public_numbers().n.to_bytes(256),
        "kid": b"one",
        "empty": b"",
    }


@cache
def _elliptic_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _signature(algorithm: str, message: bytes, secret: bytes, key: str) -> bytes:
    family, digest = algorithm[:2], _HASHES[algorithm[2:]]
    if family == "HS":
        return hmac.digest(secret, message, digest.name)
    if family == "ES":
        return _elliptic_key().sign(message, ec.ECDSA(digest))
    scheme = padding.PKCS1v15() if family == "RS" else padding.PSS(padding.MGF1(digest), digest.digest_size)
    return private_key(key).sign(message, scheme, digest)
