"""Read the claims of a user from tokens, userInfo or the directory, and compare them with the link row.

Must not do I/O or read the clock.
"""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from ..authorization import group_mapping as cognito_groups
from ..conf.schema import COGNITO_GROUPS, CognitoSettings
from ..core import AccessToken, IdToken
from ..core.directory import DirectoryUser
from ..models import DIGEST_FIELDS, CognitoUser
from .claim_values import copy_claims, get_other_claims, get_preferred_username, map_claims, read_verified, without_nul
from .lookup import LinkSnapshot

_HALF = 32  # hex digits: the settings' half of a digest, then the attributes' half


class Source(NamedTuple):
    """The claims of one source at one moment. `attributes` has the mapped claims that are present, by Django field.

    It also has the claims that set no field by themselves (USERNAME, `UserAdapter.claims`), by "claim:" and their name.
    """

    digest_field: str  # the field of the link row for the last digest of this kind of source; empty: groups alone
    moment: datetime
    groups: tuple[str, ...] | None  # None: the source does not contain groups
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool] = {}  # by field, for CONTACT_CLAIMS: whether Cognito verified the value
    unread_groups: Collection[str] = ()  # of which the source states nothing: the stored ones stay


class DirectoryGroups(NamedTuple):
    """The groups of a directory user, when they were read, and the groups of the pool whose members were not read."""

    names: Sequence[str]
    moment: datetime
    unread: Collection[str] = ()


class IdentityClaims(NamedTuple):
    """A Cognito user and the claims about them: of one source, or of an access token and then its ID token."""

    user_pool_id: str
    sub: str
    username: str
    sources: tuple[Source, ...]
    preferred_username: str = ""  # the claim USERNAME, for a new user; empty if no source contains it
    verified_email: str = ""
    claim_sets: tuple[Mapping[str, Any], ...] = ()  # all claims of each source

    def __repr__(self) -> str:
        # Without claims: error reports show the values of variables.
        return f"<IdentityClaims sub={self.sub} pool={self.user_pool_id}>"

    @property
    def claims(self) -> dict[str, Any]:
        """A copy of all claims: of the access token, the ID token and userInfo, the last of which counts.

        Values that contain NUL, which PostgreSQL rejects, are left out.
        """
        return copy_claims({name: value for claims in self.claim_sets for name, value in claims.items()})


class UserChanges(NamedTuple):
    """The values to write: the effective groups as of `moment`, changed attributes, and digests by field."""

    groups: tuple[str, ...]
    moment: datetime
    attributes: Mapping[str, Any]
    digests: Mapping[str, str]
    are_grants_due: bool  # the groups, or the settings that map them, have changed, or a Django group was deleted
    verified: Mapping[str, bool] = {}  # as in Source
    are_other_claims_new: bool = False  # those that set no field by themselves

    @property
    def is_moments_only(self) -> bool:
        """True if only the moments change, at which the same groups and attributes were confirmed."""
        return not (self.are_grants_due or self.attributes or self.are_other_claims_new)


class _Digest(NamedTuple):
    """The stored digest of the last applied source of one kind."""

    seconds: float  # the moment of the source, since 1970; -inf if none was applied
    settings: str = ""  # empty: not stored, so the settings count as changed
    attributes: str = ""  # empty: not stored


class _SourceChange(NamedTuple):
    """The new digest of one source, and the attributes to apply."""

    field: str
    digest: str
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool]
    are_settings_new: bool


def claims_from_tokens(
    token: AccessToken | IdToken,
    profile: IdToken | None,
    settings: CognitoSettings,
    user_info: Mapping[str, Any] | None = None,
) -> IdentityClaims:
    """Return the claims of a token, of its ID token `profile`, and of the userInfo response of a sign-in."""
    id_token = token if isinstance(token, IdToken) else profile
    tokens = (token,) if id_token is None or id_token is token else (token, id_token)
    sources = []
    for item in tokens:
        groups = cognito_groups.groups_from_token(item, settings)
        # If GROUPS_CLAIM is not Cognito's own, an access token without that claim provides no attributes either.
        is_profile = groups is not None and settings.profile_source == "id_token"
        attributes = map_claims(item.claims, settings) if is_profile else {}
        verified = read_verified(attributes, item.claims, settings)
        digest_field = "id_digest" if isinstance(item, IdToken) else "access_digest"
        sources.append(Source(digest_field, item.issued_at, groups, attributes, verified))
    claim_sets = [item.claims for item in tokens]
    if user_info is not None:
        attributes = map_claims(user_info, settings)
        verified = read_verified(attributes, user_info, settings)
        sources.append(Source("user_info_digest", token.issued_at, None, attributes, verified))
        claim_sets.append(user_info)
    return IdentityClaims(
        user_pool_id=token.user_pool_id,
        sub=token.sub,
        username=token.username,
        sources=tuple(sources),
        preferred_username=get_preferred_username(settings, *claim_sets),
        verified_email=without_nul(id_token.email) if id_token and id_token.email_verified else "",
        claim_sets=tuple(claim_sets),
    )


