"""Pagination tokens: signed, valid for one listing and for an hour. Does not depend on HTTP.

Cognito documents neither their form nor their lifetime. Clients must not read them.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ServiceError

_LIFETIME_SECONDS = 3600
_TAG_BYTES = 16


@dataclass(frozen=True)
class PagePosition:
    """The position that a page begins after, and that of the page before it. 0 is the beginning."""

    after: int = 0
    previous: int = 0


class PageTokens:
    """Creates and reads the tokens of one local Cognito. They are invalid after a restart."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._key = secrets.token_bytes(32)

    def create(self, listing: str, position: PagePosition) -> str:
        """Return a token for a page. `listing` identifies the operation and its parameters."""
        content = json.dumps([position.after, position.previous, self._now()]).encode()
        return base64.b64encode(self._sign(listing, content) + content).decode()

    def read(self, listing: str, token: str | None) -> PagePosition:
        """Return the position of a token; the beginning if there is none.

        Raises ServiceError if it has expired or belongs to another listing.
        """
        if token is None:
            return PagePosition()
        try:
            raw = base64.b64decode(token, validate=True)
        except ValueError as error:
            raise invalid_token() from error
        tag, content = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._sign(listing, content)):
            raise invalid_token()
        after, previous, created_at = json.loads(content)
        if self._now() >= created_at + _LIFETIME_SECONDS:
            raise invalid_token()
        return PagePosition(after, previous)

    def _sign(self, listing: str, content: bytes) -> bytes:
        return hmac.digest(self._key, listing.encode() + b"\0" + content, hashlib.sha256)[:_TAG_BYTES]


def invalid_token() -> ServiceError:
    """Return the error for a pagination token that has expired or is not one of the listing."""
    return ServiceError("InvalidParameterException", "Paging marker is invalid for request")
