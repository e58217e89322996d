"""Read the values of claims: those of Django fields, usernames, and whether Cognito verified them. No I/O."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from ...conf.claim_scopes import API_SCOPE, ATTRIBUTE_SCOPES, find_scope, list_returned_scopes
from ...conf.schema import ClaimSource, CognitoSettings
from .fields import CONTACT_CLAIMS

# The values of USERNAME that every token contains: a user never has a placeholder for them.
ALWAYS_PRESENT_NAMES = ("username", "sub")
# The claims of an access token without a trigger. Source: AWS developer guide, "Understanding the access token".
_ACCESS_TOKEN_CLAIMS = {
    *("sub", "username", "client_id", "cognito:groups", "scope", "iss", "aud", "token_use", "version", "device_key"),
    *("auth_time", "iat", "exp", "jti", "origin_jti", "event_id", "acr", "amr", "act"),
}

logger = logging.getLogger(__name__)


def map_claims(
    claims: Mapping[str, Any],
    settings: CognitoSettings,
    scopes: Collection[str] = (),
    stated: Collection[str] = (),
) -> dict[str, Any]:
    """Return the mapped claims, as `claim_sources.Source.attributes` has them.

    `scopes` are those whose attributes `claims` has completely: a value that is missing is None then, unless it is in
    `stated` or in KEEP_MISSING_ATTRIBUTES. An empty string is missing too: Cognito deletes an attribute that is set to
    one.
    """
    values = {name: read_source(source, claims) for name, source in settings.attributes.items()}
    present = {name: value for name, value in values.items() if value is not None and value != ""}
    others = {f"claim:{name}": claims.get(name) for name in get_other_claims(settings)}
    mapped = copy_claims(present | {name: value for name, value in others.items() if value is not None})
    for name, source in settings.attributes.items() if scopes else ():
        if name in present or name in stated or name in settings.keep_missing_attributes:
            continue
        # A function may read any attribute that a login requests.
        needed = {find_scope(source)} if isinstance(source, str) else list_returned_scopes(settings.scopes)
        if needed <= set(scopes):
            mapped[name] = None
    return mapped


def find_complete_scopes(claims: Mapping[str, Any], token_scopes: Collection[str]) -> Collection[str]:
    """Return the scopes whose attributes are complete in the claims of an ID token or of userInfo.

    `token_scopes` are those of the access token of the same sign-in; empty if that is not there. A scope counts then if
    there is a claim of it. SCOPES prove nothing: the user can change the scopes in the authorization request,
    and would clear fields of attributes that the user may not write.
    """
    if "openid" in token_scopes or API_SCOPE in token_scopes:
        return list_returned_scopes(token_scopes)
    # Custom attributes prove nothing either: a trigger may add them to each ID token, whatever the scopes.
    names = [name for name, value in claims.items() if value is not None and not name.startswith("custom:")]
    return (ATTRIBUTE_SCOPES & {*map(find_scope, names)}) - {"openid"}


def find_id_token_scopes(claims: Mapping[str, Any], token_scopes: Collection[str]) -> Collection[str]:
    """Return the scopes whose attributes are complete in the claims of an ID token; see `find_complete_scopes`."""
    # Without these claims the access token may be of another sign-in of the user, with other scopes.
    is_bound = "origin_jti" in claims or "at_hash" in claims
    return find_complete_scopes(claims, token_scopes if is_bound else ())


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


@lru_cache(maxsize=8)
def list_profile_fields(settings: CognitoSettings) -> frozenset[str]:
    """Return the keys of ATTRIBUTES that an access token sets only if a trigger adds a claim to it.

    Without those of functions: a function may return a value for every token.
    """
    sources = {name: source for name, source in settings.attributes.items() if isinstance(source, str)}
    return frozenset(name for name, source in sources.items() if source.split(".")[0] not in _ACCESS_TOKEN_CLAIMS)


def read_verified(
    attributes: Mapping[str, Any], claims: Mapping[str, Any], settings: CognitoSettings
) -> dict[str, bool]:
    """Return for each attribute of CONTACT_CLAIMS whether Cognito verified the value.

    The claim is a boolean in ID tokens; the strings "true" and "false" in userInfo, in the directory and from
    identity providers.
    """
    sources = {name: settings.attributes.get(name) for name, value in attributes.items() if value is not None}
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
