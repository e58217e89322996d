"""The running example: the request that refreshes an admin's tokens has lost what the group gave."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest

from demo.stack import Stack
from journey.browser import Browser


@pytest.fixture
def pool_api(stack: Stack) -> Any:
    """The local Cognito's API for administrators."""
    return boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url=stack.cognito,
        aws_access_key_id=stack.account.admin_key_id,
        aws_secret_access_key=stack.account.admin_secret,
    )


@pytest.fixture
def membership(stack: Stack, pool_api: Any) -> Iterator[dict[str, str]]:
    """Carol's membership in "admins", which the test may remove."""
    named = {"UserPoolId": stack.pool.id, "Username": "carol", "GroupName": "admins"}
    yield named
    pool_api.admin_add_user_to_group(**named)
    time.sleep(1.1)  # of two tokens of one second, the later one gives nothing


def _execute(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(stack.database, timeout=20)) as connection, connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("expires_in", [30, -10], ids=["margin", "expired"])
def test_admin_is_refused_in_the_request_that_learns_of_the_removal(
    stack: Stack, signed_in: Callable[[str], Browser], pool_api: Any, membership: dict[str, str], expires_in: int
) -> None:
    carol = signed_in("carol")
    assert carol.open(f"{stack.site}/admin/").status == 200
    pool_api.admin_remove_user_from_group(**membership)
    _execute(stack, f"UPDATE django_cognito_cognitologin SET expires_at = datetime('now', '{expires_in} seconds')")
    assert carol.open(f"{stack.site}/admin/").status == 403
    flags = _execute(stack, "SELECT is_staff, is_superuser FROM auth_user WHERE username = 'carol'")
    assert flags == [(0, 0)]
