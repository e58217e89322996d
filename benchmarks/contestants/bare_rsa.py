"""The lower bound: pyca/cryptography's RSA verification of decoded bytes, without any other work."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ..tokens import Scenario


def make_input(raw: str) -> tuple[bytes, bytes]:
    """Return the signature and the signed bytes."""
    signed, _, signature = raw.rpartition(".")
    return base64.urlsafe_b64decode(signature + "=="), signed.encode()


def prepare(scenario: Scenario) -> Callable[[tuple[bytes, bytes]], object]:
    """Return a function that verifies one signature."""
    key = load_pem_public_key(scenario.pem.encode())
    assert isinstance(key, RSAPublicKey)
    padding, digest = PKCS1v15(), SHA256()

    def verify(parts: tuple[bytes, bytes]) -> None:
        signature, signed = parts
        key.verify(signature, signed, padding, digest)

    return verify
