"""Checks of the sources of tenants: who may write the claim, and who may name the tenants of another pool."""

from collections.abc import Iterator

from django.core import checks

from ..conf.pool_registry import PoolRegistry
from ..conf.tenant_sources import get_tenant_claim


def check_tenants(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that users cannot choose their tenant, and that no pool can name the tenants of another one."""
    aliases = {alias.user_pool_id: alias for alias in registry.by_alias.values() if get_tenant_claim(alias)}
    for alias in aliases.values():
        claim = get_tenant_claim(alias)
        if claim.startswith("custom:"):
            message = (
                f"COGNITO['TENANT'] reads {claim!r} (alias {alias.alias!r}): a user can join every tenant if an app"
                " client of the pool may write the attribute, also at the sign-up."
            )
            hint = (
                "Leave it out of the WriteAttributes of every app client (AWS console: attribute permissions), also of"
                " those of other sites. Then silence this check: it cannot read the app clients."
            )
            yield checks.Warning(message, hint=hint, id="django_cognito.W138")
    if len(aliases) > 1:
        names = ", ".join(repr(alias.alias) for alias in aliases.values())
        message = f"COGNITO['TENANT'] reads the tenants from the tokens of several user pools ({names})."
        hint = (
            "The administrators of each pool can name the tenants of the others. Write a 'function' that accepts the"
            " tenants of the token's pool only; if the same people administer all pools, silence this check."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W139")
