"""Load a seed into moto's AWS account (roles, administrator, buckets, tables) and create its identity pools."""

import logging

from ..aws.account import AccessKey, Account
from ..aws.policies import has_supported_conditions
from ..identity.identity_pool import DEFAULT_PRINCIPAL_TAGS, IdentityPool, RoleMapping, Rule
from .seed import Seed

log = logging.getLogger("local_cognito")

_MAPPING_KINDS = {"token": "Token", "rules": "Rules", "none": ""}


def load_account(seed: Seed, account: Account, administrator: AccessKey) -> None:
    """Create the roles, buckets and tables of `seed` and the administrator in the account."""
    account.create_administrator(administrator)
    # The trust policy of all roles. IAM shows it; it is not evaluated here.
    audience = {"cognito-identity.amazonaws.com:aud": [pool.id for pool in seed.account.identity_pools]}
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"],
        "Condition": {"StringEquals": audience},
    }
    trust = {"Version": "2012-10-17", "Statement": [statement]}
    for role in seed.account.roles:
        account.create_role(role.name, role.policy, trust)
        if not has_supported_conditions(role.policy):
            log.warning(
                "the role %s has conditions that the local IAM does not support: they are always met in an Allow "
                "statement, and never in a Deny statement",
                role.name,
            )
    for bucket in seed.account.buckets:
        account.create_bucket(bucket, seed.region)
    for table in seed.account.tables:
        account.create_table(table.name, table.region or seed.region, table.keys)


def identity_pools(seed: Seed, account: Account) -> tuple[IdentityPool, ...]:
    """Return the seed's identity pools, with the ARNs of the account's roles."""
    clients = {pool.id: [client.id for client in pool.clients] for pool in seed.pools}
    pools = []
    for pool in seed.account.identity_pools:
        mapping = pool.role_mapping
        rules = tuple(Rule(rule.claim, rule.match, rule.value, account.role_arn(rule.role)) for rule in mapping.rules)
        pools.append(
            IdentityPool(
                id=pool.id,
                name=pool.name or pool.id,
                user_pool_id=pool.user_pool,
                client_ids=frozenset(pool.clients or clients[pool.user_pool]),
                allows_guests=pool.allow_guests,
                authenticated_role_arn=_arn(pool.authenticated_role, account),
                guest_role_arn=_arn(pool.unauthenticated_role, account),
                credentials_seconds=pool.credentials_seconds,
                principal_tags=DEFAULT_PRINCIPAL_TAGS if pool.principal_tags is None else pool.principal_tags,
                role_mapping=RoleMapping(_MAPPING_KINDS[mapping.type], mapping.ambiguous == "deny", rules),
            )
        )
    return tuple(pools)


def _arn(role: str | None, account: Account) -> str | None:
    return None if role is None else account.role_arn(role)
