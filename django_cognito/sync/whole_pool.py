"""Synchronize the Django users of one user pool with it: attributes, groups, disabled and deleted users.

Cognito lists users without an order, a filter by time or their groups, and a listing may be some seconds old. So each
run reads all, and what it would take away is confirmed with the user pool first.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

from ..authorization.tenants import is_tenant_group
from ..conf.loading import get_pool_registry
from ..conf.schema import COGNITO_GROUPS, CognitoSettings
from ..core.clock import utc_now
from ..core.directory import DirectoryUser, is_not_found
from ..core.errors import CognitoError
from ..factories import create_directory
from ..users.account_status import record_account
from ..users.writing.bulk_provisioning import count_changes, update_users
from ..users.writing.link_writes import links_for_write
from .confirmation import Confirmation
from .errors import SyncError
from .listing import Listing
from .lock import SyncLock
from .pace import DEFAULT_REQUESTS_PER_SECOND, Pace
from .page_reader import ListedPage, PageReader, collect_pages

_LINKS_AT_ONCE = 900
# A listing may lack what was changed last: a token of that time has precedence.
_LISTING_AGE = timedelta(seconds=60)
DEFAULT_MAX_MISSING_PERCENT = 2.0
# botocore would repeat throttled requests by itself, without the pace of the run.
_CLIENT_OPTIONS: dict[str, Any] = {"retries": {"total_max_attempts": 1}, "connect_timeout": 5, "read_timeout": 30}


@dataclass(slots=True)
class SyncReport:
    """The counts of a run, so far or at its end. `changed` includes the users that were created."""

    phase: str = "groups"  # "groups", "users", "missing"
    estimated_users: int | None = None  # Cognito's estimate
    users: int = 0
    changed: int = 0
    disabled: int = 0  # users found to be disabled, or enabled again
    missing: int = 0  # links whose user was not listed
    deletions: int = 0  # of these, users confirmed to be deleted in Cognito
    requests: int = 0
    throttled: int = 0
    restarts: int = 0  # of listings whose token had expired
    requests_per_second: float = 0.0


def sync_pool(
    alias: str | None = None,
    *,
    groups: bool = False,
    create: bool = False,
    deactivate_missing: bool = False,
    dry_run: bool = False,
    requests_per_second: float = DEFAULT_REQUESTS_PER_SECOND,
    max_changes: int | None = None,
    max_missing_percent: float = DEFAULT_MAX_MISSING_PERCENT,
    on_progress: Callable[[SyncReport], None] = lambda report: None,
    stop: Event | None = None,
) -> SyncReport:
    """Read the whole user pool `alias`, by default the first one, and bring its users up to date.

    The options are those of `manage.py cognito_sync`. `on_progress` is called after each page of a group and each
    transaction, with the report that is returned at the end; after `stop` is set, the run ends. About one request for
    60 users and one transaction for 300. Needs the extra `aws` and the IAM rights of docs/synchronizing.md.

    Raises SyncError (codes "sync_running", "sync_stopped", "sync_refused", "sync_lost"), CognitoError (code
    "directory_refused") or CognitoUnavailableError; DatabaseError if the database fails, or if another transaction has
    locked what the run is to write for minutes. After any of them, and after a kill, a run may be started again.
    """
    settings = get_pool_registry().for_alias(alias)
    stop = stop or Event()
    pace = Pace(requests_per_second, sleep=stop.wait)
    with SyncLock(settings.user_pool_id) as lock, Listing() as listing, PageReader(pace) as reader:
        run = _Run(settings, lock, listing, reader, stop, on_progress, is_dry_run=dry_run, max_changes=max_changes)
        run.estimate()
        with_groups = groups and settings.groups_claim == COGNITO_GROUPS
        if with_groups:
            run.read_groups()
        run.write_users(with_groups=with_groups, create=create, remember=deactivate_missing)
        if deactivate_missing:
            run.check_missing(max_missing_percent)
    return run.report


class _Run:
    """One run for one pool."""

    def __init__(
        self,
        settings: CognitoSettings,
        lock: SyncLock,
        listing: Listing,
        reader: PageReader,
        stop: Event,
        on_progress: Callable[[SyncReport], None],
        *,
        is_dry_run: bool,
        max_changes: int | None,
    ) -> None:
        self.report = SyncReport()
        self._settings = settings
        self._directory = create_directory(settings, **_CLIENT_OPTIONS)
        self._lock = lock
        self._listing = listing
        self._reader = reader
        self._stop = stop
        self._on_progress = on_progress
        self._is_dry_run = is_dry_run
        self._max_changes = max_changes
        self._started_at = utc_now()
        self._unread_groups: frozenset[str] = frozenset()
        self._with_groups = False
        reader.while_waiting = self._continue

    def estimate(self) -> None:
        """Set the estimate of the progress; it needs a right of its own, and is left out without it."""
        try:
            self.report.estimated_users = self._reader.send(self._directory.estimate_users)
        except CognitoError as error:
            if error.code != "directory_refused":
                raise

    def read_groups(self) -> None:
        """Remember the members of the groups that grant something."""
        self.report.phase = "groups"
        settings = self._settings
        # GROUPS may name a group that does not exist, whose members Cognito refuses to list. Cognito adds each user of
        # an identity provider to a group "{pool id}_{provider}", which is not mirrored.
        existing = self._reader.send(self._list_groups)
        provider_groups = f"{settings.user_pool_id}_"
        names = [
            name
            for name in existing
            if name in settings.groups
            or name in settings.tenant_groups
            or is_tenant_group(name, settings)
            or (settings.mirror_groups and not name.startswith(provider_groups))
        ]
        self._unread_groups = frozenset(existing).difference(names)
        for name in names:
            pages = self._reader.read_pages(partial(self._directory.group_page, name))
            try:
                for page in self._listen(pages):
                    if page.is_first:
                        self._listing.begin_group(name)
                    self._listing.add_members(name, [user.sub for user in page.users])
                    self._report_progress()
            except CognitoError as error:
                if not is_not_found(error):
                    raise
                self._listing.begin_group(name)  # the group was deleted meanwhile

    def _list_groups(self) -> list[str]:
        """Return the names of all groups. Runs in the thread of the reader."""
        names = []
        for page in self._directory.groups():
            names += [group.name for group in page]
            self._reader.pace.wait()
        return names

    def write_users(self, *, with_groups: bool, create: bool, remember: bool) -> None:
        """Write the users, some pages at once. Their groups count as of a minute before the run, see _LISTING_AGE."""
        self.report.phase = "users"
        self._with_groups = with_groups
        self._confirmation = Confirmation(self._settings, self._started_at - _LISTING_AGE, self._unread_groups)
        for pages in collect_pages(self._listen(self._reader.read_pages(self._directory.user_page))):
            if pages[0].is_first:  # a listing that begins again lists the same users
                self.report.users = 0
                self.report.changed *= not self._is_dry_run
            users = [user for page in pages for user in page.users]
            if remember:
                self._listing.add_users([user.sub for user in users])
            self._write_users(users, pages[0].moment, create=create)
            self.report.users += len(users)
            self._report_progress()
        # A token that is older than the run may have changed a user whose entry was unchanged.
        for link in self._confirmation.publish(self._lock, self._continue) if not self._is_dry_run else ():
            self._continue()
            account = self._reader.send(partial(self._directory.user, link.username))
            if account is not None and account.sub == link.sub:
                self._write_users([account], utc_now(), create=False)

    def _write_users(self, users: Sequence[DirectoryUser], moment: datetime, *, create: bool) -> None:
        """Write what has changed of users who were read at `moment` or later, or count it."""
        groups = self._listing.get_groups([user.sub for user in users]) if self._with_groups else None
        claims, unchanged = self._confirmation.select_changed(users, groups, moment - _LISTING_AGE)
        if self._is_dry_run or self._max_changes is not None:
            changed = count_changes(claims, create=create)
            if self._max_changes is not None and self.report.changed + changed > self._max_changes:
                raise SyncError(f"more than {self._max_changes} users would change", code="sync_stopped")
        if not self._is_dry_run:
            result = update_users(claims, create=create, begin=self._lock.hold)
            changed = result.changed
            self._confirmation.add_written(result.listed)
            differing = self._record_status(users, {**result.is_enabled, **unchanged})
            # The claims of users whom MIRROR_ENABLED had deactivated were not written.
            again = [claim for claim in claims if claim.sub in differing and not result.is_enabled[claim.sub]]
            self._confirmation.add_written(update_users(again, begin=self._lock.hold).listed)
        self.report.changed += changed

    def _record_status(self, users: Sequence[DirectoryUser], stored: Mapping[str, bool]) -> Collection[str]:
        """Ask for the users whose status differs from the stored one: a listing may be old. Return their `sub`."""
        usernames = {user.sub: user.username for user in users if user.enabled != stored.get(user.sub, user.enabled)}
        links = links_for_write().filter(user_pool_id=self._settings.user_pool_id, sub__in=usernames)
        for link in links if usernames else ():
            record_account(link, self._reader.send(partial(self._directory.user, usernames[link.sub])))
            self.report.disabled += 1
        return usernames

    def check_missing(self, max_percent: float) -> None:
        """Confirm each user that was not listed, and record those who were deleted.

        A pool can be restored to an earlier time, so many missing users are refused.
        """
        self.report.phase = "missing"
        # Of users who signed in first during this run, the listing may be older.
        links = links_for_write().filter(
            user_pool_id=self._settings.user_pool_id, created_user=True, gone_at=None, created_at__lt=self._started_at
        )
        total, missing = links.count(), list[str]()
        pk = 0
        while rows := list(links.filter(pk__gt=pk).order_by("pk").values_list("pk", "sub")[:_LINKS_AT_ONCE]):
            pk = rows[-1][0]
            missing += self._listing.get_missing([sub for _, sub in rows])
            self._continue()
        self.report.missing = len(missing)
        if len(missing) > total * max_percent / 100:
            raise SyncError(
                f"{len(missing)} of {total} users were not listed, more than {max_percent:g} %: none was deactivated"
            )
        for sub in missing if not self._is_dry_run else ():
            self._continue()
            link = links.filter(sub=sub).select_related("user").first()
            if link is not None:
                account = self._reader.send(partial(self._directory.user, link.username))
                self.report.deletions += record_account(link, account) == "gone"
            self._report_progress()

    def _listen(self, pages: Iterator[ListedPage]) -> Iterator[ListedPage]:
        """Yield the pages while the run may go on."""
        for page in pages:
            self._continue()
            yield page

    def _continue(self) -> None:
        """Raise SyncError if the run is to stop, or has lost the pool."""
        if self._stop.is_set():
            raise SyncError("the run was stopped", code="sync_stopped")
        self._lock.renew()

    def _report_progress(self) -> None:
        report, reader = self.report, self._reader
        report.requests, report.throttled, report.restarts = reader.requests, reader.throttled, reader.restarts
        report.requests_per_second = reader.pace.requests_per_second
        self._on_progress(report)
