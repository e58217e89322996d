"""The local Cognito with 100,000 users: how long it needs to start and to list them."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from local_cognito import Emulator

from tests.support.sizes import IS_FULL, choose_size

POOL_ID = "eu-west-1_LargePool"
SIZE = choose_size(3_000, 100_000)
START_SECONDS = 10  # of CPU time, in full size
USERS_PER_SECOND = 2_000  # of CPU time, so that other processes do not matter


def seed_user(number: int) -> dict[str, Any]:
    return {
        "username": f"user{number}",
        "sub": f"{number:08x}-0000-4000-8000-000000000000",
        "email": f"user{number}@example.com",
        "email_verified": True,
        "given_name": f"Name{number}",
        "family_name": "Byron",
        "groups": ["editors"] if number % 3 == 0 else [],
    }


@pytest.fixture(scope="module")
def start() -> Iterator[tuple[Emulator, float]]:
    """Yield a local Cognito with `SIZE` users, and the CPU seconds of its start."""
    users = [seed_user(number) for number in range(SIZE)]
    pool = {"id": POOL_ID, "alias_attributes": ["email"], "groups": [{"name": "editors"}], "users": users}
    before = time.process_time()
    with Emulator(seed={"pools": [pool]}) as emulator:
        yield emulator, time.process_time() - before


@pytest.fixture(scope="module")
def idp(start: tuple[Emulator, float]) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "config": Config(retries={"max_attempts": 0})}
    return boto3.client("cognito-idp", endpoint_url=start[0].endpoint_url, region_name="eu-west-1", **keys)


def test_local_cognito_starts_within_ten_seconds_of_cpu(start: tuple[Emulator, float]) -> None:
    print(f"{SIZE:,} users: started in {start[1]:.2f} s of CPU")
    assert start[1] < START_SECONDS


@pytest.mark.parametrize(
    ("operation", "parameters", "count"),
    [("list_users", {}, SIZE), ("list_users_in_group", {"GroupName": "editors"}, -(-SIZE // 3))],
)
def test_users_are_listed_at_the_pace_of_a_pool(
    idp: Any, operation: str, parameters: dict[str, str], count: int
) -> None:
    moment, cpu = time.monotonic(), time.process_time()
    pages = idp.get_paginator(operation).paginate(UserPoolId=POOL_ID, **parameters)
    usernames = {user["Username"] for page in pages for user in page["Users"]}
    seconds, cpu_seconds = time.monotonic() - moment, time.process_time() - cpu  # of the server and of boto3
    print(f"{operation}: {count / seconds:,.0f} users/s, {count / cpu_seconds:,.0f} users per second of CPU")
    assert len(usernames) == count
    assert not IS_FULL or count / cpu_seconds > USERS_PER_SECOND


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("admin_get_user", {"Username": f"user{SIZE - 1}"}),
        ("admin_get_user", {"Username": f"{SIZE - 1:08x}-0000-4000-8000-000000000000"}),
        ("admin_get_user", {"Username": f"USER{SIZE - 1}@example.com"}),
        ("list_users", {"Filter": f'email = "user{SIZE - 1}@example.com"'}),
        ("admin_list_groups_for_user", {"Username": f"user{SIZE - 1}"}),
        ("admin_update_user_attributes", {"Username": "user0", "UserAttributes": [{"Name": "name", "Value": "Ada"}]}),
    ],
)
def test_one_user_is_read_without_a_scan(idp: Any, operation: str, parameters: dict[str, Any]) -> None:
    durations = []
    for _ in range(choose_size(3, 20)):
        moment = time.monotonic()
        getattr(idp, operation)(UserPoolId=POOL_ID, **parameters)
        durations.append(time.monotonic() - moment)
    print(f"{operation}: {min(durations) * 1000:.1f} ms")
    assert not IS_FULL or min(durations) < 0.02  # a scan of 100,000 users needs more
