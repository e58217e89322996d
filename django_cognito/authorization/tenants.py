"""Tenants, the organisations of one user pool: those that a user has, and the one that a request selects. No I/O.

Must not depend on rights or users. The functions of the setting TENANT run in the event loop too: they must do no I/O.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.utils.module_loading import import_string

from ..conf.schema import CognitoSettings
from ..core import AccessToken, ClientToken, IdToken
from .group_mapping import groups_from_token

_MAX_NAME_CHARS = 128  # Cognito's limit of a group name


class Tenant(NamedTuple):
    """A tenant of a user, and the user's groups in it: keys of TENANT_GROUPS."""

    name: str
    groups: tuple[str, ...] = ()


def find_tenants(
    groups: Sequence[str], settings: CognitoSettings, tokens: Sequence[AccessToken | IdToken | ClientToken] = ()
) -> tuple[Tenant, ...]:
    """Return the tenants of a user with the Cognito groups `groups`; `tokens` are those of the request.

    With a group prefix, the groups state the tenants. Otherwise the first token with a tenant states the only one. A
    group counts in it if a token with this tenant has it too: `groups` may be of a later token with another tenant.
    """
    source = settings.tenant
    if source is None:
        return ()
    if source.group_prefix:
        tenants: dict[str, list[str]] = {}
        for tenant, group in filter(None, (split_group(name, settings) for name in groups)):
            tenants.setdefault(tenant, []).extend([group] if group else [])
        return tuple(Tenant(name, tuple(names)) for name, names in tenants.items())
    name, stated = "", None
    for token in tokens:
        value: Any = token.claims.get(source.claim) if source.claim else _load(source.function)(token)
        if _is_tenant_name(value) and name in ("", value):
            name, stated = value, groups_from_token(token, settings)
            if stated is not None:
                break
    return (Tenant(name, tuple(group for group in groups if group in (stated or ()))),) if name else ()


def select_tenant(tenants: Sequence[Tenant], settings: CognitoSettings, request: Any) -> Tenant | None:
    """Return the tenant that `request` selects among those of its user; without a selector the only one."""
    selector = "" if settings.tenant is None else settings.tenant.selector
    if not tenants or not selector:
        return tenants[0] if len(tenants) == 1 else None
    name = _load(selector)(request, tuple(tenant.name for tenant in tenants))
    return next((tenant for tenant in tenants if tenant.name == name), None)


def list_counting_groups(
    groups: Sequence[str], settings: CognitoSettings, tenant: str | None = None
) -> tuple[str, ...]:
    """Return the Cognito groups that count in a tenant, or without one: with a group prefix, none of another tenant."""
    if settings.tenant is None or not settings.tenant.group_prefix:
        return tuple(groups)
    tenants = {name: split_group(name, settings) for name in groups if is_tenant_group(name, settings)}
    return tuple(
        name for name in groups if name not in tenants or ((split := tenants[name]) is not None and split[0] == tenant)
    )


def is_tenant_group(name: str, settings: CognitoSettings) -> bool:
    """Return whether a Cognito group has the group prefix of TENANT."""
    prefix = "" if settings.tenant is None else settings.tenant.group_prefix
    return prefix != "" and name.startswith(prefix)


def split_group(name: str, settings: CognitoSettings) -> tuple[str, str] | None:
    """Return the tenant of a Cognito group and the name within it; None if the group is of no tenant.

    With the prefix `org/`, `org/acme/editors` is `editors` in `acme`. `org/acme` is the group of all members of `acme`:
    its name is "". A name with another separator is of no tenant: `org/acme/eu/editors` may mean a tenant `acme/eu`.
    """
    if not is_tenant_group(name, settings):
        return None
    prefix = settings.tenant.group_prefix  # type: ignore[union-attr]  # as above
    tenant, separator, group = name.removeprefix(prefix).partition(prefix[-1])
    is_complete = bool(group) == bool(separator) and prefix[-1] not in group
    return (tenant, group) if is_complete and _is_tenant_name(tenant) else None


def find_tenant_group(name: str, settings: CognitoSettings, tenant: str = "") -> str:
    """Return the name in TENANT_GROUPS of a Cognito group, in `tenant` or in any; "" if it is of no such tenant."""
    if settings.tenant is None:
        return ""
    if not settings.tenant.group_prefix:
        return name
    split = split_group(name, settings)
    return split[1] if split is not None and tenant in ("", split[0]) else ""


def join_group(group: str, tenant: str, settings: CognitoSettings) -> str:
    """Return the Cognito group of an entry of TENANT_GROUPS in a tenant: the opposite of `split_group`."""
    prefix = "" if settings.tenant is None else settings.tenant.group_prefix
    return f"{prefix}{tenant}{prefix[-1]}{group}" if prefix else group


def _is_tenant_name(value: Any) -> bool:
    """Return whether a value may be a tenant. With outer spaces or invisible characters, two names could look equal."""
    is_text = isinstance(value, str) and 0 < len(value) <= _MAX_NAME_CHARS
    return is_text and value.isprintable() and value == value.strip()


def _load(function: Callable[..., Any] | str) -> Callable[..., Any]:
    return import_string(function) if isinstance(function, str) else function
