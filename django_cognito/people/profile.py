"""What a source (an access token, an ID token, the directory) says of a person, in one shape. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..conf import CognitoSettings
from ..core import AccessToken, IdToken
from ..core.directory import DirectoryUser


@dataclass(frozen=True, slots=True)
class Statement:
    """What is said of a person at one moment.

    `attributes` holds the mapped claims that are present, by Django field; `digests` what the link row remembers once
    this has been written, by its field.
    """

    user_pool_id: str
    sub: str
    username: str
    groups: tuple[str, ...]
    attributes: Mapping[str, Any]
    moment: datetime
    digests: Mapping[str, str]
    preferred_username: str = ""  # what USERNAME names a new user by; empty: the source does not say
    verified_email: str = ""


def statement_of(token: AccessToken | IdToken, profile: IdToken | None, settings: CognitoSettings) -> Statement:
    """What a token says, with the profile of its ID token where one came along."""
    id_token = token if isinstance(token, IdToken) else profile
    claims = {**token.claims, **(id_token.claims if id_token else {})}
    digests = {}
    for source in {token, id_token or token}:
        name = "id_digest" if isinstance(source, IdToken) else "access_digest"
        digests[name] = _digest(source.groups, _mapped(source.claims, settings), settings)
    return Statement(
        user_pool_id=token.user_pool_id,
        sub=token.sub,
        username=token.username,
        groups=token.groups,
        attributes=_mapped(claims, settings),
        moment=token.issued_at,
        digests=digests,
        preferred_username=_preferred_username(claims, settings),
        verified_email=id_token.email if id_token and id_token.email_verified else "",
    )


def statement_of_directory(
    person: DirectoryUser, groups: Sequence[str], moment: datetime, settings: CognitoSettings
) -> Statement:
    """What the directory said of a person at `moment`, which is rounded down: tokens count in whole seconds."""
    attributes = _mapped(person.attributes, settings)
    verified = person.attributes.get("email_verified") == "true"
    return Statement(
        user_pool_id=settings.user_pool_id,
        sub=person.sub,
        username=person.username,
        groups=tuple(groups),
        attributes=attributes,
        moment=moment.replace(microsecond=0),
        digests={"directory_digest": _digest(groups, attributes, settings)},
        preferred_username=_preferred_username(person.attributes, settings),
        verified_email=person.attributes.get("email", "") if verified else "",
    )


def _mapped(claims: Mapping[str, Any], settings: CognitoSettings) -> dict[str, Any]:
    """The claims that `ATTRIBUTES` names and that are there. A NUL is in no name, and PostgreSQL takes none."""
    values = {name: claims[claim] for name, claim in settings.attributes.items() if claims.get(claim) is not None}
    return {name: value for name, value in values.items() if not (isinstance(value, str) and "\0" in value)}


def _preferred_username(claims: Mapping[str, Any], settings: CognitoSettings) -> str:
    value = claims.get(settings.username) if settings.username != "username" else None
    return value if isinstance(value, str) and "\0" not in value else ""


def _digest(groups: Sequence[str], attributes: Mapping[str, Any], settings: CognitoSettings) -> str:
    """A digest of what one source says and of how the settings map it: either may change what is written."""
    said = json.dumps([_mapping(settings), sorted(groups), attributes], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


@lru_cache(maxsize=8)
def _mapping(settings: CognitoSettings) -> str:
    grants = {
        name: [grant.groups, sorted(grant.permissions), grant.staff, grant.superuser]
        for name, grant in settings.groups.items()
    }
    return json.dumps([grants, settings.mirror_groups, dict(settings.attributes)], sort_keys=True)
