"""The settings: one dict, `COGNITO`, read once into one typed, frozen value. Reaches nothing, keeps nothing alive."""

import difflib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .core import TokenUse, UserPool
from .rules import GRANT_RULES, RULES, is_text


@dataclass(frozen=True, slots=True)
class GroupGrant:
    """What one Cognito group gives here."""

    groups: tuple[str, ...] = ()  # Django groups, by name
    permissions: frozenset[str] = frozenset()  # "app_label.codename"
    staff: bool = False
    superuser: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class CognitoSettings:
    """Every setting, typed; the key in `COGNITO` is the field's name in capitals."""

    user_pool_id: str
    client_id: str  # the app client of this site's own login
    client_secret: str = field(default="", repr=False)  # of a confidential client
    client_ids: tuple[str, ...] = ()  # accepted on API requests; empty: CLIENT_ID alone
    domain: str = ""  # the hosted UI's host or origin; needed for logins
    issuer: tuple[str, ...] = ()  # one or several; empty: derived from the pool id
    jwks_uri: str = ""
    endpoint_url: str = ""  # of the AWS API
    identity_pool_id: str = ""  # for request.cognito.aws
    logins_key: str = ""  # the pool's name at the identity pool; empty: derived from the pool id, whatever the issuer

    token_use: TokenUse = "access"  # what API requests carry
    leeway_seconds: float = 10  # for clocks that differ; at most 60
    token_max_bytes: int = 16_384  # ten times Cognito's usual; cheap to refuse beyond
    token_cache_size: int = 1_000  # known tokens, which are not verified twice; 2 to 4 KB each, a worker; 0: none
    resource: str = ""  # this API (RFC 8707): the `aud` that people's access tokens must then carry
    jwks_max_age_seconds: int = 3_600  # older keys are refreshed, and serve meanwhile
    jwks_hard_max_age_seconds: int = 86_400  # through an outage the last good keys serve this long
    http_timeout_seconds: float = 3  # for a whole call, whatever drips

    create_users: bool = True  # a first token makes its user
    username: str = "username"  # the claim that names a new user; "username": Cognito's own, of either token
    attributes: Mapping[str, str] = field(  # Django field <- claim
        default_factory=lambda: {"email": "email", "first_name": "given_name", "last_name": "family_name"}
    )
    link_by_verified_email: bool = False  # an existing account, never a staff one, by an e-mail that Cognito verified
    user_cache_seconds: float = 0  # how old a known token's user may be, by what other processes changed; 0: none kept

    groups: Mapping[str, GroupGrant] = field(default_factory=dict)  # Cognito group -> what it gives
    mirror_groups: bool = False  # every Cognito group is also a Django group of that name
    scopes_to_permissions: Mapping[str, frozenset[str]] = field(default_factory=dict)  # a machine's scope -> rights

    scopes: tuple[str, ...] = ("openid", "email", "profile")
    redirect_uri: str = ""  # empty: the callback on the host that ALLOWED_HOSTS let through
    logout_uri: str = ""  # empty: LOGOUT_REDIRECT_URL, or "/", on that host
    refresh_margin_seconds: int = 60  # tokens are renewed this long before they end
    redirect_hosts: tuple[str, ...] = ()  # hosts besides the site's own that `next` may name

    user_pool: UserPool = field(init=False)

    def __post_init__(self) -> None:
        pool = UserPool(
            self.user_pool_id,
            client_ids=self.client_ids or (self.client_id,),
            issuer=self.issuer,
            jwks_uri=self.jwks_uri,
            domain=self.domain,
            endpoint_url=self.endpoint_url,
            resource=self.resource,
        )
        object.__setattr__(self, "user_pool", pool)
        # The original issuer without its scheme, also where the issuer is the updated one: no other form is known.
        key = self.logins_key or pool.issuer_forms[0].removeprefix("https://")
        object.__setattr__(self, "logins_key", key)


