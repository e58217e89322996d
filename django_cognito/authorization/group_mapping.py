"""Map Cognito groups to Django groups, flags and permissions, and compute the changes. Must not do I/O."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar
from urllib.parse import unquote_plus

from ..conf.schema import COGNITO_GROUPS, CognitoSettings, GroupGrant
from ..core import AccessToken, ClientToken, IdToken

_MAX_NAME_CHARS = 128  # Cognito's limit of a group name; triggers and identity providers may set any value
_Moment = TypeVar("_Moment", float, datetime)


@dataclass(frozen=True, slots=True)
class Granted:
    """The grants of one membership: primary keys of Django groups, and flags."""

    groups: frozenset[int] = frozenset()
    staff: bool = False
    superuser: bool = False


NOTHING = Granted()


@dataclass(frozen=True, slots=True)
class Change:
    """The changes that apply the grants of a user's Cognito groups and leave other grants in place.

    A flag is None if it does not change; `memberships` has all grants after the change, by Cognito group.
    """

    add_groups: frozenset[int] = frozenset()
    remove_groups: frozenset[int] = frozenset()
    staff: bool | None = None
    superuser: bool | None = None
    memberships: Mapping[str, Granted] = field(default_factory=dict)

    def keep_superuser(self) -> "Change":
        """Return the change without the removal of the superuser flag, and of the staff flag."""
        return replace(self, superuser=None, staff=self.staff or None)


def groups_from_token(token: AccessToken | IdToken | ClientToken, settings: CognitoSettings) -> tuple[str, ...] | None:
    """Return the groups in the claim GROUPS_CLAIM; None for an access token without a custom claim of that name.

    Tokens of users without groups do not contain Cognito's own claim. A custom claim, such as an attribute that an
    identity provider sets, is a claim of ID tokens, and is absent if the attribute has no value.
    """
    if settings.groups_claim == COGNITO_GROUPS:
        return _filter_names(token.groups)
    value = token.claims.get(settings.groups_claim)
    if value is None:
        return () if isinstance(token, IdToken) else None
    return _filter_names(parse_groups_claim(value))


def groups_from_directory(
    groups: Sequence[str], attributes: Mapping[str, str], settings: CognitoSettings
) -> tuple[str, ...]:
    """Return the groups of a directory user by GROUPS_CLAIM: `groups` of the user pool, or those in an attribute."""
    is_own = settings.groups_claim == COGNITO_GROUPS
    return _filter_names(groups if is_own else parse_groups_claim(attributes.get(settings.groups_claim)))


def parse_groups_claim(value: object) -> tuple[str, ...]:
    """Return the groups in the value of a claim: a list of names, or a string with one or several names.

    Values that are malformed or were cut have no groups; `docs/groups.md` lists the forms.
    """
    if isinstance(value, str):
        names = _split_names(value.strip())
    else:
        names = [name for name in value if isinstance(name, str)] if isinstance(value, list | tuple) else []
    stripped = (name.strip() for name in names)
    # PostgreSQL rejects NUL, and no database can encode a lone surrogate.
    storable = (name for name in stripped if "\0" not in name and name.encode(errors="ignore").decode() == name)
    return tuple(dict.fromkeys(name for name in storable if name))


def _split_names(text: str) -> list[str]:
    """Return the names in the string of an attribute: `["a","b"]`, `[a,b]`, `a,b` or one name.

    Cognito formats several values of a SAML attribute as `[a,b]`, each form-URL-encoded, so without quotes. The claim
    of an OpenID provider that is a list becomes JSON.
    Source: AWS developer guide, "Mapping IdP attributes".
    """
    if not text.startswith("["):
        parts = text.split(",")
        # RFC 4514: one name, such as CN=Staff,OU=Sales. A value may contain a comma: CN=Sales\, EMEA,OU=Staff.
        is_distinguished_name = "=" in parts[0]
        return [text] if is_distinguished_name else parts
    if '"' in text:
        try:
            names = json.loads(text)
        except (ValueError, RecursionError):
            return []
        return names if isinstance(names, list) and all(isinstance(name, str) for name in names) else []
    # An attribute that is too long may have been cut: its last name could be the beginning of another one.
    return [unquote_plus(part) for part in text[1:-1].split(",")] if text.endswith("]") else []


def _filter_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names` without duplicates and without names that are too long for a group of a user pool."""
    return tuple(dict.fromkeys(name for name in names if len(name) <= _MAX_NAME_CHARS)) if names else ()


