"""Events of a pool's keys. Must not depend on any other module."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeysRefreshed:
    """A fetch succeeded: the JWKS at `url` has these `kids`."""

    url: str
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeysUnavailable:
    """A fetch failed; cached keys stay. The next attempt is after `retry_after` seconds."""

    url: str
    reason: str
    retry_after: int


@dataclass(frozen=True, slots=True)
class KeySkipped:
    """A key of the JWKS at `url` is not used; `kid` is empty if the key has none."""

    url: str
    kid: str
    reason: str


KeyEvent = KeysRefreshed | KeysUnavailable | KeySkipped
