"""What each key of the setting `COGNITO` may hold, as a table. Pure: says what is wrong, makes nothing of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.utils.functional import SimpleLazyObject

from ..core.identity_pool import is_identity_pool_id
from ..core.user_pool import is_secure_url


class Rule(NamedTuple):
    """Whether a value will do, and in words what would."""

    holds: Callable[[Any], bool]
    words: str


def is_text(value: Any) -> bool:
    """Whether `value` is a string that says something."""
    # Not by isinstance: a lazy object says that it is what it stands for, and has to find out first.
    return issubclass(type(value), str) and bool(value.strip()) and "\0" not in value


def _is_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(is_text, value))


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_text_or_empty(value: Any) -> bool:
    return is_text(value) or (type(value) is str and value == "")


def _is_secret(value: Any) -> bool:
    # SimpleLazyObject(read_it_from_the_vault): read on first use, and not by a check at start-up.
    return type(value) is SimpleLazyObject or callable(value) or _is_text_or_empty(value)


def _is_page_or_empty(value: Any) -> bool:
    return _is_text_or_empty(value) and (value == "" or is_secure_url(value))


def _between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_attributes(value: Any) -> bool:
    return isinstance(value, Mapping) and all(is_text(key) and is_text(claim) for key, claim in value.items())


def _is_permissions(value: Any) -> bool:
    return _is_texts(value) and all(map(_PERMISSION.fullmatch, value))


def _is_providers(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(map(_is_provider, value))


def _is_provider(value: Any) -> bool:
    """A provider's name, or a dict that has one, or the identifier of one; and no other key."""
    if not isinstance(value, Mapping):
        return is_text(value)
    named = [value[key] for key in ("name", "idp_identifier") if key in value]
    told = [*named, *(value[key] for key in ("label",) if key in value)]
    is_known = value.keys() <= {"name", "idp_identifier", "label", "domains"}
    return is_known and len(named) == 1 and all(map(is_text, told)) and _is_texts(value.get("domains", ()))


def _is_resolver(value: Any) -> bool:
    return callable(value) or _is_text_or_empty(value)


