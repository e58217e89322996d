"""AES-256-GCM under keys derived from SECRET_KEY, one for each purpose. Must not depend on what it encrypts."""

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from .core.tracebacks import clear_frame_locals

STORED_TOKENS = b"django_cognito.encryption"  # HKDF's `info` for the rows of logins
_NONCE_BYTES = 12  # NIST SP 800-38D 8.2: 96 random bits allow 2**32 messages a key: 50 days of 1,000 a second


class DecryptionError(Exception):
    """The bytes are not ours, were changed, belong to another row, or their SECRET_KEY is gone."""


@clear_frame_locals
def encrypt(plaintext: bytes, *, associated_data: bytes, purpose: bytes = STORED_TOKENS) -> bytes:
    """Return `plaintext` encrypted under the current SECRET_KEY.

    Only `decrypt` with the same `associated_data` and `purpose` opens it: each purpose has a key of its own (RFC 5869
    3.2), so that what anonymous requests encrypt is never under the key of stored tokens.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + _cipher(settings.SECRET_KEY, purpose).encrypt(nonce, plaintext, associated_data)


@clear_frame_locals
def decrypt(ciphertext: bytes, *, associated_data: bytes, purpose: bytes = STORED_TOKENS) -> bytes:
    """Return the plaintext of `encrypt`, under SECRET_KEY or one of SECRET_KEY_FALLBACKS.

    Raises DecryptionError.
    """
    nonce, sealed = ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:]
    for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(secret_key, purpose).decrypt(nonce, sealed, associated_data)
        except (InvalidTag, ValueError):
            continue
    raise DecryptionError("no key opens these bytes")


@clear_frame_locals
def encrypt_again(ciphertext: bytes, *, associated_data: bytes, purpose: bytes = STORED_TOKENS) -> bytes | None:
    """Return `ciphertext` encrypted under the current SECRET_KEY; None if that key encrypted it.

    Raises DecryptionError if no key opens it.
    """
    nonce, sealed = ciphertext[:_NONCE_BYTES], ciphertext[_NONCE_BYTES:]
    try:
        _cipher(settings.SECRET_KEY, purpose).decrypt(nonce, sealed, associated_data)
    except (InvalidTag, ValueError):
        plaintext = decrypt(ciphertext, associated_data=associated_data, purpose=purpose)
        return encrypt(plaintext, associated_data=associated_data, purpose=purpose)
    return None


@lru_cache(maxsize=16)
def _cipher(secret_key: str | bytes, purpose: bytes) -> AESGCM:
    material = secret_key.encode() if isinstance(secret_key, str) else secret_key
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(material))
