"""Write claims to a link row and its user, and send the signals. Called by `provisioning` inside its transactions."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import router
from django.db.models import QuerySet

from ..authorization import group_mapping as cognito_groups
from ..authorization.memberships import apply_grants
from ..conf.schema import CognitoSettings, GroupGrant
from ..models import DIGEST_FIELDS, CognitoUser
from ..signals import account_linked, send_groups_changed, send_on_commit, user_created, user_synced
from .accounts import build_account, replace_placeholder_username
from .adapter import call_adapter, get_adapter
from .claim_sources import IdentityClaims, UserChanges, changes_from
from .contact_claims import protect_local_values, put_attributes, read_verified_attributes, record_verified
from .field_values import diff_fields, read_fields
from .lookup import LinkSnapshot

Link = CognitoUser | LinkSnapshot  # the second has only the fields that every request needs, and the user

_WRITTEN_FIELDS = ("groups", "as_of", "verified_attributes", "placeholder_username", *DIGEST_FIELDS)
_EPOCH = datetime.fromtimestamp(0, UTC)  # the moment of a new link row: every source is more recent


def links_for_write() -> QuerySet[CognitoUser]:
    """Return all link rows, in the database for writes."""
    return CognitoUser.objects.using(router.db_for_write(CognitoUser))


def get_changes(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> UserChanges | None:
    """Return what `identity` changes; None if nothing, or if the user is disabled on this site."""
    return changes_from(identity, link, settings) if link.user.is_active else None


def insert_link(identity: IdentityClaims, owner: Any, settings: CognitoSettings) -> CognitoUser:
    """Insert a link to `owner`, who is updated; to a new user if `owner` is None."""
    if owner is None:
        new = NewLink(identity, settings)
        new.user.save()
        write = new.get_write()
    else:
        link, changes = _create_link(identity, settings)
        link.user, link.created_user = owner, False
        protect_local_values(link, settings)
        send_on_commit(account_linked, link, router.db_for_write(CognitoUser))
        write = LinkWrite(link, changes, identity, settings)
    _write(write)
    return write.link


def _create_link(identity: IdentityClaims, settings: CognitoSettings) -> tuple[CognitoUser, UserChanges]:
    """Return a new link row, and what the claims change in it."""
    link = CognitoUser(user_pool_id=identity.user_pool_id, sub=identity.sub, username=identity.username, as_of=_EPOCH)
    changes = changes_from(identity, link, settings)
    assert changes is not None  # noqa: S101 - every source is more recent than an empty row
    return link, changes


class NewLink:
    """A new user and the link to it, which are not saved. The caller saves `user` before `get_write`."""

    def __init__(self, identity: IdentityClaims, settings: CognitoSettings) -> None:
        self._identity = identity
        self._settings = settings
        self._link, self._changes = _create_link(identity, settings)
        self._link.created_user = True
        fill_user = partial(call_adapter, get_adapter(settings).fill_user, identity=identity)
        self.user, self._empty_values = build_account(
            self._link, identity, self._changes.attributes, settings, fill_user
        )

    def get_write(self) -> "LinkWrite":
        """Return the remaining changes of the link and the user."""
        self._link.user = self.user
        record_verified(self._link, self._changes.attributes, self._changes.verified, self._settings)
        changes = self._changes._replace(attributes={}, verified={})
        return LinkWrite(self._link, changes, self._identity, self._settings, self._empty_values)


def update_link(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> CognitoUser:
    """Write `identity` to the locked link row and return the row; another writer may have changed it first."""
    # The user's row is locked too: a writer of another link of the user may change it.
    locked = links_for_write().select_for_update().select_related("user").get(pk=link.pk)
    changes = get_changes(locked, identity, settings)
    if changes is not None:
        _write(LinkWrite(locked, changes, identity, settings))
    return locked


def _write(write: "LinkWrite") -> None:
    """Write the changes to the user and the link row, apply the grants, and send the signals on commit."""
    link = write.link
    write.set_fields(read_verified_attributes(write.unverified_owners)[link.user_id])
    link.save()
    if write.changes.are_grants_due:
        apply_grants(link, write.grants)
    unsaved = write.finish_user()
    if unsaved:
        link.user.save(update_fields=[*unsaved])
    write.send_signals()


class LinkWrite:
    """The changes of one link and its user in memory. The caller saves the rows, after each of the steps.

    `empty_values` are the field values that a new user had at first.

    1. `set_fields`; the caller saves the link and applies `grants`, if they are due. 2. `finish_user`; the caller saves
    the named fields of the user. 3. `send_signals`.
    """

    def __init__(
        self,
        link: CognitoUser,
        changes: UserChanges,
        identity: IdentityClaims,
        settings: CognitoSettings,
        empty_values: Mapping[str, Any] | None = None,
    ) -> None:
        self.link = link
        self.changes = changes
        self._identity = identity
        self._settings = settings
        self._empty_values = empty_values
        self._before = read_fields(link.user)
        self._changed_fields: dict[str, tuple[Any, Any]] = {}
        self._link_before = {name: getattr(link, name) for name in _WRITTEN_FIELDS}

    @property
    def unverified_owners(self) -> list[Any]:
        """The primary key of the user, if a claim is unverified: `set_fields` needs the claims that are protected."""
        return [] if all(self.changes.verified.values()) else [self.link.user_id]

    @property
    def changed_link_fields(self) -> list[str]:
        """The names of the fields of the link row that `set_fields` has changed."""
        return [name for name, value in self._link_before.items() if getattr(self.link, name) != value]

    @property
    def grants(self) -> dict[str, GroupGrant]:
        """The grants of the groups, by Cognito group."""
        return cognito_groups.get_grants(self.changes.groups, self._settings)

    def set_fields(self, protected: Collection[str]) -> None:
        """Set the fields of the link row, and those of the user that claims set."""
        link, changes = self.link, self.changes
        for name, digest in changes.digests.items():
            setattr(link, name, digest)
        link.groups, link.as_of = list(changes.groups), changes.moment
        put_attributes(
            link, changes.attributes, changes.verified, self._settings, {*protected, *link.verified_attributes}
        )
        replace_placeholder_username(link, self._identity)

    def finish_user(self) -> Collection[str]:
        """Call the adapter, after grants were applied; return the names of the user's fields that have changed."""
        if not self.changes.is_moments_only:
            after_sync = get_adapter(self._settings).after_sync
            call_adapter(after_sync, self.link.user, self._identity, is_new=self._empty_values is not None)
        self._changed_fields = diff_fields(self._before, self.link.user)
        return self._changed_fields

    def send_signals(self) -> None:
        """Send the signals of what has changed, on commit."""
        link, using, is_new = self.link, router.db_for_write(CognitoUser), self._empty_values is not None
        changes = self._changed_fields if self._empty_values is None else diff_fields(self._empty_values, link.user)
        if is_new:
            send_on_commit(user_created, link, using, claims=self._identity.claims)
        if is_new or changes:
            send_on_commit(user_synced, link, using, claims=self._identity.claims, changes=changes, created=is_new)
        send_groups_changed(link, self._link_before["groups"], using)
