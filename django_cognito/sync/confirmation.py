"""Find the users whose entry is as a run has written it before: their rows need no write.

When the run is complete, its moment is stored once for the pool: see `authorization.confirmed_moments`.
"""

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial

from django.db import router
from django.db.models import Q

from .. import __version__
from ..authorization.confirmed_moments import MOMENTS, get_confirmations, set_confirmed_moments
from ..conf.schema import CognitoSettings
from ..core.directory import DirectoryUser
from ..db.arrays import build_array, match_any
from ..db.compiled_query import CompiledQuery, Part
from ..db.row_updates import update_rows
from ..db.transactions import retry_conflicts, write_transaction
from ..models import CognitoUser
from ..users.attributes.claim_sources import DirectoryGroups, IdentityClaims, claims_from_directory
from ..users.attributes.claim_values import get_other_claims
from ..users.attributes.source_digests import hash_json, hash_settings
from ..users.writing.link_writes import links_for_write
from .lock import SyncLock

_ROWS_AT_ONCE = 5_000
_CHUNK = 1 << 16  # rows
_CONFIRMED, _WRITTEN = 1, 2
_COLUMNS = ("id", "sub", "listed_digest", "username", "groups", "enabled", "gone_at")
_DIGEST_LENGTH = 32  # hex digits: 128 bits
# Remembered groups expire by the moment in the row, which each row therefore gets in each quarter of their time.
_PERIODS = 4


