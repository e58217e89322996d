"""Validation of the setting `COGNITO`: each problem with the id of its check and the next step. No I/O."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.user_pool import InsecureUrlError, pools_by_issuer
from .pool_registry import build_registry, group_by_user_pool
from .pool_urls import Problem, check_pool_urls
from .schema import DECLARATIONS, GRANT_VALIDATORS, TENANT_GRANT_VALIDATORS, CognitoSettings, keys_with_scope
from .tenant_sources import check_tenant_source
from .validators import is_text

# A Django group's name has at most 150 characters: alias, ":", and a Cognito group's name of at most 128.
_UNSET_HINT = "If it comes from an environment variable: the variable is not set, or empty."
_HTTP_HINT = "In development, with DEBUG only, COGNITO['INSECURE_HOSTS'] lists further hosts for plain http."
_USER_ROW_HINT = (
    "Flags and Django groups are stored on the user, and would count in every tenant. List permissions here; grant the"
    " rest by GROUPS to a group of no tenant."
)
_MAX_MIRRORING_ALIAS_CHARS = 150 - 1 - 128


def find_problems(value: Any, *, debug: bool = False) -> list[Problem]:
    """Return all problems of `value` as the setting `COGNITO`; an empty list if it is valid.

    `debug` is Django's DEBUG: without it, INSECURE_HOSTS does not count.
    """
    if not isinstance(value, Mapping):
        return [
            Problem("django_cognito.E001", "COGNITO is missing or is not a dict.", "Set USER_POOL_ID and CLIENT_ID.")
        ]
    problems = [*_check_keys(value, DECLARATIONS), *_check_values(value), *_check_all_grants(value)]
    if "POOLS" not in value:
        problems += _check_required(value)
    pools = value.get("POOLS")
    for alias, keys in pools.items() if isinstance(pools, Mapping) else ():
        path = f"COGNITO['POOLS'][{alias!r}]"
        if not is_text(alias) or not isinstance(keys, Mapping):
            problems.append(Problem("django_cognito.E012", f"{path} must be a dict of the settings of this alias.", ""))
            continue
        problems += _check_keys(keys, keys_with_scope("pool", "client"), path)
        problems += _check_values(keys, path)
        problems += _check_all_grants(keys, path)
        problems += _check_required({**value, **keys}, path)
    return problems or list(_check_combinations(value, debug))


def _check_keys(value: Mapping[Any, Any], valid_keys: Iterable[str], path: str = "COGNITO") -> Iterator[Problem]:
    for key in value:
        if key not in valid_keys:
            yield Problem("django_cognito.E002", f"{path} has the unknown key {key!r}.", _suggest(key, valid_keys))


def _check_required(value: Mapping[Any, Any], path: str = "COGNITO") -> Iterator[Problem]:
    for key, declaration in DECLARATIONS.items():
        if declaration.is_required and key not in value:
            hint = "The AWS console shows it on the page of the user pool."
            yield Problem("django_cognito.E003", f"{path} lacks the required key {key!r}.", hint)


def _check_values(value: Mapping[Any, Any], path: str = "COGNITO") -> Iterator[Problem]:
    for key, declaration in DECLARATIONS.items():
        if key in value and not declaration.validator.is_valid(value[key]):
            hint = _UNSET_HINT if value[key] is None or (type(value[key]) is str and not value[key]) else ""
            yield Problem("django_cognito.E004", f"{path}[{key!r}] must be {declaration.validator.expected}.", hint)


def _check_all_grants(value: Mapping[Any, Any], path: str = "COGNITO") -> Iterator[Problem]:
    yield from check_grants(value.get("GROUPS"), path)
    yield from check_grants(value.get("TENANT_GROUPS"), path, "TENANT_GROUPS")


def check_grants(groups: Any, parent: str = "COGNITO", setting: str = "GROUPS") -> Iterator[Problem]:
    """Yield the problems of a value of GROUPS or TENANT_GROUPS; `parent` names the setting or file that contains it."""
    validators = TENANT_GRANT_VALIDATORS if setting == "TENANT_GROUPS" else GRANT_VALIDATORS
    for name, grant in groups.items() if isinstance(groups, Mapping) else ():
        path = f"{parent}[{setting!r}][{name!r}]"
        if not is_text(name) or not isinstance(grant, Mapping):
            yield Problem("django_cognito.E005", f"{path} must be a dict of what the group grants.", "")
            continue
        for key, item in grant.items():
            validator = validators.get(key)
            if validator is None and key in GRANT_VALIDATORS:
                yield Problem(
                    "django_cognito.E018", f"{path} grants {key!r}, which no tenant can grant.", _USER_ROW_HINT
                )
            elif validator is None:
                hint = _suggest(key, validators)
                yield Problem("django_cognito.E005", f"{path} has the unknown key {key!r}.", hint)
            elif not validator.is_valid(item):
                yield Problem("django_cognito.E005", f"{path}[{key!r}] must be {validator.expected}.", "")


def _check_combinations(value: Mapping[Any, Any], debug: bool) -> Iterator[Problem]:
    try:
        registry = build_registry(value, debug=debug)
        pools_by_issuer(registry.user_pools)
    except ValueError as error:
        hint = _HTTP_HINT if isinstance(error, InsecureUrlError) else ""
        yield Problem("django_cognito.E006", f"COGNITO has a user pool that is not possible: {error}.", hint)
        return
    if registry.first.jwks_hard_max_age_seconds < registry.first.jwks_max_age_seconds:
        message = "COGNITO['JWKS_HARD_MAX_AGE_SECONDS'] is less than JWKS_MAX_AGE_SECONDS."
        yield Problem("django_cognito.E007", message, "Keys must stay usable until they are refreshed.")
    for settings in registry.by_alias.values():
        if settings.resource and settings.token_use is None:
            message = (
                f"COGNITO['TOKEN_USE'] must be 'access' or 'id', because RESOURCE is set (alias {settings.alias!r})."
            )
            hint = "ID tokens are bound to no API: if both types were accepted, they would bypass RESOURCE."
            yield Problem("django_cognito.E004", message, hint)
    for same_pool in group_by_user_pool(registry.by_alias.values()).values():
        yield from _check_shared_pool(same_pool)
    for settings in registry.by_alias.values():
        yield from check_pool_urls(settings)
        # With several user pools the alias is a part of the names of mirrored groups, as in "acme:editors".
        is_prefix = ":" not in settings.alias and len(settings.alias) <= _MAX_MIRRORING_ALIAS_CHARS
        if settings.mirror_groups and not is_prefix:
            path = f"COGNITO['POOLS'][{settings.alias!r}]"
            message = f"{path} has MIRROR_GROUPS, but its alias cannot be a prefix of group names."
            hint = f"Use an alias of at most {_MAX_MIRRORING_ALIAS_CHARS} characters without ':', or set MIRROR_GROUPS"
            yield Problem("django_cognito.E016", message, f"{hint} to False.")
        if settings.client_secret_arn and settings.is_client_secret_set:
            message = f"COGNITO has both CLIENT_SECRET and CLIENT_SECRET_ARN (alias {settings.alias!r})."
            yield Problem("django_cognito.E041", message, "Remove CLIENT_SECRET: the secret is read from the ARN.")
        yield from check_tenant_source(settings)
    if value.get("SERVICE_USERS") and len(registry.user_pools) > 1:
        message = "COGNITO['SERVICE_USERS'] counts for all user pools, and an app client belongs to one."
        yield Problem("django_cognito.E017", message, "Set SERVICE_USERS in POOLS, in the pool of each app client.")
    yield from _check_docs_client(registry.first)


def _check_docs_client(settings: CognitoSettings) -> Iterator[Problem]:
    """Swagger UI signs in at the hosted UI of the first alias, in a browser, and calls the API with that token."""
    client_id, reason, hint = settings.docs_client_id, "", ""
    if not client_id:
        return
    if not settings.domain:
        reason, hint = "needs DOMAIN", "Set DOMAIN to the hosted UI, at which Swagger UI signs in."
    elif client_id not in settings.user_pool.client_ids:
        reason, hint = "is not in CLIENT_IDS: its tokens would be 401", f"Add {client_id!r} to CLIENT_IDS."
    elif client_id == settings.client_id and (settings.is_client_secret_set or settings.client_secret_arn):
        reason = "is CLIENT_ID, which has a client secret: a browser cannot keep it"
        hint = "Create a public app client (without a secret) for Swagger UI, and add it to CLIENT_IDS."
    if reason:
        yield Problem("django_cognito.E040", f"COGNITO['DOCS_CLIENT_ID'] {reason}.", hint)


def _check_shared_pool(aliases: Sequence[CognitoSettings]) -> Iterator[Problem]:
    """Aliases that share a user pool have the same users, so they must agree on the keys of the pool.

    A token's pool and app client select its alias, so that an app client can have only one.
    """
    first, *others = aliases
    for other in others:
        for key in keys_with_scope("pool"):
            if getattr(first, key.lower()) != getattr(other, key.lower()):
                message = (
                    f"COGNITO['POOLS'][{first.alias!r}] and [{other.alias!r}] share a user pool and differ in {key}."
                )
                hint = "Settings of the pool and its groups must be the same for all its app clients."
                yield Problem("django_cognito.E013", message, hint)
    aliases_by_client: dict[str, list[str]] = {}
    for settings in aliases:
        for client_id in {settings.client_id, *settings.user_pool.client_ids}:
            aliases_by_client.setdefault(client_id, []).append(repr(settings.alias))
    for client_id, names in sorted(aliases_by_client.items()):
        if len(names) > 1:
            message = f"COGNITO['POOLS'] has the app client {client_id!r} in several aliases: {', '.join(names)}."
            yield Problem("django_cognito.E014", message, "Pool and app client of a token must select one alias.")


def _suggest(key: Any, valid_keys: Iterable[str]) -> str:
    names = {name.upper(): name for name in valid_keys}
    nearest = difflib.get_close_matches(str(key).upper(), names, n=1, cutoff=0.0)
    return f"Did you mean {names[nearest[0]]!r}?"
