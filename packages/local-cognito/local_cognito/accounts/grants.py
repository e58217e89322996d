"""Grants and their refresh tokens. Does not depend on user data."""

import base64
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..errors import ServiceError

# The header of Cognito's refresh tokens: base64url of {"cty":"JWT","enc":"A256GCM","alg":"RSA-OAEP"}.
_JWE_HEADER = "eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ"
# Encrypted key, nonce, ciphertext and tag of such a token; together about as long as a real one.
_JWE_PART_BYTES = (256, 12, 768, 16)


@dataclass(frozen=True)
class Grant:
    """The data that all tokens of one sign-in share. Times are seconds since the epoch."""

    pool_id: str
    client_id: str
    sub: str
    scopes: tuple[str, ...]
    auth_time: int
    expires_at: float
    is_from_api: bool
    nonce: str | None = None
    resource: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    origin_jti: str = field(default_factory=lambda: str(uuid.uuid4()))
    event_id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class _Refresh:
    """The grant of a refresh token; `replaced_at` is when rotation issued the next one."""

    grant: Grant
    replaced_at: float | None = None


class Grants:
    """The grants of one local Cognito, by refresh token and by `origin_jti`. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._refreshes: dict[str, _Refresh] = {}
        self._live: dict[str, Grant] = {}

    def open(self, grant: Grant) -> str:
        """Store the grant and return its refresh token."""
        # Expired refresh tokens are kept for a day, so that their error is "expired" instead of "invalid".
        limit = self._now() - 86_400
        for raw in [raw for raw, refresh in self._refreshes.items() if refresh.grant.expires_at < limit]:
            self.end(self._refreshes.pop(raw).grant.origin_jti)
        self._live[grant.origin_jti] = grant
        return self._new_token(grant)

    def redeem(self, raw: str, client_id: str, grace_seconds: int) -> Grant:
        """Return the grant of a refresh token. Raises ServiceError if it belongs to another client or is not valid."""
        refresh = self._refreshes.get(raw)
        if refresh is None or refresh.grant.client_id != client_id:
            raise ServiceError("NotAuthorizedException", "Invalid Refresh Token")
        if refresh.grant.origin_jti not in self._live:
            raise ServiceError("NotAuthorizedException", "Refresh Token has been revoked")
        if self._now() >= refresh.grant.expires_at:
            raise ServiceError("NotAuthorizedException", "Refresh Token has expired")
        if refresh.replaced_at is not None and self._now() >= refresh.replaced_at + grace_seconds:
            raise ServiceError("RefreshTokenReuseException", "Refresh token has been used before")
        return refresh.grant

    def rotate(self, raw: str) -> str:
        """Return the next refresh token after `raw`. It expires when `raw` does."""
        refresh = self._refreshes[raw]
        if refresh.replaced_at is None:
            self._refreshes[raw] = replace(refresh, replaced_at=self._now())
        return self._new_token(refresh.grant)

    def grant_of(self, raw: str) -> Grant | None:
        """Return the grant of a refresh token, even if it has ended, or None."""
        refresh = self._refreshes.get(raw)
        return refresh.grant if refresh else None

    def live(self, origin_jti: str) -> Grant | None:
        """Return the grant with this `origin_jti`, unless it has ended."""
        return self._live.get(origin_jti)

    def end(self, origin_jti: str) -> None:
        """End one grant: its refresh tokens are revoked, and Cognito's own APIs reject its access tokens."""
        self._live.pop(origin_jti, None)

    def end_all(self, pool_id: str, sub: str) -> None:
        """End every grant of a user."""
        of_user = [key for key, grant in self._live.items() if (grant.pool_id, grant.sub) == (pool_id, sub)]
        for origin_jti in of_user:
            self.end(origin_jti)

    def _new_token(self, grant: Grant) -> str:
        raw = ".".join(
            [
                _JWE_HEADER,
                *(
                    base64.urlsafe_b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
                    for size in _JWE_PART_BYTES
                ),
            ]
        )
        self._refreshes[raw] = _Refresh(grant)
        return raw
