"""The usable keys of a JWKS document. Pure; must not depend on how the document is fetched."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

_MAX_KEYS = 20  # Cognito publishes two
_MAX_KID_CHARS = 256
_MAX_MODULUS_CHARS, _MAX_EXPONENT_CHARS = 1_368, 8  # in base64url: 8,192 bits and a leading zero byte; 48 bits
_KEY_BITS = range(2_048, 8_193)
_DUPLICATE_KID = "two different keys have this kid"
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})  # RFC 7518 6.3.2

# CVE-2017-15361 (ROCA): Infineon's library made primes k * M + (65537**a mod M), M a product of small primes, which can
# be factored. Modulo each prime of M such a modulus is a power of 65537; 1 in 240 million other keys passes that test.
# Source: Nemec et al., "The Return of Coppersmith's Attack", ACM CCS 2017; the primes are those of roca-detect.
_ROCA_PRIMES = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip
_ROCA_RESIDUES = {prime: frozenset(pow(65_537, power, prime) for power in range(prime)) for prime in _ROCA_PRIMES}


class KeySet(Mapping[str, RSAPublicKey]):
    """The usable RS256 keys of a JWKS document, by `kid`.

    `skipped` has the `kid` of each other key, or an empty string, and the reason.

    Raises ValueError for a document that is no key set, has more than 20 keys, or has no usable key.

    Source: RFC 7517 4 and 5; RFC 7518 6.3.
    """

    def __init__(self, document: object) -> None:
        listed = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(listed, list | tuple) or len(listed) > _MAX_KEYS:
            raise ValueError(f"not a JSON Web Key Set of at most {_MAX_KEYS} keys")
        self._keys: dict[str, RSAPublicKey] = {}
        self.skipped: list[tuple[str, str]] = []
        for jwk in listed:
            kid = jwk.get("kid") if isinstance(jwk, Mapping) else None
            if not isinstance(jwk, Mapping) or not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
                self.skipped.append(("", "no object with a kid of reasonable length"))
                continue
            try:
                key = _load_key(jwk)
            except ValueError as error:
                self.skipped.append((kid, str(error)))
                continue
            if self._keys.setdefault(kid, key) != key:
                self.skipped.append((kid, _DUPLICATE_KID))
        for kid, reason in self.skipped:
            if reason == _DUPLICATE_KID:
                self._keys.pop(kid, None)  # which of the two signs is not known
        if not self._keys:
            raise ValueError("the key set has no usable key")

    def __getitem__(self, kid: str) -> RSAPublicKey:
        return self._keys[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _load_key(jwk: Mapping[str, Any]) -> RSAPublicKey:
    """Return the key of one JWK. Raises ValueError with a reason that has no key material."""
    operations, modulus, exponent = jwk.get("key_ops", ["verify"]), jwk.get("n"), jwk.get("e")
    # The members are checked before anything is computed from the key.
    checks = {
        "not an RSA key": jwk.get("kty") == "RSA",
        "not for RS256": jwk.get("alg", "RS256") == "RS256",
        "not for signatures": jwk.get("use", "sig") == "sig",
        "not for verifying": isinstance(operations, list | tuple) and "verify" in operations,
        "a private key": not _PRIVATE_MEMBERS & jwk.keys(),
        "no modulus of reasonable size": isinstance(modulus, str) and len(modulus) <= _MAX_MODULUS_CHARS,
        "no exponent of reasonable size": isinstance(exponent, str) and len(exponent) <= _MAX_EXPONENT_CHARS,
    }
    if problem := next((problem for problem, holds in checks.items() if not holds), ""):
        raise ValueError(problem)
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
    except (InvalidKeyError, ValueError):
        raise ValueError("not an RSA key") from None
    if (
        not isinstance(key, RSAPublicKey)
        or key.key_size not in _KEY_BITS
        or not 3 < (numbers := key.public_numbers()).e < 2**32
        or not numbers.e % 2 == numbers.n % 2 == 1
    ):
        raise ValueError("an RSA key that is not secure")
    if _has_roca_fingerprint(numbers.n):
        raise ValueError("an RSA key that can be factored (ROCA, CVE-2017-15361)")
    return key


def _has_roca_fingerprint(modulus: int) -> bool:
    return all(modulus % prime in residues for prime, residues in _ROCA_RESIDUES.items())
