"""Tokens that have been verified, for whoever sends them again. Decides nothing, keeps no raw string."""

import hashlib
from collections import OrderedDict
from contextlib import suppress
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .key_store import KeyStore
from .token import AccessToken, ClientToken, IdToken

_MAX_TOKEN_CHARS = 4_096  # a longer one is verified each time: so the size in bytes is bounded by the size in tokens


class KnownToken(NamedTuple):
    """A verified token, and all that its verdict hung on and that may change."""

    token: AccessToken | IdToken | ClientToken
    policy: Any  # what the call asked for
    store: KeyStore
    kid: str
    key: RSAPublicKey
    starts_at: float  # the latest of `iat`, `nbf` and `auth_time`
    ends_at: float  # `exp`


class KnownTokens:
    """The `size` tokens used last, by the SHA-256 of the whole raw string. Safe under threads and forks: no lock."""

    def __init__(self, size: int) -> None:
        self._size = size
        # Each of its methods that is called here is atomic.
        self._known: OrderedDict[bytes, KnownToken] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def name_of(self, raw: object) -> bytes | None:
        """What `raw` is known by; None for what is never kept."""
        if not self._size or not isinstance(raw, str) or len(raw) > _MAX_TOKEN_CHARS or not raw.isascii():
            return None
        return hashlib.sha256(raw.encode()).digest()

    def find(self, name: bytes | None) -> KnownToken | None:
        """The token of that name, which becomes the one used last."""
        known = self._known.get(name) if name is not None else None
        if known is not None:
            with suppress(KeyError):  # another thread has just let it go
                self._known.move_to_end(name)
        return known

    def keep(self, name: bytes | None, known: KnownToken) -> None:
        """Keep `known`, and let those go that have not been used for longest."""
        if name is None:
            return
        self._known[name] = known
        while len(self._known) > self._size:
            with suppress(KeyError):
                self._known.popitem(last=False)