def claims_from_directory(
    user: DirectoryUser,
    groups: Sequence[str] | DirectoryGroups | None,
    moment: datetime,
    settings: CognitoSettings,
) -> IdentityClaims:
    """Return the claims of a directory user, read at `moment`, which is rounded down: tokens have whole seconds.

    `groups` are None if they were not read, and `DirectoryGroups` if they were read at another moment.
    """
    verified = user.attributes.get("email_verified") == "true"
    attributes = map_claims(user.attributes, settings)
    is_verified = read_verified(attributes, user.attributes, settings)
    is_other_claim = settings.groups_claim != COGNITO_GROUPS
    # A claim that a trigger adds to tokens is no attribute: the directory states nothing about it.
    is_attribute = settings.groups_claim.startswith("custom:") or settings.groups_claim in user.attributes
    profile = Source("directory_digest", moment.replace(microsecond=0), None, attributes, is_verified)
    sources = [profile]
    if isinstance(groups, DirectoryGroups) and not is_other_claim:
        names = cognito_groups.groups_from_directory(groups.names, user.attributes, settings)
        own = Source("", groups.moment.replace(microsecond=0), names, {}, unread_groups=groups.unread)
        sources = [own, profile]
    elif is_attribute or (groups is not None and not is_other_claim):
        listed = () if groups is None or isinstance(groups, DirectoryGroups) else groups
        names = cognito_groups.groups_from_directory(listed, user.attributes, settings)
        sources = [profile._replace(groups=names)]
    return IdentityClaims(
        user_pool_id=settings.user_pool_id,
        sub=user.sub,
        username=user.username,
        sources=tuple(sources),
        preferred_username=get_preferred_username(settings, user.attributes),
        verified_email=without_nul(user.attributes.get("email", "")) if verified else "",
        claim_sets=({**user.attributes, "sub": user.sub, "cognito:username": user.username},),
    )


def changes_from(
    identity: IdentityClaims, link: CognitoUser | LinkSnapshot, settings: CognitoSettings
) -> UserChanges | None:
    """Return what `identity` changes in a link row; None if nothing.

    The groups are those of the most recent source that contains groups; of sources with equal moments, the groups that
    all of them contain. So the result does not depend on the order of the claims. Attributes are those of the most
    recent source of each kind.
    """
    groups, moment = tuple(link.groups), link.as_of
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
    fields = {name: value for name, value in attributes.items() if name in settings.attributes}
    return UserChanges(
        groups=groups if are_groups_new else tuple(link.groups),
        moment=moment,
        attributes=fields,
        digests={change.field: change.digest for change in changes},
        are_grants_due=are_groups_new or any(change.are_settings_new for change in changes),
        verified=verified,
        are_other_claims_new=len(fields) < len(attributes),
    )


def _merge_attributes(changes: Sequence[_SourceChange]) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the merged attributes of `changes`, oldest first; an unverified value never replaces a verified one."""
    attributes: dict[str, Any] = {}
    verified: dict[str, bool] = {}
    for change in changes:
        for name, value in change.attributes.items():
            if change.verified.get(name, True) or not verified.get(name, False):
                attributes[name] = value
                verified.update({name: change.verified[name]} if name in change.verified else {})
    return attributes, verified


def _compare_source(
    source: Source, link: CognitoUser | LinkSnapshot, settings: CognitoSettings
) -> _SourceChange | None:
    """Return what `source` changes in its digest; None if a source of its kind and moment, or a later one, was applied.

    Its attributes never replace those of another kind with a later moment.
    """
    own, seconds = _read_digest(link, source.digest_field), _to_seconds(source.moment)
    mapping = _hash_settings(settings)
    are_settings_new = own.settings != mapping
    # Of two sources of one kind and second the first stays, except of userInfo, which is requested once per sign-in.
    stays_first = source.digest_field != "user_info_digest"
    if seconds < own.seconds or (seconds == own.seconds and stays_first and not are_settings_new):
        return None
    attributes = _hash_json([source.attributes, source.verified]) if source.attributes else _NO_ATTRIBUTES
    is_unchanged = own.attributes == attributes and not are_settings_new
    if is_unchanged and seconds == own.seconds:
        return None
    moves_as_of = source.groups is not None and source.moment > link.as_of
    if not source.attributes and (source.moment < link.as_of or (is_unchanged and not moves_as_of)):
        return None
    digests = [_read_digest(link, name) for name in DIGEST_FIELDS if name != source.digest_field]
    others = [other for other in digests if other.attributes != _NO_ATTRIBUTES]
    if any(other.seconds > seconds for other in others):
        return None
    is_replaced = any(other.attributes and other.seconds > own.seconds for other in others)
    applied = {} if is_unchanged and not is_replaced else source.attributes
    digest = f"{seconds}:{mapping}{attributes}"
    return _SourceChange(source.digest_field, digest, applied, source.verified, are_settings_new)


def _read_digest(link: CognitoUser | LinkSnapshot, field: str) -> _Digest:
    value: str = getattr(link, field)
    if not value:
        return _Digest(-math.inf)
    seconds, _, halves = value.partition(":")
    if len(value) == 2 * _HALF or not seconds.isdecimal():
        # Written before migration 0003. It was applied at or before `as_of`, so an older source is never applied again.
        return _Digest(_to_seconds(link.as_of))
    return _Digest(int(seconds), halves[:_HALF], halves[_HALF:])


def _to_seconds(moment: datetime) -> int:
    return math.floor(moment.timestamp())


def _hash_json(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_HALF]


_NO_ATTRIBUTES = _hash_json({})


@lru_cache(maxsize=8)
def _hash_settings(settings: CognitoSettings) -> str:
    """Return a digest of the settings that determine what is written; permissions are not stored, so not included."""
    grants = {name: [grant.groups, grant.staff, grant.superuser] for name, grant in settings.groups.items()}
    options: list[Any] = [settings.mirror_groups and (settings.mirror_prefix or True), settings.groups_claim]
    options += [settings.user_adapter, get_other_claims(settings)] if settings.user_adapter else []
    # A function by its name: when its code changes, the values that it returns count.
    attributes = {
        name: source if isinstance(source, str) else f"{source.__module__}.{getattr(source, '__qualname__', '')}"
        for name, source in settings.attributes.items()
    }
    return _hash_json([grants, *options, attributes])
