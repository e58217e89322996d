"""The revoked sign-ins and users of the cache CACHE, which all processes of the site share.

A process keeps what it has read for REVOCATION_SECONDS. Must not depend on tokens.
"""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4
from weakref import WeakKeyDictionary

from django.core.cache import caches
from django.db import Error, router

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core.errors import CognitoUnavailableError
from ..factories import cached_instance
from ..models import CognitoLogin

SIGN_IN, TOKEN, USER, DISABLED = "sign-in", "token", "user", "disabled"
_TOKEN_SECONDS = 86_400  # the longest lifetime of an access or ID token
_LOADED_SECONDS = 3_600  # then one process reads the database again, although the cache has not been emptied
_WARNING_SECONDS = 60
_MAX_ENTRIES = 16_384  # of a process, about 300 bytes each

_logger = logging.getLogger(__name__)
_namespace = ""  # of the names in the cache; a test has one of its own


class Subject(NamedTuple):
    """What is revoked: a sign-in by its `origin_jti` or its login's id, a token by a digest, or a user by the `sub`."""

    kind: str
    user_pool_id: str
    id: str


class RevocationList:
    """The revoked subjects of the cache CACHE, each with its moment in milliseconds since 1970; 0 is not revoked.

    Only integers are stored: Redis and Memcached return them without unpickling. Safe with threads and forks without a
    lock, as `VerifiedTokenCache` is. If an entry is evicted, the cache is read again.
    """

    def __init__(self, settings: CognitoSettings, *, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._entries: OrderedDict[Subject, tuple[float, int]] = OrderedDict()  # when it was read, and its moment
        # Of cached tokens that nothing rejects: until when, and `_version`. It spares the look-ups of three subjects.
        self._accepted: WeakKeyDictionary[object, tuple[float, object]] = WeakKeyDictionary()
        self._version = object()  # replaced when this process revokes something
        self._retry_at = -1.0  # after a failure of the cache: no earlier read
        self._warn_at = -1.0
        self._load_at = -1.0
        self._is_outdated = False  # what was revoked in an outage of the cache is not in it

    def is_accepted(self, token: object) -> bool:
        """Return whether `accept` was called for this token object in REVOCATION_SECONDS. No I/O."""
        entry = self._accepted.get(token)
        return entry is not None and entry[1] is self._version and self._now() < entry[0]

    def accept(self, token: object, subjects: Sequence[Subject], version: object) -> None:
        """Remember that nothing rejects the token. `version` is from before its subjects were read."""
        entries = [self._entries.get(subject) for subject in subjects]
        read_at = min((entry[0] for entry in entries if entry is not None and not entry[1]), default=0.0)
        if all(entry is not None and not entry[1] for entry in entries):
            self._accepted[token] = read_at + self._settings.revocation_seconds, version

    @property
    def version(self) -> object:
        """An object that is replaced when this process revokes something."""
        return self._version

    def get_fresh(self, subjects: Sequence[Subject]) -> list[int] | None:
        """Return the moments of `subjects`; None if one must be read. No I/O."""
        now, moments = self._now(), []
        for subject in subjects:
            entry = self._entries.get(subject)
            if entry is None or not entry[0] <= now < entry[0] + self._settings.revocation_seconds:
                return None
            moments.append(entry[1])
        return moments

    def read(self, subjects: Sequence[Subject]) -> list[int]:
        """Return the moments of `subjects`. At most one `get_many`; one query if the cache was emptied.

        Raises CognitoUnavailableError (code "revocation_unavailable") if the cache does not respond, stores nothing, or
        was emptied while the database does not respond, and WITHOUT_CACHE is "reject". Otherwise the moments that this
        process has read before are returned then.
        """
        fresh = self.get_fresh(subjects)
        if fresh is not None:
            return fresh
        read_at = self._now()
        values = self._get_many({**{_name(subject): subject for subject in subjects}, _loaded_name(): None}, read_at)
        if values is None:
            if self._settings.without_cache == "reject":
                raise CognitoUnavailableError("the cache CACHE does not respond", code="revocation_unavailable")
            return [self._entries.get(subject, (0, 0))[1] for subject in subjects]
        loaded: dict[Subject, int] = {}
        if (self._is_outdated or _loaded_name() not in values) and read_at >= self._load_at:
            self._load_at = read_at + self._settings.revocation_seconds  # DummyCache is always empty
            loaded = self._load_unconfirmed()
        if self._settings.without_cache == "reject" and (
            self._is_outdated or not (_loaded_name() in values or self._is_loaded())
        ):
            raise CognitoUnavailableError("the cache CACHE is not complete", code="revocation_unavailable")
        moments = {subject: self._store(subject, read_at, values.get(_name(subject), 0)) for subject in subjects}
        moments |= loaded
        return [moments[subject] for subject in subjects]  # not the entries: another thread may evict them

    def add(self, moments: Mapping[Subject, int]) -> bool:
        """Revoke subjects in this process and in the cache. Return whether the cache has stored them."""
        now, cache = self._now(), caches[self._settings.cache]
        for subject, moment in moments.items():
            self._store(subject, now, moment)
        self._version = object()
        lifetime_seconds = _TOKEN_SECONDS + int(self._settings.leeway_seconds) + 1
        try:
            failed = cache.set_many({_name(subject): moment for subject, moment in moments.items()}, lifetime_seconds)
        except Exception as error:  # noqa: BLE001 - each cache library has exceptions of its own
            self._report(error)
            failed = ["all"]
        self._is_outdated |= bool(failed)
        return not failed

    def remove(self, subject: Subject) -> None:
        """Remove a subject from this process and from the cache: the user is enabled again."""
        self._entries[subject] = (self._now(), 0)
        self._version = object()
        cache = caches[self._settings.cache]
        try:
            cache.delete(_name(subject))
        except Exception as error:  # noqa: BLE001 - as above
            self._report(error)

    def clear_entries(self) -> None:
        """Forget what was read, as a new process. For tests."""
        self._entries.clear()
        self._accepted.clear()

    def clear(self) -> None:
        """Forget what was read, and mark the cache as complete. For tests."""
        self.clear_entries()
        self._retry_at = self._warn_at = self._load_at = -1.0
        self._is_outdated = False
        self._set_loaded()

    def _get_many(self, names: Mapping[str, Any], now: float) -> Mapping[str, int] | None:
        """Return the values of the cache; None if it has no usable answer, and for REVOCATION_SECONDS after that."""
        cache = caches[self._settings.cache]
        if now < self._retry_at:
            return None
        try:
            values: dict[str, int] = cache.get_many(list(names))
        except Exception as error:  # noqa: BLE001 - as above
            problem = error
        else:
            if all(type(value) is int for value in values.values()):
                return values
            problem = TypeError("values that this package has not stored")
        self._retry_at, self._is_outdated = now + self._settings.revocation_seconds, True
        self._report(problem)
        return None

    def _load_unconfirmed(self) -> dict[Subject, int]:
        """Put the sign-ins into the cache that ended on this site and that Cognito may still refresh. One query.

        Return them; none if the database does not respond: it is read again after REVOCATION_SECONDS. Without
        `origin_jti`, no token can be compared, and the session is rejected by its row.
        """
        logins = CognitoLogin.objects.using(router.db_for_write(CognitoLogin)).exclude(ended_at=None)
        rows = logins.exclude(origin_jti="").values_list("cognito_user__user_pool_id", "origin_jti", "id", "ended_at")
        try:
            ended = {get_sign_in(pool, origin_jti, pk): to_milliseconds(at) for pool, origin_jti, pk, at in rows if at}
        except Error as error:  # a request with a cached user needs no database
            self._report(error, "the database does not respond, and the cache %r is not complete")
            return {}
        self._is_outdated = False
        if self.add(ended):
            self._set_loaded()
        return ended

    def _set_loaded(self) -> None:
        """Mark the cache as complete. If it is emptied, the mark is missing too."""
        try:
            caches[self._settings.cache].set(_loaded_name(), 1, _LOADED_SECONDS)
        except Exception as error:  # noqa: BLE001 - as above
            self._report(error)

    def _is_loaded(self) -> bool:
        """Return whether the cache has stored the mark. One that hides its failures has not."""
        try:
            return caches[self._settings.cache].get(_loaded_name()) is not None
        except Exception as error:  # noqa: BLE001 - as above
            self._report(error)
            return False

    def _store(self, subject: Subject, read_at: float, moment: int) -> int:
        """Store what was read at `read_at`, and return the moment that counts."""
        before = self._entries.get(subject)
        if before is not None:
            if subject.kind != DISABLED:
                moment = max(moment, before[1])  # final, also if the cache has lost it
            elif before[0] > read_at:
                return before[1]  # changed by this process since `read_at`
        self._entries[subject] = (read_at, moment)
        while len(self._entries) > _MAX_ENTRIES:
            try:
                self._entries.popitem(last=False)
            except KeyError:  # other threads have evicted all others
                break
        return moment

    def _report(self, error: Exception, problem: str = "the cache %r does not respond") -> None:
        """Log an outage of the cache, or of the database that fills it, at most once a minute."""
        now = self._now()
        if now >= self._warn_at:
            self._warn_at = now + _WARNING_SECONDS
            _logger.warning(
                problem + " (%s): processes do not learn of each other's revoked tokens. WITHOUT_CACHE is %r.",
                self._settings.cache,
                type(error).__name__,
                self._settings.without_cache,
            )


def get_revocation_list() -> RevocationList:
    """Return the list of this process."""
    return cached_instance(RevocationList, get_pool_registry().first)


def get_sign_in(user_pool_id: str, origin_jti: str, login_id: Any) -> Subject:
    """Return the sign-in of a login: its `origin_jti`, or the login's id if the pool does not issue it."""
    return Subject(SIGN_IN, user_pool_id, origin_jti or str(login_id))


def to_milliseconds(moment: datetime) -> int:
    """Return the milliseconds since 1970, rounded up: no token of an earlier moment is accepted."""
    return -(-(moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))


def start_new_namespace() -> None:
    """Forget all revocations: those of another test are not this test's. For tests; the cache may not be emptied."""
    global _namespace
    _namespace = uuid4().hex
    get_revocation_list().clear()


def _name(subject: Subject) -> str:
    """Return the name in the cache: a digest, because Memcached allows 250 characters, and no user is named there."""
    digest = hashlib.sha256("\0".join(subject).encode("utf-8", "surrogatepass")).hexdigest()
    return f"django_cognito.revoked.{_namespace}{digest}"


def _loaded_name() -> str:
    return f"django_cognito.revoked.{_namespace}loaded"
