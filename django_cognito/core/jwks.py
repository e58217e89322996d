"""A pool's public keys: read with care, kept through outages, asked for rarely. Knows no tokens and no pool's claims.

A store answers from memory. It fetches when it has nothing, when its keys grow old and, at most once a cooldown, when
a key is named that it does not know. Whatever a fetch brings, good keys are only ever replaced by good ones.
"""

import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from .errors import CognitoUnavailableError, SignatureError
from .http import Http, read_json
from .pool import UserPool

_log = logging.getLogger(__name__)

_MAX_KEYS = 20  # Cognito publishes two
_MAX_KID_CHARS = 256
_MAX_MODULUS_CHARS, _MAX_EXPONENT_CHARS = 1_368, 8  # in base64url: 8,192 bits and a leading zero byte; 48 bits
_KEY_BITS = range(2_048, 8_193)
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})  # RFC 7518 6.3.2
_MAX_BACK_OFF_SECONDS = 60


class KeySet(Mapping[str, RSAPublicKey]):
    """The usable RS256 keys of a JWKS document, by `kid`; unusable ones are skipped with a warning.

    Raises ValueError for what is no key set, for one of more than 20 keys, and for one without a usable key.

    Source: RFC 7517 4 and 5; RFC 7518 6.3.
    """

    def __init__(self, document: object) -> None:
        listed = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(listed, list | tuple) or len(listed) > _MAX_KEYS:
            raise ValueError(f"not a JSON Web Key Set of at most {_MAX_KEYS} keys")
        self._keys: dict[str, RSAPublicKey] = {}
        twice = set()
        for jwk in listed:
            try:
                kid, key = _kid_and_key(jwk)
            except ValueError as error:
                _log.warning("a key of the set is skipped: %s", error)
                continue
            if self._keys.setdefault(kid, key).public_numbers() != key.public_numbers():
                _log.warning("two keys of the set are called %r: both are skipped", kid)
                twice.add(kid)
        for kid in twice:
            del self._keys[kid]
        if not self._keys:
            raise ValueError("the key set has no usable key")

    def __getitem__(self, kid: str) -> RSAPublicKey:
        return self._keys[kid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _kid_and_key(jwk: object) -> tuple[str, RSAPublicKey]:
    """The name and the key of one JWK. Raises ValueError with a reason that holds no key material."""
    kid = jwk.get("kid") if isinstance(jwk, Mapping) else None
    if not isinstance(jwk, Mapping) or not isinstance(kid, str) or not 0 < len(kid) <= _MAX_KID_CHARS:
        raise ValueError("no object with a kid of reasonable length")
    if problem := _problem(jwk):
        raise ValueError(f"{kid!r}: {problem}")
    try:
        key = RSAAlgorithm.from_jwk({"kty": "RSA", "n": jwk["n"], "e": jwk["e"]})
    except (InvalidKeyError, ValueError):
        raise ValueError(f"{kid!r}: not an RSA key") from None
    if not isinstance(key, RSAPublicKey) or not _is_sound(key):
        raise ValueError(f"{kid!r}: an RSA key that nobody should trust")
    return kid, key


def _problem(jwk: Mapping[str, Any]) -> str:
    """What is wrong with the members of `jwk`, before anything is computed from them; empty if nothing is."""
    operations, modulus, exponent = jwk.get("key_ops", ["verify"]), jwk.get("n"), jwk.get("e")
    checks = {
        "not an RSA key": jwk.get("kty") == "RSA",
        "not for RS256": jwk.get("alg", "RS256") == "RS256",
        "not for signatures": jwk.get("use", "sig") == "sig",
        "not for verifying": isinstance(operations, list | tuple) and "verify" in operations,
        "a private key": not _PRIVATE_MEMBERS & jwk.keys(),
        "no modulus of reasonable size": isinstance(modulus, str) and len(modulus) <= _MAX_MODULUS_CHARS,
        "no exponent of reasonable size": isinstance(exponent, str) and len(exponent) <= _MAX_EXPONENT_CHARS,
    }
    return next((problem for problem, holds in checks.items() if not holds), "")


def _is_sound(key: RSAPublicKey) -> bool:
    numbers = key.public_numbers()
    return key.key_size in _KEY_BITS and 3 < numbers.e < 2**32 and numbers.e % 2 == numbers.n % 2 == 1


@dataclass(frozen=True, slots=True)
class _State:
    """All that a store knows, replaced as a whole, so that it can be read without a lock."""

    keys: Mapping[str, RSAPublicKey]
    fetched_at: float = -math.inf
    attempted_at: float = -math.inf
    failures: int = 0  # in a row
    pinned: bool = False


class KeyStore:
    """The keys behind one address: at most one fetch at a time, and none that was not due.

    Up to `max_age_seconds` keys simply answer. Up to `hard_max_age_seconds` they go on answering while one fetch runs
    in the background: an outage logs nobody out. Past that, and where there are no keys, one call fetches and others
    wait for it. An unknown `kid` causes one fetch a cooldown. After a failure the pause is 1, 2, 4 ... 60 s.

    `fetch` gives the document's bytes or raises CognitoUnavailableError; `start` runs a function in the background.
    """

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], bytes],
        *,
        max_age_seconds: float = 3_600,
        hard_max_age_seconds: float = 86_400,
        cooldown_seconds: float = 30,
        now: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        self.url = url
        self._fetch = fetch
        self._max_age = max_age_seconds
        self._hard_max_age = max(hard_max_age_seconds, max_age_seconds)
        self._cooldown = cooldown_seconds
        self._now = now
        self._start = start or _in_background
        self._state = _State(keys={})
        self.renew_locks()
        _stores.add(self)

    def key(self, kid: str) -> RSAPublicKey:
        """The key called `kid`; fetches only where that is due.

        Raises SignatureError (`unknown_key`) if the keys are fresh enough to say that there is no such key, and
        CognitoUnavailableError, with the seconds until the next attempt, if that cannot be said.
        """
        if not self.knows(kid):
            self._refresh(wait=True)
        elif self._is_old(self._state, self._now()):
            self._refresh(wait=False)
        state, now = self._state, self._now()
        if kid in state.keys and self._is_usable(state, now):
            return state.keys[kid]
        if state.pinned or (self._is_usable(state, now) and not state.failures):
            raise SignatureError("the token names a key that its pool does not publish", code="unknown_key")
        raise self._unavailable(state, now)

    def knows(self, kid: str) -> bool:
        """Whether the key is in hand and young enough to be used."""
        state = self._state
        return kid in state.keys and self._is_usable(state, self._now())

    def has(self, kid: str) -> bool:
        """Whether `key(kid)` would answer without waiting for a fetch, be it by refusing. No I/O."""
        return self.knows(kid) or (self._flight is None and not self._is_due())

    def hydrate(self) -> None:
        """Fetch the keys, unless they are fresh. Raises CognitoUnavailableError where none can be had."""
        if self._is_old(self._state, self._now()):
            self._refresh(wait=True)
        state, now = self._state, self._now()
        if not self._is_usable(state, now):
            raise self._unavailable(state, now)

    def pin(self, jwks: Mapping[str, Any]) -> None:
        """Use the keys of `jwks` from now on and fetch none ever again. Raises ValueError as KeySet does."""
        pinned = _State(keys=KeySet(jwks), fetched_at=math.inf, pinned=True)
        with self._lock:
            self._state = pinned

    def renew_locks(self) -> None:
        """A new lock, and no fetch under way: in a forked child the thread that held or ran it does not exist."""
        self._lock = threading.Lock()
        self._flight: threading.Event | None = None

    def _is_old(self, state: _State, now: float) -> bool:
        return now - state.fetched_at >= self._max_age

    def _is_usable(self, state: _State, now: float) -> bool:
        return now - state.fetched_at < self._hard_max_age

    def _next_attempt_at(self, state: _State, now: float) -> float:
        """From when on a fetch is due: old keys wait out the back-off alone, unknown names the cooldown as well."""
        back_off = min(2 ** min(state.failures - 1, 6), _MAX_BACK_OFF_SECONDS) if state.failures else 0
        return state.attempted_at + (back_off if self._is_old(state, now) else max(back_off, self._cooldown))

    def _is_due(self) -> bool:
        state, now = self._state, self._now()
        return not state.pinned and now >= self._next_attempt_at(state, now)

    def _refresh(self, *, wait: bool) -> None:
        """Fetch if that is due and nobody does: here and now, or behind the caller's back; wait for whoever does."""
        with self._lock:
            flight = self._flight
            mine = flight is None and self._is_due()
            if mine:
                self._flight = flight = threading.Event()
        if flight and mine:
            run = partial(self._fly, flight)
            run() if wait else self._start(run)
        elif flight and wait:
            flight.wait()

    def _fly(self, flight: threading.Event) -> None:
        keys = None
        try:
            keys = KeySet(read_json(self._fetch(self.url)))
        except (CognitoUnavailableError, ValueError) as error:
            _log.warning("the keys at %s could not be fetched: %s", self.url, error)
        finally:
            self._land(flight, keys)

    def _land(self, flight: threading.Event, keys: KeySet | None) -> None:
        """Note what a fetch brought. What brought nothing usable changes no key."""
        with self._lock:
            state, now = self._state, self._now()
            if not state.pinned:
                failed = replace(state, attempted_at=now, failures=state.failures + 1)
                self._state = failed if keys is None else _State(keys, fetched_at=now, attempted_at=now)
            self._flight = None
        flight.set()

    def _unavailable(self, state: _State, now: float) -> CognitoUnavailableError:
        seconds = math.ceil(max(self._next_attempt_at(state, now) - now, 1))
        return CognitoUnavailableError(f"the keys at {self.url} cannot be had", retry_after=seconds)


