"""Generate a few private keys in a test run. Each emulator would generate two for each of its pools."""

import itertools
from functools import cache
from types import SimpleNamespace
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from local_cognito.accounts import keys

_KEY_COUNT = 16  # more than the keys of the emulators that run at the same time
_numbers = itertools.count()


def share_private_keys() -> None:
    """Let new signing keys use the private keys of earlier emulators. Each signing key has a `kid` of its own."""
    patch.object(keys, "rsa", SimpleNamespace(generate_private_key=_next_key)).start()


def _next_key(public_exponent: int, key_size: int) -> RSAPrivateKey:
    return _generate(next(_numbers) % _KEY_COUNT, public_exponent, key_size)


@cache
def _generate(number: int, public_exponent: int, key_size: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent, key_size)
