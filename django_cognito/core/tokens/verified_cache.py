"""A cache of verified tokens. Must not decide whether an entry is still valid; has no raw tokens."""

from collections import OrderedDict
from hashlib import sha256
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from .key_store import KeyStore
from .token import AccessToken, ClientToken, IdToken

_MAX_TOKEN_CHARS = 4_096  # longer ones are not cached, so that the number of entries bounds the bytes


class CacheEntry(NamedTuple):
    """A verified token, and the values that its verification depended on and that may change."""

    token: AccessToken | IdToken | ClientToken
    policy: Any  # the parameters of the call
    store: KeyStore
    kid: str
    key: RSAPublicKey
    starts_at: float  # the latest of `iat`, `nbf` and `auth_time`
    ends_at: float  # `exp`


class VerifiedTokenCache(OrderedDict[bytes | None, CacheEntry]):
    """The `size` tokens verified last, by the SHA-256 digest of the whole raw string.

    First in, first out, so that a cache hit writes nothing. A token in use is verified again after `size` new tokens.
    Safe under threads and forks without a lock: each method of an OrderedDict is atomic.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def cache_key(self, raw: object) -> bytes | None:
        """Return the key of `raw`; None if it must not be cached."""
        if not self._size or not isinstance(raw, str) or len(raw) > _MAX_TOKEN_CHARS or not raw.isascii():
            return None
        return sha256(raw.encode()).digest()

    def add(self, key: bytes, entry: CacheEntry) -> None:
        """Store `entry`, and evict the oldest entry if there are too many."""
        self[key] = entry
        while len(self) > self._size:
            try:
                self.popitem(last=False)
            except KeyError:  # other threads have evicted all others
                return
