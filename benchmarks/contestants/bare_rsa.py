"""The floor: pyca/cryptography's RSA verification of bytes that are already decoded, and nothing else."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ..tokens import Scene


def ready(raw: str) -> tuple[bytes, bytes]:
    """The signature and what it signs."""
    signed, _, signature = raw.rpartition(".")
    return base64.urlsafe_b64decode(signature + "=="), signed.encode()


def prepare(scene: Scene) -> Callable[[tuple[bytes, bytes]], object]:
    """The verification of one signature."""
    key = load_pem_public_key(scene.pem.encode())
    assert isinstance(key, RSAPublicKey)
    padding, digest = PKCS1v15(), SHA256()

    def verify(given: tuple[bytes, bytes]) -> None:
        signature, signed = given
        key.verify(signature, signed, padding, digest)

    return verify
