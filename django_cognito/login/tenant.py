"""At which of the site's pools a request signs in. Knows no sign-in."""

from typing import Any

from django.utils.module_loading import import_string

from ..conf import CognitoSettings, get_pools
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
