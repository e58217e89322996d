"""Secrets at rest: AES-256-GCM under keys derived from SECRET_KEY. Knows nothing of what it encrypts."""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from .tracebacks import without_locals

_NONCE_BYTES = 12  # NIST SP 800-38D 8.2: 96 bits, random, far below 2**32 messages a key


class DecryptionError(Exception):
    """The bytes are not ours, were changed, belong to another row, or their SECRET_KEY is gone."""


@without_locals
def encrypt(plaintext: bytes, *, associated_data: bytes) -> bytes:
    """`plaintext` encrypted under the current SECRET_KEY; only `decrypt` with the same `associated_data` opens it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY).encrypt(nonce, plaintext, associated_data)


@without_locals
def decrypt(ciphertext: bytes, *, associated_data: bytes) -> bytes:
    """What `encrypt` was given, under SECRET_KEY or one of SECRET_KEY_FALLBACKS.

    Raises DecryptionError.
    """
    nonce, sealed = ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:]
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(secret_key).decrypt(nonce, sealed, associated_data)
        except (InvalidTag, ValueError):
            continue
    raise DecryptionError("no key opens these bytes")


@lru_cache(maxsize=8)
def _cipher(secret_key: str | bytes) -> AESGCM:
    material = secret_key.encode() if isinstance(secret_key, str) else secret_key
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"django_cognito.encryption").derive(material))