_REQUIRED = ("USER_POOL_ID", "CLIENT_ID")


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
    found = [*_key_problems(value), *_value_problems(value), *_grant_problems(value.get("GROUPS"))]
    return found or list(_combination_problems(value))


def _key_problems(value: Mapping[Any, Any]) -> Iterator[Problem]:
    for key in value:
        if key not in RULES:
            yield Problem("django_cognito.E002", f"COGNITO has the unknown key {key!r}.", _nearest(key, RULES))
    for key in _REQUIRED:
        if key not in value:
            yield Problem("django_cognito.E003", f"COGNITO lacks {key!r}.", "The AWS console shows it beside the pool.")


def _value_problems(value: Mapping[Any, Any]) -> Iterator[Problem]:
    for key, rule in RULES.items():
        if key in value and not rule.holds(value[key]):
            yield Problem("django_cognito.E004", f"COGNITO[{key!r}] must be {rule.words}.", "")


def _grant_problems(groups: Any) -> Iterator[Problem]:
    for name, grant in groups.items() if isinstance(groups, Mapping) else ():
        where = f"COGNITO['GROUPS'][{name!r}]"
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
        made = _made(value)
    except ValueError as error:
        yield Problem("django_cognito.E006", f"COGNITO names no usable user pool: {error}.", "")
        return
    if made.jwks_hard_max_age_seconds < made.jwks_max_age_seconds:
        message = "COGNITO['JWKS_HARD_MAX_AGE_SECONDS'] is below JWKS_MAX_AGE_SECONDS."
        yield Problem("django_cognito.E007", message, "Keys must outlive their refresh.")


def _nearest(key: Any, known: Mapping[str, Any]) -> str:
    names = {name.upper(): name for name in known}
    nearest = difflib.get_close_matches(str(key).upper(), names, n=1, cutoff=0.0)
    return f"Did you mean {names[nearest[0]]!r}?"


def _made(value: Mapping[Any, Any]) -> CognitoSettings:
    given = {item.name: value[item.name.upper()] for item in fields(CognitoSettings) if item.name.upper() in value}
    for name in ("client_ids", "scopes", "redirect_hosts", "issuer"):
        if name in given:
            given[name] = (given[name],) if isinstance(given[name], str) and given[name] else tuple(given[name])
    if "groups" in given:
        given["groups"] = {name: _grant(grant) for name, grant in given["groups"].items()}
    if "scopes_to_permissions" in given:
        scopes = given["scopes_to_permissions"]
        given["scopes_to_permissions"] = {name: frozenset(permissions) for name, permissions in scopes.items()}
    return CognitoSettings(**given)


def _grant(grant: Mapping[str, Any]) -> GroupGrant:
    return GroupGrant(
        groups=tuple(grant.get("groups", ())),
        permissions=frozenset(grant.get("permissions", ())),
        staff=grant.get("staff", False),
        superuser=grant.get("superuser", False),
    )


_lock = threading.Lock()
_current: CognitoSettings | None = None


def get_settings() -> CognitoSettings:
    """The settings in force: one object until `COGNITO` changes, so what is made of it may hang on its identity.

    Raises ImproperlyConfigured, in the words of the system checks.
    """
    global _current
    current = _current
    if current is None:
        with _lock:
            current = _current = _current or _read()
    return current


def _read() -> CognitoSettings:
    value: Any = getattr(settings, "COGNITO", None)
    if found := problems(value):
        raise ImproperlyConfigured(" ".join(f"{problem.message} {problem.hint}".strip() for problem in found))
    return _made(value)


def _forget(*, setting: str, **_: Any) -> None:
    global _current
    if setting == "COGNITO":
        _current = None


def _renew_lock() -> None:
    """In a forked child, the thread that may have held the lock does not exist."""
    global _lock
    _lock = threading.Lock()


setting_changed.connect(_forget, dispatch_uid="django_cognito.conf")
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=_renew_lock)  # Windows does not fork
