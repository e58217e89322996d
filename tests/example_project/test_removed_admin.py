"""Test that an admin who was removed from the group has no access after the next token refresh."""

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
    """Return boto3's client of the local Cognito, with the administrator's keys."""
    return boto3.client(
        "cognito-idp",
        region_name="eu-west-1",
        endpoint_url=stack.cognito,
        aws_access_key_id=stack.account.admin_key_id,
        aws_secret_access_key=stack.account.admin_secret,
    )


@pytest.fixture
def membership(stack: Stack, pool_api: Any) -> Iterator[dict[str, str]]:
    """Yield Carol's membership in "admins", and restore it after the test."""
    parameters = {"UserPoolId": stack.pool.id, "Username": "carol", "GroupName": "admins"}
    yield parameters
    pool_api.admin_add_user_to_group(**parameters)
    time.sleep(1.1)  # times in tokens are whole seconds: the next token must have a later one


def _execute(stack: Stack, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(stack.database, timeout=20)) as connection, connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("expires_in", [30, -10], ids=["margin", "expired"])
def test_admin_access_ends_with_the_first_refresh_after_removal(
    stack: Stack, sign_in: Callable[[str], Browser], pool_api: Any, membership: dict[str, str], expires_in: int
) -> None:
    carol = sign_in("carol")
    assert carol.open(f"{stack.site}/admin/").status == 200
    pool_api.admin_remove_user_from_group(**membership)
    _execute(stack, f"UPDATE django_cognito_cognitologin SET expires_at = datetime('now', '{expires_in} seconds')")
    assert carol.open(f"{stack.site}/admin/").status == 403
    flags = _execute(stack, "SELECT is_staff, is_superuser FROM auth_user WHERE username = 'carol'")
    assert flags == [(0, 0)]
