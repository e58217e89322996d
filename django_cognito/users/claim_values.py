"""Read the values of claims: those of Django fields, usernames, and whether Cognito verified them. No I/O."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from ..conf.schema import CognitoSettings
from .fields import CONTACT_CLAIMS

# The values of USERNAME that every token contains: a user never has a placeholder for them.
ALWAYS_PRESENT_NAMES = ("username", "sub")


def map_claims(claims: Mapping[str, Any], settings: CognitoSettings) -> dict[str, Any]:
    """Return the claims that are present, as `claim_sources.Source.attributes` has them."""
    names = {**settings.attributes, **{f"claim:{name}": name for name in get_other_claims(settings)}}
    return copy_claims({name: claims[claim] for name, claim in names.items() if claims.get(claim) is not None})


def copy_claims(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy: the claims of a token are read-only, which no field expects. Leaves out values with NUL."""
    plain = {
        name: value if isinstance(value, str) else json.loads(json.dumps(value, default=dict))
        for name, value in claims.items()
    }
    return {name: value for name, value in plain.items() if not _has_nul(value)}


@lru_cache(maxsize=8)
def get_other_claims(settings: CognitoSettings) -> tuple[str, ...]:
    """Return the claims that set no field by themselves: USERNAME, and those that the USER_ADAPTER reads."""
    username = () if settings.username in ALWAYS_PRESENT_NAMES else (settings.username,)
    adapter = getattr(import_string(settings.user_adapter), "claims", ()) if settings.user_adapter else ()
    return tuple(dict.fromkeys((*username, *adapter)))


def read_verified(
    attributes: Mapping[str, Any], claims: Mapping[str, Any], settings: CognitoSettings
) -> dict[str, bool]:
    """Return for each attribute of CONTACT_CLAIMS whether Cognito verified the value.

    The claim is a boolean in ID tokens; the strings "true" and "false" in userInfo, in the directory and from
    identity providers.
    """
    proofs = {name: CONTACT_CLAIMS.get(settings.attributes.get(name, "")) for name in attributes}
    return {name: claims.get(by) is True or claims.get(by) == "true" for name, by in proofs.items() if by is not None}


def without_nul(email: str) -> str:
    """Return `email`; an empty string if it contains NUL."""
    return "" if _has_nul(email) else email


def _has_nul(value: Any) -> bool:
    return "\0" in value if isinstance(value, str) else "\\u0000" in json.dumps(value)


def get_preferred_username(settings: CognitoSettings, *claim_sets: Mapping[str, Any]) -> str:
    """Return the value of the claim USERNAME in the last claim set that contains it; empty if none does."""
    if settings.username == "username":
        return ""
    value = [claims[settings.username] for claims in claim_sets if settings.username in claims][-1:]
    return value[0].strip() if value and isinstance(value[0], str) and "\0" not in value[0] else ""
