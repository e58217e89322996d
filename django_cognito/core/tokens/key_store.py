"""A pool's public keys: kept through outages, asked for rarely. Knows no tokens and no pool's claims.

A store answers from memory. It fetches when it has nothing, when its keys grow old and, at most once a cooldown, when
a key is named that it does not know. Whatever a fetch brings, good keys are only ever replaced by good ones.
"""

import logging
import math
import random
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ..errors import CognitoUnavailableError, KeysDueError, SignatureError
from ..forks import run_in_forked_child
from ..http.client import Http, read_json
from ..user_pool import UserPool
from .jwks import KeySet
from .key_events import KeyEvent, KeySkipped, KeysRefreshed, KeysUnavailable

_log = logging.getLogger(__name__)

_REFRESH_AHEAD = 0.8  # of the age up to which keys are fresh: the next ones come before these are old
_MAX_BACK_OFF_SECONDS = 60
_FETCH_ATTEMPTS = 2  # within one deadline


class _Held(NamedTuple):
    """A key in hand: when a set listed it last, and until when it may be used."""

    key: RSAPublicKey
    seen_at: float
    until: float


@dataclass(frozen=True, slots=True)
class _State:
    """All that a store knows, replaced as a whole, so that it can be read without a lock."""

    keys: Mapping[str, _Held]
    renew_at: float = -math.inf  # from then on a use of the keys fetches new ones, in the background
    ask_at: float = -math.inf  # from then on a name that is not known is worth a fetch
    failures: int = 0  # in a row
    failure: str = "not asked yet"


