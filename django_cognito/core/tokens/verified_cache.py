"""Tokens that have been verified, for whoever sends them again. Decides nothing, keeps no raw string."""

from collections import OrderedDict
from hashlib import sha256
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


class KnownTokens(OrderedDict[bytes | None, KnownToken]):
    """The `size` tokens verified last, by the SHA-256 of the whole raw string.

    First in, first out: whoever is still about is verified again, once in `size` new tokens, and nothing is written
    where a token is only found. Safe under threads and forks without a lock: each method of an OrderedDict is atomic.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def name_of(self, raw: object) -> bytes | None:
        """What `raw` is known by; None for what is never kept."""
        if not self._size or not isinstance(raw, str) or len(raw) > _MAX_TOKEN_CHARS or not raw.isascii():
            return None
        return sha256(raw.encode()).digest()

    def keep(self, name: bytes, known: KnownToken) -> None:
        """Keep `known`, and let the first one go where there are too many."""
        self[name] = known
        while len(self) > self._size:
            try:
                self.popitem(last=False)
            except KeyError:  # other threads have let all the others go
                return
