"""The digests of a link row: what was last applied from each kind of source, so that it is not written again.

Must not do I/O or read the clock.
"""

import hashlib
import json
import math
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from ...conf.schema import CognitoSettings
from ...models import CognitoUser
from ..lookup import LinkSnapshot
from .claim_values import get_other_claims

_encode = json.JSONEncoder(sort_keys=True).encode  # `json.dumps` creates an encoder for each call
_HALF = 32  # hex digits: the settings' half of a digest, then the attributes' half


class SourceDigest(NamedTuple):
    """The stored digest of the last applied source of one kind."""

    seconds: float  # the moment of the source, since 1970; -inf if none was applied
    settings: str = ""  # empty: not stored, so the settings count as changed
    attributes: str = ""  # empty: not stored


_NEVER_APPLIED = SourceDigest(-math.inf)


def read_digest(link: CognitoUser | LinkSnapshot, field: str) -> SourceDigest:
    """Return the digest in this field of a link row."""
    value: str = getattr(link, field)
    if not value:
        return _NEVER_APPLIED
    seconds, _, halves = value.partition(":")
    if len(value) == 2 * _HALF or not seconds.isdecimal():
        # Written before migration 0003. It was applied at or before `as_of`, so an older source is never applied again.
        return SourceDigest(to_seconds(link.as_of))
    return SourceDigest(int(seconds), halves[:_HALF], halves[_HALF:])


def to_seconds(moment: datetime) -> int:
    """Return the whole seconds since 1970, rounded down."""
    return math.floor(moment.timestamp())


def hash_json(value: Any) -> str:
    """Return half a SHA-256 of `value` as JSON: 32 hex digits."""
    return hashlib.sha256(_encode(value).encode()).hexdigest()[:_HALF]


NO_ATTRIBUTES = hash_json({})


def has_attributes(digest: SourceDigest) -> bool:
    """Return whether attributes were applied from the source of a digest; True if that is not stored."""
    return digest.seconds > -math.inf and digest.attributes != NO_ATTRIBUTES


@lru_cache(maxsize=8)
def hash_settings(settings: CognitoSettings) -> str:
    """Return a digest of the settings that determine what is written; permissions are not stored, so not included."""
    grants = {name: [grant.groups, grant.staff, grant.superuser] for name, grant in settings.groups.items()}
    options: list[Any] = [settings.mirror_groups and (settings.mirror_prefix or True), settings.groups_claim]
    options += [settings.user_adapter, get_other_claims(settings)] if settings.user_adapter else []
    names = sorted(settings.attributes.keys() & set(settings.keep_missing_attributes))
    options += [{"keep_missing_attributes": names}] if names else []
    # A function by its name: when its code changes, the values that it returns count.
    attributes = {
        name: source if isinstance(source, str) else f"{source.__module__}.{getattr(source, '__qualname__', '')}"
        for name, source in settings.attributes.items()
    }
    return hash_json([grants, *options, attributes])
