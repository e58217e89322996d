"""The permissions that a DynamoDB request needs: the operation on each of its tables and indexes. No I/O.

Source: service authorization reference, "Actions, resources, and condition keys for Amazon DynamoDB".
"""

from collections.abc import Iterator, Mapping
from typing import Any

Parameters = Mapping[str, Any]

# A transaction needs the permission of each of its operations, but none of its own.
_IN_TRANSACTIONS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}


def required_permissions(
    operation: str, parameters: Parameters, *, region: str, account: str
) -> Iterator[tuple[str, str]]:
    """Return pairs of an action and a resource ARN; the resource is `*` if the operation names no table."""
    prefix = f"arn:aws:dynamodb:{region}:{account}:table/"

    def arn(table: str) -> str:
        return table if table.startswith("arn:") else prefix + table

    if "TransactItems" in parameters:
        for item in parameters["TransactItems"]:
            for kind, detail in item.items():
                yield f"dynamodb:{_IN_TRANSACTIONS.get(kind, operation)}", arn(detail["TableName"])
    elif "RequestItems" in parameters:
        for table in parameters["RequestItems"]:
            yield f"dynamodb:{operation}", arn(table)
    elif "TableName" in parameters:
        index = f"/index/{parameters['IndexName']}" if parameters.get("IndexName") else ""
        yield f"dynamodb:{operation}", arn(parameters["TableName"]) + index
    else:
        yield f"dynamodb:{operation}", "*"
