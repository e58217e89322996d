"""What happened to a pool's keys, as values for whoever wants to be told. Knows nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeysRefreshed:
    """A fetch brought keys: these `kids` are published at `url` now."""

    url: str
    kids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeysUnavailable:
    """A fetch brought no keys; those in hand stay. The next attempt comes after `retry_after` seconds."""

    url: str
    reason: str
    retry_after: int


@dataclass(frozen=True, slots=True)
class KeySkipped:
    """A key of the set at `url` is not used; `kid` is its name, empty where it has none."""

    url: str
    kid: str
    reason: str


KeyEvent = KeysRefreshed | KeysUnavailable | KeySkipped
