"""What is wrong with the setting `COGNITO`: every problem with its check's id and the next step. Pure."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.user_pool import pools_by_issuer
from .rules import CLIENT_KEYS, GRANT_RULES, POOL_KEYS, RULES, is_text
from .schema import CognitoSettings, by_pool, pools_of

_REQUIRED = ("USER_POOL_ID", "CLIENT_ID")
# Of the keys that POOLS may override, those that say what a pool is, whichever client asks.
_OF_THE_POOL = tuple(key.lower() for key in POOL_KEYS if key not in CLIENT_KEYS)

# A Django group's name has at most 150 characters: alias, ":", and a Cognito group's name of at most 128.
_MAX_MIRRORING_ALIAS_CHARS = 150 - 1 - 128


class Problem(NamedTuple):
    """Something wrong with `COGNITO`: the check's id, what is wrong, and the next step."""

    id: str
    message: str
    hint: str


def problems(value: Any) -> list[Problem]:
    """All that is wrong with `value` as the setting `COGNITO`; an empty list where it is sound. Pure."""
    if not isinstance(value, Mapping):
        return [
            Problem("django_cognito.E001", "COGNITO is missing or is not a dict.", "Set USER_POOL_ID and CLIENT_ID.")
        ]
    found = [*_key_problems(value, RULES), *_value_problems(value), *_grant_problems(value.get("GROUPS"))]
    found += _pools_problems(value) if "POOLS" in value else _missing_problems(value)
    return found or list(_combination_problems(value))


def _key_problems(value: Mapping[Any, Any], known: Mapping[str, Any], where: str = "COGNITO") -> Iterator[Problem]:
    for key in value:
        if key not in known:
            yield Problem("django_cognito.E002", f"{where} has the unknown key {key!r}.", _nearest(key, known))


def _missing_problems(value: Mapping[Any, Any], where: str = "COGNITO") -> Iterator[Problem]:
    for key in _REQUIRED:
        if key not in value:
            yield Problem("django_cognito.E003", f"{where} lacks {key!r}.", "The AWS console shows it beside the pool.")


def _value_problems(value: Mapping[Any, Any], where: str = "COGNITO") -> Iterator[Problem]:
    for key, rule in RULES.items():
        if key in value and not rule.holds(value[key]):
            yield Problem("django_cognito.E004", f"{where}[{key!r}] must be {rule.words}.", "")


def _pools_problems(value: Mapping[Any, Any]) -> Iterator[Problem]:
    pools = value["POOLS"]
    for alias, given in pools.items() if isinstance(pools, Mapping) else ():
        where = f"COGNITO['POOLS'][{alias!r}]"
        if not is_text(alias) or not isinstance(given, Mapping):
            yield Problem("django_cognito.E012", f"{where} must be a dict of what differs for this pool.", "")
            continue
        yield from _key_problems(given, {key: RULES[key] for key in POOL_KEYS}, where)
        yield from _value_problems(given, where)
        yield from _grant_problems(given.get("GROUPS"), where)
        yield from _missing_problems({**value, **given}, where)


def _grant_problems(groups: Any, inside: str = "COGNITO") -> Iterator[Problem]:
    for name, grant in groups.items() if isinstance(groups, Mapping) else ():
        where = f"{inside}['GROUPS'][{name!r}]"
        if not is_text(name) or not isinstance(grant, Mapping):
            yield Problem("django_cognito.E005", f"{where} must be a dict of what the group gives.", "")
            continue
        for key, item in grant.items():
            rule = GRANT_RULES.get(key)
            if rule is None:
                yield Problem(
                    "django_cognito.E005", f"{where} has the unknown key {key!r}.", _nearest(key, GRANT_RULES)
                )
            elif not rule.holds(item):
                yield Problem("django_cognito.E005", f"{where}[{key!r}] must be {rule.words}.", "")


def _combination_problems(value: Mapping[Any, Any]) -> Iterator[Problem]:
    try:
        found = pools_of(value)
        pools_by_issuer(found.user_pools)
    except ValueError as error:
        yield Problem("django_cognito.E006", f"COGNITO names no usable user pool: {error}.", "")
        return
    if found.first.jwks_hard_max_age_seconds < found.first.jwks_max_age_seconds:
        message = "COGNITO['JWKS_HARD_MAX_AGE_SECONDS'] is below JWKS_MAX_AGE_SECONDS."
        yield Problem("django_cognito.E007", message, "Keys must outlive their refresh.")
    for same in by_pool(found.by_alias.values()).values():
        yield from _sharing_problems(same)
    for each in found.by_alias.values():
        yield from _mirroring_problems(each)


def _mirroring_problems(settings: CognitoSettings) -> Iterator[Problem]:
    """With several user pools the alias is a part of the names of mirrored groups, as in "acme:editors"."""
    if not settings.mirror_groups or (":" not in settings.alias and len(settings.alias) <= _MAX_MIRRORING_ALIAS_CHARS):
        return
    message = f"COGNITO['POOLS'][{settings.alias!r}] mirrors groups, and its alias cannot be a prefix of their names."
    hint = f"Use an alias of at most {_MAX_MIRRORING_ALIAS_CHARS} characters without ':', or turn MIRROR_GROUPS off."
    yield Problem("django_cognito.E016", message, hint)


def _sharing_problems(same: Sequence[CognitoSettings]) -> Iterator[Problem]:
    """What is wrong with aliases that share a pool: its people are the same, whichever client lets them in."""
    first, *others = same
    for other in others:
        told = f"COGNITO['POOLS'][{first.alias!r}] and [{other.alias!r}] share a user pool"
        for name in _OF_THE_POOL:
            if getattr(first, name) != getattr(other, name):
                hint = "What a pool is, and what its groups give, is the same for all its clients."
                yield Problem("django_cognito.E013", f"{told} and differ in {name.upper()}.", hint)
    clients = [(client_id, each.alias) for each in same for client_id in {each.client_id, *each.user_pool.client_ids}]
    for client_id in sorted({client_id for client_id, _ in clients}):
        aliases = [repr(alias) for other, alias in clients if other == client_id]
        if len(aliases) > 1:
            message = f"COGNITO['POOLS']: the client {client_id!r} is that of {' and of '.join(aliases)}."
            yield Problem("django_cognito.E014", message, "A token's alias is found by its pool and client.")


def _nearest(key: Any, known: Mapping[str, Any]) -> str:
    names = {name.upper(): name for name in known}
    nearest = difflib.get_close_matches(str(key).upper(), names, n=1, cutoff=0.0)
    return f"Did you mean {names[nearest[0]]!r}?"
