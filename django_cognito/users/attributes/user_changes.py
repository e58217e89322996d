"""Compare the claims of a user with the link row: which groups and attributes are to be written.

Must not do I/O or read the clock.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from ...authorization import group_mapping as cognito_groups
from ...authorization.confirmed_moments import WITH_GROUPS, WITHOUT_GROUPS
from ...conf.schema import CognitoSettings
from ...models import DIGEST_FIELDS, CognitoUser
from ..lookup import LinkSnapshot
from .claim_sources import IdentityClaims, Source
from .source_digests import NO_ATTRIBUTES, has_attributes, hash_json, hash_settings, read_digest, to_seconds


class UserChanges(NamedTuple):
    """The values to write: the effective groups as of `moment`, changed attributes, and digests by field."""

    groups: tuple[str, ...]
    moment: datetime
    attributes: Mapping[str, Any]
    digests: Mapping[str, str]
    are_grants_due: bool  # the groups, or the settings that map them, have changed, or a Django group was deleted
    verified: Mapping[str, bool] = {}  # as in Source
    are_other_claims_new: bool = False  # those that set no field by themselves
    listed_digest: str = ""  # for the link row, if all that was listed counts now

    @property
    def is_moments_only(self) -> bool:
        """True if only the moments change, at which the same groups and attributes were confirmed."""
        return not (self.are_grants_due or self.attributes or self.are_other_claims_new)


class _SourceChange(NamedTuple):
    """The new digest of one source, and the attributes to apply."""

    field: str
    digest: str
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool]
    are_settings_new: bool


def changes_from(
    identity: IdentityClaims, link: CognitoUser | LinkSnapshot, settings: CognitoSettings
) -> UserChanges | None:
    """Return what `identity` changes in a link row; None if nothing.

    The groups are those of the most recent source that contains groups; of sources with equal moments, the groups that
    all of them contain. So the result does not depend on the order of the claims. Attributes are those of the most
    recent source of each kind.
    """
    groups, moment, stated = tuple(link.groups), link.as_of, None
    for source in identity.sources:
        if source.groups is not None:
            stated = (*source.groups, *(name for name in groups if name in source.unread_groups))
            groups = cognito_groups.effective_groups(stated, source.moment, groups, moment)
            moment = max(moment, source.moment)
    are_groups_new = set(groups) != set(link.groups)
    sources = sorted((source for source in identity.sources if source.digest_field), key=attrgetter("moment"))
    changes = [change for source in sources if (change := _compare_source(source, link, settings)) is not None]
    if not changes and not are_groups_new and moment == link.as_of:
        return None
    attributes, verified = _merge_attributes(changes)
    digests = {change.field: change.digest for change in changes}
    is_current = stated is None or set(stated) == set(groups)
    is_current = is_current and all(source.digest_field in digests for source in sources if source.attributes)
    mode = WITHOUT_GROUPS if stated is None else WITH_GROUPS
    fields = {name: value for name, value in attributes.items() if name in settings.attributes}
    return UserChanges(
        groups=groups if are_groups_new else tuple(link.groups),
        moment=moment,
        attributes=fields,
        digests=digests,
        are_grants_due=are_groups_new or any(change.are_settings_new for change in changes),
        verified=verified,
        are_other_claims_new=len(fields) < len(attributes),
        listed_digest=mode + identity.listed_digest if identity.listed_digest and is_current else "",
    )


def _merge_attributes(changes: Sequence[_SourceChange]) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the merged attributes of `changes`, oldest first; an unverified value never replaces a verified one."""
    attributes: dict[str, Any] = {}
    verified: dict[str, bool] = {}
    for change in changes:
        for name, value in change.attributes.items():
            if change.verified.get(name, True) or not verified.get(name, False):
                attributes[name] = value
                verified.pop(name, None)
                if name in change.verified:
                    verified[name] = change.verified[name]
    return attributes, verified


def _compare_source(
    source: Source, link: CognitoUser | LinkSnapshot, settings: CognitoSettings
) -> _SourceChange | None:
    """Return what `source` changes in its digest; None if a source of its kind and moment, or a later one, was applied.

    Its attributes never replace those of another kind with a later moment.
    """
    own, seconds = read_digest(link, source.digest_field), to_seconds(source.moment)
    mapping = hash_settings(settings)
    are_settings_new = own.settings != mapping
    # Of two sources of one kind and second the first stays, except of userInfo, which is requested once per sign-in.
    stays_first = source.digest_field != "user_info_digest"
    if seconds < own.seconds or (seconds == own.seconds and stays_first and not are_settings_new):
        return None
    digests = [read_digest(link, name) for name in DIGEST_FIELDS if name != source.digest_field]
    attributes = source.attributes
    attributes_half = hash_json([attributes, source.verified]) if attributes else NO_ATTRIBUTES
    if all(value is None for value in attributes.values()) and not any(map(has_attributes, (own, *digests))):
        attributes = {}  # nothing to clear; it is recorded, so that an older source sets nothing afterwards
    is_unchanged = own.attributes == attributes_half and not are_settings_new
    if is_unchanged and seconds == own.seconds:
        return None
    moves_as_of = source.groups is not None and source.moment > link.as_of
    if not source.attributes and (source.moment < link.as_of or (is_unchanged and not moves_as_of)):
        return None
    others = [other for other in digests if other.attributes != NO_ATTRIBUTES]
    if any(other.seconds > seconds for other in others):
        return None
    is_replaced = any(other.attributes and other.seconds > own.seconds for other in others)
    applied = {} if is_unchanged and not is_replaced else attributes
    digest = f"{seconds}:{mapping}{attributes_half}"
    return _SourceChange(source.digest_field, digest, applied, source.verified, are_settings_new)
