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
    if alias not in pools.by_alias:
        raise SignInError(f"POOL_RESOLVER gave {alias!r}, which is no alias of POOLS", code="tenant_unknown")
    return pools.by_alias[alias]
