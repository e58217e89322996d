"""Write claims to a link row and its user, and send the signals. Called by `provisioning` inside its transactions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import router
from django.db.models import QuerySet

from ...authorization import group_mapping as cognito_groups
from ...authorization.confirmed_moments import MOMENTS, set_confirmed_moments
from ...authorization.memberships import apply_grants, lock_superusers
from ...conf.schema import CognitoSettings, GroupGrant
from ...db.row_updates import update_rows
from ...models import DIGEST_FIELDS, CognitoUser
from ...signals import account_linked, send_groups_changed, send_on_commit, user_created, user_synced
from ..accounts.adapter import call_adapter, get_adapter
from ..accounts.local_accounts import build_account, replace_placeholder_username
from ..attributes.claim_sources import IdentityClaims
from ..attributes.contact_claims import (
    OtherLinks,
    hash_targets,
    protect_local_values,
    put_attributes,
    read_other_links,
    read_values,
    record_verified,
)
from ..attributes.field_values import diff_fields, read_fields
from ..attributes.related_rows import RowChange, find_row_changes, load_related_rows, read_targets
from ..attributes.user_changes import UserChanges, changes_from
from ..lookup import LinkSnapshot

Link = CognitoUser | LinkSnapshot  # the second has only the fields that every request needs, and the user

_WRITTEN_FIELDS = (
    *("username", "groups", "as_of", "verified_attributes", "claim_fields", "placeholder_username"),
    *(*DIGEST_FIELDS, "listed_digest"),
)
_UNKNOWN = object()  # a value that differs from each value of a field
EPOCH = datetime.fromtimestamp(0, UTC)  # the moment of a new link row: every source is more recent


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
    link = CognitoUser(user_pool_id=identity.user_pool_id, sub=identity.sub, username=identity.username, as_of=EPOCH)
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
        attributes, verified = self._changes.attributes, self._changes.verified
        own = {name: value for name, value in attributes.items() if "." not in name}
        related = {name: value for name, value in attributes.items() if "." in name}
        record_verified(self._link, own, {name: verified[name] for name in own.keys() & verified}, self._settings)
        changes = self._changes._replace(
            attributes=related, verified={name: verified[name] for name in related.keys() & verified}
        )
        return LinkWrite(self._link, changes, self._identity, self._settings, self._empty_values)


def update_link(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> CognitoUser:
    """Write `identity` to the locked link row and return the row; another writer may have changed it first."""
    if settings.keep_last_superuser and getattr(link.user, "is_superuser", False):
        list(links_for_write().select_for_update().filter(pk=link.pk).values_list("pk"))  # before the users
        lock_superusers([link.user.pk])
    # The user's row is locked too: a writer of another link of the user may change it.
    locked = links_for_write().select_for_update().select_related("user").get(pk=link.pk)
    is_confirmed = set_confirmed_moments([locked])
    changes = get_changes(locked, identity, settings)
    if changes is not None:
        _write(LinkWrite(locked, changes, identity, settings))
    elif is_confirmed:  # so that the next token of this moment needs no lock
        locked.save(update_fields=MOMENTS)
    return locked


def _write(write: "LinkWrite") -> None:
    """Write the changes to the user and the link row, apply the grants, and send the signals on commit."""
    link = write.link
    load_related_rows([link.user], write.changes.attributes)
    write.set_fields(read_other_links(list_dependent_links([write]))[link.user_id])
    for row in write.related_rows:
        row.save()
    link.save()
    link.user = write.user  # a receiver of `post_save` may have read the link again
    if write.changes.are_grants_due:
        apply_grants(link, write.grants)
    unsaved = write.finish_user()
    if unsaved:
        link.user.save(update_fields=[*unsaved])
    if write.update_claim_fields():
        link.save(update_fields=["claim_fields"])
    write.send_signals()


def write_moments(changes: Sequence[tuple[CognitoUser, UserChanges]]) -> None:
    """Write the moments of locked links of which nothing else has changed. One statement."""
    for link, change in changes:
        vars(link).update({"as_of": change.moment, "listed_digest": change.listed_digest, **change.digests})
    names = ("as_of", *DIGEST_FIELDS, "listed_digest")
    update_rows(router.db_for_write(CognitoUser), [(link, names) for link, _ in changes])


def list_dependent_links(writes: Iterable["LinkWrite"]) -> list[CognitoUser]:
    """Return the links whose `set_fields` depends on what other links have recorded.

    A claim is unverified, or a field may be cleared.
    """
    return [
        write.link
        for write in writes
        if not all(write.changes.verified.values())
        or any(value is None and name in write.link.claim_fields for name, value in write.changes.attributes.items())
    ]


class LinkWrite:
    """The changes of one link and its user in memory. The caller saves the rows, after each of the steps.

    `empty_values` are the field values that a new user had at first. The caller has loaded the rows
    of dotted targets.

    1. `set_fields`; the caller saves `related_rows` and the link, and applies `grants`, if they are due. 2.
    `finish_user`; the caller saves the named fields of the user. 3. `update_claim_fields`; the caller saves the link
    again, if it returns True, which is rare. 4. `send_signals`.
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
        self.user = link.user
        self._before = read_fields(self.user)
        self._changed_fields: dict[str, tuple[Any, Any]] = {}
        self._changed_targets: dict[str, tuple[Any, Any]] = {}
        # By key of ATTRIBUTES, the values of claims that `claim_fields` has digests of.
        self._claimed: Mapping[str, Any] = {}
        self._link_before = {name: getattr(link, name) for name in _WRITTEN_FIELDS}

    @property
    def changed_link_fields(self) -> set[str]:
        """The names of the fields of the link row that `set_fields` has changed."""
        names = {name for name, value in self._link_before.items() if getattr(self.link, name) != value}
        # The moments that `listed_digest` had confirmed are in the row from now on.
        return names.union(MOMENTS) if "listed_digest" in names else names

    @property
    def related_rows(self) -> list[RowChange]:
        """The related rows that `set_fields` has changed or added."""
        return find_row_changes(self.user, self._changed_targets)

    @property
    def grants(self) -> dict[str, GroupGrant]:
        """The grants of the groups, by Cognito group."""
        return cognito_groups.get_grants(self.changes.groups, self._settings)

    def set_fields(self, others: OtherLinks) -> None:
        """Set the fields of the link row, and those of the user and of related rows that claims set."""
        link, user, changes = self.link, self.user, self.changes
        before = read_targets(user, changes.attributes)
        for name, digest in changes.digests.items():
            setattr(link, name, digest)
        link.groups, link.as_of, link.listed_digest = list(changes.groups), changes.moment, changes.listed_digest
        claimed = put_attributes(link, changes.attributes, changes.verified, self._settings, others)
        # `build_account` has set fields of a new link too, before the user was saved.
        is_new = link.pk is None
        self._claimed = dict.fromkeys(link.claim_fields, _UNKNOWN) if is_new else read_values(user, claimed)
        after = read_targets(user, changes.attributes)
        self._changed_targets = {name: (value, after[name]) for name, value in before.items() if value != after[name]}
        replace_placeholder_username(link, self._identity)
        link.username = self._identity.username  # `link_users` may have stored the `sub`

    def finish_user(self) -> Collection[str]:
        """Call the adapter, after grants were applied; return the names of the user's fields that have changed."""
        if not self.changes.is_moments_only:
            after_sync = get_adapter(self._settings).after_sync
            call_adapter(after_sync, self.user, self._identity, is_new=self._empty_values is not None)
        self._changed_fields = diff_fields(self._before, self.user)
        return self._changed_fields

    def update_claim_fields(self) -> bool:
        """Record the values of claims as they were saved, and return whether they differ from those in memory before.

        The adapter, a receiver of a signal or the `save` of a model has changed them then.
        """
        link, user = self.link, self.user
        before, values = link.claim_fields, read_values(user, self._claimed)
        changed = [name for name, value in values.items() if value is not self._claimed[name]]
        if not changed:
            return False
        link.claim_fields = {**before, **hash_targets(user, changed)}
        return bool(link.claim_fields != before)

    def send_signals(self) -> None:
        """Send the signals of what has changed, on commit."""
        link, using, is_new = self.link, router.db_for_write(CognitoUser), self._empty_values is not None
        fields = self._changed_fields if self._empty_values is None else diff_fields(self._empty_values, self.user)
        changes = {**fields, **self._changed_targets}
        # Without a receiver the claims are not copied.
        if is_new and user_created.has_listeners(None):
            send_on_commit(user_created, link, using, claims=self._identity.claims)
        if (is_new or changes) and user_synced.has_listeners(None):
            send_on_commit(user_synced, link, using, claims=self._identity.claims, changes=changes, created=is_new)
        send_groups_changed(link, self._link_before["groups"], using)
