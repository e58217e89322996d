"""Write claims to a link row and its user, and send the signals. Called by `provisioning` inside its transactions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import router
from django.db.models import QuerySet

from ..authorization import group_mapping as cognito_groups
from ..authorization.memberships import apply_grants
from ..conf.schema import CognitoSettings
from ..models import CognitoUser
from ..signals import account_linked, send_groups_changed, send_on_commit, user_created, user_synced
from .accounts import create_account, replace_placeholder_username
from .adapter import call_adapter, get_adapter
from .claim_sources import IdentityClaims, UserChanges, changes_from
from .contact_claims import protect_local_values, put_attributes, record_verified
from .field_values import diff_fields, read_fields
from .lookup import LinkSnapshot

Link = CognitoUser | LinkSnapshot  # the second has only the fields that every request needs, and the user

_EPOCH = datetime.fromtimestamp(0, UTC)  # the moment of a new link row: every source is more recent


def links_for_write() -> QuerySet[CognitoUser]:
    """Return all link rows, in the database for writes."""
    return CognitoUser.objects.using(router.db_for_write(CognitoUser))


def get_changes(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> UserChanges | None:
    """Return what `identity` changes; None if nothing, or if the user is disabled on this site."""
    return changes_from(identity, link, settings) if link.user.is_active else None


def insert_link(identity: IdentityClaims, owner: Any, settings: CognitoSettings) -> CognitoUser:
    """Insert a link to `owner`, who is updated; to a new user if `owner` is None."""
    link = CognitoUser(user_pool_id=identity.user_pool_id, sub=identity.sub, username=identity.username, as_of=_EPOCH)
    changes = changes_from(identity, link, settings)
    assert changes is not None  # noqa: S101 - every source is more recent than an empty row
    empty_values = None
    if owner:
        link.user = owner
        protect_local_values(link, settings)
        send_on_commit(account_linked, link, router.db_for_write(CognitoUser))
    else:
        fill_user = partial(call_adapter, get_adapter(settings).fill_user, identity=identity)
        empty_values = create_account(link, identity, changes.attributes, settings, fill_user)
        record_verified(link, changes.attributes, changes.verified, settings)
        changes = changes._replace(attributes={}, verified={})
    _write_changes(link, changes, identity, settings, empty_values)
    return link


def update_link(link: Link, identity: IdentityClaims, settings: CognitoSettings) -> CognitoUser:
    """Write `identity` to the locked link row and return the row; another writer may have changed it first."""
    # The user's row is locked too: a writer of another link of the user may change it.
    locked = links_for_write().select_for_update().select_related("user").get(pk=link.pk)
    changes = get_changes(locked, identity, settings)
    if changes is not None:
        _write_changes(locked, changes, identity, settings)
    return locked


def _write_changes(
    link: CognitoUser,
    changes: UserChanges,
    identity: IdentityClaims,
    settings: CognitoSettings,
    empty_values: Mapping[str, Any] | None = None,
) -> None:
    """Write `changes` to the user and the link row, apply the grants of the groups, and send the signals on commit.

    `empty_values` are the field values that a new user had at first.
    """
    user: Any = link.user
    before, groups_before, is_new = read_fields(user), tuple(link.groups), empty_values is not None
    for name, digest in changes.digests.items():
        setattr(link, name, digest)
    link.groups, link.as_of = list(changes.groups), changes.moment
    put_attributes(link, changes.attributes, changes.verified, settings)
    replace_placeholder_username(link, identity)
    link.save()
    if changes.are_grants_due:
        apply_grants(link, cognito_groups.get_grants(changes.groups, settings))
    if not changes.is_moments_only:
        call_adapter(get_adapter(settings).after_sync, user, identity, is_new=is_new)
    unsaved = diff_fields(before, user)
    if unsaved:
        user.save(update_fields=[*unsaved])
    using, field_changes = router.db_for_write(CognitoUser), diff_fields(empty_values or before, user)
    if is_new:
        send_on_commit(user_created, link, using, claims=identity.claims)
    if is_new or field_changes:
        send_on_commit(user_synced, link, using, claims=identity.claims, changes=field_changes, created=is_new)
    send_groups_changed(link, groups_before, using)
