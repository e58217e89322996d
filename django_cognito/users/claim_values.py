"""Read the values of claims: those of Django fields, usernames, and whether Cognito verified them. No I/O."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from ..conf.schema import ClaimSource, CognitoSettings
from .fields import CONTACT_CLAIMS

# The values of USERNAME that every token contains: a user never has a placeholder for them.
ALWAYS_PRESENT_NAMES = ("username", "sub")

logger = logging.getLogger(__name__)


def map_claims(claims: Mapping[str, Any], settings: CognitoSettings) -> dict[str, Any]:
    """Return the claims that are present, as `claim_sources.Source.attributes` has them."""
    values = {name: read_source(source, claims) for name, source in settings.attributes.items()}
    values |= {f"claim:{name}": claims.get(name) for name in get_other_claims(settings)}
    return copy_claims({name: value for name, value in values.items() if value is not None})


def read_source(source: ClaimSource, claims: Mapping[str, Any]) -> Any:
    """Return the value of a source of ATTRIBUTES: a claim, a dotted path or a function. None if it is absent.

    A claim of exactly that name comes first: names of custom claims may contain dots. In a path, a number is an index
    of a list, and a string that contains a JSON object or list is read as such: attributes of the directory are
    strings. An error of a function is logged with its name and raised.
    """
    if not isinstance(source, str):
        try:
            return source(claims)
        except Exception as error:
            # Only the type: the message of an error may contain claims.
            name = getattr(source, "__qualname__", type(source).__qualname__)
            logger.error("the function %s of ATTRIBUTES raised %s", name, type(error).__name__)  # noqa: TRY400
            raise
    if source in claims or "." not in source:
        return claims.get(source)
    value: Any = claims
    for member in source.split("."):
        if isinstance(value, str) and value[:1] in ("{", "["):
            with suppress(ValueError, RecursionError):
                value = json.loads(value)
        if isinstance(value, Mapping):
            value = value.get(member)
        elif isinstance(value, Sequence) and not isinstance(value, str) and member.isdecimal():
            value = value[int(member)] if int(member) < len(value) else None
        else:
            return None
    return value


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
    sources = {name: settings.attributes.get(name) for name in attributes}
    proofs = {name: CONTACT_CLAIMS.get(source) for name, source in sources.items() if isinstance(source, str)}
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
