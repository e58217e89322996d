"""The permissions that DynamoDB operations require."""

from typing import Any

import pytest
from local_cognito.aws.dynamodb import required_permissions

TABLE = "arn:aws:dynamodb:eu-west-1:1:table/"


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("GetItem", {"TableName": "a"}, [("GetItem", f"{TABLE}a")]),
        ("GetItem", {"TableName": f"{TABLE}a"}, [("GetItem", f"{TABLE}a")]),
        ("Query", {"TableName": "a", "IndexName": "i"}, [("Query", f"{TABLE}a/index/i")]),
        (
            "BatchGetItem",
            {"RequestItems": {"a": {}, "b": {}}},
            [("BatchGetItem", f"{TABLE}a"), ("BatchGetItem", f"{TABLE}b")],
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "a"}}, {"ConditionCheck": {"TableName": "b"}}]},
            [("PutItem", f"{TABLE}a"), ("ConditionCheckItem", f"{TABLE}b")],
        ),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "a"}}]}, [("GetItem", f"{TABLE}a")]),
        ("ListTables", {}, [("ListTables", "*")]),
        ("ExecuteStatement", {"Statement": 'SELECT * FROM "a"'}, [("ExecuteStatement", "*")]),
    ],
)
def test_operation_requires_permission_for_each_table(
    operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    permissions = list(required_permissions(operation, parameters, region="eu-west-1", account="1"))
    assert permissions == [(f"dynamodb:{action}", resource) for action, resource in expected]
