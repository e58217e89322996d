"""Cache of a pool's public keys that survives outages and fetches rarely. Must not depend on tokens.

A store returns keys from memory. It fetches if it has none, if they become old and, at most once per cooldown, if a
`kid` is not cached. A failed fetch never removes usable keys.
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
from typing import TYPE_CHECKING, Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ..errors import CognitoUnavailableError, KeyFetchRequiredError, SignatureError
from ..forks import run_in_forked_child
from ..http.client import Http, read_json
from ..user_pool import UserPool
from .key_events import KeyEvent, KeySkipped, KeysRefreshed, KeysUnavailable

if TYPE_CHECKING:
    from .jwks import KeySet

_log = logging.getLogger(__name__)

_REFRESH_AHEAD = 0.8  # of `max_age_seconds`: keys are fetched before they are old
_MAX_BACK_OFF_SECONDS = 60
_FETCH_ATTEMPTS = 2  # within one deadline


class _CachedKey(NamedTuple):
    """A key, when a JWKS had it last, and until when it may be used."""

    key: RSAPublicKey
    seen_at: float
    until: float


@dataclass(frozen=True, slots=True)
class _State:
    """The state of a store, replaced as a whole, so that it can be read without a lock."""

    keys: Mapping[str, _CachedKey]
    refresh_at: float = -math.inf  # from then on a use of the keys starts a fetch in the background
    retry_at: float = -math.inf  # from then on a `kid` that is not cached causes a fetch
    failures: int = 0  # consecutive
    failure: str = "not fetched yet"


class KeyStore:
    """The keys of one JWKS URL, with at most one fetch at a time.

    Keys are fresh up to `max_age_seconds`. From four fifths of that age up to `hard_max_age_seconds` they stay in use
    while one fetch runs in the background, so that an outage signs no user out. After that, and if there are no keys,
    one call fetches and others wait for it. An unknown `kid` causes one fetch per cooldown. After a failure the pause
    is 1, 2, 4 ... 60 seconds, reduced by up to half at random. A key that is no longer in the JWKS is used until it was
    absent for `max_age_seconds`, because one server may return an old document.

    `fetch` returns the document's bytes or raises CognitoUnavailableError; `start` runs a function in the background;
    `on_event` is called with each event, in the thread that fetched.
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
        on_event: Callable[[KeyEvent], None] | None = None,
    ) -> None:
        self.url = url
        self._name = f"the keys of {owner} at {url}" if owner else f"the keys at {url}"
        self._fetch = fetch
        self._max_age = max_age_seconds
        self._hard_max_age = max(hard_max_age_seconds, max_age_seconds)
        self._cooldown = cooldown_seconds
        self._now = now
        self._chance = chance
        self._start = start or _start_thread
        self._on_event = on_event or (lambda _: None)
        self._state = _State(keys={})
        self.reset_after_fork()
        _stores.add(self)

    def get_key(self, kid: str, *, wait: bool = True) -> RSAPublicKey:
        """Return the key `kid`. If it is not cached, fetch or wait for a fetch, unless the cooldown forbids it.

        Raises SignatureError (`unknown_key`) if the keys are fresh and lack it, CognitoUnavailableError with the
        seconds until the next attempt if the last fetch failed, and KeyFetchRequiredError instead of any wait or fetch
        if `wait` is False.
        """
        key = self.get_cached_key(kid)
        if key is None and not wait and (self._inflight is not None or self._now() >= self._state.retry_at):
            raise KeyFetchRequiredError(f"{self._name} must be fetched first", keys=self)
        if key is None:
            self._refresh(wait=True)
            key = self.get_cached_key(kid)
        if key is not None:
            return key
        state, now = self._state, self._now()
        if state.failures or not _is_usable(state, now):
            raise self._unavailable(state, now)
        raise SignatureError("the token names a key that its pool does not publish", code="unknown_key")

    def get_cached_key(self, kid: str) -> RSAPublicKey | None:
        """Return the key `kid` if it is cached and may be used. Never waits; starts a fetch if the keys are old."""
        state, now = self._state, self._now()
        cached = state.keys.get(kid)
        if cached is None or now >= cached.until:
            return None
        if now >= state.refresh_at:
            self._refresh(wait=False)
        return cached.key

    def hydrate(self) -> None:
        """Fetch the keys unless they are fresh. Raises CognitoUnavailableError if none are usable afterwards."""
        if self._now() >= self._state.refresh_at:
            self._refresh(wait=True)
        state, now = self._state, self._now()
        if not _is_usable(state, now):
            raise self._unavailable(state, now)

    def pin(self, jwks: Mapping[str, Any]) -> None:
        """Use the keys of `jwks` from now on and never fetch. Raises ValueError as KeySet does."""
        keys = {kid: _CachedKey(key, math.inf, math.inf) for kid, key in _read_keys(jwks).items()}
        with self._lock:
            self._state = _State(keys, refresh_at=math.inf, retry_at=math.inf)

    def reset_after_fork(self) -> None:
        """Replace the lock and the running fetch: a child process does not have the thread of either."""
        self._lock = threading.Lock()
        self._inflight: threading.Event | None = None

    def _refresh(self, *, wait: bool) -> None:
        """Start a fetch if one is due and none is running: in this thread if `wait`. If one is running, wait for it."""
        with self._lock:
            inflight = self._inflight
            is_due = inflight is None and self._now() >= (self._state.retry_at if wait else self._state.refresh_at)
            if is_due:
                self._inflight = inflight = threading.Event()
        if inflight and is_due:
            run = partial(self._run_fetch, inflight)
            run() if wait else self._start(run)
        elif inflight and wait:
            inflight.wait()

    def _run_fetch(self, finished: threading.Event) -> None:
        """Fetch the keys, replace the state, wake the threads that wait, and report the result."""
        result: KeySet | str = "the fetch did not finish"
        try:
            result = _read_keys(read_json(self._fetch(self.url)))
        except (CognitoUnavailableError, ValueError) as error:
            result = str(error)
        finally:
            with self._lock:
                if self._state.retry_at < math.inf:  # not pinned in the meantime
                    self._state = self._after_failure(result) if isinstance(result, str) else self._after_fetch(result)
                self._inflight = None
                state = self._state
            finished.set()
        if isinstance(result, str):
            retry_after = self._retry_after(state, self._now())
            _log.warning("%s are unavailable, next attempt in %s s: %s", self._name, retry_after, result)
            self._on_event(KeysUnavailable(self.url, result, retry_after))
            return
        for kid, reason in result.skipped:
            _log.warning("a key of %s is skipped: %r: %s", self._name, kid, reason)
            self._on_event(KeySkipped(self.url, kid, reason))
        _log.info("%s have been fetched: %s", self._name, ", ".join(map(repr, result)))
        self._on_event(KeysRefreshed(self.url, tuple(result)))

    def _after_fetch(self, fetched: "KeySet") -> _State:
        """Return the state after a successful fetch. A key that stays is the same object, for the token cache."""
        now, before = self._now(), self._state.keys
        same = {
            kid: before[kid].key if kid in before and before[kid].key == key else key for kid, key in fetched.items()
        }
        listed = {kid: _CachedKey(key, now, now + self._hard_max_age) for kid, key in same.items()}
        present = {kid for kid, _ in fetched.skipped} | fetched.keys()
        absent = {
            kid: cached._replace(until=min(cached.until, cached.seen_at + self._max_age))
            for kid, cached in before.items()
            if kid not in present
        }
        usable = {kid: cached for kid, cached in absent.items() if now < cached.until}
        return _State({**usable, **listed}, now + _REFRESH_AHEAD * self._max_age, now + self._cooldown)

    def _after_failure(self, reason: str) -> _State:
        """Return the state after a failed fetch: the same keys, and the times of the next attempts."""
        state, now = self._state, self._now()
        longest = min(2**state.failures, _MAX_BACK_OFF_SECONDS)
        pause = max(1.0, longest * (1 + self._chance()) / 2)
        # Fresh keys can wait for the cooldown as well.
        is_fresh = now < state.refresh_at
        retry_at = now + (max(pause, self._cooldown) if is_fresh else pause)
        refresh_at = max(state.refresh_at, now + pause)
        failures = min(state.failures + 1, _MAX_BACK_OFF_SECONDS)
        return replace(state, refresh_at=refresh_at, retry_at=retry_at, failures=failures, failure=reason)

    def _unavailable(self, state: _State, now: float) -> CognitoUnavailableError:
        message = f"{self._name} are unavailable: {state.failure}"
        return CognitoUnavailableError(message, retry_after=self._retry_after(state, now))

    @staticmethod
    def _retry_after(state: _State, now: float) -> int:
        return math.ceil(max(state.retry_at - now, 1))


