"""A pool's users and groups, from moto, from a client with unusual pages, and from a failing client."""

import itertools
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import moto
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from django_cognito.core.directory import (
    Directory,
    DirectoryGroup,
    is_expired_token,
    is_not_found,
    is_throttled,
    read_timestamp,
)
from django_cognito.core.errors import CognitoError, CognitoUnavailableError

POOL_ID = "eu-west-1_AbCdEfGhI"


class Pages:
    """A client that returns these pages in order. A page that is an exception is raised."""

    def __init__(self, *pages: Any) -> None:
        self.pages = list(pages)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, operation: str) -> Any:
        def call(**parameters: Any) -> Any:
            self.calls.append((operation, parameters))
            page = self.pages.pop(0)
            if isinstance(page, Exception):
                raise page
            return page

        return call


def user_row(name: str) -> dict[str, Any]:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    attributes = [{"Name": "sub", "Value": f"sub of {name}"}, {"Name": "email", "Value": f"{name}@example.com"}]
    return {
        "Username": name,
        "Attributes": attributes,
        "Enabled": True,
        "UserStatus": "CONFIRMED",
        "UserCreateDate": moment,
        "UserLastModifiedDate": moment,
    }


def client_error(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "secret details"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "ListUsers")  # type: ignore[arg-type]


# Pages


def test_users_skips_empty_pages() -> None:
    client = Pages(
        {"Users": [], "PaginationToken": "1"},
        {"Users": [user_row("a")], "PaginationToken": "2"},
        {"Users": [], "PaginationToken": "3"},
        {"Users": [user_row("b"), user_row("c")]},
    )
    pages = list(Directory(client, POOL_ID).users())
    assert [[user.username for user in page] for page in pages] == [["a"], ["b", "c"]]
    assert [parameters.get("PaginationToken") for _, parameters in client.calls] == [None, "1", "2", "3"]
    assert {parameters["UserPoolId"] for _, parameters in client.calls} == {POOL_ID}


def test_empty_last_page_ends_the_list() -> None:
    assert (
        list(Directory(Pages({"Users": [user_row("a")], "PaginationToken": "1"}, {"Users": []}), POOL_ID).users()) != []
    )
    assert list(Directory(Pages({"Users": []}), POOL_ID).users()) == []


def test_pages_are_requested_lazily() -> None:
    client = Pages({"Users": [user_row("a")], "PaginationToken": "1"})
    pages = Directory(client, POOL_ID).users()
    assert client.calls == []
    next(pages)
    assert len(client.calls) == 1


def test_filter_and_page_size_are_passed_on() -> None:
    client = Pages({"Users": []})
    list(Directory(client, POOL_ID).users(page_size=5, filter='email ^= "jo"'))
    assert client.calls == [("list_users", {"UserPoolId": POOL_ID, "Limit": 5, "Filter": 'email ^= "jo"'})]


@pytest.mark.parametrize(
    ("method", "arguments", "key"),
    [("users", (), "Users"), ("users_in_group", ("editors",), "Users"), ("groups", (), "Groups")],
)
def test_default_page_size_is_60(method: str, arguments: tuple[str, ...], key: str) -> None:
    client = Pages({key: []})
    list(getattr(Directory(client, POOL_ID), method)(*arguments))
    assert client.calls[0][1]["Limit"] == 60  # the maximum of the API


def test_options_of_users_are_keyword_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        Directory(Pages(), POOL_ID).users(5)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("method", "arguments", "key", "item"),
    [
        ("users_in_group", ("editors",), "Users", user_row("a")),
        ("groups", (), "Groups", {"GroupName": "editors"}),
        ("groups_of", ("a",), "Groups", {"GroupName": "editors"}),
    ],
)
def test_every_list_continues_until_the_next_token_is_absent(
    method: str, arguments: tuple[str, ...], key: str, item: dict[str, Any]
) -> None:
    client = Pages({key: [item], "NextToken": "1"}, {key: [], "NextToken": "2"}, {key: [item, item], "NextToken": ""})
    pages = list(getattr(Directory(client, POOL_ID), method)(*arguments))
    assert [len(page) for page in pages] == [1, 2]
    assert [parameters.get("NextToken") for _, parameters in client.calls] == [None, "1", "2"]


# Values


