"""Pending challenges of the AWS API and their session strings. Does not depend on what a challenge requires."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from ..accounts.clients import AppClient
from ..accounts.users import User
from ..errors import ServiceError
from .srp import Exchange

_SESSION_BYTES = 192


@dataclass(frozen=True)
class Challenge:
    """A challenge for one user at one client. `user` is None if no user has the username."""

    name: str
    client_id: str
    user: User | None
    expires_at: float
    exchange: Exchange | None = field(default=None, repr=False)
    has_enrolled: bool = False


class Challenges:
    """The pending challenges by session string. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._open: dict[str, Challenge] = {}

    def put(
        self,
        name: str,
        client: AppClient,
        user: User | None,
        *,
        exchange: Exchange | None = None,
        has_enrolled: bool = False,
    ) -> str:
        """Store a new challenge and return its unguessable session string."""
        # For one hour, the error for an expired session differs from that for an unknown one.
        limit = self._now() - 3600
        self._open = {key: challenge for key, challenge in self._open.items() if challenge.expires_at > limit}
        session = secrets.token_urlsafe(_SESSION_BYTES)
        expires_at = self._now() + client.session_seconds
        self._open[session] = Challenge(name, client.id, user, expires_at, exchange, has_enrolled)
        return session

    def get(self, session: str, name: str, client_id: str | None = None) -> Challenge:
        """Return the challenge of `session`, which stays pending. Raises ServiceError."""
        challenge = self._open.get(session)
        if challenge is None or challenge.name != name or client_id not in (None, challenge.client_id):
            raise ServiceError("NotAuthorizedException", "Invalid session for the user.")
        if self._now() >= challenge.expires_at:
            raise ServiceError("NotAuthorizedException", "Invalid session for the user, session is expired.")
        return challenge

    def close(self, session: str) -> None:
        """Remove an answered challenge: its session string is no longer valid."""
        self._open.pop(session, None)
