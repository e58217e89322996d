"""The typed settings of all aliases of POOLS, looked up by token, app client or request. Must not read `COGNITO`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from ..core import UserPool
from ..core.errors import SignInError
from .default_attributes import get_default_attributes
from .schema import DECLARATIONS, CognitoSettings


@dataclass(frozen=True, slots=True, eq=False)
class PoolRegistry:
    """The settings of every alias of POOLS, and the look-ups by token, app client and request."""

    by_alias: Mapping[str, CognitoSettings]
    first: CognitoSettings = field(init=False)
    user_pools: tuple[UserPool, ...] = field(init=False)  # each once, with the app clients of all its aliases
    service_usernames: frozenset[str] = field(init=False)  # of SERVICE_USERS of all aliases
    _by_client: Mapping[tuple[str, str], CognitoSettings] = field(init=False)
    _shared_client_ids: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        aliases = tuple(self.by_alias.values())
        by_client: dict[tuple[str, str], CognitoSettings] = {}
        for settings in aliases:
            for client_id in ("", settings.client_id, *settings.user_pool.client_ids):
                by_client.setdefault((settings.user_pool_id, client_id), settings)
        pools, user_pools = group_by_user_pool(aliases).values(), []
        for same_pool in pools:
            user_pool = same_pool[0].user_pool
            client_ids = tuple(dict.fromkeys(item for settings in same_pool for item in settings.user_pool.client_ids))
            has_all = user_pool.client_ids == client_ids
            user_pools.append(user_pool if has_all else replace(user_pool, client_ids=client_ids))
        object.__setattr__(self, "first", aliases[0])
        usernames = frozenset(name for settings in aliases for name in settings.service_users.values())
        object.__setattr__(self, "service_usernames", usernames)
        object.__setattr__(self, "_by_client", by_client)
        object.__setattr__(self, "user_pools", tuple(user_pools))
        counts = Counter(client_id for user_pool in user_pools for client_id in {*user_pool.client_ids})
        shared = frozenset(client_id for client_id, count in counts.items() if count > 1)
        object.__setattr__(self, "_shared_client_ids", shared)
        for same_pool in pools if len(pools) > 1 else ():
            for settings in same_pool:
                # The first alias for all aliases of a pool: its users do not depend on the app client.
                object.__setattr__(settings, "mirror_prefix", f"{same_pool[0].alias}:")

    def for_alias(self, alias: str | None) -> CognitoSettings:
        """Return the settings of an alias of POOLS; of the first one for None.

        Raises ImproperlyConfigured if there is no such alias.
        """
        if alias is None:
            return self.first
        if alias not in self.by_alias:
            raise ImproperlyConfigured(f"POOLS has no alias {alias!r}; it has {', '.join(self.by_alias)}.")
        return self.by_alias[alias]

    def find(self, user_pool_id: str, client_id: str = "") -> CognitoSettings | None:
        """Return the settings for tokens of this pool and app client; None if the pool is not configured.

        If no alias has the app client, return those of the pool's first alias.
        """
        settings = self.for_client(user_pool_id, client_id)
        return settings if settings is not None else self._by_client.get((user_pool_id, ""))

    def for_token(self, user_pool_id: str, client_id: str = "") -> CognitoSettings:
        """Return the settings for a verified token; the first pool's if its pool is not configured any more."""
        return self.find(user_pool_id, client_id) or self.first

    def for_client(self, user_pool_id: str, client_id: str) -> CognitoSettings | None:
        """Return the settings of the alias that accepts exactly this app client of this pool; None if there is none."""
        return self._by_client.get((user_pool_id, client_id))

    def is_client_id_shared(self, client_id: str) -> bool:
        """Return whether several user pools accept an app client with this id. AWS issues each id once."""
        return client_id in self._shared_client_ids

    def for_login(self, user_pool_id: str, client_id: str) -> CognitoSettings:
        """Return the settings of the alias that a stored login belongs to.

        Raises SignInError (code "login_ended") if its pool or app client is not configured any more.
        """
        settings = self.for_client(user_pool_id, client_id)
        if settings is None:
            raise SignInError("the login's pool or app client is not configured any more", code="login_ended")
        return settings

    def for_request(self, request: Any) -> CognitoSettings:
        """Return the settings of the alias that POOL_RESOLVER returns for `request`; without a resolver, the first.

        Raises SignInError (code "tenant_unknown") if the resolver returns no alias of POOLS.
        """
        resolver = self.first.pool_resolver
        if not resolver:
            return self.first
        alias = (import_string(resolver) if isinstance(resolver, str) else resolver)(request)
        if not isinstance(alias, str) or alias not in self.by_alias:
            shown = repr(alias)[:100]  # the request may determine it
            raise SignInError(f"POOL_RESOLVER returned {shown}, which is no alias of POOLS", code="tenant_unknown")
        return self.by_alias[alias]


def group_by_user_pool(aliases: Iterable[CognitoSettings]) -> dict[str, list[CognitoSettings]]:
    """Return the settings of all aliases by their user pool id."""
    pools: dict[str, list[CognitoSettings]] = {}
    for settings in aliases:
        pools.setdefault(settings.user_pool_id, []).append(settings)
    return pools


def build_registry(value: Mapping[Any, Any], *, debug: bool = False) -> PoolRegistry:
    """Return the typed settings of a `COGNITO` in which `find_problems` found nothing.

    Without `debug`, INSECURE_HOSTS does not count. Raises ValueError if a user pool is not possible: see `UserPool`.
    """
    by_alias = {}
    for alias, keys in value.get("POOLS", {"default": {}}).items():
        values = {**value, **keys}
        declarations = [declaration for key, declaration in DECLARATIONS.items() if key in values and key != "POOLS"]
        typed = {declaration.key.lower(): declaration.convert(values[declaration.key]) for declaration in declarations}
        typed.setdefault("attributes", get_default_attributes())
        if not debug:
            typed.pop("insecure_hosts", None)
        by_alias[alias] = CognitoSettings(**typed, alias=alias)
    return PoolRegistry(by_alias)
