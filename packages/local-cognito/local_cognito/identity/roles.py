"""The selection of an identity pool's role for a login or a guest. No I/O.

Source: AWS developer guide, "Using role-based access control".
"""

from collections.abc import Mapping
from typing import Any

from ..errors import ServiceError
from .identity_pool import IdentityPool, Rule

Claims = Mapping[str, Any]


def guest_role(pool: IdentityPool) -> str:
    """Return the role of guests. Raises ServiceError if the pool has none."""
    return _configured(pool.guest_role_arn)


def select_role(pool: IdentityPool, claims: Claims, custom_role_arn: str | None = None) -> str:
    """Return the role of a login. Raises ServiceError.

    `custom_role_arn` is the role that the caller requests; it must be one of `cognito:roles`.
    """
    if custom_role_arn is not None:
        if pool.role_mapping.kind != "Token" or custom_role_arn not in claims.get("cognito:roles", ()):
            raise ServiceError("NotAuthorizedException", "The role is not among those that the token offers.")
        return custom_role_arn
    if not pool.role_mapping.kind:
        return _configured(pool.authenticated_role_arn)
    mapped = (
        claims.get("cognito:preferred_role")
        if pool.role_mapping.kind == "Token"
        else next((rule.role_arn for rule in pool.role_mapping.rules if _matches(rule, claims)), None)
    )
    if mapped:
        return str(mapped)
    if pool.role_mapping.denies_ambiguous:
        raise ServiceError(
            "NotAuthorizedException", "Access denied: no role, or more than one, is mapped to this login."
        )
    return _configured(pool.authenticated_role_arn)


def _configured(role_arn: str | None) -> str:
    if role_arn is None:
        raise bad_configuration()
    return role_arn


def bad_configuration() -> ServiceError:
    """Return the error for a pool without a role, or with a role that does not exist."""
    return ServiceError(
        "InvalidIdentityPoolConfigurationException",
        "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
    )


def _matches(rule: Rule, claims: Claims) -> bool:
    """Return whether the rule matches the claims. A missing claim matches no rule, not even NotEqual."""
    if rule.claim not in claims:
        return False
    claim = claims[rule.claim]
    values = [str(item) for item in claim] if isinstance(claim, list) else [str(claim)]
    if rule.match == "NotEqual":
        return rule.value not in values
    if rule.match == "Contains":
        return any(rule.value in item for item in values)
    if rule.match == "StartsWith":
        return any(item.startswith(rule.value) for item in values)
    return rule.value in values
