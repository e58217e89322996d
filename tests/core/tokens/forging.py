"""Tokens as an attacker makes them: of any bytes, by any algorithm, with any key at hand. Knows no verdict."""

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
# RFC 8017 9.2, note 1: what stands before a SHA-256 digest inside an RSASSA-PKCS1-v1_5 signature.
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def make(*pools: UserPool, key: str = "one", **settings: Any) -> TokenVerifier:
    """A verifier of these pools at NOW, with one key pinned for each of them."""
    verifier = TokenVerifier(pools or POOL, now=settings.pop("now", lambda: NOW), **settings)
    for pool in verifier.pools:
        verifier.load_jwks(pool, jwks(key))
    return verifier


def refusal(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> TokenError:
    """The error with which `raw` is refused."""
    with pytest.raises(TokenError) as caught:
        (verifier or make()).verify(raw, **expected)
    return caught.value


def code(raw: Any, verifier: TokenVerifier | None = None, **expected: Any) -> str:
    """The code of that error."""
    return refusal(raw, verifier, **expected).code


def needs_fetch(verifier: TokenVerifier, raw: Any) -> bool:
    """Whether a verdict on `raw` has to wait for keys."""
    try:
        verifier.verify(raw, wait=False)
    except KeyFetchRequiredError:
        return True
    except TokenError:
        return False
    return False


def access(**changes: Any) -> dict[str, Any]:
    """The claims of a good access token; what is changed to `...` is left out."""
    times = {"auth_time": NOW - 100, "iat": NOW - 50, "exp": NOW + 3_550}
    person = {"sub": "a1b2c3d4-5678-90ab-cdef-1234567890ab", "username": "my-test-user", "client_id": "1webclient"}
    claims = {**person, "iss": POOL.issuers[0], "token_use": "access", "scope": "openid", **times, **changes}
    return {name: value for name, value in claims.items() if value is not ...}


def identity(**changes: Any) -> dict[str, Any]:
    """The claims of a good ID token."""
    named = {"aud": "1webclient", "cognito:username": "my-test-user", "token_use": "id", "nonce": "sent"}
    return access(**{"client_id": ..., "username": ..., "scope": ..., **named, **changes})


def joined(header: Any, claims: Any, signature: bytes) -> str:
    """Three parts, of JSON or of the very bytes."""
    return f"{segment(header)}.{segment(claims)}.{b64(signature)}"


def signed(algorithm: str, *, said: str | None = None, secret: bytes = b"", key: str = "one") -> str:
    """A good access token, rightly signed by `algorithm`; `said` is what its header says instead."""
    header = {"kid": key, "alg": said or algorithm}
    message = f"{segment(header)}.{segment(access())}".encode()
    return f"{message.decode()}.{b64(_signature(algorithm, message, secret, key))}"


def forged_padding(before: bytes, after: bytes = b"") -> str:
    """A good access token, whose signature opens to `before`, the right digest and `after`, filled up with 0xff."""
    message = f"{segment(HEADER)}.{segment(access())}"
    digest = hashlib.sha256(message.encode()).digest()
    filling = b"\xff" * (256 - len(before) - len(digest) - len(after) - 3)
    encoded = int.from_bytes(b"\x00\x01" + filling + b"\x00" + before + digest + after)
    numbers = private_key("one").private_numbers()
    opened = pow(encoded, numbers.d, numbers.public_numbers.n)
    return f"{message}.{b64(opened.to_bytes(256))}"


def right_padding() -> str:
    """As `forged_padding`, rightly padded: a token that holds."""
    return forged_padding(DIGEST_INFO)


def public_key_as_secret() -> dict[str, bytes]:
    """Every way in which somebody could take the pool's public key for the secret of an HMAC."""
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
        "nothing": b"",
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
    chosen = padding.PKCS1v15() if family == "RS" else padding.PSS(padding.MGF1(digest), digest.digest_size)
    return private_key(key).sign(message, chosen, digest)
