"""What a source (an access token, an ID token, the directory) says of a person, and what of it is new. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ..conf import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.directory import DirectoryUser
from ..models import CognitoUser
from . import groups as cognito_groups
from .attributes import CONTACT_CLAIMS
from .steady_query import KnownPerson


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
    verified: Mapping[str, bool] = {}  # as in Source


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
    """What `statement` tells that `link` does not know yet; None where that is nothing.

    A source from before what is known says nothing. Of the others the youngest that speaks of groups gives them, and on
    a tie the first; what they say of attributes counts in the order of their moments.
    """
    heard = [_heard(source, link) for source in statement.sources if source.moment >= link.as_of]
    digests = {source.digest_field: _digest(source, settings) for source in heard}
    told = [source for source in heard if getattr(link, source.digest_field) != digests[source.digest_field]]
    if not told:
        return None
    # Whoever does not speak of groups moves no moment either: an older word about them may still come.
    latest = max((each for each in heard if each.groups is not None), key=_moment, default=None)
    groups, moment = (latest.groups, latest.moment) if latest else (tuple(link.groups), link.as_of)
    attributes, verified = _merged(sorted(told, key=_moment))
    return News(groups or (), moment, attributes, digests, verified)


def _merged(sources: Sequence[Source]) -> tuple[dict[str, Any], dict[str, bool]]:
    """The attributes of `sources`, a later one's before an earlier one's; but an unverified value replaces none."""
    attributes: dict[str, Any] = {}
    verified: dict[str, bool] = {}
    for source in sources:
        for name, value in source.attributes.items():
            if source.verified.get(name, True) or not verified.get(name, False):
                attributes[name] = value
                verified.update({name: source.verified[name]} if name in source.verified else {})
    return attributes, verified


def _source_of(token: AccessToken | IdToken, settings: CognitoSettings) -> Source:
    groups = cognito_groups.told_by(token, settings)
    # One that says nothing of groups moves no moment, by which an older one would be known: nothing of it is taken.
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


def _heard(source: Source, link: CognitoUser | KnownPerson) -> Source:
    """The source with the groups of it that count."""
    if source.groups is None:
        return source
    names = cognito_groups.effective(source.groups, source.moment, link.groups, link.as_of)
    return source._replace(groups=names)


def _digest(source: Source, settings: CognitoSettings) -> str:
    """A digest of what counts of a source and of how the settings map it: either may change what is written."""
    if not source.attributes:
        return _digest_of_groups(source.groups, settings)
    return _hashed([_mapping(settings), _sorted(source.groups), source.attributes, source.verified])


@lru_cache(maxsize=1_024)  # access tokens say groups alone, and sites have few combinations of them
def _digest_of_groups(groups: tuple[str, ...] | None, settings: CognitoSettings) -> str:
    return _hashed([_mapping(settings), _sorted(groups), {}])


def _sorted(groups: tuple[str, ...] | None) -> list[str] | None:
    return None if groups is None else sorted(groups)


def _hashed(said: list[Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=8)
def _mapping(settings: CognitoSettings) -> str:
    """The settings by which users are written; a group's permissions are not among them, they are never stored."""
    grants = {name: [grant.groups, grant.staff, grant.superuser] for name, grant in settings.groups.items()}
    named = [settings.mirror_groups and (settings.mirror_prefix or True), settings.groups_claim]
    return json.dumps([grants, *named, dict(settings.attributes)], sort_keys=True)
