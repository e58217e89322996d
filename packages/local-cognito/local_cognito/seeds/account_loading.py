"""Load a seed into moto's AWS account (roles, administrator, buckets, tables) and create its identity pools."""

import logging
from collections.abc import Mapping
from typing import Any

from ..aws.account import AccessKey, Account
from ..aws.policies import has_supported_conditions
from ..identity.identity_pool import DEFAULT_PRINCIPAL_TAGS, IdentityPool, RoleMapping, Rule
from .seed import Seed, SeedIdentityPool, SeedRoleMapping

log = logging.getLogger("local_cognito")

_MAPPING_KINDS = {"token": "Token", "rules": "Rules", "none": ""}


def load_account(seed: Seed, account: Account, administrator: AccessKey) -> None:
    """Create the roles, buckets and tables of `seed` and the administrator in the account."""
    account.create_administrator(administrator)
    trust = _trust(seed)
    for role in seed.account.roles:
        account.create_role(role.name, role.policy, trust)
        if not has_supported_conditions(role.policy):
            log.warning("the role %s has conditions that the local IAM does not evaluate: they hold always", role.name)
    for bucket in seed.account.buckets:
        account.create_bucket(bucket, seed.region)
    for table in seed.account.tables:
        account.create_table(table.name, table.region or seed.region, table.keys)


def identity_pools(seed: Seed, account: Account) -> tuple[IdentityPool, ...]:
    """Return the seed's identity pools, with the ARNs of the account's roles."""
    clients = {pool.id: [client.id for client in pool.clients] for pool in seed.pools}
    return tuple(_identity_pool(pool, clients[pool.user_pool], account) for pool in seed.account.identity_pools)


def _identity_pool(seed: SeedIdentityPool, clients: list[str], account: Account) -> IdentityPool:
    return IdentityPool(
        id=seed.id,
        name=seed.name or seed.id,
        user_pool_id=seed.user_pool,
        client_ids=frozenset(seed.clients or clients),
        allows_guests=seed.allow_guests,
        authenticated_role_arn=_arn(seed.authenticated_role, account),
        guest_role_arn=_arn(seed.unauthenticated_role, account),
        credentials_seconds=seed.credentials_seconds,
        principal_tags=DEFAULT_PRINCIPAL_TAGS if seed.principal_tags is None else seed.principal_tags,
        role_mapping=_role_mapping(seed.role_mapping, account),
    )


def _role_mapping(seed: SeedRoleMapping, account: Account) -> RoleMapping:
    rules = tuple(Rule(rule.claim, rule.match, rule.value, account.role_arn(rule.role)) for rule in seed.rules)
    return RoleMapping(_MAPPING_KINDS[seed.type], seed.ambiguous == "deny", rules)


def _arn(role: str | None, account: Account) -> str | None:
    return None if role is None else account.role_arn(role)


def _trust(seed: Seed) -> Mapping[str, Any]:
    """Return the trust policy for the seed's identity pools. It is shown by IAM and is not evaluated here."""
    audience = {"cognito-identity.amazonaws.com:aud": [pool.id for pool in seed.account.identity_pools]}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": {"StringEquals": audience},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