def _is_pools(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0


_PERMISSION = re.compile(r"[^.\s]+\.[^.\s]+")
_TEXT = Rule(is_text, "a non-empty string")
_ADDRESS = Rule(_is_text_or_empty, "a string")
_PAGE = Rule(_is_page_or_empty, "a whole https address (plain http is for loopback hosts only)")
_BOOLEAN = Rule(_is_boolean, "True or False")
_TEXTS = Rule(_is_texts, "a list of non-empty strings")
RULES: dict[str, Rule] = {
    "USER_POOL_ID": _TEXT,
    "CLIENT_ID": _TEXT,
    "CLIENT_SECRET": Rule(_is_secret, "a string, or a function without arguments that returns one"),
    "CLIENT_IDS": _TEXTS,
    "DOMAIN": _ADDRESS,
    "ISSUER": Rule(lambda value: _is_text_or_empty(value) or _is_texts(value), "one issuer, or a list of issuers"),
    "JWKS_URI": _ADDRESS,
    "ENDPOINT_URL": _ADDRESS,
    "IDENTITY_POOL_ID": Rule(
        lambda value: value == "" or (is_text(value) and is_identity_pool_id(value)),
        "an identity pool id such as 'eu-west-1:12345678-90ab-cdef-1234-567890abcdef'",
    ),
    "LOGINS_KEY": _ADDRESS,
    "TOKEN_USE": Rule(lambda value: value in ("access", "id"), "'access' or 'id'"),
    "LEEWAY_SECONDS": Rule(_between(0, 60), "a number of seconds from 0 to 60"),
    "TOKEN_MAX_BYTES": Rule(_between(1_024, 1_048_576), "a number of bytes from 1024 to 1048576"),
    "TOKEN_CACHE_SIZE": Rule(_between(0, 1_000_000), "a number of tokens from 0 to 1000000"),
    "RESOURCE": _ADDRESS,
    "JWKS_MAX_AGE_SECONDS": Rule(_between(1, 604_800), "a number of seconds from 1 to 604800"),
    "JWKS_HARD_MAX_AGE_SECONDS": Rule(_between(1, 2_592_000), "a number of seconds from 1 to 2592000"),
    "HTTP_TIMEOUT_SECONDS": Rule(_between(0.1, 60), "a number of seconds from 0.1 to 60"),
    "TOKEN_TIMEOUT_SECONDS": Rule(_between(0.1, 60), "a number of seconds from 0.1 to 60"),
    "CREATE_USERS": _BOOLEAN,
    "USERNAME": _TEXT,
    "ATTRIBUTES": Rule(_is_attributes, "a dict from Django's field names to claim names"),
    "PROFILE_SOURCE": Rule(lambda value: value in ("id_token", "userinfo"), "'id_token' or 'userinfo'"),
    "LINK_BY_VERIFIED_EMAIL": _BOOLEAN,
    "LINKING_KEEPS_PASSWORD": _BOOLEAN,
    "LINKING_MAX_AGE_SECONDS": Rule(
        lambda value: value is None or _between(1, 31_536_000)(value), "None, or a number of seconds from 1 to 31536000"
    ),
    "USER_CACHE_SECONDS": Rule(_between(0, 3_600), "a number of seconds from 0 to 3600"),
    "GROUPS_CLAIM": _TEXT,
    "GROUPS": Rule(lambda value: isinstance(value, Mapping), "a dict from Cognito's group names to what each gives"),
    "MIRROR_GROUPS": _BOOLEAN,
    "SCOPES_TO_PERMISSIONS": Rule(
        lambda value: isinstance(value, Mapping) and all(map(_is_permissions, value.values())),
        "a dict from scopes to lists of permissions such as 'notes.change_note'",
    ),
    "REMEMBERED_GROUPS_SECONDS": Rule(
        lambda value: value is None or _between(60, 315_360_000)(value),
        "None, or a number of seconds from 60 to 315360000",
    ),
    "SCOPES": Rule(lambda value: _is_texts(value) and "openid" in value, "a list of scopes, 'openid' among them"),
    "REDIRECT_URI": _PAGE,
    "LOGOUT_URI": _PAGE,
    "REFRESH_MARGIN_SECONDS": Rule(_between(0, 3_600), "a number of seconds from 0 to 3600"),
    # AWS API reference, RefreshTokenRotationType: RetryGracePeriodSeconds is 0 to 60.
    "REFRESH_GRACE_SECONDS": Rule(_between(0, 60), "a number of seconds from 0 to 60"),
    "SESSION_GRACE_SECONDS": Rule(_between(0, 604_800), "a number of seconds from 0 to 604800"),
    "TOKENS_OF_OTHER_POOLS": Rule(lambda value: value in ("reject", "allow"), "'reject' or 'allow'"),
    "REDIRECT_HOSTS": _TEXTS,
    "IDENTITY_PROVIDERS": Rule(
        _is_providers,
        "a list of names such as 'Google', or of dicts with 'name' or 'idp_identifier', 'label' and 'domains'",
    ),
    "SILENT_SIGN_IN": _BOOLEAN,
    "ADMIN_LOCAL_PASSWORD": _BOOLEAN,
    "POOL_RESOLVER": Rule(_is_resolver, "a function of a request that gives an alias of POOLS, or its dotted path"),
    "POOLS": Rule(_is_pools, "a dict, not empty, from aliases to what differs for each pool"),
}
# What POOLS may say otherwise, alias by alias: first what an app client is, then what its pool is.
CLIENT_KEYS = (
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLIENT_IDS",
    "DOMAIN",
    "SCOPES",
    "REDIRECT_URI",
    "LOGOUT_URI",
    "IDENTITY_PROVIDERS",
)
POOL_KEYS = (
    *CLIENT_KEYS,
    "USER_POOL_ID",
    "ISSUER",
    "JWKS_URI",
    "ENDPOINT_URL",
    "IDENTITY_POOL_ID",
    "LOGINS_KEY",
    "RESOURCE",
    "GROUPS_CLAIM",
    "GROUPS",
    "MIRROR_GROUPS",
    "SCOPES_TO_PERMISSIONS",
    "LINK_BY_VERIFIED_EMAIL",
    "USERNAME",
    "ATTRIBUTES",
    "CREATE_USERS",
)
GRANT_RULES: dict[str, Rule] = {
    "groups": Rule(_is_texts, "a list of Django group names"),
    "permissions": Rule(_is_permissions, "a list of permissions such as 'notes.change_note'"),
    "staff": _BOOLEAN,
    "superuser": _BOOLEAN,
}
