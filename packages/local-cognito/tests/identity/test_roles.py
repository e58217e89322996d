"""Which role a login gets, as values."""

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
    ("claim", "match", "value", "holds"),
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
def test_a_rule_holds_by_its_claim(claim: str, match: str, value: str, holds: bool) -> None:
    ruled = pool(RoleMapping("Rules", rules=(Rule(claim, match, value, "mapped"),)))
    assert select_role(ruled, CLAIMS) == ("mapped" if holds else "default")


def test_the_first_rule_that_holds_counts() -> None:
    rules = tuple(Rule("team", "Equals", "blue", role) for role in ("first", "second"))
    assert select_role(pool(RoleMapping("Rules", rules=rules)), CLAIMS) == "first"


def test_no_role_may_be_asked_for_where_rules_decide() -> None:
    with pytest.raises(ServiceError):
        select_role(pool(RoleMapping("Rules")), {"cognito:roles": ["a"]}, "a")


def test_a_tag_is_a_claim_that_is_one_value() -> None:
    tagged = pool(RoleMapping(), principal_tags={"a": "team", "b": "level", "c": "cognito:groups", "d": "absent"})
    assert tagged.tags_of(CLAIMS) == {"a": "blue", "b": "7"}
