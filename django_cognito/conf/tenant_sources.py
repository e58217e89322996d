"""Problems of the settings TENANT and TENANT_GROUPS of one alias. No I/O."""

from collections.abc import Iterator

from .pool_urls import Problem
from .schema import COGNITO_GROUPS, CognitoSettings

# Claims whose value a user chooses. App clients may write all standard attributes unless they are restricted. Users
# also choose their username at the sign-up, and the nonce, the app client, the resource and the scopes of a sign-in.
# Source: AWS developer guide, "Working with user attributes", "Attribute permissions and scopes".
_WRITABLE_CLAIMS = {
    *("address", "birthdate", "email", "family_name", "gender", "given_name", "locale", "middle_name", "name"),
    *("nickname", "phone_number", "picture", "preferred_username", "profile", "updated_at", "website", "zoneinfo"),
    *("cognito:username", "username", "nonce", "client_id", "aud", "scope"),
}


def get_tenant_claim(settings: CognitoSettings) -> str:
    """Return the claim that states the tenants of a user; empty without TENANT, and if a function reads the token."""
    if settings.tenant is None:
        return ""
    return settings.groups_claim if settings.tenant.group_prefix else settings.tenant.claim


def check_tenant_source(settings: CognitoSettings) -> Iterator[Problem]:
    """Yield what would let a user choose a tenant, or let a right of one tenant count in another."""
    claim, prefix = get_tenant_claim(settings), settings.tenant.group_prefix if settings.tenant is not None else ""
    if claim in _WRITABLE_CLAIMS:
        message = f"COGNITO['TENANT'] reads {claim!r}, which users may write (alias {settings.alias!r})."
        hint = (
            "A user could join every tenant. Use groups ('group_prefix'), or a claim of a pre token generation trigger."
            " If no app client may write the attribute, read it in a 'function'."
        )
        yield Problem("django_cognito.E019", message, hint)
    elif claim == COGNITO_GROUPS and not prefix:
        message = f"COGNITO['TENANT'] reads {claim!r}, which is a list of groups (alias {settings.alias!r})."
        yield Problem("django_cognito.E019", message, "Set 'group_prefix' to what the names of the groups begin with.")
    for name in settings.groups if prefix else ():
        if name.startswith(prefix):
            message = f"COGNITO['GROUPS'][{name!r}] is a group of one tenant (alias {settings.alias!r})."
            hint = f"GROUPS grants in every tenant. Write TENANT_GROUPS, with the name after '{prefix}...{prefix[-1]}'."
            yield Problem("django_cognito.E018", message, hint)
    if settings.mirror_groups and (prefix or settings.tenant_groups):
        message = f"COGNITO has both MIRROR_GROUPS and groups of tenants (alias {settings.alias!r})."
        hint = "Mirrored Django groups count in every tenant. Set MIRROR_GROUPS to False, and list groups in GROUPS."
        yield Problem("django_cognito.E018", message, hint)
