"""Bring pages of directory users up to date, with a number of statements that does not depend on the users.

By the same rules as `provisioning`, which writes one user at a sign-in; what cannot be written in sets is left to it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connections, router, transaction
from django.db.models import Model, QuerySet
from django.dispatch import Signal

from ...authorization.confirmed_moments import set_confirmed_moments
from ...authorization.memberships import apply_page_of_grants, lock_superusers
from ...conf.loading import get_pool_registry
from ...conf.schema import CognitoSettings
from ...core.errors import TokenError
from ...db.arrays import match_any
from ...db.row_updates import update_rows
from ...db.transactions import retry_conflicts, write_transaction
from ...models import CognitoUser
from ..accounts.adapter import UserAdapter, call_adapter, get_adapter
from ..accounts.local_accounts import find_used_emails
from ..attributes.claim_sources import IdentityClaims
from ..attributes.contact_claims import read_other_links
from ..attributes.fields import requires_unique_value
from ..attributes.related_rows import find_row, get_field, get_related_models, load_related_rows, write_rows
from ..attributes.user_changes import UserChanges, changes_from
from .link_writes import Link, LinkWrite, NewLink, get_changes, links_for_write, list_dependent_links, write_moments
from .provisioning import get_or_create_link

# For `cache`: the rows of these links and of their users were written. Sent before the commit.
links_written = Signal()  # links, using

# Of the link row: a date takes the driver as long as the rest of the row.
_UNUSED_FIELDS = ("created_at", "not_before", "identity_pool_id", "identity_id", "created_user", "deactivated_user")

_Key = tuple[str, str]  # user pool id and `sub`
_Page = Mapping[_Key, IdentityClaims]
_Settings = Mapping[str, CognitoSettings]  # by user pool id


class PageResult(NamedTuple):
    """How many users of a page changed: not those of whom only the moments were written."""

    changed: int
    is_enabled: Mapping[str, bool]  # by the link row, for the `sub` of each user who has one; False if deleted
    listed: frozenset[int]  # the primary keys of the links that have the `listed_digest` of the page now


def update_users(
    identities: Iterable[IdentityClaims], *, create: bool = False, begin: Callable[[], object] = lambda: None
) -> PageResult:
    """Bring a page of directory users up to date in one transaction, whose first step is to call `begin`.

    Where a page confirms what is stored, only the moments are written. With `create`, users without a link are created,
    as by a first token. After a deadlock the whole page is written again.

    The signals of this package are sent on commit. Django's `post_save` and `m2m_changed` are not, except for users who
    cannot be written in a set: those whose username is in use, and all users of a model that overrides `save`.
    """
    page, settings = _prepare_page(identities)
    write = partial(_update_page, page, create, settings, begin)
    return retry_conflicts(write) if page else PageResult(0, {}, frozenset())


def count_changes(identities: Iterable[IdentityClaims], *, create: bool = False) -> int:
    """Return how many users of a page `update_users` would change or create. Writes nothing; at most two queries."""
    page, settings = _prepare_page(identities)
    links = {_get_key(row): row for row in _links_of_page(page).select_related("user")}
    set_confirmed_moments(links.values(), is_write=False)
    changes = [get_changes(row, page[key], settings[key[0]]) for key, row in links.items() if key in page]
    changed = sum(change is not None and not change.is_moments_only for change in changes)
    missing = [page[key] for key in page.keys() - links.keys()] if create else []
    return changed + len(missing) - len(_select_new(missing, settings)[1])


def _prepare_page(identities: Iterable[IdentityClaims]) -> tuple[_Page, _Settings]:
    page = {_get_key(identity): identity for identity in identities}
    pools = get_pool_registry()
    return page, {user_pool_id: pools.for_token(user_pool_id) for user_pool_id, _ in page}


def _links_of_page(page: _Page) -> QuerySet[CognitoUser]:
    rows = links_for_write().order_by("pk").defer(*_UNUSED_FIELDS)
    has_sub = match_any(CognitoUser._meta.get_field("sub"), [sub for _, sub in page], rows.db)
    return rows.filter(has_sub, user_pool_id__in={pool for pool, _ in page})


def _update_page(page: _Page, create: bool, settings: _Settings, begin: Callable[[], object]) -> PageResult:
    with write_transaction():
        begin()
        # All links first, then their users: the lock order of all writers, as a user may have several links.
        rows = list(_links_of_page(page).select_for_update())
        set_confirmed_moments(rows)
        links = {key: row for row in rows if (key := _get_key(row)) in page}
        changes = {
            key: change for key, row in links.items() if (change := changes_from(page[key], row, settings[key[0]]))
        }
        confirmed = {
            key: links[key]
            for key, change in changes.items()
            if change.is_moments_only and links[key].username == page[key].username
        }
        write_moments([(link, changes[key]) for key, link in confirmed.items()])
        # One link of each user: a second one on this page is written after the first.
        in_set: dict[Any, _Key] = {}
        for key in [key for key in links if key in changes and key not in confirmed]:  # by primary key
            in_set.setdefault(links[key].user_id, key)
        missing = [page[key] for key in sorted(page.keys() - links.keys())] if create else []
        new, refused = _select_new(missing, settings)
        written = _write_set([(links[key], changes[key], page[key]) for key in in_set.values()], new, settings)
        done = {*confirmed, *written, *refused}
        remaining = [page[key] for key in (*changes, *map(_get_key, missing)) if key not in done]
        one_by_one: dict[_Key, Link] = {}
        for identity in remaining:
            with suppress(TokenError):  # no user is linked, and CREATE_USERS is off; or the adapter refuses the user
                link = get_or_create_link(identity, settings[identity.user_pool_id])
                one_by_one[_get_key(identity)] = link
    writes = [write for write in written.values() if write is not None]
    changed = sum(not write.changes.is_moments_only for write in writes)
    for key, link in one_by_one.items():
        changed += key not in changes or (link.user.is_active and not changes[key].is_moments_only)
    is_enabled = {sub: row.enabled and row.gone_at is None for (_, sub), row in links.items()}
    is_enabled |= {sub: True for _, sub in {*written, *one_by_one} - links.keys()}
    done_links = [*confirmed.values(), *(write.link for write in writes), *one_by_one.values()]
    stored = [link for link in done_links if isinstance(link, CognitoUser) and link.listed_digest]
    listed = frozenset(link.pk for link in stored if link.listed_digest[1:] == page[_get_key(link)].listed_digest)
    return PageResult(changed, is_enabled, listed)


def _get_key(item: Any) -> _Key:
    return item.user_pool_id, item.sub


def _select_new(identities: Sequence[IdentityClaims], settings: _Settings) -> tuple[list[IdentityClaims], set[_Key]]:
    """Return the new users who can be created in a set, and those who may not be created.

    The others are created one by one: an existing account may be linked to them.
    """
    using, model = router.db_for_write(CognitoUser), get_user_model()
    has_pks = connections[using].features.can_return_rows_from_bulk_insert
    if not has_pks or model._meta.parents or not identities:
        return [], set()
    in_set, refused = [], set()
    emails = {
        identity.verified_email for identity in identities if settings[identity.user_pool_id].link_by_verified_email
    }
    used_emails = find_used_emails(emails - {""})
    for identity in identities:
        adapter = get_adapter(settings[identity.user_pool_id])
        if type(adapter).find_user is not UserAdapter.find_user or identity.verified_email.lower() in used_emails:
            continue
        may_create = False
        with suppress(TokenError):  # the adapter refuses this user
            may_create = call_adapter(adapter.may_create_user, identity)
        if may_create:
            in_set.append(identity)
        else:
            refused.add(_get_key(identity))
    return in_set, refused


def _write_set(
    rows: Sequence[tuple[Any, UserChanges, IdentityClaims]], new: Sequence[IdentityClaims], settings: _Settings
) -> dict[_Key, LinkWrite | None]:
    """Write the changes of links of different users, whose rows are locked, and new users.

    Return what was written to each link; None for a user who is disabled on this site. Nothing is written if one user
    cannot be written in a set: a unique value is in use, the adapter refuses, or a model has a `save` of its own.
    """
    using, model = router.db_for_write(CognitoUser), get_user_model()
    related = set[Any]().union(*(get_related_models(pool.attributes) for pool in settings.values()))
    if any(item.save not in (Model.save, AbstractBaseUser.save) for item in (model, *related)):
        return {}
    all_users = model._base_manager.using(router.db_for_write(model))
    lock_superusers([row.user_id for row, *_ in rows])
    is_owner = match_any(model._meta.pk, [row.user_id for row, *_ in rows], all_users.db)
    owners = all_users.select_for_update().filter(is_owner).order_by("pk")
    users = {user.pk: user for user in owners} if rows else {}
    load_related_rows(users.values(), {name for _, change, _ in rows for name in change.attributes})
    writes = []
    for row, change, identity in rows:
        user = users.get(row.user_id)
        if user is not None and user.is_active and not _changes_unique_value(user, row, change, identity):
            row.user = user
            writes.append(LinkWrite(row, change, identity, settings[row.user_pool_id]))
    try:
        with transaction.atomic(using=using) if writes or new else nullcontext():
            links = [NewLink(identity, settings[identity.user_pool_id]) for identity in new]
            names = {link.user.get_username().casefold() for link in links}
            if len(names) < len(links):  # a local login may ignore case
                return {}
            if links:  # Django refuses an empty list too, if the model inherits from another one with a table
                all_users.bulk_create([link.user for link in links])
            writes += [link.get_write() for link in links]
            _write_links_and_users(writes, using)
    except (IntegrityError, TokenError):
        return {}
    inactive = [row for row, *_ in rows if row.user_id not in users or not users[row.user_id].is_active]
    return dict.fromkeys(map(_get_key, inactive)) | {_get_key(write.link): write for write in writes}


def _changes_unique_value(user: Any, row: Any, change: UserChanges, identity: IdentityClaims) -> bool:
    """Return whether a unique field may get another value, which another user on the page may have or give up."""
    if row.placeholder_username and identity.preferred_username:
        return True
    for target, value in change.attributes.items():
        if value is None and target not in row.claim_fields:
            continue
        instance, name = find_row(user, target)
        if getattr(instance, name, None) == value:
            continue
        field = get_field(target) if instance is None else instance._meta.get_field(name)
        is_unique = field.unique or requires_unique_value(field.model if instance is None else instance, field)
        if is_unique or target == user.USERNAME_FIELD:
            return True
    return False


def _write_links_and_users(writes: Sequence[LinkWrite], using: str) -> None:
    others = read_other_links(list_dependent_links(writes))
    for write in writes:
        write.set_fields(others[write.link.user_id])
    write_rows([row for write in writes for row in write.related_rows], using)
    new = [write.link for write in writes if write.link.pk is None]
    update_rows(using, [(write.link, write.changed_link_fields) for write in writes if write.link.pk is not None])
    links_for_write().bulk_create(new)
    apply_page_of_grants([(write.link, write.grants) for write in writes if write.changes.are_grants_due])
    unsaved = [(write.link.user, write.finish_user()) for write in writes]
    update_rows(using, [(user, names) for user, names in unsaved if names])
    update_rows(using, [(write.link, ["claim_fields"]) for write in writes if write.update_claim_fields()])
    for write in writes:
        write.send_signals()
    links_written.send(None, links=[write.link for write in writes], using=using)