class KeyStore:
    """The keys behind one address: at most one fetch at a time, and none that was not due.

    Fresh keys (up to `max_age_seconds`) simply answer; from four fifths of that age on, and up to
    `hard_max_age_seconds`, they go on answering while one fetch runs in the background: an outage logs nobody out.
    Past that, and where there are no keys, one call fetches and others wait for it. An unknown `kid` causes one fetch a
    cooldown. After a failure the pause is 1, 2, 4 ... 60 s, or down to half of that by chance. A key that a good set
    no longer lists is used until it has not been seen for `max_age_seconds`: one server's old answer is no outage.

    `fetch` gives the document's bytes or raises CognitoUnavailableError; `start` runs a function in the background;
    `tell` is called with what happened, in the thread that fetched.
    """

    def __init__(
        self,
        url: str,
        fetch: Callable[[str], bytes],
        *,
        owner: str = "",
        max_age_seconds: float = 3_600,
        hard_max_age_seconds: float = 86_400,
        cooldown_seconds: float = 30,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        start: Callable[[Callable[[], None]], None] | None = None,
        tell: Callable[[KeyEvent], None] | None = None,
    ) -> None:
        self.url = url
        self._name = f"the keys of {owner} at {url}" if owner else f"the keys at {url}"
        self._fetch = fetch
        self._max_age = max_age_seconds
        self._hard_max_age = max(hard_max_age_seconds, max_age_seconds)
        self._cooldown = cooldown_seconds
        self._now = now
        self._chance = chance
        self._start = start or _in_background
        self._tell = tell or _tell_nobody
        self._state = _State(keys={})
        self.renew_locks()
        _stores.add(self)

    def key(self, kid: str, *, wait: bool = True) -> RSAPublicKey:
        """The key called `kid`; fetches, or waits for a fetch, only where that is due.

        Raises SignatureError (`unknown_key`) if the keys are fresh enough to say that there is no such key, and
        CognitoUnavailableError, with the seconds until the next attempt, if that cannot be said. Where without `wait`
        it would have to wait, it raises KeysDueError.
        """
        key = self.in_hand(kid)
        if key is None and not wait and self._is_awaited():
            raise KeysDueError(f"{self._name} are to be fetched first", keys=self)
        if key is None:
            self._refresh(wait=True)
            key = self.in_hand(kid)
        if key is not None:
            return key
        state, now = self._state, self._now()
        if state.failures or not _is_usable(state, now):
            raise self._unavailable(state, now)
        raise SignatureError("the token names a key that its pool does not publish", code="unknown_key")

    def in_hand(self, kid: str) -> RSAPublicKey | None:
        """The key called `kid`, if it is known and may be used. Waits for nothing; old keys are renewed meanwhile."""
        state, now = self._state, self._now()
        held = state.keys.get(kid)
        if held is None or now >= held.until:
            return None
        if now >= state.renew_at:
            self._refresh(wait=False)
        return held.key

    def hydrate(self) -> None:
        """Fetch the keys, unless they are fresh. Raises CognitoUnavailableError where none can be had."""
        if self._now() >= self._state.renew_at:
            self._refresh(wait=True)
        state, now = self._state, self._now()
        if not _is_usable(state, now):
            raise self._unavailable(state, now)

    def pin(self, jwks: Mapping[str, Any]) -> None:
        """Use the keys of `jwks` from now on and fetch none ever again. Raises ValueError as KeySet does."""
        keys = {kid: _Held(key, math.inf, math.inf) for kid, key in KeySet(jwks).items()}
        with self._lock:
            self._state = _State(keys, renew_at=math.inf, ask_at=math.inf)

    def renew_locks(self) -> None:
        """A new lock, and no fetch under way: in a forked child the thread that held or ran it does not exist."""
        self._lock = threading.Lock()
        self._flight: threading.Event | None = None

    def _is_awaited(self) -> bool:
        """Whether a key that is not in hand would be waited for: a fetch is under way, or due."""
        return self._flight is not None or self._now() >= self._state.ask_at

    def _refresh(self, *, wait: bool) -> None:
        """Fetch if that is due and nobody does: here and now, or behind the caller's back; wait for whoever does."""
        with self._lock:
            flight = self._flight
            mine = flight is None and self._now() >= (self._state.ask_at if wait else self._state.renew_at)
            if mine:
                self._flight = flight = threading.Event()
        if flight and mine:
            run = partial(self._fly, flight)
            run() if wait else self._start(run)
        elif flight and wait:
            flight.wait()

    def _fly(self, flight: threading.Event) -> None:
        found: KeySet | str = "the fetch did not end"
        try:
            found = KeySet(read_json(self._fetch(self.url)))
        except (CognitoUnavailableError, ValueError) as error:
            found = str(error)
        finally:
            state = self._land(flight, found)
        self._report(found, state)

    def _land(self, flight: threading.Event, found: KeySet | str) -> _State:
        """Note what a fetch brought. What brought nothing usable changes no key, and nothing changes pinned ones."""
        with self._lock:
            if self._state.ask_at < math.inf:
                self._state = self._failed(found) if isinstance(found, str) else self._renewed(found)
            self._flight = None
            state = self._state
        flight.set()
        return state

    def _renewed(self, found: KeySet) -> _State:
        now, before = self._now(), self._state.keys
        # A key that stays is the same object, so that whoever kept it can tell that it did.
        same = {kid: before[kid].key if kid in before and before[kid].key == key else key for kid, key in found.items()}
        listed = {kid: _Held(key, now, now + self._hard_max_age) for kid, key in same.items()}
        named = {kid for kid, _ in found.skipped} | found.keys()
        leaving = {
            kid: held._replace(until=min(held.until, held.seen_at + self._max_age))
            for kid, held in before.items()
            if kid not in named
        }
        kept = {kid: held for kid, held in leaving.items() if now < held.until}
        return _State({**kept, **listed}, now + _REFRESH_AHEAD * self._max_age, now + self._cooldown)

    def _failed(self, reason: str) -> _State:
        state, now = self._state, self._now()
        longest = min(2**state.failures, _MAX_BACK_OFF_SECONDS)
        pause = max(1.0, longest * (1 + self._chance()) / 2)
        # Without keys, or with old ones, every attempt counts; with fresh ones a name that is unknown can wait.
        is_fresh = now < state.renew_at
        ask_at = now + (max(pause, self._cooldown) if is_fresh else pause)
        renew_at = max(state.renew_at, now + pause)
        failures = min(state.failures + 1, _MAX_BACK_OFF_SECONDS)
        return replace(state, renew_at=renew_at, ask_at=ask_at, failures=failures, failure=reason)

    def _report(self, found: KeySet | str, state: _State) -> None:
        if isinstance(found, str):
            retry_after = self._retry_after(state, self._now())
            _log.warning("%s cannot be had, next attempt in %s s: %s", self._name, retry_after, found)
            self._tell(KeysUnavailable(self.url, found, retry_after))
            return
        for kid, reason in found.skipped:
            _log.warning("a key of %s is skipped: %r: %s", self._name, kid, reason)
            self._tell(KeySkipped(self.url, kid, reason))
        _log.info("%s have been fetched: %s", self._name, ", ".join(map(repr, found)))
        self._tell(KeysRefreshed(self.url, tuple(found)))

    def _unavailable(self, state: _State, now: float) -> CognitoUnavailableError:
        message = f"{self._name} cannot be had: {state.failure}"
        return CognitoUnavailableError(message, retry_after=self._retry_after(state, now))

    @staticmethod
    def _retry_after(state: _State, now: float) -> int:
        return math.ceil(max(state.ask_at - now, 1))


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
        chance: Callable[[], float] = random.random,
        tell: Callable[[KeyEvent], None] | None = None,
    ) -> None:
        self._make = partial(
            KeyStore,
            fetch=partial(_document, http or Http()),
            max_age_seconds=max_age_seconds,
            hard_max_age_seconds=hard_max_age_seconds,
            cooldown_seconds=cooldown_seconds,
            now=now,
            chance=chance,
            tell=tell,
        )
        self._stores: dict[str, KeyStore] = {}

    def of(self, pool: UserPool) -> KeyStore:
        """The store of the pool's key address; the same one for the same address. No I/O."""
        store = self._stores.get(pool.jwks_uri)
        if store is None:
            # setdefault is atomic, and needs no lock that a fork could leave held; a store too many is simply dropped.
            store = self._stores.setdefault(pool.jwks_uri, self._make(pool.jwks_uri, owner=pool.user_pool_id))
        return store


def _is_usable(state: _State, now: float) -> bool:
    return any(now < held.until for held in state.keys.values())


def _document(http: Http, url: str) -> bytes:
    response = http.request("GET", url, attempts=_FETCH_ATTEMPTS)
    if response.status != 200:
        raise CognitoUnavailableError(f"answered with status {response.status}")
    return response.body


def _in_background(run: Callable[[], None]) -> None:
    try:
        threading.Thread(target=run, name="cognito-keys", daemon=True).start()
    except RuntimeError:  # no thread to be had: too many, or the interpreter is on its way out
        run()


def _tell_nobody(event: KeyEvent) -> None:
    return


_stores: weakref.WeakSet[KeyStore] = weakref.WeakSet()


def _renew_all_locks() -> None:
    for store in _stores:
        store.renew_locks()


run_in_forked_child(_renew_all_locks)
