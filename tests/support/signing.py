"""Keys and signatures for tests of core, also for tokens that libraries refuse to create."""

import base64
import json
import math
import random
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.hashes import SHA256


def b64(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    """Return a number in the format of a JWK."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8))


@cache
def private_key(name: str) -> RSAPrivateKey:
    """Return the private key of that name, the same one during the run. No default: it would be another cache entry."""
    return generate_private_key(public_exponent=65_537, key_size=2_048)


def jwk(name: str = "one", **members: Any) -> dict[str, Any]:
    """Return the JWK of a key in Cognito's format; a member that is None is removed."""
    numbers = private_key(name).public_key().public_numbers()
    members_of_key = {
        "kid": name,
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "n": number(numbers.n),
        "e": number(numbers.e),
    }
    return {member: value for member, value in {**members_of_key, **members}.items() if value is not None}


def jwks(*names: str) -> dict[str, Any]:
    """Return the JWKS of these keys."""
    return {"keys": [jwk(name) for name in names]}


def segment(value: Any) -> str:
    """Return a part of a token: `value` as JSON, or unchanged bytes, in base64url."""
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def sign(claims: Any, *, header: Any = None, key: str = "one") -> str:
    """Return a token with `claims`, signed RS256 with the key of that name regardless of the header."""
    signed = f"{segment(header or {'kid': key, 'alg': 'RS256'})}.{segment(claims)}"
    return f"{signed}.{b64(private_key(key).sign(signed.encode(), PKCS1v15(), SHA256()))}"


@cache
def roca_modulus(bits: int) -> int:
    """Return a modulus as in CVE-2017-15361: both factors are k * M + (65537**a mod M), and need not be prime.

    Source: Nemec et al., "The Return of Coppersmith's Attack", ACM CCS 2017, 2.2: M is the product of the first 126
    primes for keys of 1,984 to 3,936 bits, and of the first 225 for those of 3,968 to 4,096.
    """
    chance = random.Random(bits)
    modulus = 0
    while modulus.bit_length() != bits:
        modulus = _roca_factor(bits // 2, chance) * _roca_factor(bits // 2, chance)
    return modulus


# Two primes that `_roca_factor(1_024, ...)` returns and whose product has 2,048 bits. The search takes seconds.
_ROCA_PRIMES = (
    int(
        "b103edf75e3ceda7548a9a1b3eb9dc83a0d1ca5e3b799f6c2cf0073b21fb2fdd"
        "0f05138d741aacd0be7c2a3dad7d8cab51d77b5bd5c72f091c22750b594d0269"
        "b980aae3bf29bf0fea5a6643d1030556ed67b403d9d139d0a860eb531b0dfab6"
        "8a2833781df23e21231cc7d3391cf7f2098c11c3249c8db7eeca158d33897697",
        16,
    ),
    int(
        "c7e55c33198bb5e975def65756830902f3144a2128fc3691dabb42161fe57625"
        "25c3a4ecab0336ecfc28ce83ce57e0a2bb6b8b8abbcdfb699052a6540695f6f4"
        "4dbfc765a45d39b413d7b7a47b95af4a84b1760e0bb2e04ca0aee7a9eb17eab7"
        "28e5f238e10e6b3f701c908ce73baec0a28526a366ec27c4e6faad3ad7aaa82d",
        16,
    ),
)


@cache
def roca_key() -> RSAPrivateKey:
    """Return a key of 2,048 bits in the structure of Infineon's library."""
    p, q = _ROCA_PRIMES
    d = pow(65_537, -1, math.lcm(p - 1, q - 1))
    crt = rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q)
    return RSAPrivateNumbers(p, q, d, *crt, RSAPublicNumbers(65_537, p * q)).private_key()


@cache
def _primorial(count: int) -> int:
    primes: list[int] = []
    number = 2
    while len(primes) < count:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    return math.prod(primes)


def _roca_factor(bits: int, chance: random.Random) -> int:
    first = _primorial(126 if bits < 1_984 else 225)
    while True:
        k = chance.getrandbits(bits - first.bit_length() + 1)
        factor = k * first + pow(65_537, chance.getrandbits(64), first)
        if factor.bit_length() == bits:
            return factor
