"""Bring pages of directory users up to date, with a number of statements that does not depend on the users.

By the same rules as `provisioning`, which writes one user at a sign-in; what cannot be written in sets is left to it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, connections, router, transaction
from django.db.models import Model, QuerySet, Value
from django.db.models.functions import Concat, StrIndex, Substr
from django.dispatch import Signal

from ..authorization.memberships import apply_page_of_grants
from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core.errors import TokenError
from ..db.row_updates import update_rows
from ..db.transactions import retry_conflicts, write_transaction
from ..models import CognitoUser
from .accounts import find_used_emails
from .adapter import UserAdapter, call_adapter, get_adapter
from .claim_sources import IdentityClaims, UserChanges, changes_from
from .contact_claims import read_verified_attributes
from .fields import requires_unique_value
from .link_writes import LinkWrite, NewLink, get_changes, links_for_write
from .provisioning import get_or_create_link

# For `cache`: the rows of these links and of their users were written. Sent before the commit.
links_written = Signal()  # links, using

_LINK_FIELDS = [field.attname for field in CognitoUser._meta.concrete_fields]
_Key = tuple[str, str]  # user pool id and `sub`
_Page = Mapping[_Key, IdentityClaims]
_Settings = Mapping[str, CognitoSettings]  # by user pool id


class _Moments(NamedTuple):
    """The moments of links whose groups and attributes were confirmed: `as_of`, if it moves, and that of a digest."""

    as_of: datetime | None
    digest_field: str  # empty if no digest moves
    seconds: str


class PageResult(NamedTuple):
    """How many users of a page changed, and the `sub` of the users who have a link, by whether they are disabled."""

    changed: int
    enabled: frozenset[str]
    disabled: frozenset[str]  # in Cognito, by the link row; or deleted there


def update_users(identities: Iterable[IdentityClaims], *, create: bool = False) -> PageResult:
    """Bring a page of directory users up to date in one transaction.

    Where a page confirms what is stored, only the moments are written, with one UPDATE. With `create`, users without
    a link are created, as by a first token. After a deadlock the whole page is written again.

    The signals of this package are sent on commit. Django's `post_save` and `m2m_changed` are not, except for users who
    cannot be written in a set: those whose username is in use, and all users of a model that overrides `save`.
    """
    page, settings = _prepare_page(identities)
    return retry_conflicts(partial(_update_page, page, create, settings))


def count_changes(identities: Iterable[IdentityClaims], *, create: bool = False) -> int:
    """Return how many users of a page `update_users` would change or create. Writes nothing; at most two queries."""
    page, settings = _prepare_page(identities)
    links = {(row.user_pool_id, row.sub): row for row in _links_of_page(page).select_related("user")}
    changes = [get_changes(row, page[key], settings[key[0]]) for key, row in links.items() if key in page]
    changed = sum(change is not None and not change.is_moments_only for change in changes)
    missing = [page[key] for key in page.keys() - links.keys()] if create else []
    return changed + len(missing) - len(_select_new(missing, settings)[1])


def _prepare_page(identities: Iterable[IdentityClaims]) -> tuple[_Page, _Settings]:
    page = {(identity.user_pool_id, identity.sub): identity for identity in identities}
    pools = get_pool_registry()
    return page, {user_pool_id: pools.for_token(user_pool_id) for user_pool_id, _ in page}


def _links_of_page(page: _Page) -> QuerySet[CognitoUser]:
    rows = links_for_write().order_by("pk")
    return rows.filter(user_pool_id__in={pool for pool, _ in page}, sub__in=[sub for _, sub in page])


def _update_page(page: _Page, create: bool, settings: _Settings) -> PageResult:
    with write_transaction():
        # All links first, then their users: the lock order of all writers, as a user may have several links.
        stored = _links_of_page(page).select_for_update().values_list(*_LINK_FIELDS, named=True)
        links: dict[_Key, Any] = {(row.user_pool_id, row.sub): row for row in stored}
        links = {key: row for key, row in links.items() if key in page}
        changes = {
            key: change for key, row in links.items() if (change := changes_from(page[key], row, settings[key[0]]))
        }
        confirmed = {key: moments for key, change in changes.items() if (moments := _get_moments(links[key], change))}
        _write_moments({links[key].id: moments for key, moments in confirmed.items()})
        # One link of each user: a second one on this page is written after the first.
        in_set: dict[Any, _Key] = {}
        for key in changes.keys() - confirmed.keys():
            in_set[links[key].user_id] = min(key, in_set.get(links[key].user_id, key), key=lambda item: links[item].id)
        missing = [page[key] for key in sorted(page.keys() - links.keys())] if create else []
        new, refused = _select_new(missing, settings)
        rows = [(links[key], changes[key], page[key]) for key in in_set.values()]
        written = {} if _overrides_save() else _write_set(rows, new, settings)
        done = {*confirmed, *written, *refused}
        remaining = [page[key] for key in changes if key not in done]
        remaining += [identity for identity in missing if _get_key(identity) not in done]
        one_by_one = []
        for identity in remaining:
            with suppress(TokenError):  # no user is linked, and CREATE_USERS is off; or the adapter refuses the user
                get_or_create_link(identity, settings[identity.user_pool_id])
                one_by_one.append(_get_key(identity))
    is_enabled = {sub: row.enabled and row.gone_at is None for (_, sub), row in links.items()}
    is_enabled |= {sub: True for _, sub in {*written, *one_by_one} - links.keys()}
    return PageResult(
        changed=sum(written.values()) + len(one_by_one),
        enabled=frozenset(sub for sub, value in is_enabled.items() if value),
        disabled=frozenset(sub for sub, value in is_enabled.items() if not value),
    )


def _get_key(identity: IdentityClaims) -> _Key:
    return identity.user_pool_id, identity.sub


def _overrides_save() -> bool:
    """Return whether the user model has a `save` of its own, which writes in sets do not call."""
    return get_user_model().save not in (Model.save, AbstractBaseUser.save)


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


def _get_moments(row: Any, change: UserChanges) -> _Moments | None:
    """Return the moments to write, if nothing else has changed; None if more is to be written."""
    if not change.is_moments_only or len(change.digests) > 1:
        return None
    as_of = None if change.moment == row.as_of else change.moment
    for name, digest in change.digests.items():
        seconds, _, halves = digest.partition(":")
        return _Moments(as_of, name, seconds) if getattr(row, name).partition(":")[2] == halves else None
    return _Moments(as_of, "", "")


def _write_moments(moments: Mapping[int, _Moments]) -> None:
    """Write the moments of link rows, by primary key: one UPDATE for those that are equal."""
    pks: defaultdict[_Moments, list[int]] = defaultdict(list)
    for pk, item in moments.items():
        pks[item].append(pk)
    for item, rows in pks.items():
        name = item.digest_field
        halves = Substr(name, StrIndex(name, Value(":")) + 1)
        changed: dict[str, Any] = {name: Concat(Value(f"{item.seconds}:"), halves)} if name else {}
        if item.as_of is not None:
            changed["as_of"] = item.as_of
        links_for_write().filter(pk__in=rows).update(**changed)


def _write_set(
    rows: Sequence[tuple[Any, UserChanges, IdentityClaims]], new: Sequence[IdentityClaims], settings: _Settings
) -> dict[_Key, bool]:
    """Write the changes of links of different users, whose rows are locked, and new users.

    Return the links that were written, and whether more than moments has changed. None is, if one user cannot be
    written in a set: a unique value is in use, or the adapter refuses.
    """
    using = router.db_for_write(CognitoUser)
    model = get_user_model()
    all_users = model._base_manager.using(router.db_for_write(model))
    owners = all_users.select_for_update().filter(pk__in=[row.user_id for row, *_ in rows]).order_by("pk")
    users = {user.pk: user for user in owners} if rows else {}
    writes = []
    for row, change, identity in rows:
        user = users.get(row.user_id)
        if user is not None and user.is_active and not _changes_unique_value(user, row, change, identity):
            row_link: Any = CognitoUser.from_db(using, _LINK_FIELDS, row)
            row_link.user = user
            writes.append(LinkWrite(row_link, change, identity, settings[row.user_pool_id]))
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
    skipped = {(row.user_pool_id, row.sub): False for row in inactive}
    return skipped | {(write.link.user_pool_id, write.link.sub): not write.changes.is_moments_only for write in writes}


def _changes_unique_value(user: Any, row: Any, change: UserChanges, identity: IdentityClaims) -> bool:
    """Return whether a unique field may get another value, which another user on the page may have or give up."""
    if row.placeholder_username and identity.preferred_username:
        return True
    changed = [user._meta.get_field(name) for name, value in change.attributes.items() if getattr(user, name) != value]
    return any(
        field.unique or requires_unique_value(user, field) or field.name == user.USERNAME_FIELD for field in changed
    )


def _write_links_and_users(writes: Sequence[LinkWrite], using: str) -> None:
    protected = read_verified_attributes([pk for write in writes for pk in write.unverified_owners])
    for write in writes:
        write.set_fields(protected[write.link.user_id])
    new = [write.link for write in writes if write.link.pk is None]
    update_rows(using, [(write.link, write.changed_link_fields) for write in writes if write.link.pk is not None])
    links_for_write().bulk_create(new)
    apply_page_of_grants([(write.link, write.grants) for write in writes if write.changes.are_grants_due])
    unsaved = [(write.link.user, write.finish_user()) for write in writes]
    update_rows(using, [(user, names) for user, names in unsaved if names])
    for write in writes:
        write.send_signals()
    links_written.send(None, links=[write.link for write in writes], using=using)
