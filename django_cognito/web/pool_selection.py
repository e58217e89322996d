"""Which of the site's user pools a request belongs to, by POOL_RESOLVER. Must not depend on sign-ins."""

from typing import Any

from asgiref.sync import sync_to_async
from django.utils.module_loading import import_string

from ..conf.loading import CognitoSettings, get_pools
from ..core.errors import SignInError


def settings_of_request(request: Any) -> CognitoSettings:
    """What holds for the alias of POOLS that POOL_RESOLVER names for `request`; without one, for the first.

    Raises SignInError (code "tenant_unknown") where it names none of them.
    """
    pools = get_pools()
    resolver = pools.first.pool_resolver
    if not resolver:
        return pools.first
    alias = (import_string(resolver) if isinstance(resolver, str) else resolver)(request)
    if not isinstance(alias, str) or alias not in pools.by_alias:
        told = repr(alias)[:100]  # it may be what the request says
        raise SignInError(f"POOL_RESOLVER gave {told}, which is no alias of POOLS", code="tenant_unknown")
    return pools.by_alias[alias]


def settings_here(request: Any) -> CognitoSettings | None:
    """As `settings_of_request`; None where nobody signs in at this address."""
    try:
        return settings_of_request(request)
    except SignInError:
        return None


def pool_ids_accepted_at(request: Any) -> tuple[str, ...] | None:
    """Return the ids of the user pools whose tokens and logins `request` may carry; None if every configured one.

    Empty if POOL_RESOLVER returns no alias of POOLS for `request`: no token is accepted there.
    """
    if not _is_restricted():
        return None
    settings = settings_here(request)
    return () if settings is None else (settings.user_pool_id,)


async def apool_ids_accepted_at(request: Any) -> tuple[str, ...] | None:
    """As `pool_ids_accepted_at`; POOL_RESOLVER runs in the ORM's thread, because it may read the database."""
    return await sync_to_async(pool_ids_accepted_at)(request) if _is_restricted() else None


def is_accepted_at(request: Any, user_pool_id: str) -> bool:
    """Return whether `request` may carry a token or a login of this user pool."""
    accepted = pool_ids_accepted_at(request)
    return accepted is None or user_pool_id in accepted


def _is_restricted() -> bool:
    settings = get_pools().first
    return bool(settings.pool_resolver) and settings.tokens_of_other_pools == "reject"