def test_user_has_the_values_of_the_pool() -> None:
    ((user,),) = Directory(Pages({"Users": [user_row("a")]}), POOL_ID).users()
    assert (user.sub, user.username, user.enabled, user.status) == ("sub of a", "a", True, "CONFIRMED")
    assert user.attributes == {"sub": "sub of a", "email": "a@example.com"}
    assert user.created_at == user.modified_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("value", [1_700_000_000, 1_700_000_000.0, "2023-11-14T22:13:20Z"])
def test_timestamp_is_in_utc(value: float | str) -> None:
    moment = read_timestamp(value)
    assert (moment, moment.utcoffset()) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), timedelta(0))


def test_user_is_read_only_hashable_and_hides_attributes() -> None:
    ((user,),) = Directory(Pages({"Users": [user_row("a")]}), POOL_ID).users()
    with pytest.raises(TypeError):
        user.attributes["sub"] = "other"  # type: ignore[index]
    assert {user}
    assert "example.com" not in repr(user)


def test_user_and_group_are_immutable() -> None:
    ((user,),) = Directory(Pages({"Users": [user_row("a")]}), POOL_ID).users()
    ((group,),) = Directory(Pages({"Groups": [{"GroupName": "editors"}]}), POOL_ID).groups()
    with pytest.raises(FrozenInstanceError):
        user.enabled = False
    with pytest.raises(FrozenInstanceError):
        group.name = "admins"
    assert not hasattr(user, "__dict__")  # a page holds 60 of each: slots save memory
    assert not hasattr(group, "__dict__")


def test_attribute_without_value_is_empty() -> None:
    nameless = user_row("a") | {"Attributes": [{"Name": "sub", "Value": "s"}, {"Name": "nickname"}]}
    ((user,),) = Directory(Pages({"Users": [nameless]}), POOL_ID).users()
    assert user.attributes["nickname"] == ""


def test_group_has_the_values_of_the_pool() -> None:
    full = {"GroupName": "editors", "Description": "Editors", "Precedence": 0, "RoleArn": "arn:aws:iam::1:role/x"}
    ((bare, whole),) = Directory(Pages({"Groups": [{"GroupName": "viewers"}, full]}), POOL_ID).groups()
    assert bare == DirectoryGroup("viewers", "", None, "")
    assert whole == DirectoryGroup("editors", "Editors", 0, "arn:aws:iam::1:role/x")


# Refusals and outages


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(client_error("TooManyRequestsException"), id="throttled"),
        pytest.param(client_error("InternalErrorException"), id="internal error"),
        pytest.param(client_error("SomethingElse", 503), id="503"),
        pytest.param(client_error("SomethingElse", 500), id="500"),
        pytest.param(EndpointConnectionError(endpoint_url="https://x"), id="unreachable"),
        pytest.param(ConnectTimeoutError(endpoint_url="https://x"), id="no connection in time"),
        pytest.param(ReadTimeoutError(endpoint_url="https://x"), id="no response in time"),
        pytest.param(SSLError(endpoint_url="https://x", error="x"), id="TLS"),
    ],
)
def test_transient_error_is_unavailable(error: Exception) -> None:
    with pytest.raises(CognitoUnavailableError) as caught:
        list(Directory(Pages(error), POOL_ID).users())
    assert caught.value.__cause__ is error
    assert caught.value.is_outage is not is_throttled(caught.value)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (client_error("AccessDeniedException"), "AccessDeniedException"),
        (client_error("ResourceNotFoundException"), "ResourceNotFoundException"),
        (client_error("ResourceNotFoundException", 499), "ResourceNotFoundException"),
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListUsers"), "AccessDeniedException"),
        (ClientError({}, "ListUsers"), ""),
        (NoCredentialsError(), "NoCredentialsError"),
    ],
)
def test_refusal_names_the_aws_code_and_no_details(error: Exception, name: str) -> None:
    with pytest.raises(CognitoError) as caught:
        list(Directory(Pages(error), POOL_ID).groups())
    assert (type(caught.value), caught.value.code) == (CognitoError, "directory_refused")
    assert str(caught.value) == f"AWS refused: {name}"


@pytest.mark.parametrize("code", ["AccessDeniedException", "UserPoolAddOnNotEnabledException"])
def test_refusal_for_one_user_is_an_error(code: str) -> None:
    with pytest.raises(CognitoError, match=code):
        Directory(Pages(client_error(code)), POOL_ID).user("a")


def test_close_after_fork_closes_the_connections_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []
    monkeypatch.setattr("django_cognito.core.directory.close_after_fork", closed.append)
    client = Pages()
    Directory(client, POOL_ID).close_after_fork()
    assert closed == [client]


