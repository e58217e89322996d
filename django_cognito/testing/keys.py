"""The key that test tokens are signed with: made once a process, trusted only while `trusted_keys` is open."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from ..conf import get_settings
from ..runtime import get_verifier, reset

KID = "django-cognito-testing"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """The private key of `make_token`."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def jwks() -> dict[str, Any]:
    """The key set that `make_token`'s tokens verify against, as a pool publishes its own."""
    key: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key(), as_dict=True)
    return {"keys": [{"kty": "RSA", "n": key["n"], "e": key["e"], "kid": KID, "alg": "RS256", "use": "sig"}]}


@contextmanager
def trusted_keys() -> Iterator[None]:
    """While open, the configured pool's keys are `make_token`'s, nothing is fetched; then all is forgotten."""
    get_verifier().load_jwks(get_settings().user_pool, jwks())
    try:
        yield
    finally:
        reset()
