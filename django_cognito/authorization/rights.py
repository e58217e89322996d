"""The rights of a user: the one permission model of the backend, DRF, decorators and templates.

Rights are stored on the user object, never a token. Must not depend on how they are determined: `users.writing`
sets them for bearer tokens, `web.request` for sessions; otherwise they are loaded from the link rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, NoReturn, Self

from asgiref.sync import sync_to_async
from django.db.models import Model

from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from ..core.errors import CognitoUnavailableError
from ..models import CognitoUser
from .group_expiry import expire_remembered_groups, is_expired
from .group_mapping import get_group_permissions, get_tenant_permissions
from .tenants import find_tenant_group, find_tenants, list_counting_groups, select_tenant

_GroupsByPool = tuple[tuple[str, tuple[str, ...]], ...]  # by user pool, whose settings map them
_ATTRIBUTE = "_cognito_rights"
# The permission caches of Django's ModelBackend.
_PERMISSION_CACHES = ("_perm_cache", "_user_perm_cache", "_group_perm_cache")


@dataclass(frozen=True, slots=True)
class Rights:
    """The effective Cognito groups and scopes of a user.

    Only `add_tenant` sets `tenant`: without a request no tenant counts.
    """

    groups: tuple[str, ...] = ()
    scopes: frozenset[str] = frozenset()
    by_pool: _GroupsByPool = ()  # the groups of no tenant, which GROUPS maps
    all_groups: _GroupsByPool = ()  # also those of tenants that do not count
    tenants: tuple[str, ...] = ()
    tenant: str | None = None  # the one that counts
    tenant_groups: _GroupsByPool = ()  # the groups in it, which TENANT_GROUPS maps
    scope_pool: str = ""  # the user pool whose settings map the scopes; empty for users, whose scopes grant nothing

    def in_group(self, *names: str) -> bool:
        """Return whether the user is in one of the groups `names`."""
        return not frozenset(names).isdisjoint(self.groups)

    def has_scope(self, *names: str) -> bool:
        """Return whether the token has all scopes of `names`."""
        return self.scopes.issuperset(names)


NO_RIGHTS = Rights()


@dataclass(frozen=True, slots=True)
class UnavailableRights(Rights):
    """The rights of a session whose tokens expired during an outage: no permissions, and an error for groups."""

    failure: CognitoUnavailableError = field(kw_only=True)

    def in_group(self, *names: str) -> NoReturn:
        """Raise `failure`: the groups cannot be determined, and 403 would be wrong."""
        raise self.failure

    def has_scope(self, *names: str) -> NoReturn:
        """Raise `failure`: the scopes cannot be determined, and 403 would be wrong."""
        raise self.failure


def get_mapped_permissions(rights: Rights) -> frozenset[str]:
    """Return the permissions of `rights` by the current settings, as "app_label.codename".

    Those of the groups by GROUPS, and in a tenant by TENANT_GROUPS; of a machine-to-machine client those of the scopes
    by SCOPES_TO_PERMISSIONS.
    """
    pools = get_pool_registry()
    permissions = _resolve_permissions(rights.by_pool, rights.tenant_groups, pools)
    if not rights.scope_pool or (settings := pools.find(rights.scope_pool)) is None:
        return permissions
    mapped = settings.scopes_to_permissions
    return permissions.union(*(mapped[scope] for scope in rights.scopes if scope in mapped))


def add_tenant(
    rights: Rights,
    settings: CognitoSettings,
    tokens: Sequence[AccessToken | IdToken | ClientToken],
    request: Any,
) -> Rights:
    """Return `rights` with the tenants of its user (TENANT), and the rights in the one that `request` selects. No I/O.

    `rights` are by a token of the pool of `settings`; `tokens` are the verified tokens of the request.
    """
    groups = tuple(name for pool, names in rights.all_groups if pool == settings.user_pool_id for name in names)
    tenants = find_tenants(groups, settings, tokens)
    rights = replace(rights, tenants=tuple(item.name for item in tenants))
    tenant = select_tenant(tenants, settings, request)
    if tenant is None:
        return rights
    counting = list_counting_groups(groups, settings, tenant.name)
    if settings.tenant is not None and not settings.tenant.group_prefix:  # a later group may be of another tenant
        counting = tuple(name for name in counting if name in tenant.groups)
    return replace(
        rights,
        groups=counting,
        tenant=tenant.name,
        tenant_groups=((settings.user_pool_id, tenant.groups),),
    )


def may_be_granted_in_a_tenant(rights: Rights) -> bool:
    """Return whether TENANT_GROUPS grants a permission to a group of `rights`, in any tenant."""
    pools = get_pool_registry()
    return any(
        find_tenant_group(name, settings) in settings.tenant_groups
        for pool, names in rights.all_groups
        if (settings := pools.find(pool)) is not None
        for name in names
    )


def may_be_granted(user: Any, *, permission: str = "", app_label: str = "") -> bool:
    """Return whether the rights of `user` can grant `permission`, or any permission of the app. No query.

    If not, they need not be loaded: a local user costs no query more than Django's own. Always True for a service user,
    whose rights are set, and if the remembered groups of `user` were not checked: loading rights removes expired ones
    before another backend reads Django's groups.
    """
    pools = get_pool_registry()
    user_rights = _get_user_rights(user)
    if pools.first.remembered_groups_seconds is not None and user_rights is None:
        return True
    if user_rights is not None and user_rights.rights is not None and user_rights.rights.scope_pool:
        return True
    granted = _list_granted_permissions(pools)
    return any(name.startswith(f"{app_label}.") for name in granted) if app_label else permission in granted


@lru_cache(maxsize=16)
def _list_granted_permissions(pools: PoolRegistry) -> frozenset[str]:
    mappings = [mapping for item in pools.by_alias.values() for mapping in (item.groups, item.tenant_groups)]
    return frozenset[str]().union(*(grant.permissions for mapping in mappings for grant in mapping.values()))


@lru_cache(maxsize=1_024)  # sites have few combinations of groups; a repeated has_perm is one look-up
def _resolve_permissions(by_pool: _GroupsByPool, tenant_groups: _GroupsByPool, pools: PoolRegistry) -> frozenset[str]:
    permissions = [
        read(names, settings)
        for groups, read in ((by_pool, get_group_permissions), (tenant_groups, get_tenant_permissions))
        for pool, names in groups
        if (settings := pools.find(pool)) is not None
    ]
    return frozenset[str]().union(*permissions)


def require_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return `names`, the arguments of a decorator or permission class.

    Raises TypeError if there are none, or if one is not a string: so `@group_required` without parentheses, or with a
    list of names, fails at import and not at the first request.
    """
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError('give at least one name, and each as a string: ("editors", "admins")')
    return names