class Confirmation:
    """The rows of one pool that a run has confirmed or written, by primary key. A byte for each row, in chunks.

    Groups count as read at `moment`, and so does all that the run confirms. Of `unread_groups` it states nothing.
    """

    def __init__(self, settings: CognitoSettings, moment: datetime, unread_groups: Collection[str] = ()) -> None:
        self._settings = settings
        self._moment = moment.replace(microsecond=0)
        self._seconds = int(moment.timestamp())
        self._unread_groups = unread_groups
        self._settings_digest = hash_json([__version__, hash_settings(settings), get_other_claims(settings)])
        later = get_confirmations().filter(user_pool_id=settings.user_pool_id, confirmed_at__gt=self._moment)
        is_latest = not later.exists()  # the clock was not set back
        # The code of a function in ATTRIBUTES may have changed, and its result may depend on more than the entry.
        self._is_possible = is_latest and all(isinstance(source, str) for source in settings.attributes.values())
        self._period_seconds = (settings.remembered_groups_seconds or 0) // _PERIODS
        self._marks: defaultdict[int, bytearray] = defaultdict(partial(bytearray, _CHUNK))

    def select_changed(
        self, users: Collection[DirectoryUser], groups: Mapping[str, Sequence[str]] | None, moment: datetime
    ) -> tuple[list[IdentityClaims], dict[str, bool]]:
        """Return the claims of users whose entry has changed, and of the others, by `sub`, whether they are enabled.

        `moment` is that of the entries; `groups` are their groups by `sub`, or None if they were not read. One query.
        """
        stated = {user.sub: None if groups is None else groups[user.sub] for user in users}
        digests = {user.sub: self._hash_entry(user, stated[user.sub]) for user in users}
        unchanged = self._find_unchanged(users, stated, digests) if self._is_possible and digests else {}
        claims = []
        for user in users:
            if user.sub not in unchanged:
                names = stated[user.sub]
                groups_of_user = None if names is None else DirectoryGroups(names, self._moment, self._unread_groups)
                claims.append(claims_from_directory(user, groups_of_user, moment, self._settings, digests[user.sub]))
        return claims, unchanged

    def _hash_entry(self, user: DirectoryUser, groups: Sequence[str] | None) -> str:
        """Return a digest of all that is stated about a user, and of what determines how it is written."""
        if not self._is_possible:
            return ""
        period = 0
        if self._period_seconds:  # each user's periods begin at another time
            period = (self._seconds + zlib.crc32(user.sub.encode()) % self._period_seconds) // self._period_seconds
        attributes, names = sorted(user.attributes.items()), None if groups is None else sorted(groups)
        # In half the time that JSON takes, and as unambiguous for strings.
        entry = repr((self._settings_digest, period, user.sub, user.username, attributes, names))
        return hashlib.sha256(entry.encode()).hexdigest()[:_DIGEST_LENGTH]

    def _find_unchanged(
        self, users: Collection[DirectoryUser], stated: Mapping[str, Sequence[str] | None], digests: Mapping[str, str]
    ) -> dict[str, bool]:
        """Return the users whose row has this digest, by `sub`: whether they are enabled.

        Not if the username or the groups of the row itself were edited since.
        """
        subs, usernames = [*digests], {user.sub: user.username for user in users}
        query, places = _get_query(router.db_for_write(CognitoUser), len(subs))
        values: dict[str | None, str | None] = {"": self._settings.user_pool_id, build_array(places): build_array(subs)}
        values.update(zip(places, subs, strict=True))
        parameters = [values[place] for place in query.parameters]
        unchanged = {}
        for pk, sub, listed_digest, username, groups, enabled, gone_at in query.fetch_rows(parameters):
            names = stated[sub]
            is_changed = listed_digest[1:] != digests[sub] or username != usernames[sub]
            is_changed = is_changed or (
                names is not None and {*names} != {*json.loads(groups)}.difference(self._unread_groups)
            )
            if not is_changed:
                unchanged[sub] = bool(enabled) and gone_at is None
                self._mark(pk, _CONFIRMED)
        return unchanged

    def add_written(self, pks: frozenset[int]) -> None:
        """Add the rows that have the digest of their entry now."""
        for pk in pks:
            self._mark(pk, _WRITTEN)

    def publish(self, lock: SyncLock, while_waiting: Callable[[], object]) -> list[CognitoUser]:
        """Store the moment of the complete run, after the rows that it has not confirmed lost their digest.

        Return the links that were confirmed by the run, and that another source has changed since: it may be older than
        the run. About one query for 5,000 rows of the pool. `while_waiting` is called every few seconds; it may raise.
        """
        if not self._is_possible:
            return []
        unconfirmed = [pk for pk in self._list_pks(~Q(listed_digest="")) if not self._get_mark(pk)]
        for start in range(0, len(unconfirmed), _ROWS_AT_ONCE):
            while_waiting()
            retry_conflicts(partial(_remove_digests, unconfirmed[start : start + _ROWS_AT_ONCE]))
        while_waiting()
        lock.store_confirmation(self._moment, while_waiting)
        changed = [pk for pk in self._list_pks(Q(listed_digest="")) if self._get_mark(pk) == _CONFIRMED]
        return list(links_for_write().filter(pk__in=changed)) if changed else []

    def _list_pks(self, condition: Q) -> Iterator[int]:
        """Yield the primary keys of the rows of the pool with this condition."""
        links = links_for_write().filter(condition, user_pool_id=self._settings.user_pool_id).order_by("pk")
        pks = links.values_list("pk", flat=True)
        page = list(pks[:_ROWS_AT_ONCE])
        while page:
            yield from page
            page = list(pks.filter(pk__gt=page[-1])[:_ROWS_AT_ONCE])

    def _mark(self, pk: int, mark: int) -> None:
        self._marks[pk // _CHUNK][pk % _CHUNK] = mark

    def _get_mark(self, pk: int) -> int:
        chunk = self._marks.get(pk // _CHUNK)
        return chunk[pk % _CHUNK] if chunk else 0


def _remove_digests(pks: Sequence[int]) -> None:
    """Remove the digests of rows, which keep the moments at which earlier runs confirmed them."""
    with write_transaction():
        rows = list(links_for_write().select_for_update().filter(pk__in=pks).order_by("pk"))
        set_confirmed_moments(rows)
        for row in rows:
            row.listed_digest = ""
        update_rows(router.db_for_write(CognitoUser), [(row, ("listed_digest", *MOMENTS)) for row in rows])


@cache
def _get_query(using: str, count: int) -> tuple[CompiledQuery, list[str]]:
    """Return the query for the rows of `count` users, and what stands for them in its parameters: "" for the pool."""
    places = [*map(str, range(count))]
    has_sub = match_any(CognitoUser._meta.get_field("sub"), places, using)
    rows = links_for_write().filter(has_sub, user_pool_id="")
    return CompiledQuery(using, rows, Part(CognitoUser, _COLUMNS)), places
