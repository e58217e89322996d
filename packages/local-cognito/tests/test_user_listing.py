"""ListUsers, ListUsersInGroup and AdminListGroupsForUser over HTTP, in a pool with 2,000 users."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from local_cognito import Emulator
from local_cognito_support.api_shapes import call_operation, unknown_members
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.user_pools import Clock

POOL_ID = "eu-west-1_Listing"
SIZE = 2_000
GROUPS = [f"group{number:02}" for number in range(70)]
CLOCK = Clock()
INVALID_TOKEN = "Paging marker is invalid for request"


def seed_user(number: int) -> dict[str, Any]:
    """Return a user of the seed. The first is in all groups, every third one in the group `thirds`."""
    groups = GROUPS if number == 0 else ["thirds"] if number % 3 == 0 else []
    return {
        "username": f"User{number}",
        "sub": f"{number:08x}-0000-4000-8000-000000000000",
        "email": f"user{number}@example.com",
        "given_name": f'Name "{number % 10}"',
        "status": "FORCE_CHANGE_PASSWORD" if number % 1000 == 5 else "CONFIRMED",
        "enabled": number % 1000 != 7,
        "groups": groups,
    }


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    groups = [{"name": name} for name in [*GROUPS, "thirds"]]
    users = [seed_user(number) for number in range(SIZE)]
    with Emulator(seed={"pools": [{"id": POOL_ID, "groups": groups, "users": users}]}, now=CLOCK) as running:
        yield running


@pytest.fixture(scope="module")
def idp(emulator: Emulator) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any", "config": Config(retries={"max_attempts": 0})}
    return boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, region_name="eu-west-1", **keys)


def names_of(page: dict[str, Any]) -> list[str]:
    return [user["Username"] for user in page["Users"]]


def search(idp: Any, text: str) -> list[str]:
    pages = idp.get_paginator("list_users").paginate(UserPoolId=POOL_ID, Filter=text)
    return [name for page in pages for name in names_of(page)]


def test_all_users_are_listed_once_in_pages_of_sixty(idp: Any) -> None:
    pages = list(idp.get_paginator("list_users").paginate(UserPoolId=POOL_ID))
    assert [len(page["Users"]) for page in pages] == [60] * 33 + [20]
    assert [name for page in pages for name in names_of(page)] == [f"User{number}" for number in range(SIZE)]


def test_listed_user_equals_the_one_of_admin_get_user(idp: Any) -> None:
    listed = idp.list_users(UserPoolId=POOL_ID, Filter='username = "User7"')["Users"][0]
    single = idp.admin_get_user(UserPoolId=POOL_ID, Username="User7")  # the operation of moto
    for name in ("Username", "UserCreateDate", "UserLastModifiedDate", "Enabled", "UserStatus"):
        assert listed[name] == single[name]
    assert listed["Attributes"] == single["UserAttributes"]


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("ListUsers", {"Limit": 2}),
        ("ListUsersInGroup", {"GroupName": "thirds", "Limit": 2}),
        ("AdminListGroupsForUser", {"Username": "User0"}),
    ],
)
def test_response_has_only_members_of_aws(emulator: Emulator, operation: str, parameters: dict[str, Any]) -> None:
    status, body = call_operation(emulator, operation, UserPoolId=POOL_ID, **parameters)
    assert (status, unknown_members(operation, body)) == (200, [])
    assert body.keys() & {"PaginationToken", "NextToken"}


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ('username = "User12"', [12]),
        ('username = "user12"', []),  # with case, whatever the pool
        ('username ^= "User199"', [199, *range(1990, 2000)]),
        ('sub = "00000010-0000-4000-8000-000000000000"', [16]),
        ('email="user3@example.com"', [3]),
        (' email ^= "user1999" ', [1999]),
        (r'given_name = "Name \"9\""', list(range(9, SIZE, 10))),
        ('cognito:user_status = "force_change_password"', [5, 1005]),
        ('cognito:user_status ^= "FORCE"', [5, 1005]),
        ('status = "Disabled"', [7, 1007]),
        ('status = "disabled"', []),
        ('family_name = "Byron"', []),
        ('phone_number ^= "+49"', []),
    ],
)
def test_filter_returns_the_users_that_match(idp: Any, text: str, numbers: list[int]) -> None:
    assert search(idp, text) == [f"User{number}" for number in numbers]


def test_empty_filter_returns_all_users(idp: Any) -> None:
    assert len(idp.list_users(UserPoolId=POOL_ID, Filter="")["Users"]) == 60


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('custom:tenant = "acme"', "Invalid search attribute: custom:tenant"),
        ('locale = "de"', "Invalid search attribute: locale"),
        ("email = ann", "Error while parsing filter"),
        ('email ~ "ann"', "Error while parsing filter"),
        ('email = "a" AND name = "b"', "Error while parsing filter"),
        ('email = "a"b"', "Error while parsing filter"),
    ],
)
def test_invalid_filter_is_rejected(idp: Any, text: str, message: str) -> None:
    with raises_client_error("InvalidParameterException", message):
        idp.list_users(UserPoolId=POOL_ID, Filter=text)


def test_filter_of_more_than_256_characters_is_rejected(emulator: Emulator) -> None:
    _, body = call_operation(emulator, "ListUsers", UserPoolId=POOL_ID, Filter=f'name = "{"x" * 250}"')
    assert body["__type"] == "InvalidParameterException"


@pytest.mark.parametrize(("limit", "size"), [(0, 60), (1, 1), (60, 60)])
def test_limit_is_the_size_of_a_page(idp: Any, limit: int, size: int) -> None:
    assert len(idp.list_users(UserPoolId=POOL_ID, Limit=limit)["Users"]) == size


@pytest.mark.parametrize(
    ("limit", "code"),
    [(61, "InvalidParameterException"), (-1, "InvalidParameterException"), ("2", "SerializationException")],
)
def test_limit_outside_of_the_model_is_rejected(emulator: Emulator, limit: Any, code: str) -> None:
    status, body = call_operation(emulator, "ListUsers", UserPoolId=POOL_ID, Limit=limit)
    assert (status, body["__type"]) == (400, code)


def test_attributes_to_get_selects_attributes(idp: Any) -> None:
    user = idp.list_users(UserPoolId=POOL_ID, AttributesToGet=["email"], Limit=1)["Users"][0]
    assert user["Attributes"] == [{"Name": "email", "Value": "user0@example.com"}]


def test_attributes_to_get_that_a_user_lacks_are_an_error(idp: Any) -> None:
    with raises_client_error("InvalidParameterException", "One or more requested attributes do not exist."):
        idp.list_users(UserPoolId=POOL_ID, AttributesToGet=["family_name"])


def test_group_members_are_listed_in_pages(idp: Any) -> None:
    pages = list(idp.get_paginator("list_users_in_group").paginate(UserPoolId=POOL_ID, GroupName="thirds"))
    members = [name for page in pages for name in names_of(page)]
    assert members == [f"User{number}" for number in range(3, SIZE, 3)]
    assert {len(page["Users"]) for page in pages[:-1]} == {60}


def test_groups_of_a_user_are_listed_in_pages(idp: Any) -> None:
    pages = list(idp.get_paginator("admin_list_groups_for_user").paginate(UserPoolId=POOL_ID, Username="User0"))
    assert [len(page["Groups"]) for page in pages] == [60, 10]
    assert [group["GroupName"] for page in pages for group in page["Groups"]] == GROUPS


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("list_users", {"UserPoolId": "eu-west-1_Nowhere"}, "ResourceNotFoundException"),
        ("list_users_in_group", {"UserPoolId": POOL_ID, "GroupName": "absent"}, "ResourceNotFoundException"),
        ("admin_list_groups_for_user", {"UserPoolId": POOL_ID, "Username": "absent"}, "UserNotFoundException"),
    ],
)
def test_unknown_name_is_an_error(idp: Any, operation: str, parameters: dict[str, str], code: str) -> None:
    with raises_client_error(code):
        getattr(idp, operation)(**parameters)


def test_token_is_valid_for_its_listing_only(idp: Any) -> None:
    token = idp.list_users(UserPoolId=POOL_ID, Filter='email ^= "user"')["PaginationToken"]
    for parameters in ({}, {"Filter": 'email ^= "use"'}):
        with raises_client_error("InvalidParameterException", INVALID_TOKEN):
            idp.list_users(UserPoolId=POOL_ID, PaginationToken=token, **parameters)
    with raises_client_error("InvalidParameterException", INVALID_TOKEN):
        idp.list_users_in_group(UserPoolId=POOL_ID, GroupName="thirds", NextToken=token)


@pytest.mark.parametrize("token", ["x", "AAAA", "WzYwLDAsMF0="])
def test_token_of_another_origin_is_rejected(idp: Any, token: str) -> None:
    with raises_client_error("InvalidParameterException", INVALID_TOKEN):
        idp.list_users(UserPoolId=POOL_ID, PaginationToken=token)


def test_token_expires_after_an_hour(idp: Any) -> None:
    token = idp.list_users(UserPoolId=POOL_ID)["PaginationToken"]
    CLOCK.pass_seconds(3_590)
    assert names_of(idp.list_users(UserPoolId=POOL_ID, PaginationToken=token))[0] == "User60"
    CLOCK.pass_seconds(20)
    with raises_client_error("InvalidParameterException", INVALID_TOKEN):
        idp.list_users(UserPoolId=POOL_ID, PaginationToken=token)


def test_listing_continues_after_changes_of_its_users(idp: Any) -> None:
    first = idp.list_users_in_group(UserPoolId=POOL_ID, GroupName="thirds", Limit=3)
    added = {"UserPoolId": POOL_ID, "GroupName": "thirds"}
    idp.admin_remove_user_from_group(**added, Username="User9")
    idp.admin_add_user_to_group(**added, Username="User10")
    second = idp.list_users_in_group(**added, Limit=3, NextToken=first["NextToken"])
    idp.admin_remove_user_from_group(**added, Username="User10")
    idp.admin_add_user_to_group(**added, Username="User9")
    assert (names_of(first), names_of(second)) == (["User3", "User6", "User9"], ["User10", "User12", "User15"])
