"""Reading of the AWS account in a seed: values, defaults and errors."""

from typing import Any

import pytest
from local_cognito.seeds.reading import read_seed
from local_cognito.seeds.seed import Seed
from local_cognito.seeds.values import SeedError

POOL = {"id": "eu-west-1_Seeded", "clients": [{"id": "web"}], "groups": [{"name": "editors"}]}
POLICY = {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
IDENTITY_POOL = {"id": "eu-west-1:0f5d7a90-0000-4000-8000-000000000001", "user_pool": "eu-west-1_Seeded"}
ROLE = {"name": "person", "policy": POLICY}


def seed(**changes: Any) -> Seed:
    return read_seed({"pools": [POOL], **changes})


def error_message(**changes: Any) -> str:
    with pytest.raises(SeedError) as raised:
        seed(**changes)
    return str(raised.value)


def with_identity_pool(**changes: Any) -> dict[str, Any]:
    return {"roles": [ROLE], "identity_pools": [{**IDENTITY_POOL, **changes}]}


def with_user_pool(**changes: Any) -> dict[str, Any]:
    return {"roles": [ROLE], "pools": [{**POOL, **changes}]}


def test_seed_without_account_has_no_identity_pools() -> None:
    assert seed().account.identity_pools == ()


def test_policy_without_version_gets_the_default() -> None:
    assert seed(roles=[ROLE]).account.roles[0].policy["Version"] == "2012-10-17"


def test_repr_of_seed_has_no_administrator_secret() -> None:
    admin = {"access_key_id": "AKIA0123456789ABCDEF", "secret_access_key": "verysecret"}
    assert "verysecret" not in repr(seed(admin=admin))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"identity_pool": []}, "unknown key 'identity_pool'; did you mean 'identity_pools'?"),
        ({"buckets": ["Files"]}, "buckets: must be 3 to 63 lower-case letters"),
        ({"buckets": ["files", "files"]}, "buckets: the name 'files' occurs twice"),
        ({"tables": [{"name": "notes"}]}, "tables[0]: keys is missing"),
        ({"tables": [{"name": "notes", "keys": {"a": "S", "b": "S", "c": "S"}}]}, "keys: must be one or two"),
        ({"tables": [{"name": "notes", "keys": {"a": "string"}}]}, "keys: must be one or two"),
        ({"tables": [{"name": "n", "keys": {"a": "S"}}] * 2}, "tables: the name 'n' occurs twice"),
        ({"roles": [{"name": "a b", "policy": POLICY}]}, "roles[0].name: must be at most 64"),
        ({"roles": [ROLE, ROLE]}, "roles: the name 'person' occurs twice"),
        ({"roles": [{"name": "a", "policy": {}}]}, "roles[0].policy: must be an IAM policy"),
        ({"roles": [{"name": "a", "policy": "s3:*"}]}, "roles[0].policy: must be an IAM policy"),
        ({"roles": [{"name": "a", "policy": {"Statement": [{"Effect": "Allow"}]}}]}, "must be an IAM policy"),
        (
            {"roles": [{"name": "a", "policy": {"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}}]},
            "must be an IAM policy",
        ),
        ({"admin": {"access_key_id": "test", "secret_access_key": "x"}}, "admin.access_key_id: must be AKIA and 16"),
        (with_identity_pool(id="eu-west-1_Seeded"), "identity_pools[0].id: must be a region, a colon"),
        (
            with_identity_pool(user_pool="eu-west-1_Seded"),
            "unknown user pool 'eu-west-1_Seded'; did you mean 'eu-west-1_Seeded'?",
        ),
        (with_identity_pool(clients=["wob"]), "identity_pools[0].clients: unknown client 'wob'; did you mean 'web'?"),
        (
            with_identity_pool(roles={"authenticated": "persn"}),
            "roles.authenticated: unknown role 'persn'; did you mean 'person'?",
        ),
        (with_identity_pool(roles={"guest": "person"}), "identity_pools[0].roles: unknown key 'guest'"),
        (with_identity_pool(credentials_seconds=0), "credentials_seconds: must be a number above 0"),
        (with_identity_pool(role_mapping={"type": "rules"}), "role_mapping: rules need the type 'rules'"),
        (
            with_identity_pool(role_mapping={"type": "rules", "rules": [{"claim": "a", "value": "b", "role": "c"}]}),
            "role_mapping.rules[0].role: unknown role 'c'",
        ),
        ({"identity_pools": [IDENTITY_POOL, IDENTITY_POOL]}, "identity_pools: the id"),
        (with_user_pool(groups=[{"name": "a", "role": "persn"}]), "pools[0].groups[0].role: unknown role 'persn'"),
        (with_user_pool(groups=[{"name": "a", "role": "person", "role_arn": "b"}]), "has both role and role_arn"),
        (
            with_user_pool(resource_servers=[{"identifier": "a b", "scopes": []}]),
            "resource_servers[0].identifier: must be",
        ),
        (
            with_user_pool(resource_servers=[{"identifier": "a", "scopes": ["b/c"]}]),
            "scopes: must be names without slashes",
        ),
        (with_user_pool(resource_servers=[{"identifier": "a", "scopes": []}] * 2), "the identifier 'a' occurs twice"),
        (
            with_user_pool(
                resource_servers=[{"identifier": "notes", "scopes": ["read"]}],
                clients=[{"id": "web", "scopes": ["notes/reed"]}],
            ),
            "pools[0].clients[0].scopes: unknown scope 'notes/reed'; did you mean 'notes/read'?",
        ),
        (
            with_user_pool(clients=[{"id": "web", "secret": "x" * 24, "flows": ["code", "client_credentials"]}]),
            "clients[0].flows: client_credentials stands alone",
        ),
        (with_user_pool(clients=[{"id": "web", "flows": ["client_credentials"]}]), "client_credentials needs a secret"),
        (
            with_user_pool(clients=[{"id": "web", "secret": "x" * 24, "flows": ["client_credentials"]}]),
            "client_credentials takes scopes of resource servers alone",
        ),
    ],
)
def test_invalid_seed_value_is_an_error_with_its_path(changes: dict[str, Any], expected: str) -> None:
    assert expected in error_message(**changes)