class KeyStores:
    """One key store for each JWKS URL, for every verifier that shares this object."""

    def __init__(
        self,
        *,
        http: Http | None = None,
        max_age_seconds: float = 3_600,
        hard_max_age_seconds: float = 86_400,
        cooldown_seconds: float = 30,
        now: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        on_event: Callable[[KeyEvent], None] | None = None,
    ) -> None:
        self._make = partial(
            KeyStore,
            fetch=partial(_fetch_document, http or Http()),
            max_age_seconds=max_age_seconds,
            hard_max_age_seconds=hard_max_age_seconds,
            cooldown_seconds=cooldown_seconds,
            now=now,
            chance=chance,
            on_event=on_event,
        )
        self._stores: dict[str, KeyStore] = {}

    def for_pool(self, pool: UserPool) -> KeyStore:
        """Return the store of the pool's JWKS URL; the same one for the same URL. No I/O."""
        store = self._stores.get(pool.jwks_uri)
        if store is None:
            # setdefault is atomic, and needs no lock that a fork could leave held; a superfluous store is dropped.
            store = self._stores.setdefault(pool.jwks_uri, self._make(pool.jwks_uri, owner=pool.user_pool_id))
        return store


def _read_keys(document: object) -> "KeySet":
    """Return the keys of a JWKS document. Raises ValueError as KeySet does."""
    from .jwks import KeySet  # its PyJWT takes 0.05 s and 4 MiB: the first key set imports it

    return KeySet(document)


def _is_usable(state: _State, now: float) -> bool:
    return any(now < cached.until for cached in state.keys.values())


def _fetch_document(http: Http, url: str) -> bytes:
    """Return the document at `url`. Any status but 200 is a failed fetch, which leaves the cached keys in use."""
    response = http.request("GET", url, attempts=_FETCH_ATTEMPTS)
    if response.status != 200:
        raise CognitoUnavailableError(f"responded with status {response.status}")
    return response.body


def _start_thread(run: Callable[[], None]) -> None:
    """Call `run` in a new thread; in this one if no thread can be started, so that waiting threads are woken."""
    try:
        threading.Thread(target=run, name="cognito-keys", daemon=True).start()
    except RuntimeError:  # no more threads, or the interpreter is shutting down
        run()


_stores: weakref.WeakSet[KeyStore] = weakref.WeakSet()


@run_in_forked_child
def _reset_after_fork() -> None:
    for store in _stores:
        store.reset_after_fork()