class KeyStores:
    """One key store per key address: makes and keeps them, for every verifier that shares this object."""

    def __init__(
        self,
        *,
        http: Http | None = None,
        max_age_seconds: float = 3_600,
        hard_max_age_seconds: float = 86_400,
        cooldown_seconds: float = 30,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = partial(
            KeyStore,
            fetch=partial(_document, http or Http()),
            max_age_seconds=max_age_seconds,
            hard_max_age_seconds=hard_max_age_seconds,
            cooldown_seconds=cooldown_seconds,
            now=now,
        )
        self._stores: dict[str, KeyStore] = {}

    def of(self, pool: UserPool) -> KeyStore:
        """The store of the pool's key address; the same one for the same address. No I/O."""
        # setdefault is atomic, and needs no lock that a fork could leave held; a store too many is simply dropped.
        return self._stores.get(pool.jwks_uri) or self._stores.setdefault(pool.jwks_uri, self._make(pool.jwks_uri))


def _document(http: Http, url: str) -> bytes:
    response = http.request("GET", url)
    if response.status != 200:
        raise CognitoUnavailableError(f"answered with status {response.status}")
    return response.body


def _in_background(run: Callable[[], None]) -> None:
    try:
        threading.Thread(target=run, name="cognito-keys", daemon=True).start()
    except RuntimeError:  # no thread to be had: too many, or the interpreter is on its way out
        run()


_stores: weakref.WeakSet[KeyStore] = weakref.WeakSet()


def _renew_all_locks() -> None:
    for store in _stores:
        store.renew_locks()


getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_renew_all_locks)  # Windows does not fork
