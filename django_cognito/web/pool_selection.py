"""Pool selection: the user pool of a request, and the pools whose tokens it accepts. Must not depend on sign-ins."""

from typing import Any

from asgiref.sync import sync_to_async

from ..conf.loading import get_pool_registry
from ..conf.schema import CognitoSettings
from ..core.errors import SignInError


def get_settings_for_request(request: Any) -> CognitoSettings:
    """Return the settings of the alias that POOL_RESOLVER returns for `request`; without a resolver, the first.

    Raises SignInError (code "tenant_unknown") if the resolver returns no alias of POOLS.
    """
    return get_pool_registry().for_request(request)


def find_settings_for_request(request: Any) -> CognitoSettings | None:
    """Return the settings for `request`; None if POOL_RESOLVER returns no alias of POOLS for it."""
    try:
        return get_pool_registry().for_request(request)
    except SignInError:
        return None


def get_accepted_pool_ids(request: Any) -> tuple[str, ...] | None:
    """Return the ids of the user pools whose tokens and logins `request` may carry; None if every configured one.

    Empty if POOL_RESOLVER returns no alias of POOLS for `request`: no token is accepted there.
    """
    if not _is_restricted():
        return None
    settings = find_settings_for_request(request)
    return () if settings is None else (settings.user_pool_id,)


async def aget_accepted_pool_ids(request: Any) -> tuple[str, ...] | None:
    """Async version of `get_accepted_pool_ids`. POOL_RESOLVER runs in a thread: it may read the database."""
    return await sync_to_async(get_accepted_pool_ids)(request) if _is_restricted() else None


def is_pool_accepted(request: Any, user_pool_id: str) -> bool:
    """Return whether `request` may carry a token or a login of this user pool."""
    accepted = get_accepted_pool_ids(request)
    return accepted is None or user_pool_id in accepted


async def ais_pool_accepted(request: Any, user_pool_id: str) -> bool:
    """Async version of `is_pool_accepted`."""
    accepted = await aget_accepted_pool_ids(request)
    return accepted is None or user_pool_id in accepted


def _is_restricted() -> bool:
    settings = get_pool_registry().first
    return bool(settings.pool_resolver) and settings.tokens_of_other_pools == "reject"