class _UserRights:
    """The rights of one user object. They are not copied or pickled with the user.

    `rights` is None if they are not loaded, but expired groups were removed.
    """

    __slots__ = ("owner", "rights")

    def __init__(self, owner: Any = None, rights: Rights | None = None):
        # A copied model has another `_state`; a lazy user has that of the wrapped user.
        self.owner = getattr(owner, "_state", None)
        self.rights = rights

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()


def set_rights(user: Any, rights: Rights) -> None:
    """Set the rights of `user`. They are not copied or pickled with the user."""
    setattr(user, _ATTRIBUTE, _UserRights(user, rights))


def note_checked_groups(user: Any) -> None:
    """Note that expired groups of `user` were removed, so that not every permission check loads the rights."""
    if isinstance(user, Model) and _get_user_rights(user) is None:
        setattr(user, _ATTRIBUTE, _UserRights(user))


def drop_permission_caches(user: Any) -> None:
    """Delete the permission caches of `user`, after its flags or groups have changed."""
    for name in _PERMISSION_CACHES:
        vars(user).pop(name, None)


def get_rights(user: Any) -> Rights:
    """Return the rights of `user`; if none are set, load them from the link rows (one query) and set them."""
    user_rights = _get_user_rights(user)
    if not user.is_active or (user_rights is None and user.is_anonymous):
        return NO_RIGHTS
    if user_rights is not None and user_rights.rights is not None:
        return user_rights.rights
    rights = NO_RIGHTS
    if user.pk is not None and isinstance(user, Model):  # neither unsaved nor a machine-to-machine client
        pools = get_pool_registry()
        # In the database that the user was read from: if it is the one for writes, a replica may not have the links.
        of_user = CognitoUser.objects.using(user._state.db).filter(user_id=user.pk).order_by("pk")
        links = list(of_user.values_list("user_pool_id", "groups", "as_of"))
        if any(names and is_expired(as_of, pools.first) for _, names, as_of in links):
            expire_remembered_groups(user, pools.first)
        # The groups of a pool that is no longer configured do not count: the pool may have another owner now.
        rows = [
            (pool, names)
            for pool, names, as_of in links
            if pools.find(pool) is not None and not is_expired(as_of, pools.first)
        ]
        all_groups = tuple((pool, tuple(names)) for pool, names in rows)
        by_pool = tuple((pool, list_counting_groups(names, pools.for_token(pool))) for pool, names in all_groups)
        names = dict.fromkeys(name for _, names in by_pool for name in names)
        rights = Rights(tuple(names), by_pool=by_pool, all_groups=all_groups)
    set_rights(user, rights)
    return rights


async def aget_rights(user: Any) -> Rights:
    """Async version of `get_rights`; without a thread if the rights are set, as after `await request.auser()`."""
    user_rights = _get_user_rights(user)
    if user_rights is not None and user_rights.rights is not None:
        return get_rights(user)
    return await sync_to_async(get_rights)(user)


def _get_user_rights(user: Any) -> _UserRights | None:
    user_rights: _UserRights | None = getattr(user, _ATTRIBUTE, None)
    return user_rights if user_rights is not None and user_rights.owner is getattr(user, "_state", None) else None