def get_grants(names: Iterable[str], settings: CognitoSettings) -> dict[str, GroupGrant]:
    """Return the grants of each Cognito group of `names` by the settings GROUPS and MIRROR_GROUPS."""
    grants = {name: settings.groups.get(name, GroupGrant()) for name in names}
    for name, grant in grants.items() if settings.mirror_groups else ():
        # Cognito adds federated users to a group "{pool id}_{provider}", which is not mirrored.
        if not name.startswith(f"{settings.user_pool_id}_"):
            # With the prefix, no user pool can select a Django group of another pool or one that the site created.
            groups = tuple(dict.fromkeys((*grant.groups, f"{settings.mirror_prefix}{name}")))
            grants[name] = replace(grant, groups=groups)
    return grants


def get_group_permissions(names: tuple[str, ...], settings: CognitoSettings) -> frozenset[str]:
    """Return the permissions that GROUPS grants the Cognito groups `names`, as "app_label.codename"."""
    return frozenset[str]().union(*(settings.groups[name].permissions for name in names if name in settings.groups))


def get_tenant_permissions(names: tuple[str, ...], settings: CognitoSettings) -> frozenset[str]:
    """Return the permissions that TENANT_GROUPS grants the groups `names` of a tenant, as "app_label.codename"."""
    grants = settings.tenant_groups
    return frozenset[str]().union(*(grants[name].permissions for name in names if name in grants))


def groups_granting(permission: str, settings: CognitoSettings) -> tuple[str, ...]:
    """Return the Cognito groups to which GROUPS grants `permission`."""
    return tuple(name for name, grant in settings.groups.items() if permission in grant.permissions)


def effective_groups(
    token_groups: Sequence[str], issued: _Moment, stored_groups: Sequence[str], as_of: _Moment
) -> tuple[str, ...]:
    """Return the groups of the token, or the stored groups if they are more recent.

    `iat` has whole seconds: if the moments are equal, only groups in both are returned.
    """
    if issued > as_of:
        return tuple(token_groups)
    if issued < as_of:
        return tuple(stored_groups)
    return tuple(name for name in token_groups if name in stored_groups)


def diff_grants(
    wanted: Mapping[str, Granted],
    before: Mapping[str, Granted],
    *,
    now: Granted,
    other_pools: Granted = NOTHING,
) -> Change:
    """Return the changes from the grants `before` to the grants `wanted`; `now` is what the user has.

    What the user has without a grant was assigned by an admin: it is not recorded, and so never revoked.
    `other_pools` has the grants of the user's memberships in other pools, which remain.
    """
    granted, revoked = combine_grants(wanted.values()), combine_grants(before.values())
    managed = granted.groups - (now.groups - revoked.groups - other_pools.groups)
    staff_managed, staff = _diff_flag(now.staff, granted.staff, revoked.staff, other_pools.staff)
    superuser_managed, superuser = _diff_flag(
        now.superuser, granted.superuser, revoked.superuser, other_pools.superuser
    )
    return Change(
        add_groups=managed - now.groups,
        remove_groups=(revoked.groups - granted.groups - other_pools.groups) & now.groups,
        staff=staff,
        superuser=superuser,
        memberships={
            name: Granted(item.groups & managed, item.staff and staff_managed, item.superuser and superuser_managed)
            for name, item in wanted.items()
        },
    )


def combine_grants(items: Iterable[Granted]) -> Granted:
    """Return the union of `items`."""
    items = tuple(items)
    return Granted(
        frozenset[int]().union(*(item.groups for item in items)),
        any(item.staff for item in items),
        any(item.superuser for item in items),
    )


def _diff_flag(now: bool, wanted: bool, before: bool, other_pools: bool) -> tuple[bool, bool | None]:
    """Return whether Cognito groups manage the flag, and its new value; None if it does not change."""
    managed = before or other_pools or not now
    if wanted:
        return managed, None if now else True
    return managed, False if now and before and not other_pools else None