def test_other_exception_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError):
        list(Directory(Pages(ZeroDivisionError()), POOL_ID).users())


# A real client


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    # As a context manager it would delete all data of moto in this process, that of running emulators too.
    mock = moto.mock_aws()
    mock.start(reset=False)
    try:
        yield boto3.client("cognito-idp", region_name="eu-west-1", config=Config(retries={"max_attempts": 0}))
    finally:
        mock.stop(remove_data=False)


@pytest.fixture
def pool_id(client: Any) -> str:
    return str(client.create_user_pool(PoolName="users")["UserPool"]["Id"])


def test_users_and_groups_are_read_through_boto3(client: Any, pool_id: str) -> None:
    names = [f"user{number}" for number in range(7)]
    for name in names:
        client.admin_create_user(UserPoolId=pool_id, Username=name, UserAttributes=[{"Name": "email", "Value": name}])
    client.create_group(UserPoolId=pool_id, GroupName="editors", Precedence=10)
    client.admin_add_user_to_group(UserPoolId=pool_id, Username="user3", GroupName="editors")
    directory = Directory(client, pool_id)
    pages = list(directory.users(page_size=3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sorted(user.username for user in itertools.chain(*pages)) == names
    assert [[user.username for user in page] for page in directory.users_in_group("editors")] == [["user3"]]
    assert [[group.name for group in page] for page in directory.groups()] == [["editors"]]
    assert [[group.precedence for group in page] for page in directory.groups_of("user3")] == [[10]]
    assert list(directory.groups_of("user1")) == []


def test_one_user_is_read_by_name(client: Any, pool_id: str) -> None:
    client.admin_create_user(
        UserPoolId=pool_id, Username="alice", UserAttributes=[{"Name": "email", "Value": "alice@example.com"}]
    )
    user = Directory(client, pool_id).user("alice")
    assert user is not None
    assert user.sub == user.attributes["sub"] != ""
    assert user.attributes["email"] == "alice@example.com"


def test_missing_user_is_none(client: Any, pool_id: str) -> None:
    assert Directory(client, pool_id).user("missing") is None


def test_missing_pool_is_an_error(client: Any) -> None:
    with pytest.raises(CognitoError, match="ResourceNotFoundException"):
        Directory(client, "eu-west-1_nowhere").user("alice")


# Single pages, for a run that repeats a request or begins a list again


def test_page_of_users_has_the_token_of_the_next_one() -> None:
    client = Pages({"Users": [user_row("a")], "PaginationToken": "1"}, {"Users": []})
    directory = Directory(client, POOL_ID)
    users, token = directory.user_page()
    assert ([user.username for user in users], token) == (["a"], "1")
    assert directory.user_page(token) == ([], "")
    first = {"UserPoolId": POOL_ID, "Limit": 60}
    assert client.calls == [("list_users", first), ("list_users", {**first, "PaginationToken": "1"})]


def test_page_of_a_group_has_the_token_of_the_next_one() -> None:
    client = Pages({"Users": [user_row("a")], "NextToken": "1"}, {"Users": [user_row("b")]})
    directory = Directory(client, POOL_ID)
    assert directory.group_page("editors").next_token == "1"
    assert [user.username for user in directory.group_page("editors", "1").users] == ["b"]
    first = {"UserPoolId": POOL_ID, "GroupName": "editors", "Limit": 60}
    assert client.calls == [("list_users_in_group", first), ("list_users_in_group", {**first, "NextToken": "1"})]


def test_estimate_is_that_of_the_pool() -> None:
    client = Pages({"UserPool": {"EstimatedNumberOfUsers": 12}}, {"UserPool": {}})
    assert [Directory(client, POOL_ID).estimate_users() for _ in range(2)] == [12, 0]


@pytest.mark.parametrize(
    ("aws_code", "expected"),
    [
        ("TooManyRequestsException", (True, False, False)),
        ("LimitExceededException", (True, False, False)),
        ("InvalidParameterException", (False, True, False)),
        ("ResourceNotFoundException", (False, False, True)),
        ("InternalErrorException", (False, False, False)),
    ],
)
def test_error_tells_what_a_run_can_do(aws_code: str, expected: tuple[bool, bool, bool]) -> None:
    with pytest.raises(CognitoError) as raised:
        Directory(Pages(client_error(aws_code)), POOL_ID).user_page()
    assert (is_throttled(raised.value), is_expired_token(raised.value), is_not_found(raised.value)) == expected
