"""Read the AWS account of a seed: identity pools, roles, buckets, tables. Does not depend on moto."""

from collections.abc import Mapping, Sequence
from typing import Any

from . import values
from .seed import SeedAccount, SeedAdmin, SeedIdentityPool, SeedPool, SeedRole, SeedRoleMapping, SeedRule, SeedTable
from .values import Check, Path, Table

# The keys at the top of a seed, beside `pools`.
ACCOUNT: Mapping[str, Check] = {
    "identity_pools": values.any_value,
    "roles": values.any_value,
    "buckets": values.bucket_names,
    "tables": values.any_value,
    "admin": values.any_value,
}
_ROLE = Table(required={"name": values.role_name, "policy": values.iam_policy})
_TABLE = Table(
    required={"name": values.non_empty_string, "keys": values.table_keys}, optional={"region": values.non_empty_string}
)
_ADMIN = Table(required={"access_key_id": values.access_key_id, "secret_access_key": values.non_empty_string})
_IDENTITY_POOL = Table(
    required={"id": values.identity_pool_id, "user_pool": values.non_empty_string},
    optional={
        "name": values.non_empty_string,
        "clients": values.string_list,
        "allow_guests": values.boolean,
        "roles": values.any_value,
        "credentials_seconds": values.positive_number,
        "principal_tags": values.string_mapping,
        "role_mapping": values.any_value,
    },
)
_ROLES = Table(optional={"authenticated": values.role_name, "unauthenticated": values.role_name})
_ROLE_MAPPING = Table(
    optional={
        "type": values.one_of("token", "rules", "none"),
        "ambiguous": values.one_of("authenticated", "deny"),
        "rules": values.any_value,
    }
)
_RULE = Table(
    required={"claim": values.non_empty_string, "value": values.non_empty_string, "role": values.role_name},
    optional={"match": values.one_of("Equals", "Contains", "StartsWith", "NotEqual")},
)


def read_account(fields: Mapping[str, Any], path: Path, pools: Sequence[SeedPool]) -> SeedAccount:
    """Return the account of a seed with checked top-level keys. Raises SeedError."""
    roles = tuple(
        SeedRole(**_ROLE.read(item, at)) for item, at in values.iterate_items(fields.get("roles", []), path / "roles")
    )
    names = [role.name for role in roles]
    values.require_unique(names, path / "roles", "name")
    tables = tuple(
        SeedTable(**_TABLE.read(item, at))
        for item, at in values.iterate_items(fields.get("tables", []), path / "tables")
    )
    values.require_unique([table.name for table in tables], path / "tables", "name")
    values.require_unique(fields.get("buckets", ()), path / "buckets", "name")
    for number, pool in enumerate(pools):
        for place, group in enumerate(pool.groups):
            at = path / f"pools[{number}].groups[{place}]"
            if group.role and group.role_arn:
                raise at.error("has both role and role_arn; set only one of them")
            _require_known(group.role, names, at / "role", "role")
    admin = SeedAdmin(**_ADMIN.read(fields["admin"], path / "admin")) if "admin" in fields else None
    items = values.iterate_items(fields.get("identity_pools", []), path / "identity_pools")
    identity_pools = tuple(_read_identity_pool(item, at, pools, names) for item, at in items)
    values.require_unique([pool.id for pool in identity_pools], path / "identity_pools", "id")
    return SeedAccount(roles, fields.get("buckets", ()), tables, identity_pools, admin)


def _read_identity_pool(document: Any, path: Path, pools: Sequence[SeedPool], roles: list[str]) -> SeedIdentityPool:
    """Return an identity pool. Raises SeedError unless its user pool, clients and roles are in the seed."""
    fields = _IDENTITY_POOL.read(document, path)
    clients = {pool.id: [client.id for client in pool.clients] for pool in pools}
    _require_known(fields["user_pool"], list(clients), path / "user_pool", "user pool")
    for client in fields.get("clients", ()):
        _require_known(client, clients[fields["user_pool"]], path / "clients", "client")
    role_names = _ROLES.read(fields.pop("roles", {}), path / "roles")
    for kind, role in role_names.items():
        _require_known(role, roles, path / "roles" / kind, "role")
    mapping_path = path / "role_mapping"
    mapping = _ROLE_MAPPING.read(fields.pop("role_mapping", {}), mapping_path)
    rules = []
    for item, at in values.iterate_items(mapping.pop("rules", []), mapping_path / "rules"):
        rules.append(SeedRule(**_RULE.read(item, at)))
        _require_known(rules[-1].role, roles, at / "role", "role")
    if bool(rules) != (mapping.get("type") == "rules"):
        raise mapping_path.error("rules need the type 'rules', and this type needs rules")
    return SeedIdentityPool(
        **fields,
        authenticated_role=role_names.get("authenticated"),
        unauthenticated_role=role_names.get("unauthenticated"),
        role_mapping=SeedRoleMapping(**mapping, rules=tuple(rules)),
    )


def _require_known(name: str | None, names: Sequence[str], path: Path, kind: str) -> None:
    if name is not None and name not in names:
        raise path.error(values.unknown_name_message(kind, name, names))
