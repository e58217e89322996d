"""What a source (an access token, an ID token, the directory) says of a person, and what of it is new. Pure."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ..authorization import group_mapping as cognito_groups
from ..conf.schema import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.directory import DirectoryUser
from ..models import DIGEST_FIELDS, CognitoUser
from .fields import CONTACT_CLAIMS
from .lookup import KnownPerson

_HALF = 32  # hex digits: the settings' half of a digest, then the attributes' half


class Source(NamedTuple):
    """What one source says at one moment. `attributes` holds the mapped claims that are present, by Django field."""

    digest_field: str  # where the link row remembers what this kind of source said last
    moment: datetime
    groups: tuple[str, ...] | None  # None: it does not say
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool] = {}  # of the attributes from CONTACT_CLAIMS: whether Cognito verified the value


class Statement(NamedTuple):
    """Who is spoken of, and what is said: by one source, or by an access token and then its ID token."""

    user_pool_id: str
    sub: str
    username: str
    sources: tuple[Source, ...]
    preferred_username: str = ""  # what USERNAME names a new user by; empty: the sources do not say
    verified_email: str = ""


class News(NamedTuple):
    """What is to be written: the groups that count as of `moment`, changed attributes, and digests by their field."""

    groups: tuple[str, ...]
    moment: datetime
    attributes: Mapping[str, Any]
    digests: Mapping[str, str]
    are_grants_due: bool  # the groups, or the settings that map them, have changed, or a Django group was deleted
    verified: Mapping[str, bool] = {}  # as in Source

    @property
    def is_moments_only(self) -> bool:
        """Whether nothing changes but the moments at which the same groups and attributes were confirmed."""
        return not self.are_grants_due and not self.attributes


class _Digest(NamedTuple):
    """What a link row stores of the source of one kind that was applied last."""

    seconds: float  # its moment, since 1970; -inf if none was applied
    settings: str = ""  # empty: unknown, so the settings count as changed
    attributes: str = ""  # empty: unknown


class _Mark(NamedTuple):
    """What one source changes in its digest field, and the attributes to apply."""

    field: str
    digest: str
    attributes: Mapping[str, Any]
    verified: Mapping[str, bool]
    are_settings_new: bool


def statement_of(
    token: AccessToken | IdToken,
    profile: IdToken | None,
    settings: CognitoSettings,
    user_info: Mapping[str, Any] | None = None,
) -> Statement:
    """What a token says, with the profile of its ID token where one came along, and what userInfo said at a login."""
    id_token = token if isinstance(token, IdToken) else profile
    tokens = (token,) if id_token is None or id_token is token else (token, id_token)
    sources = [_source_of(each, settings) for each in tokens]
    said = [each.claims for each in tokens]
    if user_info is not None:
        attributes = _mapped(user_info, settings)
        verified = _verified(attributes, user_info, settings)
        sources.append(Source("user_info_digest", token.issued_at, None, attributes, verified))
        said.append(user_info)
    return Statement(
        user_pool_id=token.user_pool_id,
        sub=token.sub,
        username=token.username,
        sources=tuple(sources),
        preferred_username=_preferred_username(settings, *said),
        verified_email=_address(id_token.email) if id_token and id_token.email_verified else "",
    )


def statement_of_directory(
    person: DirectoryUser, groups: Sequence[str], moment: datetime, settings: CognitoSettings
) -> Statement:
    """What the directory said of a person at `moment`, which is rounded down: tokens count in whole seconds."""
    verified = person.attributes.get("email_verified") == "true"
    attributes = _mapped(person.attributes, settings)
    names = cognito_groups.told_by_directory(groups, person.attributes, settings)
    is_verified = _verified(attributes, person.attributes, settings)
    source = Source("directory_digest", moment.replace(microsecond=0), names, attributes, is_verified)
    return Statement(
        user_pool_id=settings.user_pool_id,
        sub=person.sub,
        username=person.username,
        sources=(source,),
        preferred_username=_preferred_username(settings, person.attributes),
        verified_email=_address(person.attributes.get("email", "")) if verified else "",
    )


def news(statement: Statement, link: CognitoUser | KnownPerson, settings: CognitoSettings) -> News | None:
    """Return what `statement` changes in a link row; None if nothing.

    Groups follow the most recent moment of all sources that state them; of equal moments only what all state counts.
    So the result does not depend on the order of statements. Attributes follow the most recent moment of each kind.
    """
    groups, moment = tuple(link.groups), link.as_of
    for source in statement.sources:
        if source.groups is not None:
            groups = cognito_groups.effective(source.groups, source.moment, groups, moment)
            moment = max(moment, source.moment)
    are_groups_new = set(groups) != set(link.groups)
    sources = sorted(statement.sources, key=_moment)
    marks = [mark for source in sources if (mark := _mark_of(source, link, settings)) is not None]
    if not marks and not are_groups_new and moment == link.as_of:
        return None
    attributes, verified = _merged(marks)
    return News(
        groups=groups if are_groups_new else tuple(link.groups),
        moment=moment,
        attributes=attributes,
        digests={mark.field: mark.digest for mark in marks},
        are_grants_due=are_groups_new or any(mark.are_settings_new for mark in marks),
        verified=verified,
    )


def _merged(marks: Sequence[_Mark]) -> tuple[dict[str, Any], dict[str, bool]]:
    """Return the attributes of `marks`, the most recent ones last; but an unverified value replaces no verified one."""
    attributes: dict[str, Any] = {}
    verified: dict[str, bool] = {}
    for mark in marks:
        for name, value in mark.attributes.items():
            if mark.verified.get(name, True) or not verified.get(name, False):
                attributes[name] = value
                verified.update({name: mark.verified[name]} if name in mark.verified else {})
    return attributes, verified


def _mark_of(source: Source, link: CognitoUser | KnownPerson, settings: CognitoSettings) -> _Mark | None:
    """Return what `source` changes in its digest; None if a source of its kind and moment, or a later one, was applied.

    Its attributes never replace those of another kind with a later moment.
    """
    own, seconds, mapping = _read_digest(link, source.digest_field), _seconds(source.moment), _mapping(settings)
    are_settings_new = own.settings != mapping
    if seconds < own.seconds or (seconds == own.seconds and _stays_first(source) and not are_settings_new):
        return None
    attributes = _digest_of_attributes(source)
    is_known = own.attributes == attributes and not are_settings_new
    if is_known and seconds == own.seconds:
        return None
    if not source.attributes and (source.moment < link.as_of or (is_known and not _moves_as_of(source, link))):
        return None
    others = _other_digests(link, source.digest_field)
    if any(other.seconds > seconds for other in others):
        return None
    is_replaced = any(other.attributes and other.seconds > own.seconds for other in others)
    applied = {} if is_known and not is_replaced else source.attributes
    digest = f"{seconds}:{mapping}{attributes}"
    return _Mark(source.digest_field, digest, applied, source.verified, are_settings_new)


def _stays_first(source: Source) -> bool:
    """Whether another source of this kind and second counts for nothing: not userInfo, which is asked once a login."""
    return source.digest_field != "user_info_digest"


def _moves_as_of(source: Source, link: CognitoUser | KnownPerson) -> bool:
    return source.groups is not None and source.moment > link.as_of


def _other_digests(link: CognitoUser | KnownPerson, field: str) -> list[_Digest]:
    """Return what is stored of the other kinds of source that state attributes."""
    found = (_read_digest(link, name) for name in DIGEST_FIELDS if name != field)
    return [digest for digest in found if digest.attributes != _NO_ATTRIBUTES]


def _read_digest(link: CognitoUser | KnownPerson, field: str) -> _Digest:
    value: str = getattr(link, field)
    if not value:
        return _Digest(-math.inf)
    seconds, _, halves = value.partition(":")
    if len(value) == 2 * _HALF or not seconds.isdecimal():
        # Written before migration 0003. It was applied at or before `as_of`, so an older source is never applied again.
        return _Digest(_seconds(link.as_of))
    return _Digest(int(seconds), halves[:_HALF], halves[_HALF:])


def _seconds(moment: datetime) -> int:
    return math.floor(moment.timestamp())


def _source_of(token: AccessToken | IdToken, settings: CognitoSettings) -> Source:
    groups = cognito_groups.told_by(token, settings)
    # An access token without groups, whose claim is another one than Cognito's own, is no source of a profile.
    is_heard = groups is not None and settings.profile_source == "id_token"
    attributes = _mapped(token.claims, settings) if is_heard else {}
    digest_field = "id_digest" if isinstance(token, IdToken) else "access_digest"
    return Source(digest_field, token.issued_at, groups, attributes, _verified(attributes, token.claims, settings))


def _mapped(claims: Mapping[str, Any], settings: CognitoSettings) -> dict[str, Any]:
    """The claims that `ATTRIBUTES` names and that are there, without those that hold a NUL: PostgreSQL takes none."""
    present = {name: claims[claim] for name, claim in settings.attributes.items() if claims.get(claim) is not None}
    if not present:
        return present
    plain = {name: value if isinstance(value, str) else _plain(value) for name, value in present.items()}
    return {name: value for name, value in plain.items() if not _has_nul(value)}


def _verified(attributes: Mapping[str, Any], claims: Mapping[str, Any], settings: CognitoSettings) -> dict[str, bool]:
    """Whether Cognito verified the value, for each attribute from CONTACT_CLAIMS.

    A boolean in ID tokens; the strings "true" and "false" in userInfo, in the directory and from identity providers.
    """
    said = {name: CONTACT_CLAIMS.get(settings.attributes[name]) for name in attributes}
    return {name: claims.get(by) is True or claims.get(by) == "true" for name, by in said.items() if by is not None}


def _address(email: str) -> str:
    return "" if _has_nul(email) else email


def _has_nul(value: Any) -> bool:
    return "\0" in value if isinstance(value, str) else "\\u0000" in json.dumps(value)


def _plain(value: Any) -> Any:
    """A claim as JSON has it: a token's own are read-only, which no field expects."""
    return json.loads(json.dumps(value, default=dict))


def _preferred_username(settings: CognitoSettings, *said: Mapping[str, Any]) -> str:
    """The name that the claim USERNAME gives; the last one's, of those who say it."""
    if settings.username == "username":
        return ""
    value = [claims[settings.username] for claims in said if settings.username in claims][-1:]
    return value[0].strip() if value and isinstance(value[0], str) and "\0" not in value[0] else ""


def _moment(source: Source) -> datetime:
    return source.moment


def _digest_of_attributes(source: Source) -> str:
    return _hashed([source.attributes, source.verified]) if source.attributes else _NO_ATTRIBUTES


def _hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_HALF]


_NO_ATTRIBUTES = _hashed({})


@lru_cache(maxsize=8)
def _mapping(settings: CognitoSettings) -> str:
    """Return a digest of the settings by which users are written; permissions are not among them: never stored."""
    grants = {name: [grant.groups, grant.staff, grant.superuser] for name, grant in settings.groups.items()}
    named = [settings.mirror_groups and (settings.mirror_prefix or True), settings.groups_claim]
    return _hashed([grants, *named, dict(settings.attributes)])
