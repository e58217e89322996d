"""Any JSON document as a key set: it raises ValueError, or its keys are acceptable and PyJWT reads the same keys."""

import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from django_cognito.core.tokens.jwks import KeySet
from tests.core.tokens.pyjwt_comparison import pyjwks_keys
from tests.core.tokens.token_encoding import odd_jwk, odd_key
from tests.support.signing import jwk, jwks

from . import json_values

_VALUES = (
    "keys", "kid", "kty", "alg", "use", "key_ops", "n", "e", "d", "p", "oth", "x5c", "RSA", "EC", "RS256", "RS512",
    "sig", "enc", "verify", "one", "", "A", "AQ", "Aw", "AQAB", "AAAAAAAAAQAB", "_" * 1_368, "!", "k" * 257,
    None, True, 0, 65_537, 10**30, 1.5, [], {}, ["verify"], ["sign"], [[]], {"kid": "one"},
)  # fmt: skip


def seeds() -> Iterator[bytes]:
    """Yield valid key sets, unusual ones, and documents that are not key sets."""
    documents: list[Any] = [
        jwks("one", "two"),
        {"keys": [jwk("one", use="enc"), jwk("one"), jwk("two", kid="one")]},
        {"keys": [jwk("one", alg=None, use=None, key_ops=["verify"]), {}, None]},
        {"keys": [odd_jwk(odd_key(1_024, 65_537)), jwk("two")]},
        {"keys": [odd_jwk(odd_key(2_048, 3)), jwk("two")]},
        {"keys": [jwk("two", kid=str(number)) for number in range(21)]},
        {"keys": []},
        [],
        None,
    ]
    yield from (json.dumps(document).encode() for document in documents)


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """Return a changed document."""
    return json_values.mutate(data, max_size, seed, _VALUES)


def check(data: bytes) -> None:
    """Raise AssertionError if an unacceptable key is accepted. Errors other than ValueError are not caught."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        keys = KeySet(document)
    except ValueError:
        return
    assert 0 < len(keys) <= 20
    assert all(isinstance(text, str) for skipped in keys.skipped for text in skipped)
    for kid, key in keys.items():
        assert isinstance(kid, str)
        assert 0 < len(kid) <= 256
        assert isinstance(key, RSAPublicKey)
        assert 2_048 <= key.key_size <= 8_192
        assert key.public_numbers() in [pyjwt_key.key.public_numbers() for pyjwt_key in pyjwks_keys(document, kid)]
