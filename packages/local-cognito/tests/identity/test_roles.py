"""Selection of the role of a login."""

from typing import Any

import pytest
from local_cognito.errors import ServiceError
from local_cognito.identity.identity_pool import IdentityPool, RoleMapping, Rule
from local_cognito.identity.roles import select_role

CLAIMS = {"team": "blue", "cognito:groups": ["readers", "editors"], "level": 7}


def pool(mapping: RoleMapping, **changes: Any) -> IdentityPool:
    return IdentityPool(
        "eu-west-1:1",
        "x",
        "eu-west-1_X",
        frozenset(),
        authenticated_role_arn="default",
        role_mapping=mapping,
        **changes,
    )


@pytest.mark.parametrize(
    ("claim", "match", "value", "matches"),
    [
        ("team", "Equals", "blue", True),
        ("team", "Equals", "blu", False),
        ("team", "Contains", "lu", True),
        ("team", "StartsWith", "bl", True),
        ("team", "StartsWith", "lue", False),
        ("team", "NotEqual", "red", True),
        ("team", "NotEqual", "blue", False),
        ("level", "Equals", "7", True),
        ("cognito:groups", "Equals", "editors", True),
        ("cognito:groups", "NotEqual", "editors", False),
        ("absent", "NotEqual", "x", False),
    ],
)
def test_rule_matches_by_its_claim(claim: str, match: str, value: str, matches: bool) -> None:
    rule_pool = pool(RoleMapping("Rules", rules=(Rule(claim, match, value, "mapped"),)))
    assert select_role(rule_pool, CLAIMS) == ("mapped" if matches else "default")


def test_first_matching_rule_applies() -> None:
    rules = tuple(Rule("team", "Equals", "blue", role) for role in ("first", "second"))
    assert select_role(pool(RoleMapping("Rules", rules=rules)), CLAIMS) == "first"


def test_custom_role_is_refused_if_the_pool_uses_rules() -> None:
    with pytest.raises(ServiceError):
        select_role(pool(RoleMapping("Rules")), {"cognito:roles": ["a"]}, "a")


def test_principal_tags_are_claims_with_a_single_value() -> None:
    tagged_pool = pool(RoleMapping(), principal_tags={"a": "team", "b": "level", "c": "cognito:groups", "d": "absent"})
    assert tagged_pool.tags_of(CLAIMS) == {"a": "blue", "b": "7"}
