"""Sign-ins under way at the AWS API: each one's session string, and what it is bound to. Knows no protocol step."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from ..accounts.clients import AppClient
from ..accounts.people import Person
from ..refusals import Refused
from .srp import Exchange

_SESSION_BYTES = 192


@dataclass(frozen=True)
class Challenge:
    """A question put to one person at one client. `person` is None where nobody of that name exists."""

    name: str
    client_id: str
    person: Person | None
    expires_at: float
    exchange: Exchange | None = field(default=None, repr=False)
    has_enrolled: bool = False


class Challenges:
    """The open questions, by session string. Not thread-safe: the caller locks."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._open: dict[str, Challenge] = {}

    def put(
        self,
        name: str,
        client: AppClient,
        person: Person | None,
        *,
        exchange: Exchange | None = None,
        has_enrolled: bool = False,
    ) -> str:
        """The session string of a new question, an unguessable one."""
        self._forget_the_expired()
        session = secrets.token_urlsafe(_SESSION_BYTES)
        expires_at = self._now() + client.session_seconds
        self._open[session] = Challenge(name, client.id, person, expires_at, exchange, has_enrolled)
        return session

    def get(self, session: str, name: str, client_id: str | None = None) -> Challenge:
        """The question that `session` was put with; it stays open. Raises Refused."""
        challenge = self._open.get(session)
        if challenge is None or challenge.name != name or client_id not in (None, challenge.client_id):
            raise Refused("NotAuthorizedException", "Invalid session for the user.")
        if self._now() >= challenge.expires_at:
            raise Refused("NotAuthorizedException", "Invalid session for the user, session is expired.")
        return challenge

    def close(self, session: str) -> None:
        """The question has been answered: its session is good for nothing more."""
        self._open.pop(session, None)

    def _forget_the_expired(self) -> None:
        limit = self._now() - 3600  # for a while an expired session is still told from an invented one
        self._open = {key: challenge for key, challenge in self._open.items() if challenge.expires_at > limit}
