"""Create moto's user pools but read moto's private key only once per process. Patches moto during that time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

from moto.cognitoidp import models

_moto: Any = models
_patching = threading.Lock()


@contextmanager
def cached_private_key() -> Iterator[None]:
    """Replace moto's reader of its private key by one that reads it once per process; restore it at the end.

    moto 5.2 parses the key in each `CognitoIdpUserPool`, which takes 0.14 s. The emulator signs with its own keys.
    """
    with _patching:
        jwk = _moto.jwk
        rsa_key = SimpleNamespace(import_key=lambda _: _read_private_key(jwk.RSAKey))
        _moto.jwk = SimpleNamespace(**{**vars(jwk), "RSAKey": rsa_key})
        try:
            yield
        finally:
            _moto.jwk = jwk


@cache
def _read_private_key(rsa_key: Any) -> Any:
    """Return moto's private key, which is part of moto and the same for all pools."""
    return rsa_key.import_key(_moto.load_resource("cognitoidp/resources/jwks-private.json"))
